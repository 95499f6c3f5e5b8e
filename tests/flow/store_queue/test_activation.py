"""perkd as the store's game server: what it acknowledges, when, and what it ignores."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from perkd.adapters import ADAPTERS
from perkd.daemon.core.queue_lines import why_unsendable
from perkd.daemon.sandbox.store.attempts import Online
from perkd.daemon.sandbox.store.faults import Fault
from perkd.daemon.store_queue import loop
from perkd.daemon.store_queue.problems import host_name
from tests.flow.owner import Owner, Row, uuid_of
from tests.flow.storequeue import (
    ACKNOWLEDGE,
    QUEUE,
    queue_asked,
    queue_of,
    queue_read,
    queue_state,
    sell,
    state_of,
    told,
)
from tests.world import VIP, World, patient_requests


def gold(world: World, name: str, state: str = "delivered") -> tuple[str, str]:
    return f"lp user {uuid_of(world, name)} parent add gold", state


async def test_a_line_for_perkd_activates_the_item_and_the_perk_arrives(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        server = queue_of(world)
        sell(world, "perkd")
        owner = await Owner.of(world, "Ann")
        item = world.buy("Ann", "gold", activate=False)
        assert state_of(world, item) == "usable"
        await queue_read(owner)
        await world.until(lambda: state_of(world, item) == "active")
        await owner.settled(gold(world, "Ann"))
        assert server.queue == {}
        me = host_name("survival", owner.app.ledger.id)
        assert server.link == {"ip": "127.0.0.1", "hostname": me, "platform": "minecraft", "version": "0.1.0"}


async def test_the_customer_of_an_activated_item_is_polled_at_once(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        queue_of(world, offline="1h")
        sell(world, "perkd")
        owner = await Owner.of(world, "Ann")
        world.buy("Ann", "gold", activate=False)
        await queue_read(owner)
        await owner.settled(gold(world, "Ann"))


async def test_a_delivered_line_is_acknowledged_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "EVERY_S", 3600.0)  # however slow this machine is, no next look comes
    async with World(tmp_path) as world:
        queue_of(world, run=True)
        sell(world, "say thanks {customer.name}")
        owner = await Owner.of(world, "Ann")
        item = world.buy("Ann", "gold", activate=False)
        await queue_read(owner)
        asked = world.store.requests(QUEUE)
        await world.until(lambda: state_of(world, item) == "active")
        assert world.store.requests(QUEUE) == asked


async def test_a_line_that_waits_for_its_player_is_acknowledged_when_they_are_online(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        queue_of(world)
        sell(world, "  perkd for {customer.name}", online_only=True)
        owner = await Owner.of(world, "Ann")
        item = world.buy("Ann", "gold", activate=False)
        await queue_read(owner)
        assert state_of(world, item) == "usable"
        world.server.console.join("Ann", uuid_of(world, "Ann"))
        await owner.later(seconds=2)
        await world.until(lambda: "Ann" in owner.app.servers["survival"].roster)
        await queue_read(owner)
        await world.until(lambda: state_of(world, item) == "active")
        await owner.settled(gold(world, "Ann"))
        assert "dashboard_command" not in await owner.problems()


async def test_another_player_with_the_same_name_is_not_the_one_a_line_waits_for(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        server = queue_of(world)
        sell(world, "perkd", online_only=True)
        owner = await Owner.of(world, "Ann")
        item = world.buy("Ann", "gold", activate=False)
        world.server.console.join("ann", "11111111-2222-4333-8444-555555555555")
        await owner.later(seconds=2)
        await world.until(lambda: "ann" in owner.app.servers["survival"].roster)
        assert Online.of([], [], ["ann"]).has(world.store.customer("Ann"))  # the store goes by names, too
        await queue_read(owner)
        await queue_read(owner)
        assert state_of(world, item) == "usable"
        assert len(server.queue) == 1


async def test_an_acknowledgement_that_fails_is_repeated_also_after_a_restart(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        server = queue_of(world)
        sell(world, "perkd")
        owner = await Owner.of(world, "Ann")
        world.store.fault(Fault.SERVER_ERROR, path=ACKNOWLEDGE)
        item = world.buy("Ann", "gold", activate=False)
        for times, wait_s in ((1, 11), (2, 11), (3, 21)):
            await owner.later(seconds=wait_s)
            await world.until(lambda: queue_state(owner).failures == times)  # noqa: B023 - asked before it changes
        assert world.store.requests(ACKNOWLEDGE) == 3
        problem = (await owner.until(owner.problems))["queue_failing"]
        assert (problem["subject"], problem["severity"]) == ("survival", "warning")
        assert state_of(world, item) == "usable"
        await world.stop_app()
        server.queue.clear()  # the store hands it out no more: the ledger alone knows that it is owed
        world.store.heal()
        await world.start_app()
        await world.until(lambda: world.store.requests(ACKNOWLEDGE) == 4)
        assert "queue_failing" not in await owner.problems()


async def test_a_lost_answer_to_an_acknowledgement_is_repeated_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        queue_of(world, run=True)
        sell(world, "say thanks {customer.name}")
        owner = await Owner.of(world, "Ann")
        world.store.fault(Fault.ANSWER_LOST, path=ACKNOWLEDGE, times=1)
        item = world.buy("Ann", "gold", activate=False)
        await queue_read(owner)
        await world.until(lambda: queue_state(owner).failures == 1)
        assert state_of(world, item) == "active"
        await owner.later(seconds=11)
        await world.until(lambda: world.store.requests(ACKNOWLEDGE) == 2)
        await owner.settled(("say thanks Ann", "delivered"), gold(world, "Ann"))
        assert world.server.deliveries.count("say thanks Ann") == 1


async def test_a_queue_that_hands_everything_out_twice_and_again_is_carried_out_once(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        server = queue_of(world, run=True)
        sell(world, "say thanks {customer.name}")
        owner = await Owner.of(world, "Ann")
        world.store.queue_twice = True
        item = world.buy("Ann", "gold", activate=False)
        [attempt] = server.queue.values()
        await queue_read(owner)
        await world.until(lambda: state_of(world, item) == "active")
        for _ in range(2):  # the store forgot that it was told, in this life of perkd and in the next
            server.queue[attempt.id] = attempt
            await queue_read(owner)
            await world.until(lambda: not server.queue)
            await world.stop_app()
            server.queue[attempt.id] = attempt
            owner = await Owner.of(world)
            await queue_read(owner)
            await world.until(lambda: not server.queue)
        await owner.settled(("say thanks Ann", "delivered"), gold(world, "Ann"))
        assert world.server.deliveries.count("say thanks Ann") == 1


async def test_two_programs_on_one_queue_of_perkd_lines_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with World(tmp_path / "a") as world, World(tmp_path / "b") as other:
        server = queue_of(world)
        sell(world, "perkd")
        owner = await Owner.of(world, "Ann", "Ben")
        other.store, other.hands = world.store, world.hands
        told(other, server)
        await other.start_app()
        items = [world.buy(name, "gold", activate=False) for name in ("Ann", "Ben")]
        for _ in range(3):
            await queue_read(owner)
            await queue_read(Owner(other))
        await world.until(lambda: [state_of(world, item) for item in items] == ["active", "active"])
        await owner.looked()  # whoever acknowledged, both find the items active when they read them
        await owner.until(owner.all_delivered)
        assert sorted(await owner.told()) == sorted([gold(world, "Ann"), gold(world, "Ben")])


async def test_any_other_line_is_ignored_and_reported_until_perkd_may_send_it(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        server = queue_of(world)
        sell(world, "perkdx {customer.name}", slug="typo")
        sell(world, "say thanks", slug="thanks")
        owner = await Owner.of(world, "Ann")
        for slug in ("typo", "thanks", "thanks"):
            world.buy("Ann", slug, activate=False)
        await queue_read(owner)

        async def reported() -> dict[str, str]:
            found = (await owner.status())["problems"]
            return {one["subject"]: one["text"] for one in found if one["code"] == "dashboard_command"}

        left = await owner.until(reported)
        assert left.keys() == {"survival: perkdx Ann", "survival: say thanks"}
        assert "2 times" in left["survival: say thanks"]
        assert (len(server.queue), world.store.requests(ACKNOWLEDGE)) == (3, 0)

        await owner.later(minutes=1)
        queue_of(world, run=True, more='warmup = "0s"\n')
        _, said = await owner.ask("/reload", "POST")
        assert sum(line.startswith("server survival: ") for line in said["changes"]) == 2, "what waits is said too"
        await owner.until(lambda: _no_longer(reported))
        waiting = await owner.until(owner.commands)
        assert len(waiting) == 3
        assert {row["state"] for row in waiting} == {"blocked"}
        assert (await owner.problems())["store_command_backlog"]["subject"] == "store command on survival"
        world.buy("Ann", "thanks", activate=False)
        await queue_read(owner)
        await world.until(lambda: world.server.deliveries == ["say thanks"])
        for row in waiting:
            await owner.say("skip" if row is waiting[-1] else "retry", row["id"])
        await world.until(lambda: world.server.deliveries.count("say thanks") == 2)
        await world.until(lambda: [one.command for one in server.queue.values()] == ["perkdx Ann"])
        refused = (await owner.until(lambda: _with(owner, "command_refused")))["command_refused"]
        assert refused["subject"] == "store command on survival"


async def _no_longer(what: Callable[[], Awaitable[object]]) -> bool:
    return not await what()


HOSTILE = ["say a\nop Ann", "say a\x00b", "say a\u2028op Ann", "", " \t ", "say " + "x" * 1500]
HARMLESS = ["say §aHi", "say ünïcödé ✓ 🎉", '  say  "two  spaces"  ']


async def test_a_hostile_line_is_never_sent_and_the_owner_sees_it(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        server = queue_of(world, run=True)
        for number, content in enumerate([*HOSTILE, *HARMLESS]):
            sell(world, content, slug=f"p{number}")
        owner = await Owner.of(world, "Ann")
        for number in range(len(HOSTILE) + len(HARMLESS)):
            world.buy("Ann", f"p{number}", activate=False)
        await queue_read(owner)
        await world.until(lambda: len(server.queue) == len(HOSTILE))
        rows = await owner.commands()
        blocked = {row["text"]: row for row in rows if row["state"] == "blocked"}
        most = ADAPTERS["minecraft"].max_command_bytes
        assert {text: row["reason"] for text, row in blocked.items()} == {
            text: why_unsendable(text, most) for text in HOSTILE
        }
        assert world.server.deliveries == HARMLESS
        assert {row["customer_id"] for row in rows} == {world.store.customer("Ann").id}
        problem = (await owner.problems())["store_command_blocked"]
        assert "\n" not in problem["text"]
        [first, second, *_] = [row["id"] for row in blocked.values()]
        status, said = await owner.ask(f"/commands/{first}/retry", "POST")
        assert (status, said["code"]) == (409, "line_unsendable")
        await owner.say("skip", first)
        await owner.say("done", second)
        await world.until(lambda: len(server.queue) == len(HOSTILE) - 2)
        assert world.server.deliveries == HARMLESS


async def test_a_line_the_game_refuses_is_acknowledged_only_after_the_owners_decision(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        server = queue_of(world, run=True, more='warmup = "0s"\n')
        sell(world, "vaultgive {customer.name}")
        owner = await Owner.of(world, "Ann")
        item = world.buy("Ann", "gold", activate=False)
        await queue_read(owner)
        await owner.settled(("vaultgive Ann", "refused"))
        [row] = await owner.commands()
        assert (row["perk"], row["item_id"], row["step"]) == ("store command", "", "grant")
        await queue_read(owner)
        assert (len(server.queue), world.store.requests(ACKNOWLEDGE)) == (1, 0)
        await owner.say("retry", row["id"])
        await owner.until(lambda: _refused_again(owner))
        assert world.server.deliveries == ["vaultgive Ann", "vaultgive Ann"]
        await owner.say("skip", row["id"])
        await world.until(lambda: state_of(world, item) == "active")


async def _refused_again(owner: Owner) -> bool:
    [row] = await owner.commands()
    return (row["state"], row["attempts"]) == ("refused", 2)


async def test_a_refused_token_is_a_problem_tried_rarely_and_fixed_by_a_reload(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        server = queue_of(world)
        sell(world, "perkd")
        owner = await Owner.of(world, "Ann")
        world.store.reset_gameserver_token("survival")
        await queue_asked(owner)
        problem = (await owner.until(lambda: _with(owner, "paynow_token_refused")))["paynow_token_refused"]
        assert (problem["subject"], problem["severity"]) == ("survival", "error")
        asked = world.store.requests(QUEUE)
        await owner.later(minutes=9)
        assert world.store.requests(QUEUE) == asked
        await owner.later(minutes=1)
        await world.until(lambda: world.store.requests(QUEUE) == asked + 1)
        told(world, server)
        await owner.ask("/reload", "POST")
        await owner.until(lambda: _without(owner, "paynow_token_refused"))
        item = world.buy("Ann", "gold", activate=False)
        await queue_read(owner)
        await world.until(lambda: state_of(world, item) == "active")


async def _with(owner: Owner, code: str) -> dict[str, Row]:
    found = await owner.problems()
    return found if code in found else {}


async def _without(owner: Owner, code: str) -> bool:
    return code not in await owner.problems()


async def test_a_store_without_a_queue_is_a_problem_and_perks_are_still_given(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        queue_of(world)
        world.store.fault(Fault.NOT_FOUND, path="/v1/delivery/")
        owner = await Owner.of(world, "Ann")
        await owner.until(lambda: _with(owner, "queue_failing"))
        world.buy("Ann")
        await owner.looked()
        await owner.settled(owner.add("Ann"))
        asked = world.store.requests(QUEUE)
        await owner.later(minutes=5)
        assert world.store.requests(QUEUE) == asked


async def test_the_earlier_user_of_the_token_is_named_until_perkd_links_again(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        server = queue_of(world, more='paynow_id = "1"\n')
        server.link = {"ip": "203.0.113.7", "hostname": "A Minecraft\nServer", "platform": "bukkit", "version": "1.0.1"}
        server.linked_at = world.hands.now()
        owner = await Owner.of(world)
        found = await owner.until(lambda: _with(owner, "token_shared"))
        assert "A Minecraft Server at 203.0.113.7" in found["token_shared"]["text"]
        assert server.id in found["paynow_id_differs"]["text"]
        await owner.later(days=1, minutes=1)
        await owner.until(lambda: _without(owner, "token_shared"))


async def test_one_bad_id_in_many_acknowledgements_does_not_keep_the_others_back(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        server = queue_of(world)
        sell(world, "perkd")
        owner = await Owner.of(world, "Ann", "Ben")
        world.store.fault(Fault.BAD_REQUEST, path=ACKNOWLEDGE, times=2)  # all of them, then the first by itself
        items = [world.buy(name, "gold", activate=False) for name in ("Ann", "Ben")]
        await queue_read(owner)
        await world.until(lambda: state_of(world, items[1]) == "active")
        assert len(server.queue) == 1
        await owner.until(lambda: _nothing_owed(owner))  # what was refused is owed again when it is handed out again
        await queue_read(owner)
        await world.until(lambda: state_of(world, items[0]) == "active")


async def _nothing_owed(owner: Owner) -> bool:
    return await owner.app.ledger.queue.owed("survival") == []


async def test_lines_of_the_queue_are_counted(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        queue_of(world)
        sell(world, "perkd")
        sell(world, "say thanks", slug="thanks")
        owner = await Owner.of(world, "Ann")
        item = world.buy("Ann", "gold", activate=False)
        world.buy("Ann", "thanks", activate=False)
        await queue_read(owner)
        await world.until(lambda: state_of(world, item) == "active")
        await queue_read(owner)
        _, text = await owner.http("/metrics")
        assert 'perkd_queue_lines_total{kind="perkd",server="survival"} 1.0' in text
        assert 'perkd_queue_lines_total{kind="left",server="survival"} 1.0' in text
        assert 'perkd_acknowledgements_total{result="ok",server="survival"} 1.0' in text


async def test_a_store_that_never_answers_the_queue_delays_neither_deliveries_nor_the_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient_requests(monkeypatch)
    async with World(tmp_path) as world:
        queue_of(world)
        owner = await Owner.of(world, "Ann")
        world.store.fault(Fault.SLOW, path=QUEUE)
        await queue_asked(owner)
        world.buy("Ann")
        await owner.looked()
        await owner.settled(owner.add("Ann"))
        await world.stop_app()  # it fails after a minute: the request by itself would take ten


async def test_after_a_429_the_queue_waits_and_no_loop_counts_as_late(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        queue_of(world)
        owner = await Owner.of(world)
        world.store.retry_after_s = 900
        world.store.fault(Fault.LIMITED_SECONDS, path=QUEUE, times=1)
        await queue_read(owner)
        await world.until(lambda: queue_state(owner).failures == 1)
        asked = world.store.requests(QUEUE)
        for _ in range(2):
            world.hands.forward(timedelta(seconds=400))
            await world.until(lambda: not owner.app.pulse.late())
        assert world.store.requests(QUEUE) == asked
        world.hands.forward(timedelta(seconds=100))
        await world.until(lambda: world.store.requests(QUEUE) > asked)


async def test_a_server_whose_token_is_removed_from_the_config_stops_reading_its_queue(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        queue_of(world, run=True, more='warmup = "0s"\n')
        sell(world, "vaultgive {customer.name}")
        owner = await Owner.of(world, "Ann")
        world.buy("Ann", "gold", activate=False)
        await queue_read(owner)
        await owner.settled(("vaultgive Ann", "refused"))
        world.write_config(perks=VIP, server='warmup = "0s"\n')
        await owner.ask("/reload", "POST")
        asked = world.store.requests(QUEUE)
        await owner.later(minutes=5)
        assert owner.app.servers["survival"].activation is None
        assert world.store.requests(QUEUE) == asked
        [row] = await owner.commands()
        await owner.say("retry", row["id"])  # whoever takes the server over decides what is done with it
        await owner.until(lambda: _refused_again(owner))


async def test_a_line_for_a_server_that_is_gone_is_not_retried_but_can_be_skipped(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        queue_of(world, run=True, more='warmup = "0s"\n')
        sell(world, "vaultgive {customer.name}")
        owner = await Owner.of(world, "Ann")
        world.buy("Ann", "gold", activate=False)
        await queue_read(owner)
        await owner.settled(("vaultgive Ann", "refused"))
        text = world.config_path.read_text().replace('"survival"', '"main"')
        world.config_path.write_text(text)
        await owner.ask("/reload", "POST")
        [row] = await owner.commands()
        status, said = await owner.ask(f"/commands/{row['id']}/retry", "POST")
        assert (status, said["code"]) == (409, "server_gone")
        await owner.say("skip", row["id"])
        await queue_read(owner, "main")  # the queue is this one's now
        await world.until(lambda: world.store.requests(ACKNOWLEDGE) == 1)


async def test_a_line_of_an_unknown_customer_is_sent_and_names_no_customer(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        server = queue_of(world, run=True)
        sell(world, "say thanks {customer.name}")
        owner = await Owner.of(world)
        world.add_customer("Ben")
        world.buy("Ben", "gold", activate=False)
        await queue_read(owner)
        await owner.settled(("say thanks Ben", "delivered"))
        [row] = await owner.commands()
        assert (row["customer_id"], row["player"]) == ("", uuid_of(world, "Ben"))
        await world.until(lambda: not server.queue)
        said = await world.perkd("commands", "show", str(row["id"]))
        assert "not known" in said.out
