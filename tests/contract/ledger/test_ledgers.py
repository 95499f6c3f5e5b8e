"""What every ledger promises about one command: recorded once, claimed once, settled as the state table says."""

from collections.abc import Awaitable, Callable

import pytest

from perkd.daemon.core.changes import Outcome
from perkd.daemon.core.model import TRANSITIONS, State
from perkd.daemon.ledger.base import NotPossible
from perkd.daemon.ledger.ledger import Ledger
from tests.coded import raises
from tests.ledgers import NOW, blocked, claimed, draft, ends, later, opens, picture, record, rows, run, states, told

SETTLED = (State.DELIVERED, State.REFUSED, State.ANSWERED, State.UNKNOWN)


async def test_recording_twice_is_recording_once(ledger: Ledger) -> None:
    first = await record(ledger, opens("give", "greet"))
    before = await picture(ledger)
    again = await record(ledger, opens("give", "greet"))
    assert (first.planned, first.blocked, first.voided, first.servers) == (2, 0, 0, frozenset({"survival"}))
    assert (again.planned, again.blocked, again.voided, again.servers) == (0, 0, 0, frozenset())
    assert await picture(ledger) == before


async def test_recording_a_removal_twice_is_recording_it_once(ledger: Ledger) -> None:
    await record(ledger, opens())
    await run(ledger, State.DELIVERED)
    await record(ledger, ends())
    before = await picture(ledger)
    await record(ledger, ends())
    assert await picture(ledger) == before


async def test_one_place_in_a_step_has_one_command(ledger: Ledger) -> None:
    assert (await record(ledger, opens(draft("give"), draft("give in the same place")))).planned == 1
    assert await states(ledger) == {"give": "planned"}


async def test_a_command_is_planned_sent_and_delivered_each_with_its_event(ledger: Ledger) -> None:
    await record(ledger, opens("lp user ann parent add vip", item_id="77"))
    command = await claimed(ledger, later(seconds=1))
    assert (command.text, command.player, command.perk, command.item_id) == (
        "lp user ann parent add vip",
        "ann",
        "vip",
        "77",
    )
    assert (command.step, command.attempts, command.refusals, command.doubts) == ("grant", 1, 0, 0)
    sending = (await rows(ledger))[0]
    assert (sending.state, sending.sent_at, sending.settled_at) == ("sending", later(seconds=1), None)
    state = await ledger.commands.settle(command.id, Outcome(state=State.DELIVERED, reply="done"), later(seconds=2))
    row = await ledger.commands.get(command.id)
    assert state is State.DELIVERED
    assert row is not None
    assert (row.state, row.reply, row.created_at, row.settled_at) == ("delivered", "done", NOW, later(seconds=2))
    events = await ledger.reports.events(command_id=command.id)
    assert [(event.at, event.was, event.became) for event in events] == [
        (NOW, None, "planned"),
        (later(seconds=1), "planned", "sending"),
        (later(seconds=2), "sending", "delivered"),
    ]


async def test_what_a_command_carries_comes_back_as_it_was_recorded(ledger: Ledger) -> None:
    one = draft(
        "say ünï",
        values={"name": "ünï"},
        repeatable=False,
        online_s=0.0,
        strict=True,
        success="^ok",
        failure="no",
        after_s=0,
    )
    await record(ledger, opens(one))
    command = await claimed(ledger, online=("ann",))
    assert (command.text, command.values, command.success, command.failure) == ("say ünï", {"name": "ünï"}, "^ok", "no")
    assert (command.repeatable, command.online, command.strict) == (False, True, True)


# --- the state table --------------------------------------------------------------------------------------------------


async def bring(ledger: Ledger, state: State) -> int:
    """A command in that state."""
    await record(ledger, opens(blocked("give")) if state is State.BLOCKED else opens("give"))
    if state is State.SENDING:
        await claimed(ledger)
    elif state in SETTLED:
        await run(ledger, state)
    elif state is State.VOID:
        await record(ledger, ends())
    [row] = await rows(ledger)
    assert row.state == state
    return row.id


async def _retry(ledger: Ledger, command_id: int) -> None:
    await ledger.commands.retry(command_id, draft("give again"), NOW)


async def _done(ledger: Ledger, command_id: int) -> None:
    await ledger.commands.close(command_id, State.DELIVERED, NOW)


async def _skip(ledger: Ledger, command_id: int) -> None:
    await ledger.commands.close(command_id, State.VOID, NOW)


@pytest.mark.parametrize("was", State)
@pytest.mark.parametrize(("verb", "becomes"), [(_retry, State.PLANNED), (_done, State.DELIVERED), (_skip, State.VOID)])
async def test_the_operator_may_what_the_table_allows_and_nothing_else(
    ledger: Ledger, was: State, verb: Callable[[Ledger, int], Awaitable[None]], becomes: State
) -> None:
    command_id = await bring(ledger, was)
    before = await picture(ledger)
    if (was, becomes) in TRANSITIONS and was not in (State.PLANNED, State.SENDING):
        await verb(ledger, command_id)
        row = await ledger.commands.get(command_id)
        assert row is not None
        assert row.state == becomes
        assert (await told(ledger, command_id))[-1] == (was, becomes)
    else:
        with raises(NotPossible, "not_in_this_state") as raised:
            await verb(ledger, command_id)
        assert all(fact in str(raised.value) for fact in (str(command_id), was))
        assert await picture(ledger) == before


@pytest.mark.parametrize("was", State)
@pytest.mark.parametrize("becomes", State)
async def test_only_what_is_being_sent_is_settled_and_only_as_the_table_says(
    ledger: Ledger, was: State, becomes: State
) -> None:
    command_id = await bring(ledger, was)
    before = await picture(ledger)
    # Becoming void is the ledger's own decision: see the laws of the opposite change.
    if was is State.SENDING and (was, becomes) in TRANSITIONS and becomes is not State.VOID:
        assert await ledger.commands.settle(command_id, Outcome(state=becomes), NOW) is becomes
        assert (await told(ledger, command_id))[-1] == (was, becomes)
    else:
        with raises(NotPossible, "not_in_this_state"):
            await ledger.commands.settle(command_id, Outcome(state=becomes), NOW)
        assert await picture(ledger) == before


async def test_the_operator_closes_as_done_or_skipped_only(ledger: Ledger) -> None:
    command_id = await bring(ledger, State.REFUSED)
    for state in set(State) - {State.DELIVERED, State.VOID}:
        with raises(NotPossible, "not_in_this_state"):
            await ledger.commands.close(command_id, state, NOW)
    assert (await told(ledger, command_id))[-1] == ("sending", "refused")


async def test_a_command_nobody_recorded_cannot_be_changed(ledger: Ledger) -> None:
    assert await ledger.commands.get(404) is None
    with raises(NotPossible, "not_in_this_state"):
        await ledger.commands.settle(404, Outcome(state=State.DELIVERED), NOW)
    with raises(NotPossible, "no_command"):
        await ledger.commands.retry(404, draft("give"), NOW)
    with raises(NotPossible, "no_command"):
        await ledger.commands.close(404, State.VOID, NOW)
