"""Many assignments in pieces the API takes, and after a failure which rows went through. `perkd store` calls this.

The store-wide item list says what the store made: before each piece its newest id is remembered, after a failure what
came since is matched with the rows of the piece. The older paths have no such list, so there each customer's inventory
is read before and after.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .documents import StoreItem
from .errors import BadInput, StoreError
from .itemsapi import ItemsApi, is_of
from .requests import BULK_ITEMS, QUANTITY_MOST, BulkAssignment


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
    """Which rows these new items belong to, each item once, in the order of ids. PURE."""
    left = sorted(made, key=lambda item: int(item.id))
    results = []
    for place, row in rows:
        mine = [item for item in left if item.owner_id == row.customer_id and is_of(item, row)][: row.quantity]
        taken = {item.id for item in mine}
        left = [item for item in left if item.id not in taken]
        state = RowState.ASSIGNED if len(mine) == row.quantity else RowState.PART if mine else RowState.NOT_ASSIGNED
        results.append(RowResult(place, state, tuple(item.id for item in mine)))
    return results


async def assign_bulk(items: ItemsApi, rows: Sequence[BulkAssignment]) -> AsyncIterator[Piece]:
    """Sends the rows piece by piece; gives each piece's results as they are known, and stops after a piece that failed.
    No piece is ever sent twice. Raises BadInput when there is no row, StoreError when nothing was sent of a piece
    because the list before it could not be read."""
    for places in pieces(rows):
        piece = [(place, rows[place]) for place in places]
        before = await _mark(items, piece)
        try:
            made = await items.assign_piece([row for _, row in piece])
        except StoreError as error:
            yield Piece(await _found_out(items, piece, before), error)
            return
        if not made:  # an older path confirms without a list
            yield Piece(tuple(RowResult(place, RowState.ASSIGNED) for place in places))
            continue
        results = matched(piece, made)
        if all(result.state is RowState.ASSIGNED for result in results):
            yield Piece(tuple(results))
            continue
        yield Piece(await _found_out(items, piece, before), _short(results))
        return


def _short(results: Sequence[RowResult]) -> StoreError:
    counts = Counter(result.state for result in results)
    return StoreError(
        f"the store confirmed only {counts[RowState.ASSIGNED]} of {len(results)} rows of one request and gave no reason"
    )


Marks = str | dict[str, set[str]]  # the newest id of the store, or what each customer owned


async def _mark(items: ItemsApi, piece: Sequence[tuple[int, BulkAssignment]]) -> Marks:
    if items.lists_store:
        return await items.newest()
    return {customer: {item.id for item in await _owned(items, customer)} for customer in _customers(piece)}


async def _found_out(
    items: ItemsApi, piece: Sequence[tuple[int, BulkAssignment]], before: Marks
) -> tuple[RowResult, ...]:
    try:
        if isinstance(before, str):
            made = [item async for page in items.of_store(after=before) for item in page]
        else:
            made = [item for who, had in before.items() for item in await _owned(items, who) if item.id not in had]
    except StoreError:
        return tuple(RowResult(place, RowState.UNKNOWN) for place, _ in piece)
    return tuple(matched(piece, made))


async def _owned(items: ItemsApi, customer_id: str) -> list[StoreItem]:
    return [item async for page in items.of_customer(customer_id) for item in page]


def _customers(piece: Sequence[tuple[int, BulkAssignment]]) -> list[str]:
    return list(dict.fromkeys(row.customer_id for _, row in piece))
