"""The command queue of the emulated store: what it queues, which server gets it, what acknowledging does."""

from datetime import timedelta

import aiohttp
import pytest

from perkd.daemon.sandbox.store.faults import Fault
from perkd.daemon.sandbox.store.goods import Assignment, ProductCommand
from perkd.daemon.sandbox.store.people import Nonsense
from tests import secretwatch
from tests.clock import Hands
from tests.contract.emulated import QUEUE, Caller
from tests.contract.stores import NOW

UUID = "f84c6a79-0a4e-45e0-879b-cd49ebd4c4e2"
STEAM_ID = "76561197960287930"
ACKNOWLEDGE = f"{QUEUE}/acknowledge"
LINK = {"ip": "127.0.0.1", "hostname": "here", "platform": "minecraft", "version": "1.0"}


async def test_a_link_returns_the_previous_link(caller: Caller) -> None:
    server = caller.store.add_gameserver("survival")
    status, first = await caller.server(server, "POST", "/v1/delivery/gameserver/link/", LINK)
    assert (status, first["gameserver"]) == (200, {"id": server.id, "name": "survival", "enabled": True})
    assert "previously_linked" not in first
    _, second = await caller.server(server, "POST", "/v1/delivery/gameserver/link", LINK | {"hostname": "there"})
    assert second["previously_linked"]["host_name"] == "here"
    assert (await caller.server(server, "POST", "/v1/delivery/gameserver/link", {"ip": "127.0.0.1"}))[0] == 400


async def test_a_disabled_server_and_a_wrong_token_are_refused(caller: Caller) -> None:
    server = caller.store.add_gameserver("survival")
    secretwatch.remember(server.token)
    older = server.token
    caller.store.reset_gameserver_token("survival")
    assert (await caller.send("GET", QUEUE, f"Gameserver {older}"))[0] == 401
    assert (await caller.send("GET", QUEUE, f"Customer {older}"))[0] == 401
    assert (await caller.server(server, "GET", f"{QUEUE}/"))[0] == 200
    server.enabled = False
    assert (await caller.server(server, "GET", QUEUE))[0] == 403


@pytest.mark.parametrize("way", ["delete", "delete one", "post"])
async def test_an_item_is_active_when_every_server_ran_its_command(caller: Caller, way: str) -> None:
    store = caller.store
    servers = [store.add_gameserver(name) for name in ("survival", "creative")]
    token = secretwatch.remember(store.add_customer("Ann", UUID))
    store.add_product("vip", lasts=timedelta(days=30), commands=[ProductCommand(content="op {customer.name}")])
    [item] = store.purchase(token, "vip")
    for place, server in enumerate(servers):
        for _ in range(2):  # there are no leases: the second poll gets the same
            assert await caller.queued(server) == ["op Ann"]
        _, [queued] = await caller.server(server, "GET", QUEUE)
        assert (queued["minecraft_uuid"], queued["customer_name"]) == (UUID, "Ann")
        body = [{"attempt_id": queued["attempt_id"]}]
        for _ in range(2):  # a second acknowledgement changes nothing
            if way == "post":
                answer = await caller.server(server, "POST", ACKNOWLEDGE, body)
            elif way == "delete":
                answer = await caller.server(server, "DELETE", QUEUE, body)
            else:
                answer = await caller.server(server, "DELETE", f"{QUEUE}/{queued['attempt_id']}")
            assert answer == (204, None)
        assert await caller.queued(server) == []
        assert item.state == ("usable", "active")[place]
    assert (item.active_at, item.expires_at) == (NOW, NOW + timedelta(days=30))


async def test_another_servers_attempt_is_not_acknowledged(caller: Caller) -> None:
    store = caller.store
    server, other = store.add_gameserver("survival"), store.add_gameserver("creative")
    secretwatch.remember(store.add_customer("Ann"))
    store.add_product("vip", commands=[ProductCommand(content="op")])
    [item] = store.purchase("Ann", "vip", gameserver_id=server.id)
    assert await caller.queued(other) == []
    assert (await caller.server(other, "DELETE", f"{QUEUE}/{item.attempts[0].id}"))[0] == 204
    assert await caller.queued(server) == ["op"]


@pytest.mark.parametrize(
    ("online", "gets"),
    [
        ({}, ["any"]),
        ({"minecraft_uuids": [UUID.replace("-", "").upper()]}, ["any", "uuid"]),
        ({"steam_ids": [int(STEAM_ID)]}, ["any", "steam"]),
        ({"steam_ids": [STEAM_ID], "customer_names": ["cLEO"]}, ["any", "steam", "name"]),
    ],
)
async def test_commands_for_players_who_are_online_wait_for_them(
    caller: Caller, online: object, gets: list[str]
) -> None:
    store = caller.store
    server = store.add_gameserver("survival")
    for name in ("any", "uuid", "steam", "name"):
        store.add_product(name, commands=[ProductCommand(content=name, online_only=name != "any")])
    people = (
        ("any", store.add_customer("Ann")),
        ("uuid", store.add_customer("Bob", UUID)),
        ("steam", store.add_customer("Dan", steam_id=STEAM_ID)),
        ("name", store.add_customer("Cleo")),
    )
    for product, token in people:
        store.purchase(secretwatch.remember(token), product)
    assert await caller.queued(server, online) == gets
    assert await caller.queued(server) == ["any", "uuid", "steam", "name"]
    assert (await caller.server(server, "POST", QUEUE, {"steam_ids": "x"}))[0] == 400


async def test_each_change_of_an_items_state_queues_its_commands_once(caller: Caller) -> None:
    store = caller.store
    server = store.add_gameserver("survival")
    stages = ("on_purchase", "on_renew", "on_expire", "on_refund", "on_chargeback")
    commands = [ProductCommand(stage, stage) for stage in stages]
    store.add_product("vip", lasts=timedelta(days=30), commands=commands)
    store.add_product("kit", commands=commands)
    secretwatch.remember(store.add_customer("Ann"))

    async def ran() -> list[str]:
        """Fetches the waiting commands and acknowledges them."""
        _, queued = await caller.server(server, "GET", QUEUE)
        await caller.server(server, "POST", ACKNOWLEDGE, [{"attempt_id": one["attempt_id"]} for one in queued])
        return [one["command"] for one in queued]

    [item] = store.purchase("Ann", "vip")
    assert await ran() == ["on_purchase"]
    follower = store.renew(item.id)
    assert await ran() == ["on_renew"]
    store.expire(follower.id, swept=False)
    assert await ran() == []
    store.sweep()
    assert (await ran(), follower.state) == (["on_expire"], "used")
    for reason, queued in (
        ("admin", ["on_expire"]),
        (None, ["on_expire"]),
        ("refund", ["on_refund"]),
        ("chargeback", ["on_chargeback"]),
    ):
        [item] = store.purchase("Ann", "kit")
        assert await ran() == ["on_purchase"]
        assert item.state == "used"
        store.revoke(item.id, reason)
        assert await ran() == queued
    [item] = store.purchase("Ann", "vip")
    await ran()
    store.expire(item.id)
    store.revoke(item.id)
    assert await ran() == ["on_expire"]
    store.assign("Ann", "vip", Assignment(skip_commands=True))
    assert await ran() == []
    with pytest.raises(Nonsense, match="'on_sale'"):
        store.add_product("odd", commands=[ProductCommand("on_sale", "x")])


async def test_the_sweeper_runs_late_and_by_itself(caller: Caller) -> None:
    store, clock = caller.store, Hands()
    store.now = clock.now
    store.sweeper_lag = timedelta(seconds=60)
    server = store.add_gameserver("survival")
    store.add_product("vip", lasts=timedelta(hours=1), commands=[ProductCommand("on_expire", "bye")])
    secretwatch.remember(store.add_customer("Ann"))
    [item] = store.purchase("Ann", "vip")
    store.activate(item.id)
    for after, state, queued in ((3600, "active", []), (3659, "active", []), (3660, "used", ["bye"])):
        clock.ahead_s = after
        assert await caller.queued(server) == queued
        assert item.state == state


async def test_attempts_are_listed_queued_again_and_removed(caller: Caller) -> None:
    store = caller.store
    server = store.add_gameserver("survival")
    store.add_product("vip", lasts=timedelta(days=30), commands=[ProductCommand(content="op")])
    customer = store.customer(secretwatch.remember(store.add_customer("Ann"))).id
    [item] = store.purchase("Ann", "vip")
    resend = f"/gameservers/{server.id}/delivery/commands/resend"
    assert await caller.good("POST", resend, {}) == {"enqueued_commands_count": 0}  # the item is not active yet
    await caller.server(server, "DELETE", f"{QUEUE}/{item.attempts[0].id}")
    assert await caller.good("POST", resend, {"customer_id": "7"}) == {"enqueued_commands_count": 0}
    assert await caller.good("POST", resend, {"customer_id": customer}) == {"enqueued_commands_count": 1}
    attempts = await caller.good("GET", f"/customers/{customer}/delivery/commands?asc=true")
    assert [(one["command"], one["rerun"], one["executed_at"] is None) for one in attempts] == [
        ("op", False, False),
        ("op", True, True),
    ]
    routed = await caller.good("GET", f"/gameservers/{server.id}/delivery/items")
    assert [(one["id"], one["command_attempts"]) for one in routed] == [(item.id, attempts)]
    body = {"attempt_ids": [one["id"] for one in attempts]}
    assert await caller.good("POST", "/delivery/commands/unqueue", body) == {"unqueued_count": 1}
    assert await caller.queued(server) == []


async def test_joins_are_recorded(caller: Caller) -> None:
    server = caller.store.add_gameserver("survival")
    join = {"event": "player_join", "timestamp": "2026-03-01T12:00:00Z", "player_join": {"ip_address": "::1"}}
    assert await caller.server(server, "POST", "/v1/delivery/events", [join]) == (204, None)
    assert server.events == [join]
    wrongs: tuple[dict[str, object], ...] = ({"event": "quit"}, {"player_join": {}}, {"timestamp": "now"})
    for wrong in wrongs:
        assert (await caller.server(server, "POST", "/v1/delivery/events", [join | wrong]))[0] == 400


async def test_an_attempt_can_come_twice_in_one_answer(caller: Caller) -> None:
    server = caller.store.add_gameserver("survival")
    caller.store.add_product("vip", commands=[ProductCommand(content="op")])
    secretwatch.remember(caller.store.add_customer("Ann"))
    caller.store.purchase("Ann", "vip")
    caller.store.queue_twice = True
    assert await caller.queued(server) == ["op", "op"]


@pytest.mark.parametrize(
    ("fault", "status", "done"),
    [(Fault.SERVER_ERROR, 500, False), (Fault.ERROR_AFTER, 500, True), (Fault.ANSWER_LOST, None, True)],
)
async def test_an_acknowledgement_fails_before_or_after_it_took_effect(
    caller: Caller, fault: Fault, status: int | None, done: bool
) -> None:
    store = caller.store
    server = store.add_gameserver("survival")
    store.add_product("vip", commands=[ProductCommand(content="op")])
    secretwatch.remember(store.add_customer("Ann"))
    [item] = store.purchase("Ann", "vip")
    store.fault(fault, path=ACKNOWLEDGE, times=1)
    body = [{"attempt_id": item.attempts[0].id}]
    if status is None:
        with pytest.raises(aiohttp.ClientConnectionError):
            await caller.server(server, "POST", ACKNOWLEDGE, body)
    else:
        assert (await caller.server(server, "POST", ACKNOWLEDGE, body))[0] == status
    assert await caller.queued(server) == ([] if done else ["op"])
    assert (await caller.server(server, "POST", ACKNOWLEDGE, body))[0] == 204


@pytest.mark.parametrize(
    ("fault", "given"), [(Fault.LIMITED, 0), (Fault.RESET, 0), (Fault.ANSWER_LOST, 1), (Fault.ERROR_AFTER, 1)]
)
async def test_an_assignment_whose_answer_is_lost_was_made_and_one_that_was_refused_was_not(
    caller: Caller, fault: Fault, given: int
) -> None:
    store = caller.store
    product = store.add_product("vip")
    customer = store.customer(secretwatch.remember(store.add_customer("Ann"))).id
    path = f"/customers/{customer}/delivery/items"
    store.fault(fault, path="/v1/stores/", method="POST")
    try:
        status, _ = await caller.key("POST", path, {"product_id": product.id})
        assert status >= 400
    except aiohttp.ClientConnectionError:
        pass
    assert len(await caller.good("GET", path)) == given
    assert [(one.method, one.status >= 400) for one in store.asked][-1] == ("GET", False)
    assert (store.requests(method="POST"), store.requests(method="GET")) == (1, 1)
