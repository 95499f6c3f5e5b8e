"""Assigns many products in pieces the API takes, and finds out after a failure which rows went through.

`perkd store` calls this. Before each piece it remembers the newest item id of the store; after a failure it matches the
items made since then with the rows of the piece. The older API paths have no store-wide list of items, so there it
reads each customer's inventory before and after.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .documents import StoreItem
from .errors import BadInput, ConfirmedInPart, Limited, StoreError, TokenRefused
from .items_api import ItemsApi, matches, matches_exactly
from .requests import BULK_ITEMS, QUANTITY_MOST, BulkAssignment

LONGEST_WAIT_S = 60.0  # the longest pause after a 429; when the store wants more, the rows count as unknown


class RowState(StrEnum):
    """The result of one row."""

    ASSIGNED = "assigned"
    PART = "part"  # the store made some of its items
    NOT_ASSIGNED = "not assigned"
    UNKNOWN = "unknown"  # the store failed, and perkd could not read what it had made


@dataclass(frozen=True, slots=True)
class RowResult:
    """The result of one row: its place in the list, from 0, and the items the store made for it."""

    place: int
    state: RowState
    item_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """The results of one request, one for each row, in order. `error`: the work stopped here, and why."""

    rows: tuple[RowResult, ...]
    error: StoreError | None = None


def pieces(rows: Sequence[BulkAssignment], most: int = BULK_ITEMS) -> list[list[int]]:
    """The places of the rows, split into pieces of at most `most` items. Raises BadInput without rows."""
    if not rows:
        raise BadInput("there is nothing to assign")
    if most < QUANTITY_MOST:
        raise BadInput(f"a piece must have room for {QUANTITY_MOST} items")
    found: list[list[int]] = [[]]
    room = most
    for place, row in enumerate(rows):
        if row.quantity > room:
            found.append([])
            room = most
        found[-1].append(place)
        room -= row.quantity
    return found


def matched(rows: Sequence[tuple[int, BulkAssignment]], made: Sequence[StoreItem]) -> list[RowResult]:
    """Matches these new items with the rows, each item once, in the order of ids. Exact matches go first, so that two
    rows of one customer and product that differ in other fields are kept apart. If a customer has a new item that has
    no order and matches no row, that customer's incomplete rows are unknown: the store may have made the item for one
    of them, but show it with another version or game server, or unreadable. PURE."""
    left = {item.id: item for item in sorted(made, key=lambda item: int(item.id))}
    taken: list[list[str]] = [[] for _ in rows]
    for fits in (matches_exactly, matches):
        for (_, row), ids in zip(rows, taken, strict=True):
            mine = [key for key, item in left.items() if item.owner_id == row.customer_id and fits(item, row)]
            for key in mine[: row.quantity - len(ids)]:
                del left[key]
                ids.append(key)
    unclear = {item.owner_id for item in left.values() if item.order_id is None}
    return [
        RowResult(place, _state(row, len(ids), unclear), tuple(sorted(ids, key=int)))
        for (place, row), ids in zip(rows, taken, strict=True)
    ]


def _state(row: BulkAssignment, made: int, unclear: Collection[str]) -> RowState:
    if made == row.quantity:
        return RowState.ASSIGNED
    if row.customer_id in unclear or "" in unclear:
        return RowState.UNKNOWN
    return RowState.PART if made else RowState.NOT_ASSIGNED


Marks = str | dict[str, set[str]]  # the newest item id of the store, or the item ids of each customer


async def assign_bulk(
    items: ItemsApi,
    rows: Sequence[BulkAssignment],
    before_sending: Callable[[Sequence[int], Marks], None] = lambda places, before: None,  # noqa: ARG005 - for nobody
) -> AsyncIterator[Piece]:
    """Sends the rows piece by piece, yields the results of each piece, and stops after a piece that failed. It never
    sends a piece twice. Before each piece it calls `before_sending` with the places of its rows and what `read_back`
    needs after a crash of this process; when that raises, the piece is not sent. Raises BadInput without rows, and
    StoreError when the list before a piece cannot be read; then nothing of this piece was sent."""
    for places in pieces(rows):
        piece = [(place, rows[place]) for place in places]
        before = await _mark(items, piece)
        before_sending(places, before)
        try:
            made = await items.assign_piece([row for _, row in piece])
        except (TokenRefused, Limited) as error:  # refused: nothing was done
            yield Piece(tuple(RowResult(place, RowState.NOT_ASSIGNED) for place in places), error)
            return
        except StoreError as error:
            yield Piece(await _found_out(items, piece, before), error)
            return
        if made is None:
            yield Piece(tuple(RowResult(place, RowState.ASSIGNED) for place in places))
            continue
        results = matched(piece, made)
        if all(result.state is RowState.ASSIGNED for result in results):
            yield Piece(tuple(results))
            continue
        found = await _found_out(items, piece, before, made)  # the store may have done more than it confirmed
        if not all(result.state is RowState.ASSIGNED for result in found):
            yield Piece(found, _short(results))
            return
        yield Piece(found)


def _short(results: Sequence[RowResult]) -> StoreError:
    counts = Counter(result.state for result in results)
    return ConfirmedInPart(
        f"the store confirmed only {counts[RowState.ASSIGNED]} of {len(results)} rows of one request and gave no reason"
    )


async def _mark(items: ItemsApi, piece: Sequence[tuple[int, BulkAssignment]]) -> Marks:
    if items.lists_store:
        return await items.newest()
    return {customer: {item.id for item in await _owned(items, customer)} for customer in _customers(piece)}


async def _found_out(
    items: ItemsApi, piece: Sequence[tuple[int, BulkAssignment]], before: Marks, confirmed: Sequence[StoreItem] = ()
) -> tuple[RowResult, ...]:
    try:
        return await read_back(items, piece, before, confirmed)
    except StoreError:
        return tuple(RowResult(place, RowState.UNKNOWN) for place, _ in piece)


async def read_back(
    items: ItemsApi, piece: Sequence[tuple[int, BulkAssignment]], before: Marks, confirmed: Sequence[StoreItem] = ()
) -> tuple[RowResult, ...]:
    """Reads what the store made for a piece, given as rows with their places. `before` is the mark from before it was
    sent. When something is missing it reads a second time, because the store may still be at work. Items it `confirmed`
    count even if they are not listed yet. Raises StoreError."""
    found = matched(piece, await _made_since(items, before, confirmed))
    if not all(result.state is RowState.ASSIGNED for result in found):
        await asyncio.sleep(items.settle_s)
        found = matched(piece, await _made_since(items, before, confirmed))
    return tuple(found)


async def _made_since(items: ItemsApi, before: Marks, confirmed: Sequence[StoreItem]) -> list[StoreItem]:
    try:
        listed = await _listed_since(items, before)
    except Limited as error:
        if (error.retry_after_s or 0.0) > LONGEST_WAIT_S:
            raise
        listed = await _listed_since(items, before)  # once more; the rate limit waits for the pause
    return list({item.id: item for item in (*confirmed, *listed)}.values())


async def _listed_since(items: ItemsApi, before: Marks) -> list[StoreItem]:
    if isinstance(before, str):
        return [item async for page in items.of_store(after=before) for item in page]
    return [item for who, had in before.items() for item in await _owned(items, who) if item.id not in had]


async def _owned(items: ItemsApi, customer_id: str) -> list[StoreItem]:
    return [item async for page in items.of_customer(customer_id) for item in page]


def _customers(piece: Sequence[tuple[int, BulkAssignment]]) -> list[str]:
    return list(dict.fromkeys(row.customer_id for _, row in piece))
