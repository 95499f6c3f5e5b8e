"""What every ledger makes of the opposite change: law 8 in all its cases, new identities, and perkd's own clocks."""

import pytest

from perkd.daemon.core.changes import Hold, Holding, Outcome, PlannedChange, Turn
from perkd.daemon.core.model import Cause, State, Step
from perkd.daemon.ledger.base import NotPossible
from perkd.daemon.ledger.ledger import Ledger
from tests.coded import raises
from tests.ledgers import (
    ANN,
    blocked,
    claim,
    claimed,
    draft,
    ends,
    known,
    later,
    opens,
    record,
    rows,
    run,
    states,
    told,
    turn,
)


async def held(ledger: Ledger) -> Holding:
    [holding] = (await known(ledger, ANN, "ann")).holdings
    return holding


# --- the end of a grant -----------------------------------------------------------------------------------------------


async def test_a_grant_nobody_sent_is_voided_and_nothing_is_taken_away(ledger: Ledger) -> None:
    await record(ledger, opens("give", blocked("greet", position=1)))
    recorded = await record(ledger, ends("take"), at=later(seconds=1))
    assert (recorded.planned, recorded.voided, recorded.servers) == (0, 2, frozenset())
    assert await states(ledger) == {"give": "void", "greet": "void"}
    give, greet = await rows(ledger)
    assert await told(ledger, give.id) == [(None, "planned"), ("planned", "void")]
    assert await told(ledger, greet.id) == [(None, "blocked"), ("blocked", "void")]
    assert (await held(ledger)).state == "ended"


@pytest.mark.parametrize("state", [State.SENDING, State.DELIVERED, State.ANSWERED, State.UNKNOWN])
async def test_a_grant_that_may_have_reached_the_game_is_taken_back_whole(ledger: Ledger, state: State) -> None:
    await record(ledger, opens("give", "greet"))
    first = await claimed(ledger)
    if state is not State.SENDING:
        await ledger.commands.settle(first.id, Outcome(state=state), later(seconds=1))
    recorded = await record(ledger, ends("take", "farewell"))
    assert (recorded.planned, recorded.voided, recorded.servers) == (2, 1, frozenset({"survival"}))
    assert await states(ledger) == {"give": state, "greet": "void", "take": "planned", "farewell": "planned"}


async def test_a_refused_grant_alone_is_not_taken_back(ledger: Ledger) -> None:
    await record(ledger, opens("give", "greet"))
    await run(ledger, State.REFUSED, reply="no")
    assert (await record(ledger, ends("take"))).planned == 0
    assert await states(ledger) == {"give": "refused", "greet": "void"}


async def test_a_grant_with_one_command_through_and_one_refused_is_taken_back(ledger: Ledger) -> None:
    await record(ledger, opens("give", "greet"))
    await run(ledger, State.DELIVERED)
    await run(ledger, State.REFUSED)
    assert (await record(ledger, ends("take"))).planned == 1


async def test_what_would_be_tried_again_is_void_when_the_opposite_change_came(ledger: Ledger) -> None:
    await record(ledger, opens("give"))
    command = await claimed(ledger)
    await record(ledger, ends("take"))
    again = Outcome(state=State.PLANNED, reason="not sent", due_at=later(seconds=1))
    assert await ledger.commands.settle(command.id, again, later(seconds=1)) is State.VOID
    assert (await told(ledger, command.id))[-1] == ("sending", "void")
    assert (await claimed(ledger, later(hours=1))).text == "take"


async def test_a_superseded_unknown_is_never_planned_again_by_itself(ledger: Ledger) -> None:
    await record(ledger, opens("give"))
    await run(ledger, State.UNKNOWN, due_at=later(minutes=1))
    await record(ledger, ends("take"))
    assert await ledger.commands.next_due("survival", later(seconds=1), {}) is None
    await run(ledger, State.DELIVERED, later(hours=1))
    assert await claim(ledger, later(days=1)) is None
    assert await states(ledger) == {"give": "unknown", "take": "delivered"}


async def test_the_operator_cannot_retry_what_is_not_wanted_any_more_but_can_close_it(ledger: Ledger) -> None:
    await record(ledger, opens("give"))
    give = await run(ledger, State.UNKNOWN)
    await record(ledger, ends("take"))
    with raises(NotPossible, "step_is_over"):
        await ledger.commands.retry(give.id, draft("give again"), later(minutes=1))
    await ledger.commands.close(give.id, State.DELIVERED, later(minutes=1))
    assert await states(ledger) == {"give": "delivered", "take": "planned"}


# --- the end of a removal ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hold", [None, Hold.ABSENT, Hold.BRAKE])
async def test_a_removal_voided_before_it_was_sent_leaves_the_grant_in_place(ledger: Ledger, hold: Hold | None) -> None:
    await record(ledger, opens("give"))
    give = await run(ledger, State.DELIVERED)
    await record(ledger, ends(blocked("take", Step.REVOKE, 0, hold) if hold else "take"))
    recorded = await record(ledger, opens("give anew"), at=later(minutes=1))
    assert (recorded.planned, recorded.voided) == (0, 1)
    assert await states(ledger) == {"give": "delivered", "take": "void"}
    row = await ledger.commands.get(give.id)
    assert row is not None
    assert not row.superseded
    assert ((await held(ledger)).state, (await held(ledger)).touched) == ("held", True)
    assert (await record(ledger, ends("take again"))).planned == 1


async def test_a_removal_the_game_refused_leaves_the_grant_in_place(ledger: Ledger) -> None:
    await record(ledger, opens("give"))
    await run(ledger, State.DELIVERED)
    await record(ledger, ends("take"))
    await run(ledger, State.REFUSED)
    assert (await record(ledger, opens("give anew"), at=later(minutes=1))).planned == 0
    assert (await held(ledger)).state == "held"


async def test_a_removal_the_operator_skipped_leaves_the_grant_in_place(ledger: Ledger) -> None:
    await record(ledger, opens("give"))
    await run(ledger, State.DELIVERED)
    await record(ledger, ends(blocked("take", Step.REVOKE, 0, Hold.ABSENT)))
    await ledger.commands.close((await rows(ledger))[-1].id, State.VOID, later(minutes=1))
    assert (await record(ledger, opens("give anew"), at=later(minutes=2))).planned == 0


@pytest.mark.parametrize("state", [State.SENDING, State.DELIVERED, State.ANSWERED, State.UNKNOWN])
async def test_after_a_removal_that_may_have_reached_the_game_the_grant_is_a_new_generation(
    ledger: Ledger, state: State
) -> None:
    await record(ledger, opens("give"))
    give = await run(ledger, State.DELIVERED)
    await record(ledger, ends("take", "farewell"))
    take = await claimed(ledger)
    if state is not State.SENDING:
        await ledger.commands.settle(take.id, Outcome(state=state), later(seconds=1))
    recorded = await record(ledger, opens("give anew"), at=later(minutes=1))
    assert (recorded.planned, recorded.voided) == (1, 1)
    anew = (await rows(ledger))[-1]
    old = await ledger.commands.get(give.id)
    assert old is not None
    assert (anew.text, anew.step, anew.generation > old.generation) == ("give anew", "grant", True)
    if state is State.SENDING:
        assert await claim(ledger, later(hours=1)) is None
        await ledger.commands.settle(take.id, Outcome(state=State.DELIVERED), later(hours=1))
    assert (await claimed(ledger, later(hours=1))).text == "give anew"


async def test_a_grant_that_was_only_half_sent_is_given_whole_again(ledger: Ledger) -> None:
    await record(ledger, opens("give", "greet"))
    await run(ledger, State.DELIVERED)
    await record(ledger, ends("take"))
    assert (await record(ledger, opens("give anew", "greet anew"), at=later(minutes=1))).planned == 2
    assert [(await run(ledger, State.DELIVERED, later(minutes=1))).text for _ in range(2)] == [
        "give anew",
        "greet anew",
    ]


async def test_a_grant_refused_after_its_removal_was_planned_is_tried_anew_when_it_is_wanted_again(
    ledger: Ledger,
) -> None:
    await record(ledger, opens("give"))
    give = await claimed(ledger)
    await record(ledger, ends("take"))
    await ledger.commands.settle(give.id, Outcome(state=State.REFUSED), later(seconds=1))
    await record(ledger, opens("give anew"), at=later(minutes=1))
    assert await states(ledger) == {"give": "refused", "take": "void", "give anew": "planned"}


async def test_a_perk_without_commands_to_take_it_back_is_given_again(ledger: Ledger) -> None:
    await record(ledger, opens("give for 30 days"))
    await run(ledger, State.DELIVERED)
    await record(ledger, turn(Turn.END))
    assert (await record(ledger, opens("give for 30 days more"), at=later(days=31))).planned == 1


async def test_an_unknown_grant_goes_on_when_its_removal_was_voided(ledger: Ledger) -> None:
    await record(ledger, opens("give"))
    give = await claimed(ledger)
    await record(ledger, ends("take"))
    await ledger.commands.settle(give.id, Outcome(state=State.UNKNOWN, due_at=later(minutes=1)), later(seconds=1))
    assert (await record(ledger, opens("give anew"))).planned == 0
    assert (await claimed(ledger, later(minutes=1))).id == give.id


async def test_many_turns_before_anything_is_sent_leave_nothing_to_send(ledger: Ledger) -> None:
    for minute in range(5):
        await record(ledger, opens(f"give {minute}"), at=later(minutes=minute))
        await record(ledger, ends(f"take {minute}"), at=later(minutes=minute, seconds=1))
    assert await claim(ledger, later(days=1)) is None
    assert set((await states(ledger)).values()) == {"void"}


# --- another name -----------------------------------------------------------------------------------------------------


def renamed(name: str) -> PlannedChange:
    return turn(
        Turn.REGRANT, cause=Cause.IDENTITY, grant=(f"give {name}",), revoke=("take old",), values={"name": name}
    )


async def test_another_name_takes_from_the_old_one_first_and_gives_to_the_new(ledger: Ledger) -> None:
    await record(ledger, opens("give old"))
    await run(ledger, State.DELIVERED)
    assert (await record(ledger, renamed("Annie"), at=later(minutes=1))).planned == 2
    assert (await record(ledger, renamed("Annie"), at=later(minutes=2))).planned == 0
    assert (await held(ledger)).values == {"name": "Annie"}
    assert (await claimed(ledger, later(minutes=2))).text == "take old"
    assert await claim(ledger, later(minutes=2)) is None


async def test_another_name_before_the_grant_was_sent_takes_nothing_away(ledger: Ledger) -> None:
    await record(ledger, opens("give old"))
    await record(ledger, renamed("Annie"), at=later(minutes=1))
    assert await states(ledger) == {"give old": "void", "give Annie": "planned"}


async def test_what_the_old_name_holds_is_taken_away_whatever_becomes_of_the_new_one(ledger: Ledger) -> None:
    await record(ledger, opens("give old"))
    await run(ledger, State.DELIVERED)
    await record(ledger, renamed("new"))
    await record(ledger, ends("take new"))
    await record(ledger, opens("give newer"), at=later(minutes=1))
    assert await states(ledger) == {
        "give old": "delivered",
        "take old": "planned",
        "give new": "void",
        "give newer": "planned",
    }
    take = await claimed(ledger)
    assert take.text == "take old"
    back = Outcome(state=State.PLANNED, reason="not sent", due_at=later(hours=2))
    assert await ledger.commands.settle(take.id, back, later(minutes=1)) is State.PLANNED
    assert await claim(ledger, later(hours=1)) is None  # or the removal would undo the grant
    assert (await claimed(ledger, later(hours=2))).text == "take old"
