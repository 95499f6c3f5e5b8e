"""Once-items: given one time per item and server, adopted when older than the cut-off, taken back when revoked."""

from dataclasses import replace
from datetime import timedelta

import pytest

from perkd.daemon.core.changes import HoldingKey, HoldingState, Known, Turn
from perkd.daemon.core.entitlements import compare, held_after
from perkd.daemon.core.model import Cause, Item, Reason, Who
from tests.builders import (
    ALEX,
    BLAKE,
    DAY,
    NOW,
    catalogue,
    everywhere,
    given_kit,
    kit,
    kit_item,
    known,
    known_item,
    looked,
    only,
    specs,
    time_passed,
    turns,
    who,
)

KITS = catalogue(kit())
CUT_OFF = NOW - 2 * DAY
PLACEHOLDER = HoldingKey("customer:1", "kit", "survival", "10")


def given(stated: Item | None = None, **changes: object) -> Known:
    """The kit was given to Alex for this item."""
    stated = stated or kit_item()
    return known([known_item(stated)], [given_kit(stated.id, **changes)])


# --- first sight ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["usable", "active", "used", "renewed"])
@pytest.mark.parametrize("expirable", [True, False])
def test_every_state_but_revoked_is_due(state: str, expirable: bool) -> None:
    change = only(looked(known(), kit_item(state=state, expirable=expirable), sold=KITS))
    assert (change.turn, change.cause, change.item_id) == (Turn.OPEN, Cause.GRANT, "10")
    assert change.key == HoldingKey(ALEX, "kit", "survival", "10")


def test_two_units_of_one_product_are_two_kits() -> None:
    assert turns(looked(known(), kit_item("10"), kit_item("11"), sold=KITS)) == [("open", "survival")] * 2


@pytest.mark.parametrize("stated", [kit_item(state="revoked"), kit_item(revoked_at=NOW), kit_item(state="frozen")])
def test_an_item_that_is_revoked_or_unreadable_at_first_sight_is_not_decided_yet(stated: Item) -> None:
    assert looked(known(), stated, sold=KITS).holdings == ()
    later = known([known_item(stated)])
    assert turns(looked(later, kit_item(), sold=KITS)) == [("open", "survival")]


def test_an_item_that_was_missing_before_its_perk_came_is_not_decided_yet() -> None:
    before = known([known_item(kit_item(), missing_since=NOW - DAY)])
    assert looked(before, sold=KITS).holdings == ()


@pytest.mark.parametrize(
    ("added", "turn"),
    [
        (CUT_OFF - timedelta(microseconds=1), Turn.ADOPT),
        (CUT_OFF, Turn.OPEN),
        (CUT_OFF + timedelta(microseconds=1), Turn.OPEN),
    ],
)
def test_an_item_older_than_the_cut_off_is_adopted_as_given(added: object, turn: Turn) -> None:
    assert only(looked(known(), kit_item(added_at=added), sold=KITS)).turn is turn


def test_every_server_has_its_own_cut_off() -> None:
    sold = replace(catalogue(kit(servers=("*",))), cutoffs={("kit", "survival"): NOW - 9 * DAY, ("kit", "lobby"): NOW})
    assert turns(looked(known(), kit_item(), sold=sold)) == [("open", "survival"), ("adopt", "lobby")]


def test_with_first_seen_deliver_nothing_is_too_old() -> None:
    sold = replace(KITS, adopt=False)
    assert only(looked(known(), kit_item(added_at=NOW - 900 * DAY), sold=sold)).turn is Turn.OPEN


def test_time_alone_gives_nothing() -> None:
    before = known([known_item(kit_item())])
    assert compare(before, None, time_passed(), KITS, everywhere(who())).empty


# --- later ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [HoldingState.HELD, HoldingState.ADOPTED])
@pytest.mark.parametrize("touched", [True, False])
def test_what_was_decided_is_not_decided_again(state: HoldingState, touched: bool) -> None:
    assert looked(given(state=state, touched=touched), kit_item(), sold=KITS).empty


def test_a_server_added_later_gives_no_old_kits() -> None:
    assert looked(given(), kit_item(), sold=catalogue(kit(servers=("*",)))).empty


def test_a_missing_once_item_changes_nothing() -> None:
    for since in (NOW, NOW - DAY):
        before = known([known_item(kit_item(), missing_since=since)], [given_kit()])
        assert looked(before, sold=KITS).holdings == ()


@pytest.mark.parametrize(
    ("word", "reason"), [("chargeback", Reason.CHARGEBACK), ("strange", Reason.REVOKED), (None, Reason.REVOKED)]
)
def test_a_revoked_item_is_taken_back_with_its_reason(word: str | None, reason: Reason) -> None:
    change = only(looked(given(), kit_item(state="revoked", revoke_reason=word), sold=KITS))
    assert (change.turn, change.cause, change.reason) == (Turn.END, Cause.STATED, reason)
    assert change.stored_values == who().values


@pytest.mark.parametrize("state", [HoldingState.ADOPTED, HoldingState.ENDED])
def test_what_perkd_did_not_give_or_took_already_is_not_taken(state: HoldingState) -> None:
    assert looked(given(state=state), kit_item(state="revoked"), sold=KITS).holdings == ()


def test_an_end_takes_nothing_back() -> None:
    stated = kit_item(expirable=True, state="used", ends_at=NOW - DAY)
    assert looked(given(stated), stated, sold=KITS).empty


def test_a_revoked_kit_of_a_retired_perk_is_taken_back_by_its_last_definition() -> None:
    change = only(looked(given(), kit_item(state="revoked"), sold=catalogue(retired={"kit": kit()})))
    assert (change.turn, change.perk) == (Turn.END, "kit")


# --- coming back ------------------------------------------------------------------------------------------------------


def test_a_given_item_that_is_back_after_its_revocation_is_not_given_again_and_noted_once() -> None:
    before = given(kit_item(state="revoked"), state=HoldingState.ENDED)
    changes = looked(before, kit_item(), sold=KITS)
    assert changes.holdings == ()
    assert [note.kind for note in changes.notes] == ["item_changed", "once_returned"]
    after = given(kit_item(), state=HoldingState.ENDED)
    assert looked(after, kit_item(), sold=KITS).empty


def test_an_item_whose_kit_never_left_is_given_when_it_is_back() -> None:
    before = given(kit_item(state="revoked"), state=HoldingState.ENDED, touched=False)
    changes = looked(before, kit_item(), sold=KITS)
    assert only(changes).turn is Turn.OPEN
    assert [note.kind for note in changes.notes] == ["item_changed"]


def test_an_unreadable_state_gives_nothing_back() -> None:
    before = given(kit_item(state="revoked"), state=HoldingState.ENDED, touched=False)
    assert looked(before, kit_item(state="frozen"), sold=KITS).holdings == ()


def test_a_retired_perk_gives_nothing_back() -> None:
    before = given(kit_item(state="revoked"), state=HoldingState.ENDED, touched=False)
    assert looked(before, kit_item(), sold=catalogue(retired={"kit": kit()})).holdings == ()


# --- identity ---------------------------------------------------------------------------------------------------------


def test_a_kit_that_waits_for_an_identity_goes_to_the_player_once_known() -> None:
    assert only(looked(known(), kit_item(), sold=KITS, somebody=who(player=None))).key == PLACEHOLDER
    waiting = given(key=PLACEHOLDER, values={}, touched=False)
    ended, opened = looked(waiting, kit_item(), sold=KITS).holdings
    assert (opened.turn, opened.key.player) == (Turn.OPEN, ALEX)
    assert (ended.turn, ended.key.player, ended.cause) == (Turn.END, "customer:1", Cause.IDENTITY)


def test_a_kit_is_planned_again_once_its_missing_value_is_known() -> None:
    waiting = given(values={"uuid": ALEX}, touched=False)
    change = only(looked(waiting, kit_item(), sold=KITS))
    assert (change.turn, change.cause, change.reason) == (Turn.REGRANT, Cause.IDENTITY, Reason.IDENTITY)


def test_a_value_the_kit_does_not_use_changes_nothing() -> None:
    sold = catalogue(kit(grant=specs("give {uuid} bread"), revoke=()))
    assert looked(given(touched=False), kit_item(), sold=sold, somebody=who("NewAlex")).empty


@pytest.mark.parametrize("touched", [True, False])
def test_a_value_only_the_removal_uses_is_learned_without_a_command_and_once(touched: bool) -> None:
    sold = catalogue(kit(grant=specs("give {uuid} bread")))
    change = only(looked(given(touched=touched), kit_item(), sold=sold, somebody=who("NewAlex")))
    assert (change.turn, change.learned) == (Turn.KEEP, who("NewAlex").values)
    told = given(touched=touched, values=change.learned)
    assert looked(told, kit_item(), sold=sold, somebody=who("NewAlex")).empty
    assert looked(told, kit_item(), sold=sold, somebody=who(player=None)).empty
    assert held_after(given(touched=touched), looked(given(), kit_item(), sold=sold, somebody=who("NewAlex"))) == 1


def test_a_revoked_kit_is_taken_by_the_current_name_if_the_grant_used_none() -> None:
    sold = catalogue(kit(grant=specs("give {uuid} bread")))
    change = only(looked(given(), kit_item(state="revoked"), sold=sold, somebody=who("NewAlex")))
    assert (change.turn, change.stored_values["name"]) == (Turn.END, "NewAlex")


def test_nothing_is_learned_for_a_kit_of_an_unknown_perk() -> None:
    assert looked(given(), kit_item(), sold=catalogue(), somebody=who("NewAlex")).empty


@pytest.mark.parametrize("somebody", [who("NewAlex"), who("Blake", BLAKE), who(player=None)])
def test_a_kit_that_may_have_been_given_stays_given_when_the_identity_changes(somebody: Who) -> None:
    assert looked(given(), kit_item(), sold=KITS, somebody=somebody).empty


def test_a_missing_identity_changes_nothing_for_a_kit_that_waits() -> None:
    assert looked(given(touched=False), kit_item(), sold=KITS, somebody=who(player=None)).empty


def test_a_kit_is_decided_once_for_all_players_that_its_customer_was() -> None:
    old = given_kit(key=PLACEHOLDER, state=HoldingState.ENDED, touched=False)
    before = known([known_item(kit_item())], [old, given_kit()])
    assert looked(before, kit_item(), sold=KITS, somebody=who("Blake", BLAKE)).empty


def test_a_kit_goes_back_to_the_first_player_with_the_customer_if_it_never_left() -> None:
    first, second = given_kit(state=HoldingState.ENDED, touched=False), given_kit(touched=False)
    second = replace(second, key=second.key._replace(player=BLAKE), values=who("Blake", BLAKE).values)
    before = known([known_item(kit_item())], [first, second])
    assert looked(before, kit_item(), sold=KITS, somebody=who("Blake", BLAKE)).empty
    back = looked(before, kit_item(), sold=KITS).holdings
    assert [(change.turn, change.key.player) for change in back] == [(Turn.END, BLAKE), (Turn.OPEN, ALEX)]


def test_a_revoked_kit_is_taken_from_the_player_who_has_it() -> None:
    old = given_kit(key=PLACEHOLDER, state=HoldingState.ENDED, touched=False)
    before = known([known_item(kit_item())], [old, given_kit()])
    assert only(looked(before, kit_item(state="revoked"), sold=KITS)).key.player == ALEX


def test_another_customers_kit_is_left_alone() -> None:
    before = known([], [given_kit("77")])
    assert looked(before, sold=KITS).empty
