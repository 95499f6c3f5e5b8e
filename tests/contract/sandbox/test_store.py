"""The emulated store answers as PayNow's documents describe."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from perkd.daemon.sandbox.store.documents import FRACTION_DIGITS, stamp
from perkd.daemon.sandbox.store.goods import Flakes, ProductCommand
from perkd.daemon.sandbox.store.server import Store
from tests.clock import Hands
from tests.contract.stores import NOW, newcomer

Client = TestClient[Any, Any]
ITEMS = "/v1/store/customer/delivery/items"


async def fetch(client: Client, path: str, authorization: str | None = None, method: str = "GET") -> tuple[int, Any]:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with client.request(method, path, headers=headers) as response:
        kind = response.content_type
        return response.status, await (response.json() if kind == "application/json" else response.text())


@pytest.mark.parametrize("login", ["Customer", "customer", "CUSTOMER"])
async def test_the_word_before_the_token_may_have_any_case(client: Client, store: Store, login: str) -> None:
    token, customer_id = newcomer(store)
    status, document = await fetch(client, "/v1/store/customer/", f"{login} {token.reveal()}")
    assert (status, document["id"]) == (200, customer_id)


@pytest.mark.parametrize("authorization", [None, "", "Customer", "Customer nobody", "Bearer x", "APIKey x", "x"])
async def test_a_request_without_a_valid_customer_token_gets_an_error_document(
    client: Client, authorization: str | None
) -> None:
    status, document = await fetch(client, ITEMS, authorization)
    assert (status, document["status"], document["code"]) == (401, 401, "unauthorized")
    assert re.fullmatch(r"[0-9a-f]{32}", document["trace_id"])


async def test_the_ping_a_wrong_path_and_a_wrong_method_answer_as_they_should(client: Client) -> None:
    assert await fetch(client, "/v1/") == (200, "PayNow API")
    assert (await fetch(client, "/v1/stores/1/nothing"))[0] == 404
    assert (await fetch(client, ITEMS, method="POST"))[0] == 405


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=ten", "after=x", "before=x"])
async def test_a_wrong_page_gets_a_400(client: Client, store: Store, query: str) -> None:
    token, _ = newcomer(store)
    status, document = await fetch(client, f"{ITEMS}?{query}", f"Customer {token.reveal()}")
    assert (status, document["code"]) == (400, "bad-request")


async def test_pages_go_both_ways(client: Client, store: Store) -> None:
    token, customer_id = newcomer(store, items=5)
    ids = [item.id for item in store.owned(customer_id)]

    async def page(query: str) -> list[str]:
        _, documents = await fetch(client, f"{ITEMS}?{query}", f"Customer {token.reveal()}")
        return [document["id"] for document in documents]

    assert await page("asc=true&limit=2") == ids[:2]
    assert await page("limit=2") == [ids[4], ids[3]]
    assert await page(f"asc=true&after={ids[1]}&before={ids[4]}") == ids[2:4]
    assert await page("asc=true&unknown=1") == ids


async def test_documents_have_times_of_every_length_and_stay_the_same(client: Client, store: Store) -> None:
    moment = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
    store.now = lambda: moment
    store.add_product("vip", lasts=timedelta(days=1))
    token, customer_id = newcomer(store)
    for item in store.purchase(customer_id, "vip", quantity=6):
        store.activate(item.id)
    first = await fetch(client, ITEMS, f"Customer {token.reveal()}")
    assert await fetch(client, ITEMS, f"Customer {token.reveal()}") == first
    digits = {len(document["added_at"].partition(".")[2].rstrip("Z")) for document in first[1]}
    assert digits == set(FRACTION_DIGITS) == {0, 4, 5, 6, 7, 9}


@pytest.mark.parametrize(
    ("digits", "text"), [(0, "12:00:05Z"), (4, "12:00:05.0102Z"), (6, "12:00:05.010203Z"), (9, "12:00:05.010203258Z")]
)
def test_a_time_is_written_with_as_many_digits_as_asked(digits: int, text: str) -> None:
    assert stamp(datetime(2026, 3, 1, 12, 0, 5, 10203, tzinfo=UTC), digits) == f"2026-03-01T{text}"


@pytest.mark.parametrize(
    ("at", "node", "flake"),
    [
        ("2022-02-22T22:22:22Z", 0, "1"),  # the first id that is not 0
        ("2023-04-13T19:51:02.161Z", 1, "150352880618967040"),
        ("2023-04-14T06:18:36.261Z", 2, "150510813361217536"),
        ("2024-05-06T15:16:05.739Z", 3, "291252569328594944"),
    ],
)
def test_ids_are_those_paynow_would_have_made_at_that_moment(at: str, node: int, flake: str) -> None:
    """The ids and times are from PayNow's own examples."""
    assert Flakes().make(datetime.fromisoformat(at), node) == flake


def test_an_items_time_begins_when_its_command_is_acknowledged_not_when_it_is_bought() -> None:
    clock = Hands()
    store = Store(now=clock.now)
    server = store.add_gameserver("survival")
    store.add_product("vip", lasts=timedelta(days=30), commands=[ProductCommand()])
    [item] = store.purchase(store.add_customer("Ann"), "vip")
    assert (item.state, item.active_at, item.expires_at) == ("usable", None, None)
    clock.forward(timedelta(days=5))
    store.acknowledge(server.id, item.attempts[0].id)
    assert (item.state, item.active_at, item.expires_at) == ("active", clock.now(), clock.now() + timedelta(days=30))
    assert (item.added_at, item.removed_at) == (NOW, None)


def test_an_item_that_never_ends_is_used_when_its_command_is_acknowledged() -> None:
    store = Store(now=lambda: NOW)
    server = store.add_gameserver("survival")
    store.add_product("kit", commands=[ProductCommand()])
    [item] = store.purchase(store.add_customer("Ann"), "kit")
    store.acknowledge(server.id, item.attempts[0].id)
    assert (item.state, item.active_at, item.expires_at, item.removed_at) == ("used", NOW, None, NOW)


async def test_the_store_uses_its_own_clock_and_counts_requests_by_token(client: Client, store: Store) -> None:
    token, _ = newcomer(store)
    for _ in range(2):
        async with client.get(ITEMS, headers={"Authorization": f"Customer {token.reveal()}"}) as response:
            assert response.headers["Date"] == "Sun, 01 Mar 2026 12:00:00 GMT"
    assert store.requests(ITEMS) == store.requests() == 2
    assert len(store.counts) == 1
