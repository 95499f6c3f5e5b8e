"""Inventories by API key, over every generation of paths: read, assign once whatever happens to the answer, revoke."""

from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from perkd.adapters.base import Secret
from perkd.daemon.paynow.bulk import RowState, assign_bulk
from perkd.daemon.paynow.documents import StoreItem
from perkd.daemon.paynow.errors import (
    BadInput,
    NotFound,
    NotPermitted,
    Rejected,
    ServerFault,
    StoreError,
    Unreachable,
    Unreadable,
)
from perkd.daemon.paynow.items_api import AssignedUnknown
from perkd.daemon.paynow.management import Management
from perkd.daemon.paynow.requests import Assignment, BulkAssignment, made
from perkd.daemon.paynow.transport.rate import Rate
from perkd.daemon.sandbox.store.documents import Documents
from perkd.daemon.sandbox.store.faults import Fault
from perkd.daemon.sandbox.store.goods import STORE_ID, Assignment as Given, Goods
from perkd.daemon.sandbox.store.server import Store
from tests import secretwatch
from tests.contract.stores import NOW, UNLIMITED, given_up, management_of, newcomer, one_handler, running_store

WORDS = ("delivery/items", "command-delivery", "command_delivery", "inventory")
NOBODY = "1234567890123456"
STORE_WIDE = f"/v1/stores/{STORE_ID}/delivery/items"


def path_of(customer_id: str, word: str = "delivery/items") -> str:
    return f"/v1/stores/{STORE_ID}/customers/{customer_id}/{word}"


async def owned(management: Management, customer_id: str, *, active_only: bool = False) -> list[StoreItem]:
    found = management.items.of_customer(customer_id, active_only=active_only)
    return [item async for page in found for item in page]


def rank(store: Store, **more: object) -> Assignment:
    return made(Assignment, {"product_id": store.product("rank").id, **more})


# Reading


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("count", [0, 1, 100, 230])
async def test_an_inventory_is_read_whole_on_every_generation_of_paths(word: str, count: int) -> None:
    async with running_store() as store, management_of(store, word) as management:
        _, customer_id = newcomer(store, items=count)
        found = await owned(management, customer_id)
        assert [item.id for item in found] == [goods.id for goods in store.owned(customer_id)]
        assert all(item.owner_id == customer_id for item in found)
        assert {asked.path for asked in store.asked} == {path_of(customer_id, word)}
        assert store.requests() == (1 if word in {"command_delivery", "inventory"} else 1 + count // 100)


@pytest.mark.parametrize("nulls", [True, False])
async def test_what_is_revoked_or_used_is_left_out_when_only_active_ones_are_asked_for(nulls: bool) -> None:
    async with running_store() as store, management_of(store) as management:
        store.nulls = nulls
        _, customer_id = newcomer(store, items=3)
        revoked = store.owned(customer_id)[1].id
        store.revoke(revoked, "refund")
        everything = await owned(management, customer_id)
        active = await owned(management, customer_id, active_only=True)
        assert len(everything) == 3
        assert [item.id for item in everything if item.id not in {one.id for one in active}] == [revoked]
        [gone] = [item for item in everything if item.id == revoked]
        assert (gone.state, gone.revoke_reason, gone.revoked_at) == ("revoked", "refund", NOW)


async def test_the_items_of_the_whole_store_come_in_order_after_an_id() -> None:
    async with running_store() as store, management_of(store) as management:
        for name in ("Ann", "Bob"):
            store.purchase(store.add_customer(name), "rank", quantity=130)
        ids = list(store.items)
        assert [item.id async for page in management.items.of_store(after="0") for item in page] == ids
        assert [item.id async for page in management.items.of_store(after=ids[200]) for item in page] == ids[201:]
        assert [item async for page in management.items.of_store(after=ids[-1]) for item in page] == []
        assert await management.items.newest() == ids[-1]
        assert [item.id for item in await management.items.latest()] == ids[:-101:-1]


async def test_a_store_without_items_has_no_newest() -> None:
    async with running_store() as store, management_of(store) as management:
        assert await management.items.newest() == "0"
        assert await management.items.latest() == []


@pytest.mark.parametrize(("word", "lists"), [(word, word == "delivery/items") for word in WORDS])
async def test_only_todays_paths_list_the_whole_store(word: str, lists: bool) -> None:
    async with running_store() as store, management_of(store, word) as management:
        assert management.items.lists_store == lists


@pytest.mark.parametrize("fault", [Fault.REPEATING, Fault.IGNORES_PAGING, Fault.DESCENDING])
async def test_pages_that_lead_nowhere_are_an_error_and_no_part_of_a_list(fault: Fault) -> None:
    async with running_store() as store, management_of(store) as management:
        _, customer_id = newcomer(store, items=250)
        store.fault(fault)
        with pytest.raises(Unreadable):
            await owned(management, customer_id)
        assert store.requests() <= 3


async def test_one_broken_item_hides_no_other() -> None:
    async with running_store() as store, management_of(store) as management:
        _, customer_id = newcomer(store, items=3)
        store.fault(Fault.BROKEN_ITEM)
        broken, *others = await owned(management, customer_id)
        assert (broken.id, broken.owner_id, broken.product) == (store.owned(customer_id)[0].id, customer_id, None)
        assert [item.product is not None for item in others] == [True, True]


async def test_fields_nobody_knows_are_kept() -> None:
    async with running_store() as store, management_of(store) as management:
        _, customer_id = newcomer(store, items=1)
        store.fault(Fault.EXTRA_FIELDS)
        [item] = await owned(management, customer_id)
        assert item.model_extra == {
            "store": {"id": "1", "name": "new"},
            "flags": [1, {"deep": None}],
            "removed_by": None,
        }


# Assigning and revoking


@pytest.mark.parametrize("word", WORDS)
async def test_an_assignment_makes_an_item_for_each_unit_and_a_revocation_takes_one_back(word: str) -> None:
    async with running_store() as store, management_of(store, word) as management:
        _, customer_id = newcomer(store)
        items = await management.items.assign(customer_id, rank(store, quantity=3))
        assert [item.id for item in items] == [goods.id for goods in store.owned(customer_id)]
        assert [item.state for item in items] == ["usable"] * 3 or [item.state for item in items] == ["active"] * 3
        assert store.requests(path_of(customer_id, word), "POST") == 1
        await management.items.revoke(customer_id, items[0].id)
        await management.items.revoke(customer_id, items[0].id)  # twice is harmless
        assert [goods.state == "revoked" for goods in store.owned(customer_id)] == [True, False, False]


async def test_every_wish_of_an_assignment_reaches_the_store() -> None:
    async with running_store() as store, management_of(store) as management:
        hub = store.add_gameserver("Hub")
        _, customer_id = newcomer(store)
        ends_at = NOW + timedelta(days=9)
        wish = {
            "product_version_id": store.product("rank").version_id,
            "execute_on_gameserver_id": hub.id,
            "override_expires_at": ends_at,
            "skip_commands": True,
            "custom_variables": {"colour": "red"},
        }
        [item] = await management.items.assign(customer_id, made(Assignment, wish))
        assert (item.execute_on_gameserver_id, item.override_expires_at, item.skip_commands) == (hub.id, ends_at, True)
        assert item.custom_variables == {"colour": "red"}
        assert item.order_id is None


LOST = [Fault.ANSWER_LOST, Fault.ERROR_AFTER, Fault.EMPTY, Fault.TRUNCATED, Fault.WRONG_TYPE, Fault.RESET_MIDWAY]
NEVER = [Fault.RESET, Fault.SERVER_ERROR, Fault.BAD_GATEWAY, Fault.WEB_PAGE, Fault.REDIRECT, Fault.STRAY_304]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("fault", LOST)
async def test_an_answer_lost_after_the_work_was_done_is_found_by_reading_and_sent_once(
    fault: Fault, word: str
) -> None:
    async with running_store() as store, management_of(store, word) as management:
        _, customer_id = newcomer(store, items=2)
        store.fault(fault, path=path_of(customer_id, word), method="POST")
        items = await management.items.assign(customer_id, rank(store, quantity=2))
        assert [item.id for item in items] == [goods.id for goods in store.owned(customer_id)][2:]
        assert len(items) == 2
        assert store.requests(path_of(customer_id, word), "POST") == 1


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("fault", NEVER)
async def test_a_request_lost_before_the_work_says_that_nothing_was_assigned(fault: Fault, word: str) -> None:
    async with running_store() as store, management_of(store, word) as management:
        _, customer_id = newcomer(store, items=2)
        store.fault(fault, path=path_of(customer_id, word), method="POST")
        with pytest.raises((Unreachable, ServerFault, Unreadable)) as caught:
            await management.items.assign(customer_id, rank(store))
        assert caught.value.may_have_happened is False
        assert not isinstance(caught.value, AssignedUnknown)
        assert len(store.owned(customer_id)) == 2
        assert store.requests(path_of(customer_id, word), "POST") == 1


@pytest.mark.parametrize("fault", [Fault.ANSWER_LOST, Fault.RESET])
@pytest.mark.parametrize("after", [Fault.SERVER_ERROR, Fault.FORBIDDEN, Fault.RESET, Fault.LIMITED])
async def test_when_the_inventory_cannot_be_read_afterwards_it_is_unknown(fault: Fault, after: Fault) -> None:
    async with running_store() as store, management_of(store) as management:
        _, customer_id = newcomer(store)

        def break_reading(_path: str) -> None:
            if store.requests(path_of(customer_id), "POST"):
                store.fault(after, method="GET")

        store.fault(fault, method="POST")
        store.before_answer = break_reading
        with pytest.raises(AssignedUnknown) as caught:
            await management.items.assign(customer_id, rank(store))
        assert f"`perkd store inventory show {customer_id}`" in str(caught.value)
        assert caught.value.may_have_happened is True
        assert store.requests(path_of(customer_id), "POST") == 1


async def test_what_another_person_assigned_meanwhile_makes_it_unknown() -> None:
    async with running_store() as store, management_of(store) as management:
        _, customer_id = newcomer(store)

        def meanwhile(_path: str) -> None:
            if store.requests(path_of(customer_id), "POST") == 1 and len(store.owned(customer_id)) == 0:
                store.assign(customer_id, "rank")

        store.fault(Fault.ANSWER_LOST, method="POST")
        store.before_answer = meanwhile
        with pytest.raises(AssignedUnknown, match=r" 2 .* 1 "):
            await management.items.assign(customer_id, rank(store))


@pytest.mark.parametrize(
    "others",
    [
        Given(override_expires_at=NOW + timedelta(days=1)),
        Given(skip_commands=True),
        Given(custom_variables={"colour": "red"}),
    ],
)
@pytest.mark.parametrize("ours", [{}, {"override_expires_at": NOW + timedelta(days=2)}])
async def test_what_another_person_assigned_with_other_wishes_is_not_taken_for_what_was_lost(
    others: Given, ours: dict[str, object]
) -> None:
    """Two people assign at once, and one request is lost: perkd must not report it as done."""
    async with running_store() as store, management_of(store) as management:
        _, customer_id = newcomer(store)

        def meanwhile(_path: str) -> None:
            if store.requests(path_of(customer_id), "POST") and not store.owned(customer_id):
                store.assign(customer_id, "rank", others)

        store.fault(Fault.RESET, method="POST")
        store.before_answer = meanwhile
        with pytest.raises(AssignedUnknown, match=r" 1 new .* 1 .*, 1 "):
            await management.items.assign(customer_id, rank(store, **ours))


@pytest.mark.parametrize("word", WORDS)
async def test_an_assignment_with_every_wish_whose_answer_is_lost_is_known_by_them(word: str) -> None:
    async with running_store() as store, management_of(store, word) as management:
        _, customer_id = newcomer(store)
        ends_at = NOW + timedelta(days=9, microseconds=123456)
        wishes = {"override_expires_at": ends_at, "skip_commands": True, "custom_variables": {"colour": "red"}}
        store.fault(Fault.ANSWER_LOST, method="POST")
        [item] = await management.items.assign(customer_id, rank(store, **wishes))
        assert [item.id] == [goods.id for goods in store.owned(customer_id)]


def without_its_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store shows the game server of no item."""
    was = Documents.item

    def item(self: Documents, goods: Goods) -> dict[str, Any]:
        return was(self, goods) | {"execute_on_gameserver_id": None}

    monkeypatch.setattr(Documents, "item", item)


async def test_a_new_item_that_is_unlike_what_was_asked_for_makes_it_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    without_its_server(monkeypatch)
    async with running_store() as store, management_of(store) as management:
        hub = store.add_gameserver("Hub")
        _, customer_id = newcomer(store)
        store.fault(Fault.ANSWER_LOST, method="POST")
        with pytest.raises(AssignedUnknown, match=r" 1 new .* 1 .*, 1 "):
            await management.items.assign(customer_id, rank(store, execute_on_gameserver_id=hub.id))
        assert len(store.owned(customer_id)) == 1


async def test_a_row_whose_item_shows_another_game_server_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    without_its_server(monkeypatch)
    async with running_store() as store, management_of(store) as management:
        hub = store.add_gameserver("Hub")
        _, customer_id = newcomer(store)
        wish = {"customer_id": customer_id, "product_version_id": store.product("rank").version_id}
        row = made(BulkAssignment, wish | {"execute_on_gameserver_id": hub.id})
        [piece] = [piece async for piece in assign_bulk(management.items, [row])]
        assert [result.state for result in piece.rows] == [RowState.UNKNOWN]
        assert piece.error is not None


async def test_an_empty_list_is_no_confirmation() -> None:
    """A store that answers 200 and [] has assigned nothing, and lists nothing."""

    async def empty(_request: web.Request) -> web.Response:
        return web.json_response([])

    key = Secret(secretwatch.mint("an API key"))
    async with one_handler(empty) as url, Management.open(url, STORE_ID, key, rate=Rate(UNLIMITED)) as management:
        management.items.settle_s = 0.0
        with pytest.raises(Unreadable, match=r" 0 items .* 1 ") as caught:
            await management.items.assign("5", made(Assignment, {"product_id": "6"}))
    assert caught.value.may_have_happened is False


@pytest.mark.parametrize("status", [408, 499])
async def test_a_gateway_that_gave_up_while_the_store_was_at_work_is_followed_by_reading(status: int) -> None:
    items: list[dict[str, Any]] = []

    async def gateway(request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.json_response(items)
        items.append({"id": str(len(items) + 1), "customer_id": "5", "state": "usable", "product": {"id": "6"}})
        return web.Response(status=status)

    key = Secret(secretwatch.mint("an API key"))
    async with one_handler(gateway) as url, Management.open(url, STORE_ID, key, rate=Rate(UNLIMITED)) as management:
        management.items.settle_s = 0.0
        [item] = await management.items.assign("5", made(Assignment, {"product_id": "6"}))
    assert [item.id] == [one["id"] for one in items] == ["1"]


async def test_an_item_bought_meanwhile_is_not_taken_for_the_assignment() -> None:
    async with running_store() as store, management_of(store) as management:
        _, customer_id = newcomer(store)
        store.fault(Fault.RESET, method="POST")
        store.before_answer = lambda _path: (
            None if store.owned(customer_id) or not store.requests(method="POST") else _buy(store, customer_id)
        )
        with pytest.raises(Unreachable) as caught:
            await management.items.assign(customer_id, rank(store))
        assert caught.value.may_have_happened is False
        assert len(store.owned(customer_id)) == 1


def _buy(store: Store, customer_id: str) -> None:
    store.purchase(customer_id, "rank")


async def test_an_answer_that_comes_too_late_is_looked_for_too() -> None:
    async with running_store() as store, management_of(store) as management:
        _, customer_id = newcomer(store)
        store.fault(Fault.SLOW, method="POST")
        [item] = await given_up(store, management.items.assign(customer_id, rank(store)), "POST")
        assert [goods.id for goods in store.owned(customer_id)] == [item.id]
        assert store.requests(method="POST") == 1


async def test_a_store_that_is_still_at_work_is_looked_at_a_second_time() -> None:
    async with running_store() as store, management_of(store) as management:
        _, customer_id = newcomer(store)
        store.fault(Fault.BAD_GATEWAY, method="POST")

        def late(_path: str) -> None:
            looks = store.requests(path_of(customer_id), "GET") - 1  # one was before the assignment
            if looks == 2 and not store.items:
                store.assign(customer_id, "rank")

        store.before_answer = late
        [item] = await management.items.assign(customer_id, rank(store))
        assert list(store.items) == [item.id]
        assert store.requests(method="POST") == 1


async def test_an_item_nobody_can_read_makes_it_unknown() -> None:
    async with running_store() as store, management_of(store) as management:
        _, customer_id = newcomer(store)
        store.fault(Fault.ANSWER_LOST, method="POST", times=1)

        def spoil(_path: str) -> None:
            if store.requests(path_of(customer_id), "POST"):
                store.fault(Fault.BROKEN_ITEM, method="GET")

        store.before_answer = spoil
        with pytest.raises(AssignedUnknown, match=", 1 "):
            await management.items.assign(customer_id, rank(store))


@pytest.mark.parametrize("fault", [Fault.UNAUTHORIZED, Fault.FORBIDDEN, Fault.LIMITED, Fault.BAD_REQUEST])
async def test_a_refused_request_is_an_error_at_once(fault: Fault) -> None:
    async with running_store() as store, management_of(store) as management:
        _, customer_id = newcomer(store)
        store.fault(fault, method="POST")
        with pytest.raises(StoreError) as caught:
            await management.items.assign(customer_id, rank(store))
        assert caught.value.status in {400, 401, 403, 429}
        assert store.requests() == 2  # the inventory before, the assignment, nothing after
        assert store.owned(customer_id) == []


async def test_a_missing_product_is_an_error_with_the_stores_message() -> None:
    async with running_store() as store, management_of(store) as management:
        _, customer_id = newcomer(store)
        with pytest.raises(Rejected, match=NOBODY):
            await management.items.assign(customer_id, made(Assignment, {"product_id": NOBODY}))


@pytest.mark.parametrize("word", WORDS)
async def test_a_customer_or_an_item_that_is_not_there_is_named(word: str) -> None:
    async with running_store() as store, management_of(store, word) as management:
        _, customer_id = newcomer(store, items=1)
        for call in (owned(management, NOBODY), management.items.assign(NOBODY, rank(store))):
            with pytest.raises(NotFound, match=f"{STORE_ID} .* customer {NOBODY}"):
                await call
        with pytest.raises(NotFound, match=f"customer {customer_id} .* item {NOBODY}"):
            await management.items.revoke(customer_id, NOBODY)
        assert store.requests(method="POST") == 0


@pytest.mark.parametrize("bad", ["", "x", "../5", "5?x", "-5", str(2**63)])
async def test_a_malformed_id_never_reaches_the_network(bad: str) -> None:
    async with running_store() as store, management_of(store) as management:
        for call in (
            owned(management, bad),
            management.items.assign(bad, rank(store)),
            management.items.revoke(bad, "5"),
            management.items.revoke("5", bad),
            anext(management.items.of_store(after=bad)),
        ):
            with pytest.raises(BadInput):
                await call
        assert store.requests() == 0


async def test_without_the_permission_the_error_names_it() -> None:
    async with running_store() as store, management_of(store) as management:
        _, customer_id = newcomer(store, items=1)
        store.permissions.discard("customer_inventory_manage")
        for call in (
            owned(management, customer_id),
            management.items.assign(customer_id, rank(store)),
            management.items.revoke(customer_id, store.owned(customer_id)[0].id),
            management.items.newest(),
        ):
            with pytest.raises(NotPermitted) as caught:
                await call
            assert caught.value.permission == "customer_inventory_manage"
            assert "customer_inventory_manage" in str(caught.value)
