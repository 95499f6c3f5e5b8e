"""What every ledger promises the operator: retry, done and skip in the middle of a step, and the brake."""

import pytest

from perkd.daemon.core.changes import Hold, HoldingKey, Outcome, Turn
from perkd.daemon.core.model import TRANSITIONS, Cause, State, Step
from perkd.daemon.ledger.base import NotPossible
from perkd.daemon.ledger.ledger import Ledger
from tests.coded import raises
from tests.ledgers import (
    NOW,
    VIP,
    blocked,
    brake_since,
    claim,
    claimed,
    configure,
    draft,
    ends,
    later,
    opens,
    picture,
    record,
    rows,
    run,
    server,
    states,
    told,
    turn,
)

BEN = HoldingKey("ben", "vip", "survival")
CAT = HoldingKey("cat", "vip", "survival")


# --- a refusal in the middle of a step --------------------------------------------------------------------------------


async def test_a_refusal_blocks_what_comes_after_it_in_its_step_only(ledger: Ledger) -> None:
    await record(ledger, opens("one", "two", "three", "four"), opens("ben", key=BEN))
    await run(ledger, State.DELIVERED)
    two = await run(ledger, State.REFUSED, reply="no")
    assert await states(ledger) == {
        "one": "delivered",
        "two": "refused",
        "three": "blocked",
        "four": "blocked",
        "ben": "planned",
    }
    three = (await rows(ledger))[2]
    assert three.hold == Hold.STEP
    assert f"command {two.id}" in (three.reason or "")
    assert await told(ledger, three.id) == [(None, "planned"), ("planned", "blocked")]


@pytest.mark.parametrize(("strict", "after"), [(True, "blocked"), (False, "planned")])
async def test_an_unrecognised_reply_blocks_the_rest_only_where_the_perk_is_strict(
    ledger: Ledger, strict: bool, after: str
) -> None:
    await record(ledger, opens("one", "two", strict=strict))
    await run(ledger, State.ANSWERED, reply="hm")
    assert await states(ledger) == {"one": "answered", "two": after}


async def test_a_retry_is_a_new_generation_with_todays_text_and_what_waited_behind_it_follows(ledger: Ledger) -> None:
    await record(ledger, opens("one", "two", draft("three", position=2, after_s=5)))
    await run(ledger, State.DELIVERED)
    two = await run(ledger, State.REFUSED, reply="no")
    [before] = [row for row in await rows(ledger) if row.id == two.id]
    better = draft("two!", position=1, values={"name": "ann"}, success="ok", failure="no", strict=True, online_s=0.0)
    assert await ledger.commands.retry(two.id, better, later(minutes=1)) == "survival"
    row = await ledger.commands.get(two.id)
    assert row is not None
    assert (row.text, row.state, row.due_at, row.settled_at) == ("two!", "planned", later(minutes=1), None)
    assert row.generation > before.generation
    assert await claim(ledger, later(minutes=2)) is None  # today's config says: only while he is online
    again = await claimed(ledger, later(minutes=2), {"ann"})
    assert (again.text, again.values, again.refusals, again.attempts) == ("two!", {"name": "ann"}, 0, 2)
    assert (again.success, again.failure, again.strict) == ("ok", "no", True)
    await ledger.commands.settle(again.id, Outcome(state=State.DELIVERED), later(minutes=3))
    assert await claim(ledger, later(minutes=3, seconds=4)) is None
    assert (await claimed(ledger, later(minutes=3, seconds=5))).text == "three"


async def test_a_retry_refused_again_blocks_the_rest_again(ledger: Ledger) -> None:
    await record(ledger, opens("one", "two"))
    one = await run(ledger, State.REFUSED)
    await ledger.commands.retry(one.id, draft("one!"), NOW)
    await run(ledger, State.REFUSED)
    assert await states(ledger) == {"one!": "refused", "two": "blocked"}


@pytest.mark.parametrize("said", [State.DELIVERED, State.VOID])
async def test_closing_a_refused_command_frees_what_waited_behind_it(ledger: Ledger, said: State) -> None:
    await record(ledger, opens("one", "two"))
    one = await run(ledger, State.REFUSED)
    assert await ledger.commands.close(one.id, said, later(minutes=1)) == "survival"
    row = await ledger.commands.get(one.id)
    assert row is not None
    assert (row.state, row.settled_at) == (said, later(minutes=1))
    assert (await claimed(ledger, later(minutes=1))).text == "two"


async def test_skipping_one_that_waits_frees_nothing_behind_it(ledger: Ledger) -> None:
    await record(ledger, opens("one", "two", "three"))
    await run(ledger, State.REFUSED)
    two = (await rows(ledger))[1]
    await ledger.commands.close(two.id, State.VOID, NOW)
    assert await states(ledger) == {"one": "refused", "two": "void", "three": "blocked"}


async def test_a_retry_that_would_be_blocked_again_changes_nothing(ledger: Ledger) -> None:
    await record(ledger, opens("one", "two"))
    one = await run(ledger, State.REFUSED)
    before = await picture(ledger)
    with raises(NotPossible, "blocked_again") as raised:
        await ledger.commands.retry(one.id, blocked("one {uuid}"), NOW)
    assert "blocked for the test" in str(raised.value)
    assert await picture(ledger) == before


async def test_a_retried_grant_is_taken_back_with_the_rest_of_its_step(ledger: Ledger) -> None:
    await record(ledger, opens("one", "two"))
    one = await run(ledger, State.UNKNOWN)
    await ledger.commands.retry(one.id, draft("one!"), later(minutes=1))
    await run(ledger, State.DELIVERED, later(minutes=1))
    await record(ledger, ends("take"), at=later(minutes=2))
    assert await states(ledger) == {"one!": "delivered", "two": "void", "take": "planned"}


async def test_a_skipped_blocked_command_lets_its_step_go_on(ledger: Ledger) -> None:
    await record(ledger, opens(blocked("one"), draft("two", position=1)))
    assert await claim(ledger, later(days=1)) is None
    await ledger.commands.close((await rows(ledger))[0].id, State.VOID, NOW)
    assert (await claimed(ledger)).text == "two"


# --- the brake --------------------------------------------------------------------------------------------------------


async def granted(ledger: Ledger, *keys: HoldingKey) -> None:
    for key in keys:
        await record(ledger, opens(f"give {key.player}", key=key))
        await run(ledger, State.DELIVERED)


async def test_the_brake_blocks_unsent_removals_by_revocation_and_absence_and_nothing_else(ledger: Ledger) -> None:
    keys = {cause: HoldingKey(cause.value, "vip", "survival") for cause in Cause if cause is not Cause.GRANT}
    await granted(ledger, *keys.values())
    for cause, key in keys.items():
        await record(ledger, ends(f"take {cause}", key=key, cause=cause))
    await record(ledger, opens("give ann"))
    assert await brake_since(ledger) is None
    recorded = await record(ledger, at=later(minutes=1), braked="12 of 20")
    assert recorded.blocked == 2
    found = {text: state for text, state in (await states(ledger)).items() if state != "delivered"}
    assert found == {
        "take stated": "blocked",
        "take absent": "blocked",
        "take foretold": "planned",
        "take operator": "planned",
        "take identity": "planned",
        "take moved": "planned",
        "give ann": "planned",
    }
    stopped = [row for row in await rows(ledger) if row.hold == Hold.BRAKE]
    assert len(stopped) == 2
    assert all("12 of 20" in (row.reason or "") for row in stopped)
    assert await brake_since(ledger) == later(minutes=1)


async def test_releasing_the_brake_plans_what_it_blocked(ledger: Ledger) -> None:
    await granted(ledger, VIP, BEN)
    await record(ledger, ends("take", key=VIP))
    recorded = await record(ledger, ends(blocked("take ben", Step.REVOKE, 0, Hold.BRAKE), key=BEN), braked="many")
    assert recorded.blocked == 2
    assert await claim(ledger, later(hours=1)) is None
    assert (await ledger.commands.release_brake(later(hours=2)), await brake_since(ledger)) == (2, None)
    taken = [(await claimed(ledger, later(hours=2))).text for _ in range(2)]
    assert taken == ["take", "take ben"]
    assert await ledger.commands.release_brake(later(hours=3)) == 0


async def test_the_brake_also_stops_a_removal_that_was_claimed_but_never_left(ledger: Ledger) -> None:
    await granted(ledger, VIP)
    await record(ledger, ends("take"))
    await run(ledger, State.PLANNED, reason="not sent", due_at=later(seconds=1))
    await record(ledger, braked="many", at=later(seconds=2))
    assert (await states(ledger))["take"] == "blocked"


async def test_a_removal_being_sent_is_not_stopped_but_is_not_tried_again_under_the_brake_either(
    ledger: Ledger,
) -> None:
    await granted(ledger, VIP)
    await record(ledger, ends("take", "farewell"))
    take = await claimed(ledger)
    await record(ledger, braked="many")
    assert await states(ledger) == {"give ann": "delivered", "take": "sending", "farewell": "blocked"}
    await ledger.commands.settle(take.id, Outcome(state=State.DELIVERED), NOW)
    assert await claim(ledger, later(hours=1)) is None


async def test_the_same_brake_recorded_twice_is_one_brake(ledger: Ledger) -> None:
    await record(ledger, braked="many")
    await record(ledger, braked="many more", at=later(minutes=1))
    assert await brake_since(ledger) == NOW
    brake = (await ledger.reports.summary()).brake
    assert (brake.on_at, brake.reason) == (NOW, "many")
    await ledger.commands.release_brake(later(minutes=2))
    assert await brake_since(ledger) is None
    await record(ledger, braked="again", at=later(minutes=3))
    assert await brake_since(ledger) == later(minutes=3)


async def test_an_opposite_change_voids_a_braked_removal_and_the_grant_stays(ledger: Ledger) -> None:
    await granted(ledger, VIP)
    await record(ledger, ends("take"), braked="many")
    await record(ledger, opens("give anew"), at=later(minutes=1))
    assert await states(ledger) == {"give ann": "delivered", "take": "void"}
    assert await ledger.commands.release_brake(later(minutes=2)) == 0


async def test_what_another_reason_lets_go_the_brake_still_holds(ledger: Ledger) -> None:
    await configure(ledger, [server()], [], NOW, adopt=True)
    await granted(ledger, VIP, BEN)
    await record(ledger, ends("take"))
    await record(ledger, ends("take ben", "farewell ben", key=BEN))
    first = await claimed(ledger)
    second = await claimed(ledger)
    await ledger.commands.settle(first.id, Outcome(state=State.PLANNED, due_at=NOW), NOW)
    await ledger.commands.settle(second.id, Outcome(state=State.REFUSED), NOW)
    await configure(ledger, [], [], NOW, adopt=True)
    await record(ledger, braked="many")
    await configure(ledger, [server()], [], NOW, adopt=True)
    await ledger.commands.close(second.id, State.DELIVERED, NOW)
    waiting = {row.text: row.hold for row in await rows(ledger) if row.state == State.BLOCKED}
    assert waiting == {"take": Hold.BRAKE, "farewell ben": Hold.BRAKE}


# --- the whole table --------------------------------------------------------------------------------------------------


async def test_every_transition_of_the_table_happens_and_no_other(ledger: Ledger) -> None:
    number = 0

    async def grant(*, held_up: bool = False) -> int:
        """A new holding with one grant."""
        nonlocal number
        number += 1
        key = HoldingKey(f"player{number}", "vip", "survival")
        one = blocked("give", values={"n": str(number)}) if held_up else draft("give", values={"n": str(number)})
        await record(ledger, opens(one, key=key))
        return (await rows(ledger))[-1].id

    async def end() -> None:
        await record(ledger, ends(key=HoldingKey(f"player{number}", "vip", "survival")))

    for state in (State.UNKNOWN, State.REFUSED, State.ANSWERED, State.BLOCKED):
        for verb in (State.PLANNED, State.DELIVERED, State.VOID):
            command_id = await grant(held_up=state is State.BLOCKED)
            if state is not State.BLOCKED:
                await run(ledger, state)
            if verb is State.PLANNED:
                await ledger.commands.retry(command_id, draft("again"), NOW)
                await run(ledger, State.DELIVERED)
            else:
                await ledger.commands.close(command_id, verb, NOW)
    await grant()
    await run(ledger, State.PLANNED, due_at=NOW)  # sending → planned
    await end()  # planned → void
    await grant()
    sending = await claimed(ledger)
    await end()
    assert await ledger.commands.settle(sending.id, Outcome(state=State.PLANNED, due_at=NOW), NOW) is State.VOID
    await record(ledger, braked="many")  # planned → blocked: the removal just planned
    moves = {move for row in await rows(ledger) for move in await told(ledger, row.id)}
    assert {(State(was) if was else None, State(became or "")) for was, became in moves} == TRANSITIONS


# --- what a retry is made of ------------------------------------------------------------------------------------------


async def test_a_command_remembers_its_line_its_step_and_whom_it_was_for(ledger: Ledger) -> None:
    old = {"name": "ann"}
    one = draft("take ann", Step.REVOKE, 0, source="take {name}", identity=old)
    two = draft("say ann", Step.REVOKE, 1, source="say {name}", identity=old)
    await record(ledger, opens("give"))
    await run(ledger, State.DELIVERED)
    regrant = turn(Turn.REGRANT, revoke=[one, two], grant=["give anna"], values={"name": "anna"})
    await record(ledger, regrant)
    take = next(row for row in await rows(ledger) if row.text == "take ann")
    assert (take.source, take.identity, take.step_size) == ("take {name}", old, 2)
    refused = await run(ledger, State.REFUSED)
    await ledger.commands.retry(refused.id, draft("take! ann", Step.REVOKE, source="take! {name}", identity=old), NOW)
    row = await ledger.commands.get(refused.id)
    assert row is not None
    assert (row.source, row.identity, row.step_size) == ("take! {name}", old, 2)
