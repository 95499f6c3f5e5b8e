"""The problems of a game server's command queue."""

from datetime import timedelta

import pytest

from perkd.daemon.core.queue_lines import TEXTS_SHOWN
from perkd.daemon.paynow.documents import Linked
from perkd.daemon.runtime.problem import Problem
from perkd.daemon.store_queue.problems import IDS_SHOWN, SAID_AFTER, QueueState, find, host_name, learn
from tests.builders import NOW
from tests.ledgers import server

MINE = "1a2b3c4d-0000-4000-8000-000000000000"
OTHER = "9a2b3c4d-0000-4000-8000-000000000000"


def one(state: QueueState) -> Problem:
    [problem] = find(state)
    assert problem.fix
    return problem


def test_a_quiet_queue_has_no_problems() -> None:
    assert list(find(QueueState("survival"))) == []


def test_a_lasting_failure_is_a_problem_until_the_next_success() -> None:
    state = QueueState("survival")
    assert [state.fail(f"trace {number}", "500") for number in range(SAID_AFTER - 1)] == [True, False]
    assert list(find(state)) == []
    assert not state.fail("the last", "500")
    assert state.fail("other", "reset")
    assert (one(state).code, "other" in one(state).text) == ("queue_failing", True)
    state.succeed()
    assert list(find(state)) == []


def test_a_failure_that_will_not_pass_by_itself_is_a_problem_at_once() -> None:
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
        ({"ip": "127.0.0.1", "host_name": host_name("survival", MINE)}, None),
        ({"ip": "127.0.0.1", "host_name": host_name("survival", OTHER)}, "survival (perkd 9a2b3c4d) at 127.0.0.1"),
        ({"ip": "127.0.0.1", "host_name": "survival"}, "survival at 127.0.0.1"),
        ({"ip": "127.0.0.1", "host_name": "A\nServer"}, "A Server at 127.0.0.1"),
        ({}, "another program"),
    ],
)
def test_another_program_that_used_the_token_before_is_named(before: dict[str, str] | None, named: str | None) -> None:
    state = QueueState("survival")
    learn(state, server(), Linked.model_validate({"previously_linked": before}), MINE)
    assert state.shared_with == named
    assert [problem.code for problem in find(state)] == (["token_shared"] if named else [])


@pytest.mark.parametrize("ago", [timedelta(hours=1), timedelta(days=90)])
def test_an_earlier_use_of_the_token_is_reported_with_its_time_however_long_ago(ago: timedelta) -> None:
    state, at = QueueState("survival"), NOW - ago
    before = {"ip": "::1", "host_name": "A Server", "last_linked_at": at.isoformat()}
    learn(state, server(), Linked.model_validate({"previously_linked": before}), MINE)
    assert all(fact in one(state).text for fact in ("A Server at ::1", f"{at:%Y-%m-%d %H:%M} UTC"))


def test_the_same_ledger_under_another_name_or_address_is_not_another_program() -> None:
    state = QueueState("smp")
    before = {"ip": "203.0.113.7", "host_name": host_name("survival", MINE)}
    learn(state, server("smp"), Linked.model_validate({"previously_linked": before}), MINE)
    assert list(find(state)) == []


def test_a_failed_link_is_a_problem_until_one_succeeds_or_the_token_is_refused() -> None:
    state = QueueState("survival", link_error="500")
    assert (one(state).code, one(state).severity) == ("link_failing", "warning")
    state.refuse("401")
    assert one(state).code == "paynow_token_refused"
    state.succeed()
    learn(state, server(), Linked.model_validate({}), MINE)
    assert list(find(state)) == []


def test_a_queue_that_is_too_long_is_a_problem_at_once_with_its_own_fix() -> None:
    state = QueueState("survival")
    state.fail("larger", "8 MiB", lasting=True, too_long=True)
    too_long = one(state)
    state.fail("cut off", "reset", lasting=True)
    assert (one(state).code, too_long.code) == ("queue_failing", "queue_failing")
    assert one(state).fix != too_long.fix


def test_ignored_lines_and_lines_without_a_player_are_named_up_to_a_bound() -> None:
    assert " 7" in one(QueueState("survival", unreadable=["7"])).text
    assert one(QueueState("survival", unreadable=["7"])).code == "queue_unreadable"
    many = one(QueueState("survival", nobody=[str(number) for number in range(IDS_SHOWN + 2)]))
    assert (many.code, "0, 1, 2, 3, 4" in many.text, "2 more" in many.text) == ("queue_nobody", True, True)


def test_lines_of_a_removed_customer_are_a_notice() -> None:
    found = one(QueueState("survival", removed=["Ann (customer 7)", "Bob (customer 8)"]))
    assert (found.code, found.severity) == ("queue_customer_removed", "info")
    assert "Ann (customer 7), Bob (customer 8)" in found.text
    assert "`perkd customers add`" in found.fix


def test_items_activated_for_an_unknown_customer_are_a_problem_with_ways_to_add_the_customer() -> None:
    found = one(QueueState("survival", unread=["Zed (some-id)"]))
    assert (found.code, found.severity) == ("queue_customer_unread", "warning")
    assert "Zed (some-id)" in found.text
    assert "`perkd customers add`" in found.fix
    assert 'enrol = "all"' in found.fix


def test_ignored_lines_are_shown_by_their_text_up_to_a_bound() -> None:
    few = QueueState("survival", left=[(f"say {number}", 1) for number in range(TEXTS_SHOWN)])
    assert [problem.subject for problem in find(few)] == [f"survival: say {number}" for number in range(TEXTS_SHOWN)]
    many = QueueState("survival", left=[*few.left, ("", 2), ("say x", 3)])
    *_, rest = find(many)
    assert len(list(find(many))) == TEXTS_SHOWN
    assert all(fact in rest.subject for fact in ("survival", "3"))
    assert "6 " in rest.text


def test_a_line_is_shown_on_one_line_and_an_empty_one_too() -> None:
    shown = list(find(QueueState("survival", left=[("a\nb", 2), (" ", 1)])))
    assert shown[0].subject == "survival: a b"
    assert shown[1].subject.startswith("survival: ")
    assert ["2 " in problem.text for problem in shown] == [True, False]
