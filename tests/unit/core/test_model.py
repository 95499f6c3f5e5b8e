"""The main types: what the state table allows, and the few values that are computed."""

import re
from pathlib import Path

import pytest

from perkd.daemon.core.changes import Catalogue, HoldingKey
from perkd.daemon.core.model import TOUCHED, TRANSITIONS, Profile, State
from tests.builders import ALEX, NOW, catalogue, holding, item, perk, spec, support

SCHEMA = Path(__file__).parents[3] / "daemon" / "ledger" / "sqlite" / "schema" / "0002_origin_and_counts.sql"
UNSENT, OPEN = {State.PLANNED, State.BLOCKED}, {State.UNKNOWN, State.REFUSED, State.ANSWERED, State.BLOCKED}


def after(state: State | None) -> set[State]:
    return {to for was, to in TRANSITIONS if was is state}


def test_a_command_is_recorded_planned_or_blocked() -> None:
    assert after(None) == UNSENT


def test_only_a_planned_command_is_sent_and_only_a_sent_one_can_be_refused_answered_or_unknown() -> None:
    assert {was for was, to in TRANSITIONS if to is State.SENDING} == {State.PLANNED}
    for state in (State.REFUSED, State.ANSWERED, State.UNKNOWN):
        assert {was for was, to in TRANSITIONS if to is state} == {State.SENDING}


def test_delivered_and_void_are_final() -> None:
    assert after(State.DELIVERED) == after(State.VOID) == set()


def test_the_operator_can_end_or_retry_every_command_that_needs_attention() -> None:
    for state in OPEN:
        assert after(state) == {State.PLANNED, State.DELIVERED, State.VOID}


def test_nothing_in_flight_is_voided_unless_it_would_be_planned_again() -> None:
    assert after(State.SENDING) == set(State) - {State.SENDING, State.BLOCKED}
    assert after(State.PLANNED) == {State.SENDING, State.BLOCKED, State.VOID}


def test_a_command_that_may_have_reached_the_game_counts_as_touched() -> None:
    assert {State.SENDING, State.DELIVERED, State.ANSWERED, State.UNKNOWN} == TOUCHED


def test_the_ledger_checks_the_same_words() -> None:
    check = r"state\s+TEXT\s+NOT NULL CHECK \(state IN\s*\(('planned'[^)]*)\)"
    check = r"state\s+TEXT\s+NOT NULL CHECK \(state IN\s*\(('planned'[^)]*)\)"
    [checked] = re.findall(check, SCHEMA.read_text("utf-8"))
    assert set(re.findall(r"'(\w+)'", checked)) == set(State)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"customer_name": "A", "profile_name": "B"}, "A"),
        ({"customer_name": "", "profile_name": "B", "steam_name": "D"}, "B"),
        ({"minecraft_name": "C", "steam_name": "D"}, "C"),
        ({"steam_name": "D"}, "D"),
        ({}, "12"),
    ],
)
def test_a_customer_is_shown_by_the_first_name_that_the_store_has(values: dict[str, str], name: str) -> None:
    assert Profile("12", "99", values).display_name == name


def test_an_item_is_revoked_by_its_state_or_its_time() -> None:
    assert not item().revoked
    assert item(state="revoked").revoked
    assert item(revoked_at=NOW).revoked


def test_a_template_names_its_variables_in_order() -> None:
    assert spec("a {uuid} b {name} {uuid}").run.variables == ("uuid", "name", "uuid")


def test_a_holding_knows_the_items_that_count_for_it() -> None:
    assert holding(support("10"), support("11", live=False)).live == {"10"}


def test_the_catalogue_finds_retired_perks_too_and_today_s_first() -> None:
    today, old = perk(lasts=None), perk("old")
    sold: Catalogue = catalogue(today, retired={"old": old, "vip": old})
    assert (sold.perk("vip"), sold.perk("old"), sold.perk("none")) == (today, old, None)


def test_a_perk_for_every_server_is_on_each_that_is_configured_today() -> None:
    assert catalogue().places_of(perk(servers=("*",)), item()) == ("survival", "lobby")
    assert catalogue().places_of(perk(servers=("gone",)), item()) == ("gone",)


def test_a_lasting_holding_belongs_to_no_single_item() -> None:
    assert HoldingKey(ALEX, "vip", "survival").item_id == ""
