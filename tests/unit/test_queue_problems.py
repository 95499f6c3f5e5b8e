"""What an owner is told about a game server's command queue."""

from datetime import timedelta

import pytest

from daemon.paynow.documents import Linked
from daemon.problem import Problem
from daemon.queuelines import TEXTS_SHOWN
from daemon.queueproblems import LATELY, SAID_AFTER, QueueState, find, learn
from tests.builders import NOW
from tests.ledgers import server


def one(state: QueueState) -> Problem:
    [problem] = find(state)
    assert problem.fix
    return problem


def test_a_quiet_queue_has_no_problems() -> None:
    assert list(find(QueueState("survival"))) == []


def test_a_failure_is_said_when_it_stays_and_gone_with_the_next_success() -> None:
    state = QueueState("survival")
    assert [state.fail(f"trace {number}", "500") for number in range(SAID_AFTER - 1)] == [True, False]
    assert list(find(state)) == []
    assert not state.fail("the last", "500")
    assert state.fail("other", "reset")
    assert (one(state).code, "other" in one(state).text) == ("queue_failing", True)
    state.succeed()
    assert list(find(state)) == []


def test_a_failure_that_will_not_pass_by_itself_is_said_at_once() -> None:
    state = QueueState("survival")
    state.fail("404", "404", lasting=True)
    assert one(state).code == "queue_failing"


def test_a_refused_token_is_an_error_and_news_once() -> None:
    state = QueueState("survival")
    assert [state.refuse("401"), state.refuse("401")] == [True, False]
    assert (one(state).code, one(state).severity, one(state).subject) == ("paynow_token_refused", "error", "survival")


@pytest.mark.parametrize(
    ("before", "named"),
    [
        (None, None),
        ({"ip": "127.0.0.1", "host_name": "survival"}, None),
        ({"ip": "203.0.113.7", "host_name": "survival"}, "survival at 203.0.113.7"),
        ({"ip": "127.0.0.1", "host_name": "A\nServer"}, "A Server at 127.0.0.1"),
        ({}, "another program"),
    ],
)
def test_whoever_used_the_token_before_is_named_unless_it_was_perkd(
    before: dict[str, str] | None, named: str | None
) -> None:
    state = QueueState("survival")
    learn(state, server(), Linked.model_validate({"previously_linked": before}), NOW)
    assert state.shared_with == named
    assert [problem.code for problem in find(state)] == (["token_shared"] if named else [])


@pytest.mark.parametrize(("ago", "named"), [(LATELY - timedelta(hours=1), True), (LATELY, False)])
def test_a_use_of_the_token_long_ago_is_no_matter(ago: timedelta, named: bool) -> None:
    state, at = QueueState("survival"), (NOW - ago).isoformat()
    learn(state, server(), Linked.model_validate({"previously_linked": {"ip": "::1", "last_linked_at": at}}), NOW)
    assert (state.shared_with is not None) is named


def test_lines_left_alone_are_shown_by_their_text_up_to_a_bound() -> None:
    few = QueueState("survival", left=[(f"say {number}", 1) for number in range(TEXTS_SHOWN)])
    assert [problem.subject for problem in find(few)] == [f"survival: say {number}" for number in range(TEXTS_SHOWN)]
    many = QueueState("survival", left=[*few.left, ("", 2), ("say x", 3)])
    *_, rest = find(many)
    assert len(list(find(many))) == TEXTS_SHOWN
    assert (rest.subject, "6 in the queue" in rest.text) == ("survival: 3 other lines", True)


def test_a_line_is_shown_on_one_line_and_an_empty_one_too() -> None:
    shown = list(find(QueueState("survival", left=[("a\nb", 2), (" ", 1)])))
    assert [problem.subject for problem in shown] == ["survival: a b", "survival: (an empty line)"]
    assert ["2 times" in problem.text for problem in shown] == [True, False]
