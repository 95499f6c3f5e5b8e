"""Inventories of many pages, and those that did not change: complete or an error, parsed only when they differ."""

import bisect
from datetime import timedelta

import pytest
from aiohttp import web
from hypothesis import given, settings, strategies as st

from perkd.daemon.core.model import Inventory
from perkd.daemon.paynow import storefront
from perkd.daemon.paynow.errors import StoreError, Unreadable
from perkd.daemon.paynow.seen import Seen
from perkd.daemon.paynow.storefront import ITEMS_PATH, Storefront, Unchanged
from perkd.daemon.paynow.transport.rate import Rate
from perkd.daemon.sandbox.store.api.storefront import WHOLE_PATHS
from perkd.daemon.sandbox.store.faults import Fault
from perkd.daemon.sandbox.store.server import Store
from tests.contract.stores import NOW, UNLIMITED, client_of, newcomer, one_handler, read, running_store

LATER = NOW + timedelta(minutes=1)


def ids(inventory: Inventory) -> list[str]:
    return [item.id for item in inventory.items]


def owned(store: Store, customer_id: str) -> list[str]:
    return [item.id for item in store.owned(customer_id)]


# Pages


@pytest.mark.parametrize(("items", "requests"), [(0, 1), (1, 1), (99, 1), (100, 2), (101, 2), (200, 3), (350, 4)])
async def test_pages_are_requested_until_one_is_not_full(items: int, requests: int) -> None:
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=items)
        inventory = (await read(client, token, customer_id)).inventory
        assert ids(inventory) == owned(store, customer_id)
        assert store.requests(ITEMS_PATH) == requests


@settings(max_examples=25)
@given(
    items=st.integers(0, 320),
    bought=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 120)), max_size=4),
    revoked=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 10_000)), max_size=4),
)
async def test_whatever_is_bought_while_the_pages_are_read_nothing_owned_before_is_missing(
    items: int, bought: list[tuple[int, int]], revoked: list[tuple[int, int]]
) -> None:
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=items)
        before = owned(store, customer_id)

        def meanwhile(_path: str) -> None:
            request = store.requests()
            for _, quantity in (one for one in bought if one[0] == request):
                store.purchase(customer_id, "rank", quantity=quantity)
            for _, place in (one for one in revoked if one[0] == request and before):
                if (goods := store.items[before[place % len(before)]]).state != "revoked":
                    store.revoke(goods.id)

        store.before_answer = meanwhile
        inventory = (await read(client, token, customer_id)).inventory
        after = owned(store, customer_id)
    found = ids(inventory)
    assert found == sorted(set(found), key=int)
    assert set(before) <= set(found) <= set(after)
    assert found == after[: bisect.bisect_right([int(one) for one in after], int(found[-1]))] if found else not before


async def test_an_item_that_vanishes_between_two_pages_does_not_spoil_the_reading() -> None:
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=150)
        last_of_page, in_next_page = owned(store, customer_id)[99], owned(store, customer_id)[120]

        def meanwhile(_path: str) -> None:
            if store.requests() == 2:
                store.forget(last_of_page)
                store.forget(in_next_page)

        store.before_answer = meanwhile
        found = ids((await read(client, token, customer_id)).inventory)
    assert last_of_page in found
    assert in_next_page not in found
    assert len(found) == 149


@pytest.mark.parametrize("fault", [Fault.REPEATING, Fault.IGNORES_PAGING])
@pytest.mark.parametrize("items", [100, 250])
async def test_pages_that_repeat_are_an_error_and_no_loop(fault: Fault, items: int) -> None:
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=items)
        store.fault(fault)
        with pytest.raises(Unreadable, match="repeats items"):
            await read(client, token, customer_id)
        assert store.requests() == 2


async def test_a_store_that_gives_more_than_asked_is_believed_once_nothing_follows() -> None:
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=250)
        store.fault(Fault.IGNORES_LIMIT)
        assert ids((await read(client, token, customer_id)).inventory) == owned(store, customer_id)
        assert store.requests() == 2


@pytest.mark.parametrize("path", sorted(WHOLE_PATHS))
@pytest.mark.parametrize(("items", "requests"), [(0, 1), (99, 1), (100, 2), (101, 1), (230, 1)])
async def test_a_path_that_knows_no_pages_gives_an_inventory_of_any_size(path: str, items: int, requests: int) -> None:
    async with running_store() as store, client_of(store, path) as client:
        token, customer_id = newcomer(store, items=items)
        fresh = await read(client, token, customer_id)
        assert ids(fresh.inventory) == owned(store, customer_id)
        assert store.requests() == requests
        assert isinstance(await client.inventory(token, customer_id, fresh.seen, LATER), Unchanged)
        store.purchase(customer_id, "rank", quantity=2)
        assert ids((await read(client, token, customer_id, fresh.seen)).inventory) == owned(store, customer_id)


@pytest.mark.parametrize("items", [99, 100, 101, 230])
async def test_an_old_path_that_learned_pages_meanwhile_is_read_in_pages(items: int) -> None:
    """Today's store may serve the old spelling by the new rules."""
    async with running_store() as store:

        async def pages(request: web.Request) -> web.Response:
            after, limit = int(request.query.get("after", "0")), int(request.query["limit"])
            rows = [{"id": str(one), "state": "active", "product": {"id": "9"}} for one in range(1, items + 1)]
            return web.json_response([one for one in rows if int(str(one["id"])) > after][:limit])

        token, customer_id = newcomer(store)
        async with (
            one_handler(pages) as url,
            Storefront.open(url, "/v1/store/customer/command_delivery", rate=Rate(UNLIMITED)) as client,
        ):
            found = ids((await read(client, token, customer_id)).inventory)
    assert found == [str(one) for one in range(1, items + 1)]


async def test_a_page_that_repeats_a_part_of_what_came_is_an_error_on_an_old_path_too() -> None:
    async with running_store() as store, client_of(store, "/v1/store/customer/command_delivery") as client:
        token, customer_id = newcomer(store, items=100)
        store.before_answer = lambda _path: (
            store.forget(owned(store, customer_id)[0]) if store.requests() == 2 else None
        )
        with pytest.raises(Unreadable, match="repeats items"):
            await read(client, token, customer_id)


async def test_full_pages_in_descending_order_are_an_error() -> None:
    """Asking after the largest id would otherwise end at once, with only the newest hundred items."""
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=150)
        store.fault(Fault.DESCENDING)
        with pytest.raises(Unreadable, match="ascending"):
            await read(client, token, customer_id)


async def test_a_short_page_may_be_in_any_order() -> None:
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=50)
        store.fault(Fault.DESCENDING)
        assert ids((await read(client, token, customer_id)).inventory) == owned(store, customer_id)


async def test_an_inventory_that_never_ends_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storefront, "MOST_PAGES", 3)
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=300)
        with pytest.raises(Unreadable, match=" 3 pages"):
            await read(client, token, customer_id)
        assert store.requests() == 3


async def test_an_inventory_larger_than_its_bound_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storefront, "LARGEST_INVENTORY", 100_000)
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=300)
        with pytest.raises(Unreadable, match="in all pages"):
            await read(client, token, customer_id)


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.TRUNCATED, Fault.RESET_MIDWAY, Fault.UNAUTHORIZED])
async def test_a_later_page_that_fails_fails_the_whole_inventory(fault: Fault) -> None:
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=250)
        store.before_answer = lambda _path: store.fault(fault, times=1) if store.requests() == 3 else None
        with pytest.raises(StoreError):
            await read(client, token, customer_id)


# Unchanged


@pytest.mark.parametrize("etags", [False, True])
@pytest.mark.parametrize("items", [0, 1, 99, 100, 250])
async def test_an_inventory_that_did_not_change_is_a_sighting_without_parsing(
    items: int, etags: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_store() as store, client_of(store) as client:
        store.etags = etags
        token, customer_id = newcomer(store, items=items)
        seen = (await read(client, token, customer_id)).seen
        requests = store.requests()
        monkeypatch.setattr(storefront, "read_items", None)  # parsing would fail
        answer = await client.inventory(token, customer_id, seen, LATER)
        assert answer == Unchanged(LATER, seen)
        assert store.requests() == 2 * requests
    assert (seen.etag is not None) is (etags and items < 100)
    assert store.asked[-1].status == (304 if etags and items < 100 else 200)
    assert len(seen.digest) == 1 + 24 * (1 + items // 100)


@pytest.mark.parametrize("etags", [False, True])
@pytest.mark.parametrize("items", [1, 100, 250])
@pytest.mark.parametrize("place", [0, -1])
async def test_one_changed_item_makes_the_inventory_fresh(items: int, place: int, etags: bool) -> None:
    async with running_store() as store, client_of(store) as client:
        store.etags = etags
        token, customer_id = newcomer(store, items=items)
        seen = (await read(client, token, customer_id)).seen
        store.revoke(owned(store, customer_id)[place])
        fresh = await read(client, token, customer_id, seen)
        assert ids(fresh.inventory) == owned(store, customer_id)
        assert [item.revoked for item in fresh.inventory.items].count(True) == 1
        assert fresh.inventory.items[place].revoked
        assert fresh.seen != seen
        assert isinstance(await client.inventory(token, customer_id, fresh.seen, LATER), Unchanged)


@settings(max_examples=25)
@given(sizes=st.lists(st.integers(0, 130), min_size=2, max_size=4), etags=st.booleans())
async def test_growing_and_shrinking_inventories_are_always_read_as_they_are(sizes: list[int], etags: bool) -> None:
    async with running_store() as store, client_of(store) as client:
        store.etags = etags
        token, customer_id = newcomer(store, items=100)
        seen: Seen | None = None
        was: list[str] | None = None
        for size in sizes:
            for goods in list(store.items.values()):
                goods.forgotten = True
            for item_id in list(store.items)[:size]:
                store.restore(item_id)
            if size > len(store.items):
                store.purchase(customer_id, "rank", quantity=size - len(store.items))
            answer = await client.inventory(token, customer_id, seen, NOW)
            there = owned(store, customer_id)
            if isinstance(answer, Unchanged):
                assert there == was
            else:
                assert ids(answer.inventory) == there
            seen, was = answer.seen, there


async def test_switching_etags_on_later_brings_one_into_what_is_remembered() -> None:
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=1)
        seen = (await read(client, token, customer_id)).seen
        store.etags = True
        answer = await client.inventory(token, customer_id, seen, LATER)
        assert isinstance(answer, Unchanged)
        assert answer.seen.etag is not None
        assert answer.seen.digest == seen.digest


@pytest.mark.parametrize(
    "digest", [b"", b"\x00" * 25, b"\x01" + b"x" * 40, b"\x02" + b"x" * 24, b"\x03" + b"x" * 23, b"x" * 32]
)
async def test_what_another_version_remembered_is_read_anew(digest: bytes) -> None:
    async with running_store() as store, client_of(store) as client:
        store.etags = True
        token, customer_id = newcomer(store, items=1)
        etag = (await read(client, token, customer_id)).seen.etag
        await read(client, token, customer_id, Seen(digest, etag))
        assert not store.asked[-1].conditional


@given(st.lists(st.tuples(st.integers(0, 2**63 - 1), st.binary(max_size=50)), min_size=1, max_size=5))
def test_a_remembered_inventory_gives_its_pages_back(pages: list[tuple[int, bytes]]) -> None:
    seen = Seen()
    for after, body in pages:
        seen = seen.with_page(after, body, '"etag"')
    assert [seen.after(page) for page in range(seen.pages)] == [after for after, _ in pages]
    assert seen.etag == ('"etag"' if len(pages) == 1 else None)
