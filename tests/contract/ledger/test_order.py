"""What every ledger promises about who goes first and when: strict inside one holding, passed over across holdings."""

import asyncio
from datetime import timedelta

import pytest

from perkd.daemon.core import outcomes
from perkd.daemon.core.changes import HoldingKey, Outcome
from perkd.daemon.core.model import State
from perkd.daemon.ledger.commands import MOST_DOUBTS
from perkd.daemon.ledger.ledger import Ledger
from tests.ledgers import NOW, VIP, blocked, claim, claimed, draft, ends, later, opens, record, rows, run, states, told

SETTLED = (State.DELIVERED, State.REFUSED, State.ANSWERED, State.UNKNOWN)


async def test_one_holding_is_strictly_in_order(ledger: Ledger) -> None:
    await record(ledger, opens("first", "second", "third"))
    first = await claimed(ledger)
    assert (first.text, await claim(ledger)) == ("first", None)
    await ledger.commands.settle(first.id, Outcome(state=State.DELIVERED), NOW)
    second = await run(ledger, State.UNKNOWN)
    assert (second.text, await claim(ledger, later(days=1))) == ("second", None)
    await ledger.commands.close(second.id, State.DELIVERED, NOW)
    assert (await claimed(ledger)).text == "third"


async def test_what_waits_is_passed_over_by_other_holdings(ledger: Ledger) -> None:
    keys = [HoldingKey(player, "vip", "survival") for player in ("ann", "ben", "cat", "dan")]
    await record(ledger, opens("unknown", "behind it", key=keys[0]))
    await run(ledger, State.UNKNOWN)
    await record(ledger, opens(blocked("blocked"), draft("behind the block", position=1), key=keys[1]))
    await record(ledger, opens(draft("online only", online_s=0.0), key=keys[2]))
    await record(ledger, opens(draft("in a minute", after_s=60), draft("later yet", position=1), key=keys[3]))
    await record(ledger, opens("free", key=HoldingKey("eve", "vip", "survival")))
    assert (await claimed(ledger)).text == "free"
    assert await claim(ledger) is None
    assert (await claimed(ledger, online={"cat"})).text == "online only"


async def test_grants_of_a_pass_go_before_its_removals(ledger: Ledger) -> None:
    old = HoldingKey("ann", "old", "survival")
    await record(ledger, opens("give old", key=old))
    await run(ledger, State.DELIVERED)
    await record(ledger, opens("give vip"), ends("take old", key=old))
    assert [(await claimed(ledger)).text, (await claimed(ledger)).text] == ["give vip", "take old"]


@pytest.mark.parametrize("state", SETTLED)
async def test_a_removal_waits_only_while_a_grant_of_its_own_holding_is_being_sent(
    ledger: Ledger, state: State
) -> None:
    other = HoldingKey("ann", "other", "survival")
    await record(ledger, opens("give"))
    sending = await claimed(ledger)
    await record(ledger, opens("give other", key=other))
    await run(ledger, State.DELIVERED)
    await record(ledger, ends("take"), ends("take other", key=other))
    assert (await claimed(ledger)).text == "take other"
    assert await claim(ledger) is None
    await ledger.commands.settle(sending.id, Outcome(state=state), NOW)
    assert (await claimed(ledger)).text == "take"


async def test_a_retried_command_waits_while_a_later_one_of_its_holding_is_being_sent(ledger: Ledger) -> None:
    await record(ledger, opens("first", "second"))
    first = await run(ledger, State.ANSWERED)
    second = await claimed(ledger)
    await ledger.commands.retry(first.id, draft("first again"), NOW)
    assert await claim(ledger) is None
    await ledger.commands.settle(second.id, Outcome(state=State.DELIVERED), NOW)
    assert (await claimed(ledger)).text == "first again"


async def test_each_server_has_its_own_queue(ledger: Ledger) -> None:
    await record(ledger, opens("on survival"), opens("on creative", key=VIP._replace(server="creative")))
    there = await claim(ledger, server="creative")
    assert there is not None
    assert (there.text, there.server) == ("on creative", "creative")
    assert await claim(ledger, server="creative") is None
    assert await claim(ledger, server="nowhere") is None
    assert (await claimed(ledger)).text == "on survival"


async def test_many_claims_at_once_never_give_one_command_twice(ledger: Ledger) -> None:
    keys = [HoldingKey(f"player{number}", "vip", "survival") for number in range(30)]
    await record(ledger, *(opens(f"give {key.player}", key=key) for key in keys))
    answers = await asyncio.gather(*(claim(ledger) for _ in range(100)))
    ids = [answer.id for answer in answers if answer is not None]
    assert len(ids) == len(set(ids)) == 30


# --- time -------------------------------------------------------------------------------------------------------------


async def test_a_delay_counts_from_when_the_command_before_was_through(ledger: Ledger) -> None:
    await record(ledger, opens("first", draft("second", position=1, after_s=5)))
    await run(ledger, State.DELIVERED, later(minutes=10))
    assert await claim(ledger, later(minutes=10, seconds=4)) is None
    assert await ledger.commands.next_due("survival", later(minutes=10), {}) == later(minutes=10, seconds=5)
    assert (await claimed(ledger, later(minutes=10, seconds=5))).text == "second"


@pytest.mark.parametrize("said", [State.DELIVERED, State.VOID])
async def test_a_delay_counts_from_when_the_operator_closed_the_command_before(ledger: Ledger, said: State) -> None:
    await record(ledger, opens(blocked("first"), draft("second", position=1, after_s=5)), at=later(minutes=-10))
    await ledger.commands.close((await rows(ledger))[0].id, said, NOW)
    assert await claim(ledger, later(seconds=4)) is None
    assert (await claimed(ledger, later(seconds=5))).text == "second"


async def test_a_repeatable_unknown_comes_back_when_it_is_due_and_not_before(ledger: Ledger) -> None:
    await record(ledger, opens())
    sent = await run(ledger, State.UNKNOWN, due_at=later(minutes=1))
    assert await claim(ledger, later(seconds=59)) is None
    assert (await states(ledger), await ledger.commands.next_due("survival", NOW, {})) == (
        {"give": "unknown"},
        later(minutes=1),
    )
    again = await claimed(ledger, later(minutes=1))
    assert (again.id, again.attempts, again.doubts) == (sent.id, 2, 1)
    assert (await told(ledger, sent.id))[-2:] == [("unknown", "planned"), ("planned", "sending")]


async def test_a_final_unknown_never_comes_back_by_itself(ledger: Ledger) -> None:
    await record(ledger, opens())
    await run(ledger, State.UNKNOWN)
    assert (await claim(ledger, later(days=900)), await ledger.commands.next_due("survival", NOW, {})) == (None, None)
    assert await states(ledger) == {"give": "unknown"}


async def test_an_absent_player_is_waited_for_and_time_changes_nothing(ledger: Ledger) -> None:
    await record(ledger, opens())
    await run(ledger, State.PLANNED, reply="No player was found", absent=True)
    assert (await claim(ledger, later(days=30)), await ledger.commands.next_due("survival", NOW, {})) == (None, None)
    assert await claim(ledger, later(days=30), {"ben"}) is None
    [row] = await rows(ledger)
    assert (row.absent, row.state) == (True, "planned")
    seen_again = await claimed(ledger, later(days=30), {"ann"})
    assert seen_again.refusals == 0
    # The link broke before anything was sent: the sighting was not used up by that, and time still changes nothing.
    await ledger.commands.settle(seen_again.id, Outcome(state=State.PLANNED, reason="not sent", due_at=NOW), NOW)
    assert await claim(ledger, later(days=60)) is None
    assert (await claimed(ledger, later(days=60), {"ann"})).id == seen_again.id


async def test_a_refusal_that_is_tried_again_is_counted_and_other_delays_are_not(ledger: Ledger) -> None:
    await record(ledger, opens())
    await run(ledger, State.PLANNED, reason="not sent", due_at=NOW)
    await run(ledger, State.PLANNED, reply="no", due_at=later(seconds=5))
    assert await claim(ledger, later(seconds=4)) is None
    again = await claimed(ledger, later(seconds=5))
    assert (again.attempts, again.refusals, again.doubts) == (3, 1, 0)


async def test_recovering_makes_what_was_being_sent_unknown(ledger: Ledger) -> None:
    once = HoldingKey("ann", "kit", "survival", "9")
    await record(ledger, opens("give"), opens(draft("kit", repeatable=False), key=once))
    await claimed(ledger)
    await claimed(ledger)
    assert (await ledger.commands.recover(NOW), await ledger.commands.recover(NOW)) == (2, 0)
    assert await states(ledger) == {"give": "unknown", "kit": "unknown"}
    assert (await claimed(ledger, later(hours=1))).text == "give"
    assert await claim(ledger, later(days=1)) is None


async def test_a_command_that_stops_perkd_each_time_is_not_sent_for_ever(ledger: Ledger) -> None:
    assert len(outcomes.UNKNOWN_AGAIN) == MOST_DOUBTS
    await record(ledger, opens())
    now = NOW
    for _ in range(MOST_DOUBTS + 1):
        assert await claim(ledger, now) is not None
        await ledger.commands.recover(now)
        now += timedelta(hours=2)
    assert await claim(ledger, now) is None
    assert await states(ledger) == {"give": "unknown"}
