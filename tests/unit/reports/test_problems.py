"""All problems in a report: the code and the severity of each, and that each has a fix."""

import inspect
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from perkd.daemon.core.changes import Catalogue, Hold, Origin
from perkd.daemon.core.model import ServerState, State
from perkd.daemon.ledger.rows import Brakes, ItemTrouble, ItemTroubleKind, Orphan, Rarities, Trouble, Unseen
from perkd.daemon.runtime.problem import SEVERITIES, Problem, ProblemCode, Severity
from tests.builders import DAY, NOW, catalogue, kit, perk
from tests.unit.reports.finding import NOBODY, problems_of

FACTS = set(inspect.signature(problems_of).parameters)


def found(sold: Catalogue | None = None, **changes: Any) -> tuple[Problem, ...]:
    """The problems of a quiet perkd with these keywords of `problems_of`, or fields of the ledger, changed."""
    given = {key: changes.pop(key) for key in FACTS if key in changes}
    rare = {key: changes.pop(key) for key in Rarities.__slots__ if key in changes}
    brake = changes.pop("brake", NOBODY.brake)
    report = replace(NOBODY, summary=replace(NOBODY.summary, **changes), rarities=Rarities(**rare), brake=brake)
    return problems_of(report, sold or catalogue(perk(), kit()), **given)


def one(sold: Catalogue | None = None, **changes: Any) -> Problem:
    [problem] = found(sold, **changes)
    assert problem.severity in SEVERITIES
    assert problem.fix
    return problem


def trouble(state: State, hold: Hold | None = None, **changes: Any) -> Trouble:
    return Trouble(
        **{
            "state": state,
            "hold": hold,
            "origin": Origin.PERK,
            "perk": "vip",
            "server": "survival",
            "count": 1,
            "newest_id": 17,
            "text": "lp user x",
            "reason": "because",
            "reply": "no",
            **changes,
        }
    )


def trouble_with_items(kind: ItemTroubleKind, **changes: Any) -> ItemTrouble:
    fields = {"product": "vip", "product_id": "7", "word": "frozen", "count": 3, "customer_id": "1"}
    return ItemTrouble(kind=kind, **{**fields, **changes})


def test_a_quiet_perkd_has_no_problems() -> None:
    assert found() == ()


def test_a_loop_that_completes_no_pass_is_named_with_its_age() -> None:
    problem = one(late={"poll": 91.4})
    assert (problem.code, problem.severity, problem.subject) == ("loop_late", "error", "poll")
    assert "91 s" in problem.text


@pytest.mark.parametrize("skew", [timedelta(minutes=-5), timedelta(minutes=5)])
def test_a_clock_in_doubt_is_reported_with_the_difference(skew: timedelta) -> None:
    problem = one(skew=skew)
    assert (problem.code, problem.severity) == ("clock_skew", "error")
    assert "300 s" in problem.text


def test_a_store_that_cannot_be_reached_is_a_problem_with_the_error() -> None:
    problem = one(store_error="no route to host")
    assert (problem.code, problem.text) == ("store_unreachable", "no route to host")


@pytest.mark.parametrize(
    ("state", "code", "severity"),
    [
        (ServerState.REFUSED, "server_refused", "error"),
        (ServerState.DOWN, "server_down", "warning"),
        (ServerState.ABSENT, "server_absent", "warning"),
    ],
)
@pytest.mark.parametrize("error", [None, "closed during login"])
def test_a_server_that_takes_no_commands_is_a_problem_with_what_the_link_said(
    state: ServerState, error: str | None, code: str, severity: str
) -> None:
    problem = one(servers=[("survival", state, error)])
    assert (problem.code, problem.severity, problem.subject) == (code, severity, "survival")
    if error and state is not ServerState.ABSENT:
        assert problem.text == error


@pytest.mark.parametrize("state", [ServerState.UP, ServerState.CONNECTING])
def test_a_server_that_is_up_or_connecting_is_no_problem(state: ServerState) -> None:
    assert found(servers=[("survival", state, None)]) == ()


@pytest.mark.parametrize(("keyword", "code"), [("refused", "token_refused"), ("failing", "customer_failing")])
def test_a_customer_who_cannot_be_read_is_named_with_what_the_store_said(keyword: str, code: str) -> None:
    said: dict[str, Any] = {keyword: [("Alex", "the store answered 401")]}
    problem = one(**said)
    assert (problem.code, problem.severity) == (code, "warning")
    assert (problem.subject, problem.text) == ("customer Alex", "the store answered 401")


def test_with_the_key_the_owner_need_not_replace_a_refused_token() -> None:
    refused = [("Alex", "the store answered 401")]
    assert one(refused=refused).fix != one(refused=refused, enrols=True).fix
    assert "token" not in one(refused=refused, enrols=True).fix


def test_the_brake_is_a_problem_with_its_reason_and_how_many_commands_wait() -> None:
    problem = one(brake=Brakes(on_at=NOW, reason="11 of 20", blocked=11))
    assert (problem.code, problem.severity) == ("brake_on", "error")
    assert problem.text.startswith("11 of 20: 11 ")
    assert "perkd brake release" in problem.fix


def test_commands_that_the_brake_stopped_are_a_problem_even_when_it_is_off() -> None:
    problem = one(brake=Brakes(blocked=4))
    assert (problem.code, problem.severity) == ("brake_blocked_without_brake", "error")
    assert problem.text.startswith("4 ")
    assert "`perkd brake release`" in problem.fix


def test_a_server_whose_player_list_cannot_be_read_is_named() -> None:
    problem = one(blind=["survival"])
    assert (problem.code, problem.severity, problem.subject) == ("roster_unknown", "warning", "survival")


def unseen(player: str, **changes: Any) -> Unseen:
    return Unseen(**{"player": player, "name": "Alex", "server": "survival", "count": 1, "since": NOW, **changes})


@pytest.mark.parametrize(
    ("name", "subject"),
    [("Alex", "Alex (uuid-a) on survival"), ("", "uuid-a on survival"), ("uuid-a", "uuid-a on survival")],
)
def test_a_player_who_is_never_seen_is_named_with_the_time(name: str, subject: str) -> None:
    problem = one(unseen=(unseen("uuid-a", name=name),))
    assert (problem.code, problem.severity, problem.subject) == ("player_never_seen", "warning", subject)
    assert problem.text.startswith("1 ")
    assert "2026-03-01 12:00 UTC" in problem.text
    assert one(unseen=(unseen("uuid-a", count=2),)).text.startswith("2 ")


def test_a_few_customers_are_one_problem_each_and_many_are_one_together() -> None:
    def of(many: int) -> tuple[Problem, ...]:
        said = [(f"Player{number}", f"401 for {number}") for number in range(many)]
        return found(refused=said, failing=said, unseen=tuple(unseen(name, name="") for name, _ in said))

    assert len(of(5)) == 15
    together = of(6)
    assert [problem.code for problem in together] == ["token_refused", "customer_failing", "player_never_seen"]
    assert together[0].subject == "6 customers"
    assert together[0].text.startswith("customer Player0, customer Player1, customer Player2 ")
    assert " 3 more" in together[0].text
    assert together[0].text.endswith("401 for 0")
    assert together[2].text.startswith("Player0 on survival, Player1 on survival, Player2 on survival ")


@pytest.mark.parametrize(
    ("state", "hold", "code", "severity"),
    [
        (State.BLOCKED, Hold.VALUE, "command_blocked", "warning"),
        (State.BLOCKED, Hold.GIFT, "gift_blocked", "warning"),
        (State.BLOCKED, Hold.CHOSEN, "server_unknown", "warning"),
        (State.BLOCKED, Hold.ABSENT, "absence_blocked", "warning"),
        (State.UNKNOWN, None, "command_unknown", "error"),
        (State.REFUSED, None, "command_refused", "error"),
        (State.ANSWERED, None, "reply_unrecognised", "warning"),
    ],
)
def test_commands_that_need_attention_are_one_problem_for_each_kind(
    state: State, hold: Hold | None, code: str, severity: str
) -> None:
    problem = one(troubles=(trouble(state, hold),))
    assert (problem.code, problem.severity, problem.subject) == (code, severity, "vip on survival")
    assert problem.text.startswith("1 ")
    assert "17 `lp user x`" in problem.text
    assert one(troubles=(trouble(state, hold, count=4),)).text.startswith("4 ")


@pytest.mark.parametrize("hold", [Hold.SERVER, Hold.BRAKE, Hold.STEP])
def test_commands_that_another_problem_covers_are_no_problem(hold: Hold) -> None:
    assert found(troubles=(trouble(State.BLOCKED, hold),)) == ()


@pytest.mark.parametrize(
    ("kind", "code", "severity"),
    [
        (ItemTroubleKind.USABLE, "items_stay_usable", "warning"),
        (ItemTroubleKind.STATE, "item_state_unknown", "warning"),
        (ItemTroubleKind.MISSING, "item_missing", "info"),
        (ItemTroubleKind.RETURNED, "once_returned", "warning"),
    ],
)
def test_items_that_need_attention_are_named_by_product(kind: ItemTroubleKind, code: str, severity: str) -> None:
    problem = one(items=(trouble_with_items(kind),))
    assert (problem.code, problem.severity, problem.subject) == (code, severity, "product vip")
    assert problem.text.startswith("3 ")
    assert (
        one(items=(trouble_with_items(kind, product=""),), sold=catalogue(perk(products=("7",)))).subject == "product 7"
    )


MOVED = trouble_with_items(ItemTroubleKind.MOVED, product_id="777", word="7")


def test_items_with_the_slug_of_another_product_are_a_problem() -> None:
    problem = one(items=(MOVED,))
    assert (problem.code, problem.severity, problem.subject) == ("slug_moved", "warning", "product vip")
    assert all(fact in problem.text for fact in ("slug vip ", "product 7;", "3 items", "product 777"))
    assert '"777"' in problem.fix


@pytest.mark.parametrize(
    "sold",
    [
        catalogue(perk(products=("vip", "777"))),
        catalogue(perk(), perk("more", products=("777",))),
        catalogue(perk(products=("vip", "vip-2")), slugs={"vip": "7", "vip-2": "777"}),
        catalogue(perk(products=("other",))),
    ],
)
def test_a_slug_that_moved_matters_only_if_a_perk_lists_it_and_none_gets_the_items(sold: Catalogue) -> None:
    assert found(sold, items=(MOVED,)) == ()


@pytest.mark.parametrize(
    "sold", [catalogue(perk(lasts=30 * DAY)), catalogue(kit(products=("vip",))), catalogue(perk(products=("other",)))]
)
def test_items_that_wait_for_activation_matter_only_if_a_perk_waits_for_it(sold: Catalogue) -> None:
    assert found(sold, items=(trouble_with_items(ItemTroubleKind.USABLE),)) == ()


def test_a_silent_reply_asks_for_a_pattern_of_silence() -> None:
    silent = one(troubles=(trouble(State.ANSWERED, reply=""),))
    assert 'success = "^$"' in silent.fix
    assert "success" in one(troubles=(trouble(State.ANSWERED),)).fix
    assert silent.fix != one(troubles=(trouble(State.ANSWERED),)).fix


def test_orphans_and_duplicate_tokens_are_information() -> None:
    both = found(orphans=(Orphan(perk="old", server="survival", count=2),), duplicate_tokens={"1": 2})
    assert [(problem.code, problem.severity, problem.subject) for problem in both] == [
        ("orphaned", "info", "old on survival"),
        ("duplicate_token", "info", "customer 1"),
    ]


def test_errors_come_first_then_warnings_then_information() -> None:
    servers = [("a", ServerState.DOWN, None), ("b", ServerState.REFUSED, None)]
    mixed = found(duplicate_tokens={"1": 2}, servers=servers, late={"poll": 99.0}, refused=[("Alex", "401")])
    assert [problem.severity for problem in mixed] == ["error", "error", "warning", "warning", "info"]


@pytest.mark.parametrize(
    ("state", "hold", "code", "fix"),
    [
        (State.BLOCKED, Hold.LINE, "store_command_blocked", "`perkd commands skip`"),
        (State.REFUSED, None, "command_refused", "`perkd commands retry 17`"),
        (State.ANSWERED, None, "reply_unrecognised", "`perkd commands done 17`"),
        (State.UNKNOWN, None, "command_unknown", "`perkd commands done 17`"),
    ],
)
def test_a_line_of_the_store_is_settled_by_verbs_not_by_the_config(
    state: State, hold: Hold | None, code: str, fix: str
) -> None:
    problem = one(troubles=(trouble(state, hold, origin=Origin.STORE, text="say a\nop Ann" + "x" * 3000, reply=None),))
    assert problem.code == code
    assert problem.subject == "store command on survival"
    assert fix in problem.fix
    assert "success" not in problem.fix
    assert "\n" not in problem.text
    assert len(problem.text) < 400


def test_a_player_the_store_does_not_name_is_called_so() -> None:
    waiting = Unseen(player="", name="", server="survival", count=1, since=NOW)
    subject = one(unseen=(waiting,)).subject
    assert subject.endswith(" on survival")
    assert subject != " on survival"


def test_problems_of_other_wings_are_sorted_in_by_severity() -> None:
    more = [
        Problem(ProblemCode.ENROLMENT_FAILING, Severity.WARNING, "x", "y", "z"),
        Problem(ProblemCode.API_KEY_REFUSED, Severity.ERROR, "x", "y", "z"),
    ]
    assert [problem.code for problem in found(newcomers=more)] == ["api_key_refused", "enrolment_failing"]


def test_the_fix_for_items_that_stay_usable_names_all_three_ways() -> None:
    fix = one(items=(trouble_with_items(ItemTroubleKind.USABLE),)).fix
    assert all(word in fix for word in ("`perkd`", "paynow_token", "plugin", "`lasts`"))
