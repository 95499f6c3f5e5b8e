"""Many assignments in pieces, and which rows the store's new items belong to: never one item for two rows."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, strategies as st

from perkd.daemon.paynow.bulk import RowResult, RowState, matched, pieces
from perkd.daemon.paynow.documents import ItemProduct, StoreItem
from perkd.daemon.paynow.errors import BadInput
from perkd.daemon.paynow.requests import BULK_ITEMS, BulkAssignment

END = datetime(2027, 1, 1, tzinfo=UTC)


def row(customer: int = 1, version: int = 1, quantity: int = 1, **more: object) -> BulkAssignment:
    return BulkAssignment.model_validate(
        {"customer_id": str(customer), "product_version_id": str(version), "quantity": quantity, **more}
    )


def item(number: int, customer: int = 1, version: int = 1, **more: object) -> StoreItem:
    product = ItemProduct(id="900", version_id=str(version))
    return StoreItem.model_validate({"id": str(number), "customer_id": str(customer), "product": product, **more})


def unreadable(owner: str | None) -> StoreItem:
    """An item whose document is broken: only its ids remain."""
    return StoreItem.model_validate({"id": "5", "customer_id": owner})


def placed(rows: Sequence[BulkAssignment]) -> list[tuple[int, BulkAssignment]]:
    return list(enumerate(rows))


rows = st.lists(
    st.builds(
        row,
        customer=st.integers(1, 3),
        version=st.integers(1, 2),
        quantity=st.integers(1, 20),
        execute_on_gameserver_id=st.sampled_from([None, "7", "8"]),
        override_expires_at=st.sampled_from([None, END, END + timedelta(days=1)]),
        skip_commands=st.sampled_from([None, False, True]),
    ),
    max_size=12,
)


def of(one: BulkAssignment, number: int) -> StoreItem:
    """What the store makes of a row."""
    return item(
        number,
        int(one.customer_id),
        int(one.product_version_id),
        execute_on_gameserver_id=one.execute_on_gameserver_id,
        override_expires_at=one.override_expires_at.isoformat() if one.override_expires_at else None,
        skip_commands=bool(one.skip_commands),
    )


@given(st.lists(st.integers(1, 20), min_size=1, max_size=120), st.integers(20, 300))
def test_pieces_hold_every_row_once_in_order_and_never_too_many_items(quantities: list[int], most: int) -> None:
    all_rows = [row(quantity=quantity) for quantity in quantities]
    found = pieces(all_rows, most)
    assert [place for piece in found for place in piece] == list(range(len(all_rows)))
    sums = [sum(quantities[place] for place in piece) for piece in found]
    assert all(0 < one <= most for one in sums)
    assert sum(sums) == sum(quantities)
    for piece, after in zip(sums, found[1:], strict=False):
        assert piece + quantities[after[0]] > most  # no piece ends before it has to


def test_a_piece_is_what_the_api_takes() -> None:
    assert [len(piece) for piece in pieces([row()] * (2 * BULK_ITEMS + 1))] == [BULK_ITEMS, BULK_ITEMS, 1]
    assert [len(piece) for piece in pieces([row(quantity=20)] * 13)] == [12, 1]


def test_no_row_and_a_piece_too_small_are_refused() -> None:
    with pytest.raises(BadInput):
        pieces([])
    with pytest.raises(BadInput, match=" 20 "):
        pieces([row()], 19)


@given(rows, st.randoms(use_true_random=False), st.integers(0, 240))
def test_an_item_is_never_for_two_rows_and_counts_say_what_was_made(
    all_rows: list[BulkAssignment], chance: Random, lost: int
) -> None:
    """Whatever part of the work was done, and in whatever order the store lists it."""
    made = [of(one, 0) for one in all_rows for _ in range(one.quantity)]
    made = [one.model_copy(update={"id": str(100 + number)}) for number, one in enumerate(made)]
    chance.shuffle(made)
    made = made[: max(0, len(made) - lost)]
    found = matched(placed(all_rows), made)
    assert [result.place for result in found] == list(range(len(all_rows)))
    ids = [item_id for result in found for item_id in result.item_ids]
    assert len(ids) == len(set(ids))
    assert set(ids) == {one.id for one in made}  # each was made for one of these rows
    by_id = {one.id: one for one in made}
    for one, result in zip(all_rows, found, strict=True):
        assert len(result.item_ids) <= one.quantity
        assert list(result.item_ids) == sorted(result.item_ids, key=int)
        assert all(by_id[key].owner_id == one.customer_id for key in result.item_ids)
        expected = {0: RowState.NOT_ASSIGNED, one.quantity: RowState.ASSIGNED}.get(len(result.item_ids), RowState.PART)
        assert result.state is expected
    if not lost:
        assert all(result.state is RowState.ASSIGNED for result in found)


unlike = st.dictionaries(
    st.tuples(st.integers(1, 2), st.integers(1, 2), st.sampled_from(["7", "8"])), st.integers(1, 20), max_size=8
)


@given(unlike, st.data())
def test_of_rows_that_differ_exactly_those_that_went_through_are_found(
    wanted: dict[tuple[int, int, str], int], data: st.DataObject
) -> None:
    all_rows = [row(who, version, count, execute_on_gameserver_id=on) for (who, version, on), count in wanted.items()]
    done = data.draw(st.sets(st.integers(0, max(0, len(all_rows) - 1))))
    made = [of(one, 0) for place, one in enumerate(all_rows) if place in done for _ in range(one.quantity)]
    made = [one.model_copy(update={"id": str(100 + number)}) for number, one in enumerate(made)]
    for place, result in enumerate(matched(placed(all_rows), made)):
        assert result.state is (RowState.ASSIGNED if place in done else RowState.NOT_ASSIGNED)


def test_a_row_with_less_to_ask_for_leaves_the_others_theirs() -> None:
    plain, bound = row(), row(execute_on_gameserver_id="7")
    server_item = item(5, execute_on_gameserver_id="7")
    assert matched(placed([plain, bound]), [server_item]) == [
        RowResult(0, RowState.NOT_ASSIGNED),
        RowResult(1, RowState.ASSIGNED, ("5",)),
    ]
    forever, ending = row(), row(override_expires_at=END)
    ending_item = item(5, override_expires_at="2027-01-01T00:00:00.0Z")
    assert [one.item_ids for one in matched(placed([forever, ending]), [ending_item])] == [(), ("5",)]


def test_an_item_that_shows_less_than_was_asked_for_still_counts() -> None:
    """The older paths leave fields out of their items."""
    asked = row(override_expires_at=END, skip_commands=True)
    assert matched(placed([asked]), [item(5)]) == [RowResult(0, RowState.ASSIGNED, ("5",))]


@pytest.mark.parametrize(
    "other",
    [
        item(5, customer=2),
        item(5, order_id="77"),
        item(5, version=2, order_id="77"),
        unreadable("2"),
    ],
)
def test_what_others_bought_or_were_given_meanwhile_is_not_taken_for_a_row(other: StoreItem) -> None:
    assert matched(placed([row()]), [other]) == [RowResult(0, RowState.NOT_ASSIGNED)]


@pytest.mark.parametrize("owner", ["1", None])
def test_an_item_nobody_can_read_makes_the_row_it_may_belong_to_unknown(owner: str | None) -> None:
    assert matched(placed([row()]), [unreadable(owner)]) == [RowResult(0, RowState.UNKNOWN)]
    assert matched(placed([row()]), [unreadable(owner), item(6)]) == [RowResult(0, RowState.ASSIGNED, ("6",))]


@pytest.mark.parametrize(
    "other", [item(5, version=2), item(5).model_copy(update={"product": ItemProduct(id="900")}), item(5)]
)
def test_an_item_without_an_order_that_matches_no_row_makes_the_customers_rows_unknown(other: StoreItem) -> None:
    """The store may show the row's item with another version or game server: sent again, it would be made twice."""
    asked = row(quantity=2, execute_on_gameserver_id="7")
    fitting = item(6, execute_on_gameserver_id="7")
    assert [one.state for one in matched(placed([asked]), [other])] == [RowState.UNKNOWN]
    assert [one.state for one in matched(placed([asked, row(2)]), [other, fitting])] == [
        RowState.UNKNOWN,
        RowState.NOT_ASSIGNED,
    ]
    assert [one.state for one in matched(placed([row(execute_on_gameserver_id="7")]), [other, fitting])] == [
        RowState.ASSIGNED
    ]


def test_rows_that_are_alike_are_filled_in_their_order() -> None:
    found = matched(placed([row(quantity=2), row(quantity=2), row()]), [item(9), item(7), item(8)])
    assert found == [
        RowResult(0, RowState.ASSIGNED, ("7", "8")),
        RowResult(1, RowState.PART, ("9",)),
        RowResult(2, RowState.NOT_ASSIGNED),
    ]
