"""Checks the queries of `/commands` and `/customers`, and answers them page by page, newest first.

`web` and `control` share it.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from ..core.model import State
from ..ledger import CommandRow, CustomerRow, ReportsFacet
from .status import command_json, stamp

MOST = 1000  # rows of one page


def commands_query(query: dict[str, str]) -> dict[str, Any]:
    """The arguments for `ReportsFacet.commands`. Raises ValueError: what is wrong, and what is expected."""
    asked = _page_query(query, ("state", "server", "customer"), "command id")
    state = query.get("state") or None
    if state is not None and state not in set(State):
        raise ValueError(f"state {state!r} is not one of {', '.join(State)}")
    return {**asked, "state": None if state is None else State(state), "server": query.get("server") or None}


def customers_query(query: dict[str, str]) -> dict[str, Any]:
    """The arguments for `ReportsFacet.customers`. Raises ValueError: what is wrong, and what is expected."""
    return _page_query(query, ("customer",), "token id")


async def commands_page(
    ledger: ReportsFacet, asked: dict[str, Any], show: Callable[[CommandRow], dict[str, Any]] = command_json
) -> dict[str, Any]:
    """`{"commands": […], "next": id or null}`: pass `next` as `before` to get the next page."""
    rows = await ledger.commands(**{**asked, "limit": asked["limit"] + 1})
    page = rows[: asked["limit"]]
    return {"commands": list(map(show, page)), "next": _next([row.id for row in page], rows)}


async def customers_page(ledger: ReportsFacet, asked: dict[str, Any]) -> dict[str, Any]:
    """`{"customers": […], "next": id or null}`: one row for each token; pass `next` as `before`."""
    rows = await ledger.customers(**{**asked, "limit": asked["limit"] + 1})
    page = rows[: asked["limit"]]
    return {"customers": list(map(_customer, page)), "next": _next([row.token_id for row in page], rows)}


def _next(shown: Sequence[int], found: Collection[object]) -> int | None:
    return shown[-1] if len(found) > len(shown) else None


def _customer(row: CustomerRow) -> dict[str, Any]:
    fields = {name: getattr(row, name) for name in CustomerRow.__slots__}
    return {name: stamp(value) if isinstance(value, datetime) else value for name, value in fields.items()}


def _page_query(query: dict[str, str], known: Sequence[str], what: str) -> dict[str, Any]:
    """The part of a query that every list has."""
    unknown = sorted(set(query) - {*known, "limit", "before"})
    if unknown:
        raise ValueError(f"unknown parameter {unknown[0]!r}: use {', '.join(known)}, limit or before")
    customer = query.get("customer") or None
    if customer is not None and not _digits(customer):
        raise ValueError(f"customer {customer!r} is not a customer id (1 to 19 digits)")
    limit, before = query.get("limit", "100"), query.get("before") or None
    if not _digits(limit) or not 1 <= int(limit) <= MOST:
        raise ValueError(f"limit {limit!r} is not a number from 1 to {MOST}")
    if before is not None and not _digits(before):
        raise ValueError(f"before {before!r} is not a {what}")
    return {"customer_id": customer, "limit": int(limit), "before": int(before) if before else None}


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 19 and int(text) < 2**63
