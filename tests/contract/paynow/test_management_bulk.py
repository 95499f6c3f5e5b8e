"""Bulk assignments: in pieces the API takes, each sent once, and after any failure exactly which rows went through."""

import re
from collections.abc import Sequence
from functools import partial

import pytest
from aiohttp import web

from perkd.adapters.base import Secret
from perkd.daemon.paynow import bulk
from perkd.daemon.paynow.bulk import Marks, Piece, RowState, assign_bulk, read_back
from perkd.daemon.paynow.errors import (
    BadInput,
    ConfirmedInPart,
    Limited,
    NotPermitted,
    ServerFault,
    StoreError,
    TokenRefused,
    Unreadable,
)
from perkd.daemon.paynow.management import Management
from perkd.daemon.paynow.requests import BulkAssignment, made
from perkd.daemon.paynow.transport.rate import Rate
from perkd.daemon.sandbox.store.faults import Fault
from perkd.daemon.sandbox.store.goods import STORE_ID
from perkd.daemon.sandbox.store.server import Store
from tests import secretwatch
from tests.contract.stores import UNLIMITED, management_of, one_handler, running_store

WORDS = ("delivery/items", "command-delivery", "command_delivery", "inventory")
BULK = {
    "delivery/items": f"/v1/stores/{STORE_ID}/delivery/items",
    "command-delivery": f"/v1/stores/{STORE_ID}/command-delivery",
    "command_delivery": f"/v1/stores/{STORE_ID}/customers/bulk/command_delivery",
    "inventory": f"/v1/stores/{STORE_ID}/customers/bulk/command_delivery",
}
TODAY = BULK["delivery/items"]


def crowd(store: Store, count: int) -> list[str]:
    for number in range(count):
        store.add_customer(f"P{number}")
    return list(store.customers)


def row(store: Store, customer_id: str, **more: object) -> BulkAssignment:
    version = store.product("rank").version_id
    return made(BulkAssignment, {"customer_id": customer_id, "product_version_id": version, **more})


async def sent(management: Management, rows: list[BulkAssignment]) -> list[Piece]:
    return [piece async for piece in assign_bulk(management.items, rows)]


def states(pieces: list[Piece]) -> list[str]:
    return [result.state for piece in pieces for result in piece.rows]


def posts(store: Store, word: str = "delivery/items") -> int:
    return store.requests(BULK[word], "POST")


@pytest.mark.parametrize("word", WORDS)
async def test_every_row_is_assigned_and_told_on_every_generation_of_paths(word: str) -> None:
    async with running_store() as store, management_of(store, word) as management:
        ann, bob = crowd(store, 2)
        rows = [row(store, ann, quantity=2), row(store, bob), row(store, ann)]
        [piece] = await sent(management, rows)
        assert piece.error is None
        assert [result.place for result in piece.rows] == [0, 1, 2]
        assert states([piece]) == ["assigned"] * 3
        assert (len(store.owned(ann)), len(store.owned(bob))) == (3, 1)
        assert posts(store, word) == 1
        if word in {"delivery/items", "command-delivery"}:
            told = [item_id for result in piece.rows for item_id in result.item_ids]
            assert sorted(told) == sorted(store.items)
            assert [len(result.item_ids) for result in piece.rows] == [2, 1, 1]


async def test_a_piece_holds_two_hundred_and_fifty_items_with_their_quantities() -> None:
    async with running_store() as store, management_of(store) as management:
        ids = crowd(store, 30)
        rows = [row(store, customer_id, quantity=20) for customer_id in ids]  # 12 rows are 240 items
        pieces = await sent(management, rows)
        assert [len(piece.rows) for piece in pieces] == [12, 12, 6]
        assert [result.place for piece in pieces for result in piece.rows] == list(range(30))
        assert states(pieces) == ["assigned"] * 30
        assert [len(store.owned(customer_id)) for customer_id in ids] == [20] * 30
        assert posts(store) == 3


async def test_no_row_is_refused_before_anything_is_sent() -> None:
    async with running_store() as store, management_of(store) as management:
        with pytest.raises(BadInput):
            await sent(management, [])
        assert store.requests() == 0


async def test_each_piece_is_announced_before_it_is_sent_and_can_be_read_back_from_that_alone() -> None:
    async with running_store() as store, management_of(store) as management:
        rows = [row(store, customer_id, quantity=20) for customer_id in crowd(store, 20)]
        told: list[tuple[int, list[int], Marks]] = []

        def before_sending(places: Sequence[int], before: Marks) -> None:
            told.append((posts(store), [*places], before))

        sent = [piece async for piece in assign_bulk(management.items, rows, before_sending)]
        assert [(done, places) for done, places, _ in told] == [(0, [*range(12)]), (1, [*range(12, 20)])]
        _, places, before = told[1]
        found = await read_back(management.items, [(place, rows[place]) for place in places], before)
        assert found == sent[1].rows


@pytest.mark.parametrize("word", WORDS)
async def test_a_piece_that_cannot_be_announced_is_not_sent(word: str) -> None:
    def before_sending(places: Sequence[int], before: Marks) -> None:
        raise OSError(f"no room for {len(places)} rows after {len(before)}")

    async with running_store() as store, management_of(store, word) as management:
        with pytest.raises(OSError, match="no room for 1 rows"):
            await anext(assign_bulk(management.items, [row(store, crowd(store, 1)[0])], before_sending))
        assert posts(store, word) == 0


# The store fails in the middle

DONE = [Fault.ANSWER_LOST, Fault.ERROR_AFTER, Fault.EMPTY, Fault.TRUNCATED, Fault.WRONG_TYPE, Fault.RESET_MIDWAY]
UNDONE = [Fault.RESET, Fault.SERVER_ERROR, Fault.BAD_GATEWAY, Fault.WEB_PAGE, Fault.REDIRECT, Fault.BAD_REQUEST]
DOOR = [Fault.UNAUTHORIZED, Fault.FORBIDDEN, Fault.LIMITED]
AFTERWARDS = [None, Fault.SERVER_ERROR, Fault.RESET, Fault.FORBIDDEN, Fault.LIMITED]


CASES = [
    pytest.param(fault, afterwards, word, id=f"{fault}, then {afterwards or 'well'}, {word}")
    for fault in [*DONE, *UNDONE, *DOOR]
    for afterwards in AFTERWARDS
    for word in WORDS
    if word == "delivery/items" or afterwards is None
]


@pytest.mark.parametrize(("fault", "afterwards", "word"), CASES)
async def test_after_a_failure_in_the_middle_each_row_has_its_true_state(
    fault: Fault, afterwards: Fault | None, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three pieces: the first goes through, the second fails, the third is never sent."""
    monkeypatch.setattr(bulk, "pieces", partial(bulk.pieces, most=20))
    async with running_store() as store, management_of(store, word) as management:
        ids = crowd(store, 10)
        rows = [row(store, customer_id, quantity=5) for customer_id in ids]
        first_done = len(rows[:4])

        def story(_path: str) -> None:
            """Set up once the first piece is through, so that only the second is struck."""
            if len(store.items) >= 5 * first_done and not store.switches.on and posts(store, word) == 1:
                store.fault(fault, path=BULK[word], method="POST")
            if posts(store, word) == 2 and afterwards is not None:
                store.fault(afterwards, method="GET")

        store.before_answer = story
        pieces = await sent(management, rows)
        assert [len(piece.rows) for piece in pieces] == [4, 4]
        assert pieces[0].error is None
        assert isinstance(pieces[1].error, StoreError)
        assert states(pieces[:1]) == ["assigned"] * 4
        second = set(states(pieces[1:]))
        really = {len(store.owned(customer_id)) for customer_id in ids[4:8]}
        assert really == ({5} if fault in DONE else {0})
        if fault in DOOR:
            assert second == {RowState.NOT_ASSIGNED}
        elif afterwards is not None:
            assert second == {RowState.UNKNOWN}
        else:
            assert second == {RowState.ASSIGNED if fault in DONE else RowState.NOT_ASSIGNED}
        assert [len(store.owned(customer_id)) for customer_id in ids[8:]] == [0] * 2
        assert posts(store, word) == 2


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.ANSWER_LOST])
async def test_with_the_store_down_afterwards_the_rows_are_unknown(fault: Fault) -> None:
    async with running_store() as store, management_of(store) as management:
        [ann] = crowd(store, 1)
        store.fault(fault, path=TODAY, method="POST")

        def break_reading(_path: str) -> None:
            if posts(store):
                store.fault(Fault.RESET, method="GET")

        store.before_answer = break_reading
        [piece] = await sent(management, [row(store, ann)])
        assert states([piece]) == ["unknown"]
        assert piece.error is not None
        assert posts(store) == 1


async def test_a_store_that_is_still_at_work_is_looked_at_a_second_time() -> None:
    async with running_store() as store, management_of(store) as management:
        [ann] = crowd(store, 1)
        store.fault(Fault.RESET, path=TODAY, method="POST")

        def late(_path: str) -> None:
            looks = store.requests(TODAY, "GET") - 1  # one was before the piece
            if posts(store) and looks == 2 and not store.items:
                store.assign(ann, "rank")

        store.before_answer = late
        [piece] = await sent(management, [row(store, ann)])
        assert states([piece]) == ["assigned"]
        assert piece.error is not None
        assert posts(store) == 1


async def test_when_the_list_before_a_piece_cannot_be_read_nothing_is_sent() -> None:
    async with running_store() as store, management_of(store) as management:
        [ann] = crowd(store, 1)
        store.fault(Fault.SERVER_ERROR, method="GET")
        with pytest.raises(ServerFault):
            await sent(management, [row(store, ann)])
        assert posts(store) == 0


async def test_what_was_bought_or_assigned_before_is_not_taken_for_a_row() -> None:
    async with running_store() as store, management_of(store) as management:
        ann, bob = crowd(store, 2)
        store.assign(ann, "rank")
        store.purchase(bob, "rank")
        store.fault(Fault.RESET, path=TODAY, method="POST")
        store.before_answer = lambda _path: (
            None if not posts(store) or len(store.items) > 2 else _buy(store, ann)
        )  # the customer buys it while the request is lost
        [piece] = await sent(management, [row(store, ann), row(store, bob)])
        assert states([piece]) == ["not assigned"] * 2


def _buy(store: Store, customer_id: str) -> None:
    store.purchase(customer_id, "rank")


def to_the_future(store: Store, item_id: str) -> None:
    """An id as one of the samples in PayNow's documentation has it: made in 2046."""
    goods = store.items.pop(item_id)
    goods.id = "3288949183568797696"
    store.items[goods.id] = goods


async def test_an_item_with_an_id_from_the_future_does_not_hide_what_was_made() -> None:
    """Told as not assigned, the rows would be sent again, and everybody had everything twice."""
    async with running_store() as store, management_of(store) as management:
        ann, bob = crowd(store, 2)
        for _ in range(2):
            store.assign(bob, "rank")
        to_the_future(store, next(iter(store.items)))
        store.fault(Fault.ANSWER_LOST, path=TODAY, method="POST")
        [piece] = await sent(management, [row(store, ann, quantity=2)])
        assert states([piece]) == ["assigned"]
        assert sorted(piece.rows[0].item_ids) == sorted(goods.id for goods in store.owned(ann))


async def test_where_every_id_is_from_the_future_nothing_is_sent() -> None:
    async with running_store() as store, management_of(store) as management:
        ann, bob = crowd(store, 2)
        store.assign(bob, "rank")
        to_the_future(store, next(iter(store.items)))
        with pytest.raises(Unreadable):
            await sent(management, [row(store, ann)])
        assert posts(store) == 0


async def test_rows_the_store_knows_nothing_of_are_an_error_with_its_place() -> None:
    async with running_store() as store, management_of(store) as management:
        [ann] = crowd(store, 1)
        [piece] = await sent(management, [row(store, ann), row(store, "1234")])
        assert states([piece]) == ["not assigned"] * 2
        assert piece.error is not None
        assert (piece.error.code, piece.error.row) == ("store_rejected", 1)
        assert store.owned(ann) == []


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(Fault.FORBIDDEN, NotPermitted), (Fault.LIMITED, Limited), (Fault.UNAUTHORIZED, TokenRefused)],
)
async def test_what_is_turned_away_at_the_door_needs_no_reading(fault: Fault, kind: type[StoreError]) -> None:
    async with running_store() as store, management_of(store) as management:
        [ann] = crowd(store, 1)
        store.fault(fault, path=TODAY, method="POST")
        [piece] = await sent(management, [row(store, ann)])
        assert isinstance(piece.error, kind)
        assert states([piece]) == ["not assigned"]
        assert store.requests() == 2  # the newest id before, the piece


@pytest.mark.parametrize("fault", [Fault.BROKEN_ITEM, Fault.FEW_FIELDS])
async def test_a_confirmation_that_says_too_little_is_checked_by_reading(fault: Fault) -> None:
    async with running_store() as store, management_of(store) as management:
        ids = crowd(store, 13)
        store.fault(fault, path=TODAY, method="POST")
        pieces = await sent(management, [row(store, customer_id, quantity=20) for customer_id in ids])
        assert [piece.error for piece in pieces] == [None, None]  # everything was made, so the work goes on
        assert states(pieces) == ["assigned"] * 13
        assert {len(store.owned(customer_id)) for customer_id in ids} == {20}


async def test_a_store_that_wants_a_slower_pace_is_asked_once_more_what_it_made() -> None:
    async with running_store() as store, management_of(store) as management:
        [ann] = crowd(store, 1)

        def slower(_path: str) -> None:
            if posts(store) == 1 and store.requests(TODAY, "GET") == 1:
                store.fault(Fault.LIMITED_SECONDS, path=TODAY, method="GET", times=1)

        store.retry_after_s = 1
        store.fault(Fault.ANSWER_LOST, path=TODAY, method="POST", times=1)
        store.before_answer = slower
        [piece] = await sent(management, [row(store, ann)])
        assert states([piece]) == ["assigned"]
        assert store.requests(TODAY, "GET") == 3  # the newest id before, the refusal, the list


async def test_an_empty_list_is_no_confirmation() -> None:
    """A store that answers 200 and [] has assigned nothing, and lists nothing."""

    async def empty(_request: web.Request) -> web.Response:
        return web.json_response([])

    key = Secret(secretwatch.mint("an API key"))
    row_of = made(BulkAssignment, {"customer_id": "5", "product_version_id": "6"})
    for word in WORDS:
        async with (
            one_handler(empty) as url,
            Management.open(url, STORE_ID, key, items_word=word, rate=Rate(UNLIMITED)) as management,
        ):
            management.items.settle_s = 0.0
            [piece] = await sent(management, [row_of])
        assert states([piece]) == ["not assigned"]
        assert isinstance(piece.error, ConfirmedInPart)
        assert re.search(r" 0 .* 1 ", str(piece.error))


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("status", [201, 204])
async def test_an_answer_without_a_list_confirms_only_where_none_was_ever_promised(word: str, status: int) -> None:
    """The same words from a store that lists nothing: what stands in between may have made them up."""

    async def bare(request: web.Request) -> web.Response:
        return web.Response(status=status) if request.method == "POST" else web.json_response([])

    key = Secret(secretwatch.mint("an API key"))
    row_of = made(BulkAssignment, {"customer_id": "5", "product_version_id": "6"})
    async with (
        one_handler(bare) as url,
        Management.open(url, STORE_ID, key, items_word=word, rate=Rate(UNLIMITED)) as management,
    ):
        management.items.settle_s = 0.0
        [piece] = await sent(management, [row_of])
    promised_none = word in {"command_delivery", "inventory"}
    assert states([piece]) == (["assigned"] if promised_none else ["not assigned"])
    assert (piece.error is None) is promised_none


async def test_what_was_done_and_answered_without_the_list_is_found_by_reading() -> None:
    async with running_store() as store, management_of(store) as management:
        [ann] = crowd(store, 1)
        store.fault(Fault.NO_CONTENT, path=TODAY, method="POST")
        [piece] = await sent(management, [row(store, ann)])
        assert states([piece]) == ["assigned"]
        assert piece.rows[0].item_ids == tuple(store.items)
        assert posts(store) == 1
