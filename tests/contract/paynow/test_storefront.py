"""The storefront client against the emulated store: what it asks, what it reads, and where it refuses to ask."""

import gzip
import hashlib
import zlib
from datetime import timedelta

import pytest
from aiohttp import web

from perkd import __version__
from perkd.adapters.base import Secret
from perkd.daemon.paynow.errors import BadAddress, Unreadable
from perkd.daemon.paynow.storefront import Storefront
from perkd.daemon.paynow.transport.rate import Rate
from perkd.daemon.sandbox.store.api.storefront import PAGED_PATHS, WHOLE_PATHS
from perkd.daemon.sandbox.store.faults import Fault
from tests.contract.stores import NOW, UNLIMITED, client_of, newcomer, one_handler, read, running_store


async def test_a_customer_and_their_items_are_read_as_the_store_has_them() -> None:
    async with running_store() as store, client_of(store) as client:
        store.add_product("vip", lasts=timedelta(days=30))
        token, customer_id = newcomer(store)
        [kit] = store.purchase(customer_id, "rank")
        [vip] = store.purchase(customer_id, "vip", gift=True, subscription=True, gameserver_id="42")
        store.activate(vip.id)
        store.revoke(kit.id, "refund")
        profile = await client.customer(token)
        inventory = (await read(client, token, customer_id)).inventory
    assert (profile.customer_id, profile.display_name) == (customer_id, "Ann")
    assert profile.values["minecraft_uuid"] == "f84c6a79-0a4e-45e0-879b-cd49ebd4c4e2"
    assert (inventory.customer_id, inventory.read_at) == (customer_id, NOW)
    first, second = inventory.items
    assert (first.slug, first.state, first.revoke_reason, first.expirable) == ("rank", "revoked", "refund", False)
    assert (second.slug, second.state, second.gift, second.gameserver_id) == ("vip", "active", True, "42")
    assert second.subscription_id == vip.subscription_id
    assert second.ends_at is not None
    assert abs(second.ends_at - (NOW + timedelta(days=30))) < timedelta(seconds=1)


async def test_a_request_says_who_asks_and_whose_token_it_is() -> None:
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store)
        await read(client, token, customer_id)
    asked = store.asked[-1]
    assert asked.agent == f"perkd/{__version__}"
    assert asked.query == "asc=true&limit=100"
    assert asked.token == hashlib.sha256(token.reveal().encode()).hexdigest()[:12]


@pytest.mark.parametrize("path", sorted(PAGED_PATHS | WHOLE_PATHS | {"/v1/store/customer/delivery/items/"}))
async def test_every_path_the_inventory_ever_had_can_be_set(path: str) -> None:
    async with running_store() as store, client_of(store, path) as client:
        token, customer_id = newcomer(store, items=99)
        assert len((await read(client, token, customer_id)).inventory.items) == 99


async def test_null_fields_and_fields_left_out_read_the_same() -> None:
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=3)
        with_nulls = (await read(client, token, customer_id)).inventory
        profile = await client.customer(token)
        store.nulls = False
        assert (await read(client, token, customer_id)).inventory == with_nulls
        assert await client.customer(token) == profile


async def test_an_item_of_a_product_without_commands_is_not_in_the_answer() -> None:
    async with running_store() as store, client_of(store) as client:
        store.add_product("badge", has_commands=False)
        token, customer_id = newcomer(store)
        store.purchase(customer_id, "badge")
        assert (await read(client, token, customer_id)).inventory.items == ()
        store.show_commandless = True
        assert len((await read(client, token, customer_id)).inventory.items) == 1


async def test_only_good_answers_set_the_stores_clock() -> None:
    async with running_store() as store, client_of(store) as client:
        token, _ = newcomer(store)
        assert client.last_date is None
        assert client.last_answer_at is None
        store.fault(Fault.WEB_PAGE, times=1)
        with pytest.raises(Unreadable):
            await client.customer(token)
        assert client.last_date is None
        store.now = lambda: NOW + timedelta(minutes=9, microseconds=5)
        await client.customer(token)
        assert client.last_date is not None
        assert client.last_date.at == NOW + timedelta(minutes=9)
        assert client.last_answer_at == NOW


async def test_one_connection_serves_many_requests() -> None:
    peers = set()

    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        assert "Cookie" not in request.headers
        return web.json_response([], headers={"Set-Cookie": "session=abc"})

    async with one_handler(answer) as url, Storefront.open(url, rate=Rate(UNLIMITED)) as client:
        for _ in range(5):
            await read(client, Secret("anything"), "1")
    assert len(peers) == 1


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw-deflate"])
async def test_a_packed_body_is_unpacked(coding: str) -> None:
    plain = b'[{"id":"5","state":"used","product":{"id":"6"}}]'
    packed = {"gzip": gzip.compress(plain), "deflate": zlib.compress(plain), "raw-deflate": zlib.compress(plain)[2:-4]}

    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Accept-Encoding"] == "gzip, deflate"
        return web.Response(body=packed[coding], headers={"Content-Encoding": coding.removeprefix("raw-")})

    async with one_handler(answer) as url, Storefront.open(url, rate=Rate(UNLIMITED)) as client:
        fresh = await read(client, Secret("anything"), "1")
    assert [item.id for item in fresh.inventory.items] == ["5"]


@pytest.mark.parametrize(
    ("api", "says"),
    [
        ("http://api.paynow.gg", "api.paynow.gg"),
        ("http://192.168.0.7:8080", "192.168.0.7"),
        ("http://127.0.0.1.example:80", "127.0.0.1.example"),
        ("ftp://api.paynow.gg", r"\[store\] api"),
        ("api.paynow.gg", r"\[store\] api"),
        ("https://", r"\[store\] api"),
        ("https://api.paynow.gg:notaport", r"\[store\] api"),
        ("", r"\[store\] api"),
        ("https://user:correct-horse@api.paynow.gg", r"\[store\] api .* api.paynow.gg"),
        ("https://api.paynow.gg?store=1", "api.paynow.gg"),
        ("https://api.paynow.gg/a b", "/a%20b"),
    ],
)
async def test_an_address_that_would_give_tokens_away_is_refused_before_anything_is_sent(api: str, says: str) -> None:
    with pytest.raises(BadAddress, match=says) as caught:
        async with Storefront.open(api, rate=Rate(UNLIMITED)):
            pytest.fail("opened")
    assert "correct-horse" not in str(caught.value)


@pytest.mark.parametrize(
    "api", ["https://api.paynow.gg", "http://localhost:1", "http://[::1]:1/", "http://127.8.8.8/v0"]
)
async def test_https_anywhere_and_http_on_this_machine_can_be_opened(api: str) -> None:
    async with Storefront.open(api, rate=Rate(UNLIMITED)) as client:
        assert client.last_date is None


@pytest.mark.parametrize("path", ["", "v1/x", "/v1/x?y=1", "/v1/../x", "//elsewhere.example/x", "/v1/a b", "/"])
async def test_an_items_path_that_is_no_plain_path_is_refused(path: str) -> None:
    with pytest.raises(BadAddress, match="items_path"):
        async with Storefront.open("https://api.paynow.gg", path, rate=Rate(UNLIMITED)):
            pytest.fail("opened")
