"""The control interface of the sandbox: JSON requests, from this machine only, with errors that help."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from syrupy.assertion import SnapshotAssertion

from perkd.adapters.base import Secret
from perkd.daemon.paynow.errors import Limited, NotPermitted, TokenRefused, Unreachable
from perkd.daemon.paynow.storefront import Storefront
from perkd.daemon.sandbox.store.faults import Fault
from perkd.daemon.sandbox.store.people import Nonsense
from perkd.daemon.sandbox.store.server import Store
from perkd.daemon.sandbox.world import Sandbox
from tests import secretwatch
from tests.clock import Hands
from tests.contract.stores import NOW, client_of, management_of, read


class Player:
    """Sends requests to the control interface."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self._session = session

    async def ask(
        self, method: str, path: str, body: object = None, *, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        async with self._session.request(
            method, f"{self.sandbox.control.url}{path}", json=body, headers=headers
        ) as response:
            return response.status, await response.json()

    async def good(self, method: str, path: str, body: object = None) -> Any:
        status, answer = await self.ask(method, path, body)
        assert status == 200, answer
        return answer

    async def customer(self, **body: object) -> tuple[Secret, str]:
        answer = await self.good("POST", "/customers", body)
        return Secret(secretwatch.remember(answer["token"], "a customer token")), answer["id"]

    async def bought(self, **body: object) -> str:
        [item] = await self.good("POST", "/purchases", body)
        assert isinstance(item["id"], str)
        return item["id"]


@asynccontextmanager
async def playing() -> AsyncIterator[tuple[Player, Store, Storefront]]:
    async with (
        Sandbox(("survival", "creative"), now=lambda: NOW) as sandbox,
        client_of(sandbox.store) as client,
        aiohttp.ClientSession() as session,
    ):
        yield Player(sandbox, session), sandbox.store, client


async def test_a_whole_story_can_be_played() -> None:
    async with playing() as (player, _, client):
        token, customer_id = await player.customer(name="Ann", minecraft_uuid="f84c6a79-0a4e-45e0-879b-cd49ebd4c4e2")
        await player.good("POST", "/products", {"slug": "vip", "lasts_s": 3600})

        async def now_owned() -> list[tuple[str, str | None]]:
            items = (await read(client, token, customer_id)).inventory.items
            return [(item.state, item.revoke_reason) for item in items]

        assert await now_owned() == []
        item = await player.bought(customer="Ann", product="vip", gift=True, subscription=True)
        assert await now_owned() == [("usable", None)]
        await player.good("POST", f"/items/{item}/activate")
        assert await now_owned() == [("active", None)]
        await player.good("POST", f"/items/{item}/expire", {"swept": False})
        assert await now_owned() == [("active", None)]
        follower = await player.good("POST", f"/items/{item}/renew")
        assert await now_owned() == [("renewed", None), ("active", None)]
        await player.good("POST", f"/items/{follower['id']}/revoke", {"reason": "chargeback"})
        assert await now_owned() == [("renewed", None), ("revoked", "chargeback")]
        await player.good("POST", f"/items/{follower['id']}/restore")
        await player.good("POST", f"/items/{item}/forget")
        assert await now_owned() == [("active", None)]
        await player.good("POST", f"/items/{follower['id']}/expire")
        assert await now_owned() == [("used", None)]


async def test_everything_is_listed() -> None:
    async with playing() as (player, store, _):
        token, customer_id = await player.customer(name="Ann", steam_id="76561197960287930")
        await player.good("POST", "/products", {"slug": "kit", "has_commands": False})
        await player.good("POST", "/purchases", {"customer": customer_id, "product": "kit", "activate": True})
        await player.good("POST", "/faults", {"fault": "limited", "customer": "Ann", "times": 2})
        listed = await player.good("GET", "/")
        [customer] = listed["customers"]
        assert (customer["name"], customer["tokens"] == [token.reveal()]) == ("Ann", True)
        assert [item["state"] for item in customer["items"]] == ["used"]
        assert listed["store"]["url"] == store.url
        assert listed["store"]["faults"] == [
            {"fault": "limited", "customer": customer_id, "times": 2, "path": None, "method": None}
        ]
        assert [one["name"] for one in listed["servers"]] == ["survival", "creative"]
        assert set(listed["faults"]) == set(Fault)


async def test_exactly_the_listed_verbs_exist() -> None:
    async with playing() as (player, _, _):
        verbs = (await player.good("GET", "/"))["verbs"]
        for verb in verbs:
            method, path = verb.split(" ")
            status, answer = await player.ask(method, path, {"unknown": 1} if method != "GET" else None)
            assert status in {200, 400}, f"{verb}: {answer}"
            assert "unknown verb" not in answer.get("error", "")
        served = {(route.method, re.sub(r"\{\w+\}", "[^/]+", route.path)) for route in player.sandbox.control.routes()}
    known = [verb.split(" ") for verb in verbs]
    unspoken = [
        (method, path)
        for method, path in served
        if not any(method == by and re.fullmatch(path, at) for by, at in known)
    ]
    assert unspoken == []


async def test_the_switches_of_the_store_can_be_changed() -> None:
    async with playing() as (player, store, client):
        token, customer_id = await player.customer(name="Ann")
        store.add_product("kit", has_commands=False)
        await player.bought(customer="Ann", product="kit")
        assert (await read(client, token, customer_id)).inventory.items == ()
        shown = await player.good("PATCH", "/store", {"show_commandless": True, "nulls": False, "permissions": []})
        assert (shown["switches"]["show_commandless"], shown["switches"]["nulls"], shown["permissions"]) == (
            True,
            False,
            [],
        )
        assert len((await read(client, token, customer_id)).inventory.items) == 1
        secretwatch.remember(store.api_key, "an API key")
        async with management_of(store) as management:
            with pytest.raises(NotPermitted, match="customer_read"):
                await management.customers.show(customer_id)
            await player.good("PATCH", "/store", {"permissions": ["customer_read"]})
            await management.customers.show(customer_id)
        assert store.show_commandless  # a switch that is not named keeps its value


async def test_a_product_can_be_edited_and_a_game_server_disabled() -> None:
    async with playing() as (player, store, _):
        product, server = store.add_product("rank"), store.add_gameserver("survival")
        secretwatch.remember(server.token, "a game server token")
        before = product.version_id
        assert (await player.good("POST", "/products/rank/edit"))["version_id"] == product.version_id != before
        for verb, enabled in (("disable", False), ("enable", True)):
            assert await player.good("POST", f"/gameservers/survival/{verb}") == {
                "name": "survival",
                "enabled": enabled,
            }
            assert server.enabled is enabled


async def test_the_store_limits_requests_when_per_s_is_set() -> None:
    clock = Hands()
    async with (
        Sandbox(now=clock.now) as sandbox,
        client_of(sandbox.store) as client,
        aiohttp.ClientSession() as session,
    ):
        player, store = Player(sandbox, session), sandbox.store
        token, _ = await player.customer(name="Ann")
        await player.good("PATCH", "/store", {"per_s": 0.5, "burst": 2})
        for _ in range(2):
            await client.customer(token)
        with pytest.raises(Limited) as refused:
            await client.customer(token)
        assert refused.value.retry_after_s == 2.0
        assert store.allowance is not None
        clock.forward(timedelta(seconds=2))
        assert [store.allowance.wait_s(clock.now()), store.allowance.wait_s(clock.now())] == [0.0, 2.0]
        clock.forward(timedelta(days=1))
        assert [store.allowance.wait_s(clock.now()) for _ in range(3)] == [
            0.0,
            0.0,
            2.0,
        ]  # at most the burst was saved up
        assert (await player.good("PATCH", "/store", {"per_s": 0}))["per_s"] == 0
        assert store.allowance is None


async def test_tokens_are_made_and_invalidated() -> None:
    async with playing() as (player, _, client):
        first, customer_id = await player.customer(name="Ann")
        second = Secret(secretwatch.remember((await player.good("POST", "/customers/Ann/tokens"))["token"]))
        assert (await client.customer(first)) == (await client.customer(second))
        await player.good("DELETE", f"/customers/{customer_id}/tokens")
        with pytest.raises(TokenRefused):
            await client.customer(second)


async def test_servers_and_the_store_go_down_and_up() -> None:
    async with playing() as (player, store, client):
        token, _ = await player.customer(name="Ann")
        for _ in range(2):  # the second time changes nothing
            await player.good("POST", "/servers/survival/down")
        assert [one["up"] for one in (await player.good("GET", "/"))["servers"]] == [False, True]
        for _ in range(2):
            await player.good("POST", "/servers/survival/up")
        assert [one["up"] for one in (await player.good("GET", "/"))["servers"]] == [True, True]
        url = store.url
        await player.good("POST", "/servers/store/down")
        with pytest.raises(Unreachable):
            await client.customer(token)
        await player.good("POST", "/servers/store/up")
        assert store.url == url
        await client.customer(token)


async def test_faults_are_turned_on_for_some_answers_and_off() -> None:
    async with playing() as (player, _, client):
        token, _ = await player.customer(name="Ann")
        await player.good("POST", "/faults", {"fault": "unauthorized"})
        with pytest.raises(TokenRefused):
            await client.customer(token)
        await player.good("DELETE", "/faults")
        await client.customer(token)


NONSENSE: list[tuple[str, str, object]] = [
    ("POST", "/purchases", {"customer": "Nobody", "product": "rank"}),
    ("POST", "/purchases", {"customer": "Ann", "product": "nothing"}),
    ("POST", "/purchases", {"customer": "Ann", "product": "rank", "quantity": 0}),
    ("POST", "/purchases", {"customer": "Ann"}),
    ("POST", "/purchases", {"customer": "Ann", "product": "rank", "amount": 2}),
    ("POST", "/purchases", []),
    ("POST", "/customers", {"name": 7}),
    ("POST", "/products", {"slug": "x", "lasts_s": -1}),
    ("POST", "/items/1/activate", None),
    ("POST", "/items/ITEM/eat", None),
    ("POST", "/items/ITEM/activate", {"now": True}),
    ("POST", "/items/ITEM/renew", None),
    ("POST", "/items/ITEM/expire", None),
    ("POST", "/items/ITEM/restore", None),
    ("POST", "/servers/lobby/up", None),
    ("POST", "/servers/survival/sideways", None),
    ("POST", "/faults", {"fault": "gremlins"}),
    ("PATCH", "/store", {"nulls": None}),
    ("PATCH", "/store", {"per_s": -1}),
    ("PATCH", "/store", {"permissions": ["fly"]}),
    ("POST", "/products/nothing/edit", None),
    ("POST", "/gameservers/nowhere/disable", None),
    ("POST", "/gameservers/nowhere/paint", None),
    ("POST", "/faults", {"fault": "slow", "times": 0}),
]


@asynccontextmanager
async def something_bought() -> AsyncIterator[tuple[Player, str]]:
    """A store where Ann owns one item and nothing else exists."""
    async with playing() as (player, store, _):
        await player.customer(name="Ann")
        store.add_product("rank")
        yield player, await player.bought(customer="Ann", product="rank")


@pytest.mark.parametrize(("method", "path", "body"), NONSENSE)
async def test_a_wrong_request_gets_a_400(method: str, path: str, body: object) -> None:
    async with something_bought() as (player, item):
        status, answer = await player.ask(method, path.replace("ITEM", item), body)
    assert status == 400
    assert answer.keys() == {"error"}


async def test_the_error_texts_of_wrong_requests(snapshot: SnapshotAssertion) -> None:
    async with something_bought() as (player, item):
        said = [(await player.ask(method, path.replace("ITEM", item), body))[1] for method, path, body in NONSENSE]
        said.append((await player.ask("GET", "/nowhere"))[1])
    assert "\n".join(answer["error"] for answer in said).replace(item, "ITEM") == snapshot


async def test_an_unknown_path_gets_a_hint_where_to_look() -> None:
    async with playing() as (player, _, _):
        status, answer = await player.ask("GET", "/nowhere")
        assert (status, "GET /nowhere" in answer["error"]) == (404, True)
        status, _ = await player.ask("PUT", "/faults")
        assert status == 405


@pytest.mark.parametrize("host", ["sandbox.example", "127.0.0.1.example", "", "10.0.0.1:80", "[::2]"])
async def test_a_request_for_another_host_is_refused(host: str) -> None:
    async with playing() as (player, _, _):
        status, _ = await player.ask("GET", "/", headers={"Host": host})
        assert status == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.9.9.9:80", "[::1]:9"])
async def test_a_request_for_this_machine_is_served(host: str) -> None:
    async with playing() as (player, _, _):
        status, _ = await player.ask("GET", "/", headers={"Host": host})
        assert status == 200


async def test_a_request_from_a_web_page_is_refused() -> None:
    async with playing() as (player, store, _):
        status, _ = await player.ask("POST", "/customers", {}, headers={"Origin": "https://evil.example"})
        assert status == 403
        assert not store.customers


async def test_a_sandbox_that_cannot_open_its_last_port_closes_the_others() -> None:
    async with Sandbox() as first:
        second = Sandbox()
        port = int(first.control.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            await second.start(control_port=port)
        assert not second.store.is_up
        await second.stop()


# The shop's clock


def test_the_sweeper_ends_items_late_as_the_real_one_does() -> None:
    clock = Hands()
    store = Store(now=clock.now, sweeper_lag=timedelta(seconds=62))
    store.add_product("vip", lasts=timedelta(hours=1))
    token = store.add_customer("Ann")
    [item] = store.purchase(token, "vip")
    store.activate(item.id)
    clock.forward(timedelta(hours=1, seconds=61))
    assert [one.state for one in store.owned(token)] == ["active"]
    clock.forward(timedelta(seconds=1))
    assert [one.state for one in store.owned(token)] == ["used"]
    assert item.removed_at == NOW + timedelta(hours=1, seconds=62)


def test_a_renewal_can_also_lengthen_the_same_item() -> None:
    store = Store(now=lambda: NOW)
    store.add_product("vip", lasts=timedelta(hours=1))
    token = store.add_customer("Ann")
    [item] = store.purchase(token, "vip")
    store.activate(item.id)
    assert store.renew(item.id, successor=False) is item
    assert (item.state, item.ends_at) == ("active", NOW + timedelta(hours=2))


def test_ids_rise_even_when_the_clock_goes_back() -> None:
    clock = Hands()
    store = Store(now=clock.now)
    store.add_product("rank")
    token = store.add_customer("Ann")
    first = store.purchase(token, "rank", quantity=3)
    clock.forward(-timedelta(days=1))
    second = store.purchase(token, "rank", quantity=3)
    made = [int(item.id) for item in first + second]
    assert made == sorted(set(made))


def test_an_edited_product_has_a_new_version_for_later_items_only() -> None:
    store = Store(now=lambda: NOW)
    store.add_product("rank")
    token = store.add_customer("Ann")
    [before] = store.purchase(token, "rank")
    store.edit_product("rank")
    [after] = store.purchase(token, "rank")
    assert before.version_id != after.version_id


def test_an_item_is_activated_and_revoked_once() -> None:
    store = Store(now=lambda: NOW)
    store.add_product("rank")
    token = store.add_customer("Ann")
    [item] = store.purchase(token, "rank")
    store.activate(item.id)
    with pytest.raises(Nonsense, match=r"item \d+"):
        store.activate(item.id)
    store.revoke(item.id, None)
    with pytest.raises(Nonsense, match=r"item \d+"):
        store.revoke(item.id)


async def test_game_servers_commands_and_items_nobody_bought_can_be_played() -> None:
    async with playing() as (player, store, client):
        token, customer_id = await player.customer(name="Ann")
        server = await player.good("POST", "/gameservers", {"name": "survival"})
        secretwatch.remember(server["token"], "a game server token")
        secretwatch.remember(store.api_key, "an API key")
        command = {"content": "op {customer.name}", "online_only": True, "gameservers": ["survival"]}
        await player.good("POST", "/products", {"slug": "vip", "lasts_s": 3600, "commands": [command]})
        given = await player.good("POST", "/assignments", {"customer": "Ann", "product": "vip", "quantity": 2})
        [hidden] = await player.good(
            "POST", "/assignments", {"customer": "Ann", "product": "vip", "skip_commands": True, "ends_in_s": 60}
        )
        assert (hidden["skip_commands"], hidden["override_expires_at"][:16]) == (True, "2026-03-01T12:01")
        seen = (await read(client, token, customer_id)).inventory.items
        assert [item.id for item in seen] == [item["id"] for item in given]
        listed = await player.good("GET", "/")
        assert [(one["id"], one["queue"]) for one in listed["gameservers"]] == [(server["id"], 2)]
        assert listed["store"]["api_key"] == store.api_key
        assert [one["commands"] for one in listed["products"]] == [
            [{"stage": "on_purchase", "content": "op {customer.name}", "online_only": True}]
        ]
        renewed = await player.good("POST", "/gameservers/survival/token")
        assert secretwatch.remember(renewed["token"], "a game server token") != server["token"]
        status, answer = await player.ask("POST", "/gameservers/nowhere/token")
        assert (status, "existing: survival" in answer["error"]) == (400, True)
        await player.good("POST", "/faults", {"fault": "server_error", "path": "/v1/stores/", "method": "POST"})
        assert (await read(client, token, customer_id)).inventory.items == seen
