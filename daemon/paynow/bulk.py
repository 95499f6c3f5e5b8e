"""Many assignments in pieces the API takes, and after a failure which rows went through. `perkd store` calls this.

The store-wide item list says what the store made: before each piece its newest id is remembered, after a failure what
came since is matched with the rows of the piece. The older paths have no such list, so there each customer's inventory
is read before and after.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .documents import StoreItem
from .errors import BadInput, ConfirmedInPart, Limited, StoreError, TokenRefused
from .items_api import ItemsApi, is_just, is_of
from .requests import BULK_ITEMS, QUANTITY_MOST, BulkAssignment

LONGEST_WAIT_S = 60.0  # for a store that wants a slower pace, before what it made counts as unknown


class RowState(StrEnum):
    """What became of one row."""

    ASSIGNED = "assigned"
    PART = "part"  # some of its items were made
    NOT_ASSIGNED = "not assigned"
    UNKNOWN = "unknown"  # the store failed and could not be asked what it had made


@dataclass(frozen=True, slots=True)
class RowResult:
    """One row, by its place in the list from 0, with the items the store made for it."""

    place: int
    state: RowState
    item_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """What one request came to: a result for each of its rows in order. `error`: what stopped the work here."""

    rows: tuple[RowResult, ...]
    error: StoreError | None = None


def pieces(rows: Sequence[BulkAssignment], most: int = BULK_ITEMS) -> list[list[int]]:
    """The places of the rows in pieces of at most `most` items, in order. Raises BadInput when there is no row."""
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
    """Which rows these new items belong to, each item once, in the order of ids. Rows take what fits them exactly
    first, so that two rows of one customer and product that differ in the rest keep apart. A row of a customer who has
    a new item that came with no order and fits no row is unknown: the store may have made it of this row and show it
    with another version or game server, or in no way that can be read. PURE."""
    left = {item.id: item for item in sorted(made, key=lambda item: int(item.id))}
    taken: list[list[str]] = [[] for _ in rows]
    for fits in (is_just, is_of):
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


Marks = str | dict[str, set[str]]  # the newest id of the store, or what each customer owned


async def assign_bulk(
    items: ItemsApi,
    rows: Sequence[BulkAssignment],
    before_sending: Callable[[Sequence[int], Marks], None] = lambda places, before: None,  # noqa: ARG005 - for nobody
) -> AsyncIterator[Piece]:
    """Sends the rows piece by piece; gives each piece's results as they are known, and stops after a piece that failed.
    No piece is ever sent twice. Calls `before_sending` with the places of a piece and what `read_back` needs to find
    out about it, should this process not live to do so; what that raises keeps the piece from being sent. Raises
    BadInput when there is no row, StoreError when nothing was sent of a piece because the list before it could not be
    read."""
    for places in pieces(rows):
        piece = [(place, rows[place]) for place in places]
        before = await _mark(items, piece)
        before_sending(places, before)
        try:
            made = await items.assign_piece([row for _, row in piece])
        except (TokenRefused, Limited) as error:  # turned away at the door: nothing was done
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
        found = await _found_out(items, piece, before, made)  # a confirmation may say less than was done
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
    """What the store made of a piece, rows with their places, `before` being the mark from before it was sent. Looks at
    once, and when something is missing a second time: the store may still be at work. What it `confirmed` counts though
    it is not listed yet. Raises StoreError."""
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
        listed = await _listed_since(items, before)  # once more, when its turn in the rate comes
    return list({item.id: item for item in (*confirmed, *listed)}.values())


async def _listed_since(items: ItemsApi, before: Marks) -> list[StoreItem]:
    if isinstance(before, str):
        return [item async for page in items.of_store(after=before) for item in page]
    return [item for who, had in before.items() for item in await _owned(items, who) if item.id not in had]


async def _owned(items: ItemsApi, customer_id: str) -> list[StoreItem]:
    return [item async for page in items.of_customer(customer_id) for item in page]


def _customers(piece: Sequence[tuple[int, BulkAssignment]]) -> list[str]:
    return list(dict.fromkeys(row.customer_id for _, row in piece))
