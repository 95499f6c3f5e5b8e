"""What every ledger promises about the store's command queues: one command for each attempt, whatever comes again."""

from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from perkd.daemon.config.names import NAME
from perkd.daemon.core.changes import Hold, Origin, Outcome
from perkd.daemon.core.model import State
from perkd.daemon.core.queue_lines import LEFT_ALONE, Decided, StoreCommand
from perkd.daemon.ledger.base import NotPossible
from perkd.daemon.ledger.ledger import Ledger
from perkd.daemon.ledger.rows import STORE_COMMAND, HandedOut
from tests.coded import raises
from tests.ledgers import (
    ANN,
    NOW,
    VIP,
    claim,
    claimed,
    configure,
    draft,
    known,
    known_item,
    later,
    opens,
    perk,
    record,
    rows,
    run,
    seen,
    server,
    states,
    support,
)

FOR_PERKD = Decided(attempt_id="901")


def command(attempt_id: str = "902", text: str = "say hi", player: str = "ann", **facts: object) -> Decided:
    plain: dict[str, object] = {"customer_id": ANN, "online_only": False, "problem": None}
    if "problem" in facts:
        plain["hold"] = Hold.LINE
    return Decided(attempt_id=attempt_id, command=StoreCommand(text=text, player=player, **(plain | facts)))  # type: ignore[arg-type]


async def hand_out(ledger: Ledger, *decided: Decided, at: datetime = NOW, on: str = "survival") -> HandedOut:
    return await ledger.queue.hand_out(on, decided, at)


# --- lines for perkd --------------------------------------------------------------------------------------------------


async def test_a_line_for_perkd_is_owed_until_the_store_was_told(ledger: Ledger) -> None:
    assert await hand_out(ledger, FOR_PERKD) == HandedOut(("901",), 0, 0)
    assert await ledger.queue.owed("survival") == ["901"]
    assert await ledger.queue.owed("lobby") == []
    await ledger.queue.acknowledged(["901"], NOW)
    assert await ledger.queue.owed("survival") == []
    assert await rows(ledger) == []


async def test_a_line_that_comes_again_after_it_was_acknowledged_is_owed_again_and_nothing_is_new(
    ledger: Ledger,
) -> None:
    await hand_out(ledger, FOR_PERKD, FOR_PERKD)
    await ledger.queue.acknowledged(["901"], NOW)
    assert await hand_out(ledger, FOR_PERKD) == HandedOut()
    assert await ledger.queue.owed("survival") == ["901"]


async def test_a_queue_that_moved_to_another_server_of_the_config_is_acknowledged_there(ledger: Ledger) -> None:
    await hand_out(ledger, FOR_PERKD)
    assert await hand_out(ledger, FOR_PERKD, on="main") == HandedOut()
    assert (await ledger.queue.owed("survival"), await ledger.queue.owed("main")) == ([], ["901"])


# --- lines of the store as commands -----------------------------------------------------------------------------------


async def test_a_line_of_the_store_becomes_a_command_that_is_sent_as_it_is(ledger: Ledger) -> None:
    assert await hand_out(ledger, command(text="say {name} %s")) == HandedOut((), 1, 0)
    sent = await claimed(ledger)
    assert (sent.text, sent.values, sent.repeatable, sent.online, sent.perk) == (
        "say {name} %s",
        {},
        False,
        False,
        "",
    )
    assert sent.origin is Origin.STORE
    [row] = await rows(ledger)
    assert (row.customer_id, row.item_id, row.key_item, row.step) == (ANN, "", "902", "grant")
    assert next(iter(await ledger.reports.events(command_id=row.id))).detail == "attempt 902"


async def test_a_line_whose_customer_nobody_knows_names_none(ledger: Ledger) -> None:
    await hand_out(ledger, command(customer_id=None))
    [row] = await rows(ledger)
    assert row.customer_id == ""


@pytest.mark.parametrize(
    ("state", "owed"),
    [
        (State.DELIVERED, True),
        (State.ANSWERED, True),
        (State.REFUSED, False),
        (State.UNKNOWN, False),
        (State.PLANNED, False),
    ],
)
async def test_the_store_is_owed_a_word_only_when_the_command_is_through(
    ledger: Ledger, state: State, owed: bool
) -> None:
    await hand_out(ledger, command())
    assert await ledger.queue.owed("survival") == []
    sent = await claimed(ledger)
    assert await ledger.queue.owed("survival") == []
    due_at = later(minutes=1) if state is State.PLANNED else None
    await ledger.commands.settle(sent.id, Outcome(state=state, reply="words", due_at=due_at), NOW)
    assert await ledger.queue.owed("survival") == (["902"] if owed else [])


@pytest.mark.parametrize("decision", [State.DELIVERED, State.VOID])
@pytest.mark.parametrize("state", [State.REFUSED, State.UNKNOWN, State.ANSWERED])
async def test_done_and_skip_are_acknowledged_because_the_operator_decided(
    ledger: Ledger, state: State, decision: State
) -> None:
    await hand_out(ledger, command())
    sent = await run(ledger, state, reply="words")
    await ledger.commands.close(sent.id, decision, NOW)
    assert await ledger.queue.owed("survival") == ["902"]


async def test_a_line_that_waits_can_be_skipped_because_nothing_else_ever_ends_it(ledger: Ledger) -> None:
    await hand_out(ledger, command(online_only=True))
    [waits] = await rows(ledger)
    with raises(NotPossible, "not_in_this_state"):
        await ledger.commands.close(waits.id, State.DELIVERED, NOW)
    await ledger.commands.close(waits.id, State.VOID, NOW)
    assert await claim(ledger, online={"ann"}) is None
    assert await ledger.queue.owed("survival") == ["902"]


async def test_a_command_of_a_perk_that_waits_cannot_be_skipped(ledger: Ledger) -> None:
    await record(ledger, opens())
    [waits] = await rows(ledger)
    with raises(NotPossible, "not_in_this_state"):
        await ledger.commands.close(waits.id, State.VOID, NOW)
    assert (await claimed(ledger)).id == waits.id


async def test_a_line_that_cannot_be_sent_is_blocked_with_the_reason_and_not_owed(ledger: Ledger) -> None:
    assert await hand_out(ledger, command(text="a\nb", problem="a line break")) == HandedOut((), 0, 1)
    assert await claim(ledger) is None
    [row] = await rows(ledger)
    assert (row.state, row.hold, row.reason, row.text) == ("blocked", "line", "a line break", "a\nb")
    assert (await known(ledger)).incomplete is False
    await ledger.commands.close(row.id, State.VOID, NOW)
    assert await ledger.queue.owed("survival") == ["902"]


async def test_a_line_that_can_be_sent_after_all_is_sent_as_it_is_now_and_once(ledger: Ledger) -> None:
    await hand_out(ledger, command(text="", player="", customer_id=None, problem="nobody"))
    good = command(text="say hi", player="ann", online_only=True)
    assert await hand_out(ledger, good) == HandedOut(again=1)
    [row] = await rows(ledger)
    assert (row.state, row.hold, row.player, row.customer_id) == ("planned", None, "ann", ANN)
    assert "survival" in (row.reason or "")
    assert await hand_out(ledger, good, command(text="say more")) == HandedOut()
    sent = await claimed(ledger, online=["ann"])
    await ledger.commands.settle(sent.id, Outcome(state=State.DELIVERED), NOW)
    assert (sent.text, sent.player) == ("say hi", "ann")
    assert await hand_out(ledger, command(text="say more")) == HandedOut()
    assert await states(ledger) == {"say hi": "delivered"}


async def test_a_line_still_blocked_for_what_it_is_says_what_it_was_blocked_for_first(ledger: Ledger) -> None:
    await hand_out(ledger, command(problem="a line break"))
    assert await hand_out(ledger, command(problem="too long")) == HandedOut()
    assert [row.reason for row in await rows(ledger)] == ["a line break"]
    await hand_out(ledger, command(problem="from before", hold=Hold.BACKLOG))
    assert [(row.hold, row.reason) for row in await rows(ledger)] == [("backlog", "from before")]


async def test_a_line_from_before_waits_for_the_operator_however_often_it_comes(ledger: Ledger) -> None:
    await hand_out(ledger, command(problem="from before", hold=Hold.BACKLOG))
    assert await hand_out(ledger, command()) == HandedOut()
    assert await claim(ledger) is None
    [row] = await rows(ledger)
    await ledger.commands.retry(row.id, draft("say hi", repeatable=False, source="say hi"), NOW)
    await run(ledger, State.DELIVERED)
    assert await ledger.queue.owed("survival") == ["902"]


async def test_the_time_from_which_lines_are_run_stays_until_they_are_not(ledger: Ledger) -> None:
    assert await ledger.queue.lines_run_since("a queue", NOW, runs=True) == NOW
    assert await ledger.queue.lines_run_since("a queue", later(days=1), runs=True) == NOW
    assert await ledger.queue.lines_run_since("another", later(days=1), runs=True) == later(days=1)
    assert await ledger.queue.lines_run_since("a queue", later(days=2), runs=False) is None
    assert await ledger.queue.lines_run_since("a queue", later(days=3), runs=True) == later(days=3)


async def test_whatever_comes_again_is_sent_once(ledger: Ledger) -> None:
    await hand_out(ledger, command(), command())
    await hand_out(ledger, command(text="say something else"))
    await run(ledger, State.DELIVERED)
    await hand_out(ledger, command())
    await ledger.queue.acknowledged(await ledger.queue.owed("survival"), NOW)
    assert await hand_out(ledger, command(), at=later(days=1)) == HandedOut()
    assert await ledger.queue.owed("survival") == ["902"]
    assert await claim(ledger, later(days=2)) is None
    assert await states(ledger) == {"say hi": "delivered"}


async def test_what_was_cut_off_by_a_stop_is_unknown_and_not_repeated(ledger: Ledger) -> None:
    await hand_out(ledger, command())
    await claimed(ledger)
    await ledger.commands.recover(NOW)
    await hand_out(ledger, command())
    assert await claim(ledger, later(days=2)) is None
    assert await states(ledger) == {"say hi": "unknown"}
    assert await ledger.queue.owed("survival") == []


async def test_retry_sends_the_same_text_as_a_new_generation(ledger: Ledger) -> None:
    await hand_out(ledger, command())
    sent = await run(ledger, State.REFUSED, reply="no")
    again = draft("say hi", repeatable=False, source="say hi")
    assert await ledger.commands.retry(sent.id, again, NOW) == "survival"
    sent = await run(ledger, State.DELIVERED)
    [row] = await rows(ledger)
    assert (sent.text, row.generation, row.attempts) == ("say hi", 2, 2)
    assert await ledger.queue.owed("survival") == ["902"]
    with pytest.raises(NotPossible):
        await ledger.commands.retry(sent.id, again, NOW)


async def test_a_line_that_waits_for_its_player_is_claimed_only_while_he_is_there(ledger: Ledger) -> None:
    await hand_out(ledger, command(online_only=True))
    assert await claim(ledger) is None
    assert await claim(ledger, online=["ben"]) is None
    [row] = await rows(ledger)
    assert row.online_s == 0.0
    assert "survival" in (row.reason or "")
    assert (await claimed(ledger, online=["ann"])).online


async def test_a_line_for_a_server_that_left_the_config_waits_until_it_is_back(ledger: Ledger) -> None:
    await configure(ledger, [server(runs=True)], [], NOW, adopt=True)
    await hand_out(ledger, command())
    await configure(ledger, [], [], NOW, adopt=True)
    assert await states(ledger) == {"say hi": "blocked"}
    await hand_out(ledger, command("903", "say too late"))
    assert await states(ledger) == {"say hi": "blocked", "say too late": "blocked"}
    await configure(ledger, [server(runs=True)], [], NOW, adopt=True)
    assert await states(ledger) == {"say hi": "planned", "say too late": "planned"}


async def test_when_perkd_is_told_to_leave_lines_alone_what_waits_is_held_for_the_operator(ledger: Ledger) -> None:
    await configure(ledger, [server(runs=True), server("lobby", runs=True)], [], NOW, adopt=True)
    await hand_out(ledger, command())
    await hand_out(ledger, command("903", "say ho"), on="lobby")
    await hand_out(ledger, command("904", "say away"))
    await run(ledger, State.REFUSED, reply="no")
    for survival in (server(), server(runs=True)):  # and it stays his decision
        await configure(ledger, [survival, server("lobby", runs=True)], [], NOW, adopt=True)
        assert await hand_out(ledger, command("904", "say away")) == HandedOut()
        assert await states(ledger) == {"say hi": "refused", "say ho": "planned", "say away": "blocked"}
        assert await claim(ledger) is None
    [held] = [row for row in await rows(ledger) if row.state == "blocked"]
    assert (held.hold, held.reason) == ("backlog", LEFT_ALONE)
    await ledger.commands.close(held.id, State.VOID, NOW)
    assert await ledger.queue.owed("survival") == ["904"]


async def test_a_line_the_operator_sends_all_the_same_is_not_held_again_at_a_reload(ledger: Ledger) -> None:
    await configure(ledger, [server(runs=True)], [], NOW, adopt=True)
    await hand_out(ledger, command(online_only=True))
    await configure(ledger, [server()], [], NOW, adopt=True)
    [held] = await rows(ledger)
    await ledger.commands.retry(held.id, draft("say hi", repeatable=False, source="say hi", online_s=0.0), NOW)
    await configure(ledger, [server()], [], NOW, adopt=True)
    assert await states(ledger) == {"say hi": "planned"}
    assert (await claimed(ledger, online=["ann"])).id == held.id


async def test_what_waits_goes_where_its_queue_went_when_a_server_got_another_name(ledger: Ledger) -> None:
    await configure(ledger, [server(runs=True)], [], NOW, adopt=True)
    await hand_out(ledger, command(), command("903", "say ho"), command("904", "say no", problem="a line break"))
    sent = await run(ledger, State.REFUSED, reply="no")
    await configure(ledger, [server("main", runs=True)], [], NOW, adopt=True)
    assert await states(ledger) == {"say hi": "refused", "say ho": "blocked", "say no": "blocked"}
    moved = await hand_out(ledger, command(), command("903", "say ho"), command("904", problem="as before"), on="main")
    assert moved == HandedOut(again=1)
    found = {row.text: (row.server, row.place, row.state, row.hold) for row in await rows(ledger)}
    assert found == {
        "say hi": ("survival", "survival", "refused", None),
        "say ho": ("main", "main", "planned", None),
        "say no": ("main", "main", "blocked", "line"),
    }
    assert await claim(ledger) is None
    again = await ledger.commands.claim("main", NOW, {})
    assert again is not None
    assert (again.text, again.id == sent.id) == ("say ho", False)


async def test_a_planned_line_moves_too_and_stays_blocked_while_its_new_server_is_not_there(ledger: Ledger) -> None:
    await configure(ledger, [server(runs=True), server("main", runs=True)], [], NOW, adopt=True)
    await hand_out(ledger, command())
    assert await hand_out(ledger, command(), on="main") == HandedOut(again=1)
    await configure(ledger, [server(runs=True)], [], NOW, adopt=True)
    assert await hand_out(ledger, command(), on="main") == HandedOut()
    assert await states(ledger) == {"say hi": "blocked"}


# --- beside the perks -------------------------------------------------------------------------------------------------


async def test_the_lines_of_the_store_are_no_holding_of_anybody_and_no_perk(ledger: Ledger) -> None:
    await configure(ledger, [server()], [perk()], NOW, adopt=True)
    before = await ledger.reports.summary()
    await record(ledger, opens(supports=[support()]), items=[known_item("1"), known_item("902", state="active")])
    await hand_out(ledger, command(player=VIP.player), command("903", "say ho", player=VIP.player))
    await run(ledger, State.DELIVERED)
    await run(ledger, State.DELIVERED)
    found = await known(ledger, ANN, VIP.player)
    assert [holding.key for holding in found.holdings] == [VIP]  # also though an item has the attempt's number
    summary = await ledger.reports.summary()
    rare = await ledger.reports.rarities(NOW)
    assert (summary.holdings, rare.orphans) == (before.holdings + 1, ())
    assert not [item for item in rare.items if item.kind == "returned"]
    assert await ledger.observations.window(NOW) == []
    catalogue = await configure(ledger, [server()], [perk("gold", was="vip")], NOW, adopt=True)
    assert {*catalogue.perks, *catalogue.retired} == {"gold"}
    assert {(row.origin, row.perk) for row in await rows(ledger)} == {(Origin.PERK, "gold"), (Origin.STORE, "")}


def test_no_perk_of_a_config_can_have_the_name_they_are_shown_with() -> None:
    assert NAME.fullmatch(STORE_COMMAND) is None


async def test_the_brake_does_not_count_them(ledger: Ledger) -> None:
    await hand_out(ledger, command())
    await ledger.observations.record(seen(braked="for the test"))
    assert await states(ledger) == {"say hi": "planned"}


# --- what is kept -----------------------------------------------------------------------------------------------------


async def test_an_attempt_is_forgotten_only_when_it_was_acknowledged_long_ago(ledger: Ledger) -> None:
    await hand_out(ledger, FOR_PERKD, Decided(attempt_id="904"), command())
    await run(ledger, State.DELIVERED)
    await ledger.queue.acknowledged(["904"], NOW)
    assert await ledger.purge(later(days=1)) > 0
    assert await ledger.queue.owed("survival") == ["901", "902"]
    assert await hand_out(ledger, Decided(attempt_id="904")) == HandedOut(("904",), 0, 0)


async def test_a_command_is_known_by_its_attempt_though_that_was_forgotten(ledger: Ledger) -> None:
    await hand_out(ledger, command())
    await run(ledger, State.DELIVERED)
    await ledger.queue.acknowledged(["902"], NOW)
    await ledger.purge(later(days=600))
    assert await hand_out(ledger, command(), at=later(days=601)) == HandedOut()
    assert await ledger.queue.owed("survival") == ["902"]
    assert await claim(ledger, later(days=602)) is None


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("hand out"), st.lists(st.sampled_from(["902", "903", "904"]), max_size=4)),
        st.tuples(st.just("send"), st.sampled_from([State.DELIVERED, State.ANSWERED, State.REFUSED, State.UNKNOWN])),
        st.tuples(st.just("stop"), st.none()),
        st.tuples(st.just("acknowledge"), st.booleans()),
        st.tuples(st.just("purge"), st.none()),
    ),
    max_size=12,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS)
async def test_in_any_order_no_attempt_is_sent_twice(ledger: Ledger, steps: list[tuple[str, object]]) -> None:
    before = {row.key_item: row.attempts for row in await rows(ledger)}  # the ledger lives on from example to example
    now = NOW
    for number, (word, what) in enumerate(steps):
        now = later(days=number)
        if word == "hand out" and isinstance(what, list):
            await hand_out(ledger, *(command(attempt_id, f"say {attempt_id}") for attempt_id in what), at=now)
        elif word == "send" and isinstance(what, State):
            if sent := await claim(ledger, now):
                await ledger.commands.settle(sent.id, Outcome(state=what, reply="words"), now)
        elif word == "stop":
            await claim(ledger, now)
            await ledger.commands.recover(now)
        elif word == "acknowledge":
            owed = await ledger.queue.owed("survival")
            if what:
                await ledger.queue.acknowledged(owed, now)
        else:
            await ledger.purge(now)
    found = await rows(ledger)
    assert all(row.attempts <= 1 for row in found)
    assert len({row.key_item for row in found}) == len(found)
    assert all(before[key] <= row.attempts for row in found if (key := row.key_item) in before)
    through = {row.key_item for row in found if row.state in ("delivered", "answered")}
    assert set(await ledger.queue.owed("survival")) <= through
