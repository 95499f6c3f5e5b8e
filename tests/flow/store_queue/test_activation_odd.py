"""perkd as the store's game server, beside the straight path: odd lines, renamed servers, two perkds, a store that
stumbles, and a config that changes under it.
"""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from perkd.adapters.minecraft.adapter import Minecraft
from perkd.daemon.core.queue_lines import LEFT_ALONE
from perkd.daemon.sandbox.games.minecraft import MinecraftServer
from perkd.daemon.sandbox.store.faults import Fault
from perkd.daemon.servers.fleet import Fleet, RunningServer
from perkd.daemon.store_queue import acknowledge
from perkd.daemon.store_queue.acknowledge import REQUESTS
from perkd.daemon.store_queue.problems import host_name
from tests import secretwatch
from tests.flow.owner import Owner, Row, uuid_of
from tests.flow.storequeue import ACKNOWLEDGE, LINK, QUEUE, queue_asked, queue_of, queue_read, sell, state_of, told
from tests.world import World


async def problem(owner: Owner, code: str) -> Row:
    """The problem of that code, as soon as there is one."""

    async def there() -> Row | None:
        return (await owner.problems()).get(code)

    found: Row = await owner.until(there)
    return found


async def gone(owner: Owner, code: str) -> None:
    async def away() -> bool:
        return code not in await owner.problems()

    await owner.until(away)


async def test_an_unreadable_line_is_a_problem_until_it_can_be_read(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        server = queue_of(world, run=True)
        sell(world, "say thanks {customer.name}")
        owner = await Owner.of(world, "Ann")
        world.store.fault(Fault.BROKEN_ITEM, path=QUEUE)
        item = world.buy("Ann", "gold", activate=False)
        await queue_read(owner)
        [attempt] = server.queue
        assert attempt in (await problem(owner, "queue_unreadable"))["text"]
        assert await owner.commands() == []
        world.store.heal()
        await queue_read(owner)
        await owner.until(lambda: told_of(owner, "say thanks Ann"))
        await world.until(lambda: state_of(world, item) == "active")
        await queue_read(owner)
        await gone(owner, "queue_unreadable")


async def told_of(owner: Owner, text: str) -> bool:
    return (text, "delivered") in await owner.told()


@pytest.mark.store_lies
async def test_a_line_that_does_not_say_if_it_waits_for_its_player_is_not_acknowledged(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        server = queue_of(world)
        sell(world, "perkd", online_only=True)
        owner = await Owner.of(world, "Ann")
        world.store.queue_everybody = True
        item = world.buy("Ann", "gold", activate=False)
        [attempt] = server.queue.values()
        attempt.online_only = None  # type: ignore[assignment] # what the API does not promise
        await queue_read(owner)
        assert (await problem(owner, "queue_unreadable"))["subject"] == "survival"
        await queue_read(owner)
        assert (state_of(world, item), world.store.requests(ACKNOWLEDGE)) == ("usable", 0)


async def test_a_line_for_an_offline_player_is_not_carried_out_even_if_the_store_sends_it(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        queue_of(world, run=True)
        sell(world, "perkd", online_only=True)
        sell(world, "say thanks {customer.name}", slug="thanks", online_only=True)
        owner = await Owner.of(world, "Ann")
        world.store.queue_everybody = True
        items = [world.buy("Ann", slug, activate=False) for slug in ("gold", "thanks")]
        await queue_read(owner)
        await owner.until(owner.commands)
        await queue_read(owner)
        assert [state_of(world, item) for item in items] == ["usable", "usable"]
        assert world.server.deliveries == []
        assert "queue_nobody" not in await owner.problems()
        world.server.console.join("Ann", world.server.console.account("Ann"))
        await owner.later(seconds=2)
        await world.until(lambda: "Ann" in owner.app.servers["survival"].roster)
        await queue_read(owner)
        await world.until(lambda: [state_of(world, item) for item in items] == ["active", "active"])
        assert world.server.deliveries.count("say thanks Ann") == 1


async def test_a_line_that_waits_for_a_player_without_an_id_of_this_game_is_a_problem(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        server = queue_of(world)
        sell(world, "perkd", online_only=True)
        owner = await Owner.of(world)
        world.store.queue_everybody = True
        world.store.add_customer(None)
        customer = world.store.customers[list(world.store.customers)[-1]]
        world.store.purchase(customer.id, "gold")
        [attempt] = server.queue
        await queue_read(owner)
        assert attempt in (await problem(owner, "queue_nobody"))["text"]
        customer.minecraft_uuid = world.server.console.account("Zed")
        await queue_read(owner)
        await gone(owner, "queue_nobody")


async def test_a_removed_customers_line_stays_in_the_queue_until_they_are_added_again(tmp_path: Path) -> None:
    """Else the store would start the time of the items, while perkd gives nothing."""
    async with World(tmp_path) as world:
        server = queue_of(world)
        sell(world, "perkd")
        owner = await Owner.of(world, "Ann", "Ben")
        ann = world.store.customer("Ann")
        assert (await world.perkd("customers", "remove", ann.id)).code == 0
        hers = world.buy("Ann", "gold", activate=False)
        world.buy("Ben", "gold", activate=False)
        await queue_read(owner)
        found = await problem(owner, "queue_customer_removed")
        assert f"Ann (customer {ann.id})" in found["text"]
        assert "Ben" not in found["text"]
        await world.until(lambda: len(server.queue) == 1)
        assert state_of(world, hers) == "usable"
        token = secretwatch.remember(world.store.add_token(ann.id), "customer token")
        assert (await world.perkd("customers", "add", stdin=token)).code == 0
        await queue_read(owner)
        await world.until(lambda: state_of(world, hers) == "active")
        await gone(owner, "queue_customer_removed")


async def test_an_item_activated_for_an_unknown_customer_is_a_problem_until_they_are_added(tmp_path: Path) -> None:
    """The item's time runs, but without the customer's token perkd gives nothing for it."""
    async with World(tmp_path) as world:
        queue_of(world)
        sell(world, "perkd")
        owner = await Owner.of(world, "Ann")
        token = world.add_customer("Zed")
        for name in ("Ann", "Zed"):
            item = world.buy(name, "gold", activate=False)
        await queue_read(owner)
        await world.until(lambda: state_of(world, item) == "active")
        assert "queue_customer_unread" not in await owner.problems()
        await owner.later(minutes=11)
        found = await problem(owner, "queue_customer_unread")
        assert (found["subject"], found["severity"]) == ("survival", "warning")
        assert f"Zed ({uuid_of(world, 'Zed')})" in found["text"]
        assert (await world.perkd("customers", "add", stdin=token)).code == 0
        await gone(owner, "queue_customer_unread")


async def test_a_line_for_an_absent_player_the_store_does_not_name_is_refused_and_can_be_skipped(
    tmp_path: Path,
) -> None:
    """perkd would wait for a player that it can never see."""
    async with World(tmp_path) as world:
        server = queue_of(world, run=True)
        sell(world, "give Gabe minecraft:diamond 1")
        owner = await Owner.of(world, "Ann")
        world.store.add_customer("Gabe Two", None, steam_id="76561197960287930")
        item = world.buy("Gabe Two", "gold", activate=False)
        await queue_read(owner)
        await owner.settled(("give Gabe minecraft:diamond 1", "refused"))
        assert len(server.queue) == 1
        assert (await world.perkd("commands", "skip", "1")).code == 0
        await world.until(lambda: state_of(world, item) == "active")
        assert world.server.deliveries.count("give Gabe minecraft:diamond 1") == 1


async def test_a_line_blocked_without_an_identity_is_sent_when_the_store_has_it(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        server = queue_of(world, run=True)
        sell(world, "say thanks", online_only=True)
        owner = await Owner.of(world)
        world.store.queue_everybody = True
        world.store.add_customer(None)
        customer = world.store.customers[list(world.store.customers)[-1]]
        world.store.purchase(customer.id, "gold")
        await queue_read(owner)
        await problem(owner, "store_command_blocked")
        customer.minecraft_uuid = world.server.console.account("Zed")
        world.server.console.join("Zed", customer.minecraft_uuid)
        await owner.later(seconds=2)
        await world.until(lambda: "Zed" in owner.app.servers["survival"].roster)
        await queue_read(owner)
        await owner.settled(("say thanks", "delivered"))
        await world.until(lambda: not server.queue)


async def test_the_lines_of_a_renamed_server_are_sent_by_its_new_name(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        server = queue_of(world, run=True)
        sell(world, "say thanks {customer.name}")
        owner = await Owner.of(world, "Ann")
        await world.server.down()
        item = world.buy("Ann", "gold", activate=False)
        await queue_read(owner)
        await owner.until(owner.commands)
        await world.stop_app()
        world.config_path.write_text(world.config_path.read_text().replace('"survival"', '"smp"'))
        await world.server.up()
        await world.start_app()
        owner = Owner(world)
        await queue_read(owner, "smp")
        await world.until(lambda: state_of(world, item) == "active")
        [row] = [row for row in await owner.commands() if row["perk"] == "store command"]
        assert (row["state"], row["server"]) == ("delivered", "smp")
        assert world.server.deliveries.count("say thanks Ann") == 1
        assert "token_shared" not in await owner.problems()  # another name is no other program
        assert server.link is not None
        assert server.link["hostname"] == host_name("smp", owner.app.ledger.id)


async def test_two_perkds_with_one_config_see_each_other(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with World(tmp_path / "a") as world, World(tmp_path / "b") as other:
        server = queue_of(world)
        owner = await Owner.of(world)
        await world.until(lambda: world.store.requests(LINK) == 1)
        other.store, other.hands = world.store, world.hands
        told(other, server)
        await other.start_app()
        found = await problem(Owner(other), "token_shared")
        assert owner.app.ledger.id[:8] in found["text"]
        await owner.later(days=1, minutes=1)
        assert Owner(other).app.ledger.id[:8] in (await problem(owner, "token_shared"))["text"]


async def test_a_link_that_fails_stays_visible_until_one_succeeds(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        queue_of(world)
        sell(world, "perkd")
        world.store.fault(Fault.SERVER_ERROR, path=LINK)
        owner = await Owner.of(world, "Ann")
        item = world.buy("Ann", "gold", activate=False)
        await queue_read(owner)
        await world.until(lambda: state_of(world, item) == "active")
        assert (await problem(owner, "link_failing"))["severity"] == "warning"
        world.store.heal()
        await owner.later(minutes=10)
        await gone(owner, "link_failing")


async def test_a_queue_that_is_longer_than_perkd_reads_says_so_and_not_that_the_network_is_bad(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        server = queue_of(world)
        sell(world, "x" * 1_000_000)
        owner = await Owner.of(world, "Ann")
        for _ in range(9):
            world.buy("Ann", "gold", activate=False)
        await queue_read(owner)
        found = await problem(owner, "queue_failing")
        assert ("8 MiB" in found["text"], "network" in found["fix"]) == (True, False)
        server.queue.clear()
        await owner.later(seconds=11)
        await gone(owner, "queue_failing")


async def test_another_token_replaces_the_task_of_the_queue_and_not_the_connection(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        server = queue_of(world)
        sell(world, "perkd")
        owner = await Owner.of(world, "Ann")
        world.server.console.join("Ann", world.server.console.account("Ann"))
        await owner.later(seconds=2)
        await world.until(lambda: "Ann" in owner.app.servers["survival"].roster)
        before = owner.app.servers["survival"]
        world.store.reset_gameserver_token("survival")
        told(world, server, run=True, more='paynow_id = "1"\n')
        await owner.ask("/reload", "POST")
        after = owner.app.servers["survival"]
        assert (after.link, after.roster, after.tasks[:3]) == (before.link, before.roster, before.tasks[:3])
        assert (after.settings.run_store_commands, after.settings.paynow_id) == (True, "1")
        assert before.activation is not after.activation
        assert before.tasks[3].cancelled()
        item = world.buy("Ann", "gold", activate=False)
        await queue_read(owner)
        await world.until(lambda: state_of(world, item) == "active")
        world.write_config()
        await owner.ask("/reload", "POST")
        assert (owner.app.servers["survival"].activation, owner.app.servers["survival"].link) == (None, before.link)
        assert not owner.app.pulse.late()


async def test_the_start_of_run_store_commands_survives_a_restart_and_resets_after_a_pause(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        server = queue_of(world, run=True)
        sell(world, "say thanks {customer.name}")
        owner = await Owner.of(world, "Ann")
        await world.stop_app()
        world.hands.forward(timedelta(minutes=1))
        world.buy("Ann", "gold", activate=False)
        world.hands.forward(timedelta(minutes=1))
        owner = await Owner.of(world)
        await queue_read(owner)
        await world.until(lambda: world.server.deliveries.count("say thanks Ann") == 1)
        for run in (False, True):
            told(world, server, run=run)
            await owner.ask("/reload", "POST")
            if not run:
                world.buy("Ann", "gold", activate=False)
            await queue_read(owner)
            await owner.later(minutes=1)
        await problem(owner, "store_command_backlog")
        assert world.server.deliveries.count("say thanks Ann") == 1


async def test_with_run_store_commands_off_perkd_takes_no_line_while_another_server_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server whose address changed gets seconds for its command in flight; another program works on this queue."""
    async with World(tmp_path) as world, MinecraftServer(password=world.password) as lobby:
        server = queue_of(world, run=True)
        beside(world, lobby, presence="1s")
        sell(world, "say thanks {customer.name}")
        owner = await Owner.of(world, "Ann")
        await queue_read(owner)
        [task] = owner.app.fleet.servers["survival"].tasks[3:]
        was = Fleet._end

        async def slowly(self: Fleet, servers: Iterable[RunningServer], hurry: asyncio.Event | None) -> None:
            if hurry is None:
                world.buy("Ann", "gold", activate=False)
                if not task.done():
                    await queue_read(owner)
            await was(self, servers, hurry)

        monkeypatch.setattr(Fleet, "_end", slowly)
        told(world, server)
        beside(world, lobby, presence="2s")
        await owner.ask("/reload", "POST")
        await queue_read(owner)
        assert await owner.told() == []
        assert len(server.queue) == 1


def beside(world: World, lobby: MinecraftServer, *, presence: str) -> None:
    """The config as it is, and a server `lobby`."""
    table = f"""
[[server]]
name = "lobby"
game = "minecraft"
address = "{lobby.address}"
password = "{world.password}"
presence = "{presence}"
"""
    world.config_path.write_text(world.config_path.read_text("utf-8") + table, "utf-8")


async def test_with_run_store_commands_off_lines_not_sent_yet_wait_for_the_owner(
    tmp_path: Path,
) -> None:
    """The owner may know that a perk gives the same."""
    async with World(tmp_path) as world:
        server = queue_of(world, run=True)
        sell(world, "say thanks {customer.name}")
        owner = await Owner.of(world, "Ann")
        await world.server.down()
        item = world.buy("Ann", "gold", activate=False)
        await queue_read(owner)
        await owner.settled(("say thanks Ann", "planned"))
        for run in (False, True):
            told(world, server, run=run)
            await owner.ask("/reload", "POST")
            await owner.settled(("say thanks Ann", "blocked"))
        await world.server.up()
        await owner.later(minutes=2)
        await queue_read(owner)
        assert LEFT_ALONE in (await problem(owner, "store_command_backlog"))["text"]
        assert (world.server.deliveries, state_of(world, item)) == ([], "usable")
        assert (await world.perkd("commands", "retry", "1")).code == 0
        await world.until(lambda: state_of(world, item) == "active")
        assert world.server.deliveries.count("say thanks Ann") == 1


@pytest.mark.parametrize("due", [True, False])
async def test_many_single_acknowledgements_continue_at_once_with_queue_reads_between_them(
    due: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acknowledge, "LOOKS_S", (0.0,))  # a later look would be a pass, too
    async with World(tmp_path) as world:
        server = queue_of(world)
        sell(world, "perkd", slug="nobodys")  # no perk: no command is planned, which would wake the queue
        owner = await Owner.of(world, "Ann")
        for _ in range(REQUESTS + 5):
            world.buy("Ann", "nobodys", activate=False)
        seen: list[str] = []

        def note(path: str) -> None:
            if path in (QUEUE, ACKNOWLEDGE):
                seen.append(path)
            activation = owner.app.servers["survival"].activation
            if path == ACKNOWLEDGE and activation is not None:
                activation.loop.wake.clear()  # nobody but the pass itself asks for another one
                if due:  # time passes: the queue is due when the pass ends
                    activation._queue_at = 0.0

        world.store.before_answer = note
        world.store.fault(Fault.BAD_REQUEST, path=ACKNOWLEDGE, times=1)  # all of them in one request
        await queue_asked(owner)
        await world.until(lambda: not server.queue)
        assert world.store.requests(ACKNOWLEDGE) == 1 + REQUESTS + 1
        answered = seen[seen.index(ACKNOWLEDGE) :]
        in_between = answered[: answered.index(ACKNOWLEDGE, 1 + REQUESTS)]  # all together, then one by one
        assert in_between.count(QUEUE) == (1 if due else 0)


class Weighing(Minecraft):
    """Minecraft that counts how often the length limit of commands is read."""

    asked = 0

    @property
    def max_command_bytes(self) -> int:
        self.asked += 1
        return super().max_command_bytes


async def test_a_line_that_is_in_the_ledger_is_not_decided_again(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        queue_of(world, run=True)
        sell(world, "")
        game = Weighing()
        owner = await Owner.of(world, "Ann", adapters={"minecraft": game})
        world.buy("Ann", "gold", activate=False)
        await queue_read(owner)
        await owner.until(owner.commands)
        before = game.asked
        assert before > 0
        for _ in range(3):
            await queue_read(owner)
        assert game.asked == before
