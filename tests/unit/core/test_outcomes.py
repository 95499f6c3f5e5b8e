"""The transitions from `sending`: what a reply, a failure and a missing reply mean."""

from datetime import timedelta

import pytest

from perkd.adapters.base import InDoubt, Verdict
from perkd.daemon.core.changes import Outcome
from perkd.daemon.core.model import TRANSITIONS, State
from perkd.daemon.core.outcomes import REPLY_KEPT, answered, in_doubt, not_sent
from tests.builders import MINUTE, NOW, command


def judged(verdict: Verdict, *, reply: str = "so it is", warming_up: bool = False, **changes: object) -> Outcome:
    return answered(command(**changes), reply, verdict, NOW, warming_up=warming_up)


def test_a_recognised_success_is_delivered_with_its_reply() -> None:
    assert judged(Verdict.SUCCESS) == Outcome(state=State.DELIVERED, reply="so it is")


def test_an_empty_answer_the_game_counts_as_success_is_delivered() -> None:
    assert judged(Verdict.SUCCESS, reply="") == Outcome(state=State.DELIVERED, reply="")


@pytest.mark.parametrize("repeatable", [True, False])
def test_an_answer_no_rule_recognises_is_answered_and_never_repeated(repeatable: bool) -> None:
    assert judged(Verdict.UNRECOGNISED, repeatable=repeatable) == Outcome(state=State.ANSWERED, reply="so it is")


def test_a_long_reply_is_kept_in_part() -> None:
    found = judged(Verdict.SUCCESS, reply="x" * (REPLY_KEPT + 1))
    assert found.reply == "x" * REPLY_KEPT


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("refusals", "wait_s"), [(0, 5), (1, 30)])
def test_a_repeatable_command_that_is_refused_is_tried_three_times_in_all(refusals: int, wait_s: int) -> None:
    found = judged(Verdict.REFUSED, refusals=refusals)
    assert (found.state, found.due_at) == (State.PLANNED, NOW + timedelta(seconds=wait_s))
    assert (found.reply, found.absent) == ("so it is", False)


def test_the_third_refusal_is_final() -> None:
    assert judged(Verdict.REFUSED, refusals=2) == Outcome(state=State.REFUSED, reply="so it is")


def test_a_command_that_must_not_repeat_is_refused_at_once() -> None:
    assert judged(Verdict.REFUSED, repeatable=False) == Outcome(state=State.REFUSED, reply="so it is")


@pytest.mark.parametrize("repeatable", [True, False])
def test_a_command_the_server_does_not_know_yet_is_tried_again_while_it_warms_up(repeatable: bool) -> None:
    found = judged(Verdict.NOT_LOADED, warming_up=True, repeatable=repeatable, refusals=9)
    assert (found.state, found.due_at) == (State.PLANNED, NOW + timedelta(seconds=5))
    assert found.reply is None  # no refusal: it is not counted as one
    assert "so it is" in (found.reason or "")


def test_a_command_the_server_does_not_know_after_its_start_is_refused() -> None:
    assert judged(Verdict.NOT_LOADED, repeatable=False).state is State.REFUSED
    assert judged(Verdict.NOT_LOADED, refusals=2).state is State.REFUSED


@pytest.mark.parametrize("verdict", [Verdict.SUCCESS, Verdict.UNRECOGNISED, Verdict.REFUSED, Verdict.ABSENT])
def test_warming_up_changes_no_other_verdict(verdict: Verdict) -> None:
    assert judged(verdict, warming_up=True) == judged(verdict)


# --- absent players ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("repeatable", [True, False])
@pytest.mark.parametrize(("step", "online"), [("grant", False), ("replay:3", False), ("revoke", True), ("grant", True)])
def test_a_grant_or_online_command_for_an_absent_player_waits_until_they_are_seen_again(
    step: str, online: bool, repeatable: bool
) -> None:
    found = judged(Verdict.ABSENT, step=step, online=online, repeatable=repeatable, refusals=9)
    assert (found.state, found.absent, found.due_at) == (State.PLANNED, True, None)


@pytest.mark.parametrize("repeatable", [True, False])
def test_absent_on_any_other_revoke_is_refused_and_not_tried_by_timer(repeatable: bool) -> None:
    found = judged(Verdict.ABSENT, step="revoke", repeatable=repeatable)
    assert found == Outcome(state=State.REFUSED, reply="so it is")


@pytest.mark.parametrize("online", [True, False])
def test_absent_on_a_command_without_a_player_is_refused(online: bool) -> None:
    found = judged(Verdict.ABSENT, player="", online=online, repeatable=False)
    assert found == Outcome(state=State.REFUSED, reply="so it is")


# --- the owner's own patterns -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", Verdict)
def test_the_owners_success_comes_before_what_the_game_says(verdict: Verdict) -> None:
    found = judged(verdict, success="^Set .* for \\w+$", reply="Set rank for Alex")
    assert found.state is State.DELIVERED


@pytest.mark.parametrize("verdict", Verdict)
def test_the_owners_failure_comes_before_their_success_and_what_the_game_says(verdict: Verdict) -> None:
    found = judged(verdict, success="rank", failure="no such", reply="no such rank", repeatable=False)
    assert found.state is State.REFUSED


def test_patterns_that_do_not_match_leave_the_decision_to_the_game() -> None:
    assert judged(Verdict.UNRECOGNISED, success="^ok$", failure="^no$").state is State.ANSWERED


# --- nothing left, or no answer came ----------------------------------------------------------------------------------


def test_a_command_that_did_not_leave_is_planned_again_soon() -> None:
    found = not_sent("connection refused", NOW)
    assert found == Outcome(state=State.PLANNED, reason="connection refused", due_at=NOW + timedelta(seconds=1))


@pytest.mark.parametrize(("doubts", "minutes"), [(0, 1), (1, 4), (2, 15), (3, 30), (4, 60)])
def test_a_repeatable_command_in_doubt_is_planned_again_five_times_from_1_to_60_minutes(
    doubts: int, minutes: int
) -> None:
    found = in_doubt(command(doubts=doubts), InDoubt("no answer within 10 s"), NOW)
    assert found == Outcome(state=State.UNKNOWN, reason="no answer within 10 s", due_at=NOW + minutes * MINUTE)


@pytest.mark.parametrize("changes", [{"doubts": 5}, {"repeatable": False}])
def test_after_that_or_if_it_must_not_repeat_it_stays_unknown(changes: dict[str, object]) -> None:
    found = in_doubt(command(**changes), "perkd stopped", NOW)
    assert found == Outcome(state=State.UNKNOWN, reason="perkd stopped", due_at=None)


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("step", ["grant", "revoke"])
@pytest.mark.parametrize("repeatable", [True, False])
@pytest.mark.parametrize("warming_up", [True, False])
def test_every_outcome_is_in_the_state_table(verdict: Verdict, step: str, repeatable: bool, warming_up: bool) -> None:
    for refusals in range(4):
        found = judged(verdict, step=step, repeatable=repeatable, warming_up=warming_up, refusals=refusals)
        assert (State.SENDING, found.state) in TRANSITIONS
        assert found.due_at is None or found.state is State.PLANNED
