"""perkd as a game server of the store: link, queue and acknowledge over real HTTP, and every way these can fail."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from perkd.adapters.base import Secret
from perkd.daemon.paynow.errors import (
    Limited,
    NotFound,
    Rejected,
    ServerFault,
    StoreError,
    TokenRefused,
    Unreachable,
    Unreadable,
)
from perkd.daemon.paynow.game_server import ACKNOWLEDGE_PATH, LINK_PATH, QUEUE_PATH, GameServerApi, Online
from perkd.daemon.paynow.transport.exchange import Exchange
from perkd.daemon.paynow.transport.rate import Rate
from perkd.daemon.sandbox.store.faults import Fault
from perkd.daemon.sandbox.store.goods import GameServer, ProductCommand
from perkd.daemon.sandbox.store.server import Store
from tests import secretwatch
from tests.contract.stores import NOW, PATIENT, UNLIMITED, everything_said, running_store

UUID = "f84c6a79-0a4e-45e0-879b-cd49ebd4c4e2"
STEAM = "76561197960287930"
NOBODY = Online()


@asynccontextmanager
async def hub_of(store: Store, *commands: ProductCommand) -> AsyncIterator[tuple[GameServerApi, GameServer]]:
    """A game server with its client, and the product "vip" with those commands, a `perkd` line by default."""
    server = store.add_gameserver("Hub")
    token = Secret(secretwatch.remember(server.token, "a game server token"))
    store.add_product("vip", lasts=timedelta(days=30), commands=commands or [ProductCommand(content="perkd")])
    async with Exchange.open(store.url, rate=Rate(UNLIMITED), timeouts=PATIENT, wall=lambda: NOW) as exchange:
        yield GameServerApi(exchange, token), server


async def link(api: GameServerApi, hostname: str = "hub") -> object:
    return await api.link(ip="10.0.0.5", hostname=hostname, platform="minecraft", version="1.0")


def ann(store: Store) -> str:
    return store.customer(secretwatch.remember(store.add_customer("Ann", UUID), "a customer token")).id


@pytest.mark.parametrize("nulls", [True, False])
async def test_a_link_says_whose_token_it_is_and_who_used_it_before(nulls: bool) -> None:
    async with running_store() as store, hub_of(store) as (api, server):
        store.nulls = nulls
        first = await api.link(ip="10.0.0.5", hostname="hub", platform="minecraft", version="1.0")
        assert first.gameserver is not None
        assert (first.gameserver.id, first.gameserver.name, first.gameserver.enabled) == (server.id, "Hub", True)
        assert first.previously_linked is None
        second = await api.link(ip="10.0.0.6", hostname="other", platform="minecraft", version="1.0")
        assert second.previously_linked is not None
        assert (second.previously_linked.ip, second.previously_linked.host_name) == ("10.0.0.5", "hub")
        assert second.previously_linked.last_linked_at == NOW
        assert server.link == {"ip": "10.0.0.6", "hostname": "other", "platform": "minecraft", "version": "1.0"}


async def test_a_queued_line_comes_again_until_it_is_acknowledged_and_that_activates_the_item() -> None:
    async with running_store() as store, hub_of(store) as (api, _):
        [item] = store.purchase(ann(store), "vip")
        [line] = await api.queue(NOBODY)
        assert (line.command, line.online_only, line.minecraft_uuid) == ("perkd", False, UUID)
        assert [one.attempt_id for one in await api.queue(NOBODY)] == [line.attempt_id]
        assert store.item(item.id).state == "usable"
        await api.acknowledge([line.attempt_id])
        assert store.item(item.id).state == "active"
        assert await api.queue(NOBODY) == []
        await api.acknowledge([line.attempt_id, "5"])  # again, and one that never was: harmless


@pytest.mark.parametrize(
    ("online", "comes"),
    [
        (NOBODY, False),
        (Online(minecraft_uuids=(UUID,)), True),
        (Online(minecraft_uuids=(UUID.replace("-", ""),)), True),
        (Online(customer_names=("Ann",)), True),
        (Online(steam_ids=(STEAM,), customer_names=("Bob",)), False),
    ],
)
async def test_a_line_that_waits_for_its_player_comes_when_they_are_in_the_list(online: Online, comes: bool) -> None:
    async with running_store() as store, hub_of(store, ProductCommand(content="perkd", online_only=True)) as (api, _):
        store.purchase(ann(store), "vip")
        lines = await api.queue(online)
        assert [(line.command, line.online_only) for line in lines] == ([("perkd", True)] if comes else [])


async def test_a_line_that_is_handed_out_twice_in_one_answer_is_given_as_it_came() -> None:
    async with running_store() as store, hub_of(store) as (api, _):
        store.queue_twice = True
        store.purchase(ann(store), "vip")
        first, second = await api.queue(NOBODY)
        assert first == second


async def test_many_lines_are_acknowledged_in_one_request() -> None:
    async with running_store() as store, hub_of(store) as (api, server):
        store.purchase(ann(store), "vip", quantity=20)
        await api.acknowledge(line.attempt_id for line in await api.queue(NOBODY))
        assert server.queue == {}
        assert store.requests(ACKNOWLEDGE_PATH, "POST") == 1


@pytest.mark.store_lies
async def test_one_line_nobody_can_read_hides_no_other() -> None:
    async with running_store() as store, hub_of(store) as (api, server):
        store.purchase(ann(store), "vip", quantity=2)
        first, _ = server.queue.values()
        first.command = None  # type: ignore[assignment] # what the API does not promise
        broken, good = await api.queue(NOBODY)
        assert (broken.readable, good.readable, good.command) == (False, True, "perkd")


CALLS: dict[str, Callable[[GameServerApi], Awaitable[object]]] = {
    LINK_PATH: link,
    QUEUE_PATH: lambda api: api.queue(NOBODY),
    ACKNOWLEDGE_PATH: lambda api: api.acknowledge(["5"]),
}
paths = pytest.mark.parametrize("path", CALLS)

MEANT: dict[Fault, type[StoreError]] = {
    Fault.UNAUTHORIZED: TokenRefused,
    Fault.FORBIDDEN: TokenRefused,
    Fault.NOT_FOUND: NotFound,
    Fault.BAD_REQUEST: Rejected,
    Fault.LIMITED: Limited,
    Fault.LIMITED_SECONDS: Limited,
    Fault.SERVER_ERROR: ServerFault,
    Fault.BAD_GATEWAY: ServerFault,
    Fault.WEB_PAGE: Unreadable,
    Fault.EMPTY: Unreadable,
    Fault.REDIRECT: Unreadable,
    Fault.STRAY_304: Unreadable,
    Fault.RESET: Unreachable,
    Fault.ANSWER_LOST: Unreachable,
    Fault.ERROR_AFTER: ServerFault,
}


async def test_an_acknowledgement_that_is_answered_with_nothing_is_one() -> None:
    async with running_store() as store, hub_of(store) as (api, _):
        store.fault(Fault.EMPTY, path=ACKNOWLEDGE_PATH)
        await CALLS[ACKNOWLEDGE_PATH](api)
        assert store.requests(ACKNOWLEDGE_PATH) == 1


@pytest.mark.parametrize(
    ("path", "fault"),
    [(path, fault) for path in CALLS for fault in MEANT if (path, fault) != (ACKNOWLEDGE_PATH, Fault.EMPTY)],
)
async def test_each_failure_of_the_store_is_its_own_error_and_nothing_is_sent_twice(path: str, fault: Fault) -> None:
    async with running_store() as store, hub_of(store) as (api, _):
        store.fault(fault, path=path)
        with pytest.raises(StoreError) as caught:
            await CALLS[path](api)
        assert type(caught.value) is MEANT[fault]
        assert path in str(caught.value)
        assert store.requests(path) == 1
        assert secretwatch.found_in("".join(everything_said(caught.value))) == []


@pytest.mark.parametrize("path", [LINK_PATH, QUEUE_PATH])
@pytest.mark.parametrize("fault", [Fault.TRUNCATED, Fault.WRONG_TYPE, Fault.NO_CONTENT])
async def test_an_answer_without_its_document_is_unreadable(path: str, fault: Fault) -> None:
    async with running_store() as store, hub_of(store) as (api, _):
        store.fault(fault, path=path)
        with pytest.raises(Unreadable, match=path):
            await CALLS[path](api)


@paths
async def test_a_reset_token_is_refused_with_what_to_do(path: str) -> None:
    async with running_store() as store, hub_of(store) as (api, server):
        secretwatch.remember(store.reset_gameserver_token(server.id), "a game server token")
        with pytest.raises(TokenRefused) as caught:
            await CALLS[path](api)
        assert caught.value.status == 401
        assert "paynow_token" in str(caught.value)


@paths
async def test_a_disabled_server_is_said_to_be_disabled(path: str) -> None:
    async with running_store() as store, hub_of(store) as (api, server):
        server.enabled = False
        with pytest.raises(TokenRefused) as caught:
            await CALLS[path](api)
        assert caught.value.status == 403


async def test_an_acknowledgement_that_took_effect_and_was_lost_can_be_sent_again() -> None:
    async with running_store() as store, hub_of(store) as (api, server):
        [item] = store.purchase(ann(store), "vip")
        [line] = await api.queue(NOBODY)
        store.fault(Fault.ANSWER_LOST, path=ACKNOWLEDGE_PATH, times=1)
        with pytest.raises(Unreachable):
            await api.acknowledge([line.attempt_id])
        await api.acknowledge([line.attempt_id])
        assert store.item(item.id).state == "active"
        assert server.queue == {}


async def test_a_token_that_cannot_stand_in_a_header_is_not_sent() -> None:
    async with (
        running_store() as store,
        Exchange.open(store.url, rate=Rate(UNLIMITED), timeouts=PATIENT, wall=lambda: NOW) as exchange,
    ):
        token = Secret(secretwatch.remember("a token with blanks", "a game server token"))
        with pytest.raises(TokenRefused) as caught:
            await GameServerApi(exchange, token).queue(NOBODY)
        assert caught.value.status is None
        assert store.requests() == 0
        assert secretwatch.found_in("".join(everything_said(caught.value))) == []


async def test_the_client_has_no_text_form_of_its_token() -> None:
    async with running_store() as store, hub_of(store) as (api, _):
        assert secretwatch.found_in(f"{api!r} {vars(api)!r}") == []
