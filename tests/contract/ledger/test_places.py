"""Places of several servers and players who must be there: who may claim what, where a step belongs, and since when."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from perkd.daemon.core.changes import Hold, HoldingKey, Outcome
from perkd.daemon.core.model import Perk, PerkKind, State, Step, Target
from perkd.daemon.ledger.base import NotPossible
from perkd.daemon.ledger.ledger import Ledger
from tests.ledgers import (
    BEN,
    NOW,
    blocked,
    claim,
    claimed,
    configure,
    draft,
    ends,
    later,
    opens,
    perk,
    polled,
    profile,
    record,
    rows,
    run,
    server,
    spec,
    states,
    support,
    sync_tokens,
    token,
)

ANY, WHERE = HoldingKey("ann", "vip", "any:lobby,survival"), HoldingKey("ann", "vip", "online:lobby,survival")
SERVERS = (server(), server("lobby"))
BOTH = ("lobby", "survival")


def one_of(target: Target, *servers: str) -> Perk:
    return perk(target=target, servers=servers or BOTH, revoke=(spec("take"),))


async def configured(ledger: Ledger, *perks: Perk, servers: tuple[str, ...] = BOTH) -> None:
    wanted = [one for one in SERVERS if one.name in servers]
    await configure(ledger, wanted, perks or (one_of(Target.ANY),), NOW, adopt=True)


async def places(ledger: Ledger) -> dict[str, tuple[str, str]]:
    """Where each command is: text → (place, server)."""
    return {row.text: (row.place, row.server) for row in await rows(ledger)}


async def test_a_command_for_one_of_several_is_claimed_once_by_whoever_comes_first(ledger: Ledger) -> None:
    await configured(ledger)
    await record(ledger, opens("one", "two", key=ANY))
    found = await asyncio.gather(*(claim(ledger, server=name) for name in ("lobby", "survival", "lobby", "survival")))
    [command] = [one for one in found if one is not None]
    assert (command.text, command.place) == ("one", ANY.server)
    other = "lobby" if command.server == "survival" else "survival"
    assert await places(ledger) == {"one": (ANY.server, command.server), "two": (ANY.server, command.server)}
    await ledger.commands.settle(command.id, Outcome(state=State.DELIVERED, reply="ok"), NOW)
    assert await claim(ledger, server=other) is None
    assert (await claimed(ledger, server=command.server)).text == "two"


async def test_a_server_that_is_not_in_the_list_gets_nothing_of_it(ledger: Ledger) -> None:
    await configured(ledger, one_of(Target.ANY, "lobby"))
    await record(ledger, opens("give", key=HoldingKey("ann", "vip", "any:lobby")))
    assert await claim(ledger) is None
    assert (await claimed(ledger, server="lobby")).server == "lobby"


async def test_of_its_own_commands_and_those_of_a_list_the_oldest_goes_first(ledger: Ledger) -> None:
    await configured(ledger)
    await record(ledger, opens("first", key=ANY))
    await record(ledger, opens("second", key=HoldingKey("ben", "vip", "lobby")))
    assert (await claimed(ledger, server="lobby")).text == "first"
    assert (await claimed(ledger, server="lobby")).text == "second"


async def test_what_was_not_sent_is_free_for_the_others_again(ledger: Ledger) -> None:
    await configured(ledger)
    await record(ledger, opens("one", blocked("two", position=1), key=ANY))
    command = await claimed(ledger, server="lobby")
    assert set((await places(ledger)).values()) == {(ANY.server, "lobby")}
    again = Outcome(state=State.PLANNED, reason="connection refused", due_at=later(seconds=1))
    await ledger.commands.settle(command.id, again, NOW)
    assert set((await places(ledger)).values()) == {(ANY.server, ANY.server)}
    assert await ledger.commands.next_due("survival", NOW, {}) == later(seconds=1)
    assert (await claimed(ledger, later(seconds=1), server="survival")).server == "survival"


async def test_once_anything_may_have_reached_a_server_the_step_stays_there(ledger: Ledger) -> None:
    await configured(ledger)
    await record(ledger, opens("one", "two", key=ANY))
    first = await claimed(ledger, server="lobby")
    await ledger.commands.settle(first.id, Outcome(state=State.DELIVERED, reply="ok"), NOW)
    second = await claimed(ledger, server="lobby")
    await ledger.commands.settle(second.id, Outcome(state=State.PLANNED, reason="connection lost", due_at=NOW), NOW)
    assert (await places(ledger))["two"] == (ANY.server, "lobby")
    assert await claim(ledger, server="survival") is None
    assert (await claimed(ledger, server="lobby")).id == second.id


async def test_who_may_have_run_it_before_keeps_it_though_it_was_not_sent_the_second_time(ledger: Ledger) -> None:
    await configured(ledger)
    await record(ledger, opens("one", key=ANY))
    command = await claimed(ledger, server="lobby")
    await ledger.commands.settle(command.id, Outcome(state=State.UNKNOWN, due_at=later(minutes=1)), NOW)
    assert await claim(ledger, later(minutes=2), server="survival") is None
    again = await claimed(ledger, later(minutes=2), server="lobby")
    await ledger.commands.settle(again.id, Outcome(state=State.PLANNED, reason="refused", due_at=NOW), later(minutes=2))
    assert await places(ledger) == {"one": (ANY.server, "lobby")}


async def test_a_refusal_that_is_tried_again_is_tried_there(ledger: Ledger) -> None:
    await configured(ledger)
    await record(ledger, opens("one", key=ANY))
    command = await claimed(ledger, server="lobby")
    await ledger.commands.settle(command.id, Outcome(state=State.PLANNED, reply="no", due_at=NOW), NOW)
    assert await places(ledger) == {"one": (ANY.server, "lobby")}


async def test_a_perk_of_one_of_several_may_be_taken_back_by_another(ledger: Ledger) -> None:
    await configured(ledger)
    await record(ledger, opens("give", key=ANY, supports=[support()]))
    command = await claimed(ledger, server="lobby")
    await ledger.commands.settle(command.id, Outcome(state=State.DELIVERED, reply="ok"), NOW)
    await record(ledger, ends("take", key=ANY))
    assert (await claimed(ledger, server="survival")).text == "take"


async def test_where_the_player_is_only_that_server_may_claim_and_only_it_takes_away(ledger: Ledger) -> None:
    await configured(ledger, one_of(Target.ONLINE))
    await record(ledger, opens("one", "two", key=WHERE))
    assert await claim(ledger, server="lobby") is None
    assert await claim(ledger, server="survival", online={"ben"}) is None
    command = await claimed(ledger, server="survival", online={"ann"})
    await ledger.commands.settle(command.id, Outcome(state=State.DELIVERED, reply="ok"), NOW)
    assert await claim(ledger, server="lobby", online={"ann"}) is None
    await run(ledger, State.DELIVERED, reply="ok")  # the rest of the step is that server's, wherever the player is
    recorded = await record(ledger, ends("take", key=WHERE))
    assert recorded.servers == {"survival"}
    assert await claim(ledger, server="lobby", online={"ann"}) is None
    take = await claimed(ledger, server="survival")
    await ledger.commands.settle(take.id, Outcome(state=State.PLANNED, reason="not sent", due_at=NOW), NOW)
    assert (await places(ledger))["take"] == (WHERE.server, "survival")


async def test_a_player_who_is_not_there_after_all_may_be_on_another_server(ledger: Ledger) -> None:
    await configured(ledger, one_of(Target.ONLINE))
    await record(ledger, opens("give", key=WHERE))
    command = await claimed(ledger, server="survival", online={"ann"})
    await ledger.commands.settle(command.id, Outcome(state=State.PLANNED, reply="not here", absent=True), NOW)
    assert await claim(ledger, server="survival") is None
    assert (await claimed(ledger, server="lobby", online={"ann"})).server == "lobby"


async def test_a_removal_no_server_is_bound_to_waits_for_nobody(ledger: Ledger) -> None:
    """The operator said done: nobody knows where it ran."""
    await configured(ledger, one_of(Target.ONLINE))
    await record(ledger, opens(blocked("give"), key=WHERE))
    [row] = await rows(ledger)
    await ledger.commands.close(row.id, State.DELIVERED, NOW)
    recorded = await record(ledger, ends("take", key=WHERE))
    assert recorded.servers == {WHERE.server}
    assert (await claimed(ledger, server="lobby")).text == "take"


async def test_a_removal_for_a_server_that_left_is_blocked_though_others_of_the_place_stay(ledger: Ledger) -> None:
    await configured(ledger, one_of(Target.ONLINE))
    await record(ledger, opens("give", key=WHERE))
    command = await claimed(ledger, server="survival", online={"ann"})
    await ledger.commands.settle(command.id, Outcome(state=State.DELIVERED, reply="ok"), NOW)
    await configured(ledger, one_of(Target.ONLINE, "lobby"), servers=("lobby",))
    await record(ledger, ends("take", key=WHERE))
    assert (await rows(ledger))[-1].hold == Hold.SERVER
    await configured(ledger, one_of(Target.ONLINE))
    assert (await claimed(ledger, server="survival")).text == "take"


async def test_a_place_is_blocked_only_when_its_last_server_left(ledger: Ledger) -> None:
    await configured(ledger)
    await record(ledger, opens("give", key=ANY))
    await configured(ledger, one_of(Target.ANY, "lobby"), servers=("lobby",))
    assert await states(ledger) == {"give": "planned"}
    other = perk("other", servers=())
    await configured(ledger, other, servers=("nowhere",))
    assert await states(ledger) == {"give": "blocked"}
    assert (await ledger.reports.summary()).absent_servers == (ANY.server,)
    await configured(ledger, other, servers=("survival",))
    assert (await claimed(ledger, server="survival")).text == "give"


async def test_the_game_of_a_place_is_that_of_its_servers(ledger: Ledger) -> None:
    catalogue = await configure(ledger, SERVERS, [one_of(Target.ANY)], NOW, adopt=True)
    assert catalogue.games == dict.fromkeys((*BOTH, ANY.server), "minecraft")
    assert catalogue.cutoffs == {("vip", "any:"): NOW}


async def test_a_longer_list_is_no_new_cut_off(ledger: Ledger) -> None:
    await configured(ledger, one_of(Target.ANY, "lobby"))
    catalogue = await configure(ledger, SERVERS, [one_of(Target.ANY)], later(days=1), adopt=True)
    assert catalogue.cutoffs == {("vip", "any:"): NOW}


async def test_who_holds_at_a_place_of_servers_or_a_chosen_one_is_no_orphan(ledger: Ledger) -> None:
    await configured(ledger, one_of(Target.ANY), perk("kit", target=Target.CHOSEN, servers=()))
    await record(ledger, opens("give", key=ANY))
    await record(ledger, opens(blocked("kit", hold=Hold.CHOSEN), key=HoldingKey("ann", "kit", "chosen:77")))
    assert (await ledger.reports.rarities(NOW)).orphans == ()
    await configured(ledger, perk("other"))
    assert {(one.perk, one.server) for one in (await ledger.reports.rarities(NOW)).orphans} >= {("vip", ANY.server)}


async def test_the_chosen_servers_are_known_by_the_store_s_id(ledger: Ledger) -> None:
    catalogue = await configure(ledger, [replace(SERVERS[0], paynow_id="77"), SERVERS[1]], [], NOW, adopt=True)
    assert catalogue.chosen == {"77": "survival"}


async def test_what_waits_at_a_place_is_listed_for_each_of_its_servers(ledger: Ledger) -> None:
    await configured(ledger)
    await record(ledger, opens("give", key=ANY))
    for name, count in (("lobby", 1), ("survival", 1), ("creative", 0)):
        assert len(await ledger.reports.commands(server=name)) == count


async def test_a_retried_command_of_a_place_wakes_that_place(ledger: Ledger) -> None:
    await configured(ledger)
    await record(ledger, opens(blocked("give"), key=ANY))
    [row] = await rows(ledger)
    assert await ledger.commands.retry(row.id, draft("give now"), NOW) == ANY.server
    with pytest.raises(NotPossible):
        await ledger.commands.retry(row.id, draft("give now"), NOW)
    assert (await claimed(ledger, server="lobby")).text == "give now"


# Players who must be there


async def test_a_command_waits_until_its_player_has_been_there_long_enough(ledger: Ledger) -> None:
    await record(ledger, opens(draft("give", online_s=20.0)))
    since = {"ann": later(seconds=5), "ben": NOW}
    assert await claim(ledger, later(hours=1)) is None
    assert await claim(ledger, later(seconds=24), online=since) is None
    assert await ledger.commands.next_due("survival", later(seconds=6), since) == later(seconds=25)
    assert await ledger.commands.next_due("survival", later(seconds=6), {}) is None
    command = await claimed(ledger, later(seconds=25), online=since)
    assert (command.text, command.online) == ("give", True)
    assert await ledger.commands.next_due("survival", later(seconds=6), since) is None


async def test_a_command_that_is_due_later_is_not_due_sooner_because_its_player_is_there(ledger: Ledger) -> None:
    await record(ledger, opens("one", draft("two", position=1, online_s=5.0, after_s=60.0)))
    await run(ledger, State.DELIVERED, reply="ok")
    online = {"ann": NOW}
    assert await claim(ledger, later(seconds=59), online=online) is None
    assert await ledger.commands.next_due("survival", later(seconds=30), online) == later(seconds=60)
    assert (await claimed(ledger, later(seconds=60), online=online)).text == "two"


async def test_what_waits_for_its_player_says_so(ledger: Ledger) -> None:
    await configured(ledger, one_of(Target.ONLINE), perk("kit", PerkKind.ONCE))
    await record(ledger, opens(draft("a", online_s=0.0)))
    await record(ledger, opens(draft("b", online_s=1.5), key=HoldingKey("ben", "vip", "survival")))
    await record(ledger, opens("c", key=WHERE))
    await record(ledger, opens("d", key=HoldingKey("dan", "vip", "survival")))
    one, some_time, anywhere, nothing = [row.reason or "" for row in await rows(ledger)]
    assert "survival" in one
    assert all(fact in some_time for fact in ("survival", "1.5 s"))
    assert all(fact in anywhere for fact in ("lobby", "survival"))
    assert nothing == ""
    command = await claimed(ledger, online={"ann"})
    await ledger.commands.settle(command.id, Outcome(state=State.DELIVERED, reply="ok"), NOW)
    assert (await rows(ledger))[0].reason is None


async def test_a_removal_where_the_player_was_says_nothing_of_waiting(ledger: Ledger) -> None:
    await configured(ledger, one_of(Target.ONLINE))
    await record(ledger, opens(blocked("give"), key=WHERE))
    await ledger.commands.close((await rows(ledger))[0].id, State.DELIVERED, NOW)
    await record(ledger, ends("take", key=WHERE))
    row = (await rows(ledger))[-1]
    assert (row.step, row.reason) == (Step.REVOKE, None)


async def test_who_is_polled_comes_with_what_the_store_said_of_him(ledger: Ledger) -> None:
    await sync_tokens(ledger, [token("somebody")], NOW)
    [row] = [one for one in await polled(ledger) if one.customer_id is None]
    assert row.profile is None
    await ledger.roll.identify(row.token_id, profile(BEN, "Ben"), NOW + timedelta(seconds=1))
    [row] = [one for one in await polled(ledger) if one.token_id == row.token_id]
    assert row.profile == profile(BEN, "Ben")
