"""Checks the query of `/commands` and `perkd commands list`, and answers it page by page.

`web` and `control` share it.
"""

from collections.abc import Callable
from typing import Any

from ..core.model import State
from ..ledger import CommandRow, Ledger
from .status import command_json

COMMANDS_MOST = 1000


def commands_query(query: dict[str, str]) -> dict[str, Any]:
    """The arguments for `Ledger.commands`. Raises ValueError, which says what is wrong and what is expected."""
    unknown = sorted(set(query) - {"state", "server", "customer", "limit", "before"})
    if unknown:
        raise ValueError(f"unknown parameter {unknown[0]!r}: use state, server, customer, limit or before")
    state = query.get("state") or None
    if state is not None and state not in set(State):
        raise ValueError(f"state {state!r} is not one of {', '.join(State)}")
    customer = query.get("customer") or None
    if customer is not None and not _digits(customer):
        raise ValueError(f"customer {customer!r} is not a customer id (1 to 19 digits)")
    limit, before = query.get("limit", "100"), query.get("before") or None
    if not _digits(limit) or not 1 <= int(limit) <= COMMANDS_MOST:
        raise ValueError(f"limit {limit!r} is not a number from 1 to {COMMANDS_MOST}")
    if before is not None and not _digits(before):
        raise ValueError(f"before {before!r} is not a command id")
    return {
        "state": None if state is None else State(state),
        "server": query.get("server") or None,
        "customer_id": customer,
        "limit": int(limit),
        "before": int(before) if before else None,
    }


async def commands_page(
    ledger: Ledger, asked: dict[str, Any], show: Callable[[CommandRow], dict[str, Any]] = command_json
) -> dict[str, Any]:
    """`{"commands": […], "next": id or null}`: newest first; pass `next` as `before` to get the next page."""
    rows = await ledger.reports.commands(**{**asked, "limit": asked["limit"] + 1})
    page = rows[: asked["limit"]]
    return {"commands": [show(row) for row in page], "next": page[-1].id if len(rows) > len(page) else None}


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 19 and int(text) < 2**63
