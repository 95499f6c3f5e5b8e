"""Lasting perks: when a holding ends, by which item, and what time alone or a changed config does to it."""

from typing import Any

import pytest

from perkd.daemon.core.changes import Catalogue, HoldingKey, HoldingState, Turn
from perkd.daemon.core.entitlements import compare
from perkd.daemon.core.model import Cause, Item, Reason
from tests.builders import (
    BLAKE,
    DAY,
    HOUR,
    MINUTE,
    NOW,
    VIP,
    catalogue,
    everywhere,
    held,
    holding,
    item,
    known,
    known_item,
    looked,
    only,
    perk,
    permanent,
    planned,
    specs,
    support,
    time_passed,
    turns,
    who,
)

USABLE = item(state="usable", ends_at=None)


# --- ending ---------------------------------------------------------------------------------------------------------


def test_the_last_item_ending_takes_the_perk_back_with_the_values_of_the_grant() -> None:
    change = only(looked(held(item(), values={"name": "Old"}), item(state="used")))
    assert (change.turn, change.cause, change.reason) == (Turn.END, Cause.FORETOLD, Reason.EXPIRED)
    assert change.stored_values == {"name": "Old"}
    assert [one.live for one in change.supports] == [False]


def test_a_removal_after_the_grace_needs_no_inventory() -> None:
    before = held(item(ends_at=NOW - HOUR))
    change = only(compare(before, None, time_passed(), VIP, everywhere(who())))
    assert (change.turn, change.cause) == (Turn.END, Cause.FORETOLD)


def test_a_removal_by_absence_has_that_cause() -> None:
    before = known([known_item(item(), seen_live=True, missing_since=NOW - 10 * MINUTE)], [holding(support())])
    change = only(looked(before))
    assert (change.turn, change.cause, change.reason) == (Turn.END, Cause.ABSENT, Reason.ABSENT)


def test_grants_come_before_removals() -> None:
    other = perk("fly", products=("fly",))
    changes = looked(
        held(item()), item(state="used"), item("11", slug="fly", product_id="9"), sold=catalogue(perk(), other)
    )
    assert [change.turn for change in changes.holdings] == [Turn.OPEN, Turn.END]


@pytest.mark.parametrize(
    ("stated", "emptier"),
    [
        ([item("10", ends_at=NOW - 2 * MINUTE), item("11", ends_at=NOW - MINUTE)], "11"),
        ([item("10", ends_at=NOW - MINUTE), item("11", ends_at=NOW - MINUTE)], "10"),
        ([item("10", ends_at=NOW - MINUTE), item("11", state="revoked")], "11"),
        ([item("10", state="used"), item("11", ends_at=NOW - MINUTE)], "11"),
    ],
)
def test_among_items_that_end_together_a_revoked_one_then_the_latest_empties_the_holding(
    stated: list[Item], emptier: str
) -> None:
    before = known(
        [known_item(item(one.id), seen_live=True) for one in stated], [holding(support("10"), support("11"))]
    )
    assert only(looked(before, *stated)).item_id == emptier


@pytest.mark.parametrize("missing", ["9", "11"])
@pytest.mark.parametrize("other", [item("10", state="revoked"), item("10", ends_at=NOW - MINUTE)])
def test_a_holding_that_only_an_absence_emptied_is_a_removal_by_absence(other: Item, missing: str) -> None:
    gone = known_item(permanent(missing), seen_live=True, missing_since=NOW - HOUR)
    before = known(
        [gone, known_item(item("10"), seen_live=True)], [holding(support(missing, ends_at=None), support("10"))]
    )
    change = only(looked(before, other))
    assert (change.item_id, change.cause) == (missing, Cause.ABSENT)


# --- coming back ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gone", [{"missing_since": NOW - DAY}, {}])
def test_an_item_that_is_live_again_opens_the_holding_again(gone: dict[str, Any]) -> None:
    stated = item() if gone else item(state="revoked")
    before = known(
        [known_item(stated, seen_live=True, **gone)], [holding(support(live=False), state=HoldingState.ENDED)]
    )
    assert turns(looked(before, item())) == [("open", "survival")]


def test_perkds_own_clock_goes_on_when_an_item_comes_back() -> None:
    before = known(
        [known_item(USABLE._replace(state="revoked"), seen_live=True)],
        [holding(support(live=False, started_at=NOW - 10 * DAY), state=HoldingState.ENDED)],
    )
    [behind] = only(looked(before, USABLE, sold=catalogue(perk(lasts=30 * DAY)))).supports
    assert (behind.started_at, behind.ends_at) == (NOW - 10 * DAY, NOW + 20 * DAY)


def test_of_an_items_clocks_the_one_that_began_first_goes_on() -> None:
    early = support(live=False, joined_at=NOW - DAY, started_at=NOW - 10 * DAY)
    late = support(live=False, joined_at=NOW - 20 * DAY, started_at=NOW - 5 * DAY)
    theirs = holding(early, key=HoldingKey(BLAKE, "vip", "survival"), state=HoldingState.ENDED)
    before = known(
        [known_item(USABLE._replace(state="revoked"), seen_live=True)],
        [holding(late, state=HoldingState.ENDED), theirs],
    )
    [behind] = only(looked(before, USABLE, sold=catalogue(perk(lasts=30 * DAY)))).supports
    assert behind.started_at == NOW - 10 * DAY


def test_the_clock_of_one_item_is_not_that_of_another() -> None:
    before = known([], [holding(support("9", live=False, started_at=NOW - 10 * DAY), state=HoldingState.ENDED)])
    [behind] = only(looked(before, permanent(state="used"), sold=catalogue(perk(lasts=30 * DAY)))).supports
    assert (behind.item_id, behind.started_at) == ("10", None)


# --- time alone, and the config ---------------------------------------------------------------------------------------


def test_time_alone_opens_nothing_and_the_next_read_looks_again() -> None:
    changes = compare(known([known_item(item())]), None, time_passed(), VIP, everywhere(who()))
    assert (changes.empty, changes.recheck_at) == (True, NOW)


def test_a_comparison_has_a_time_to_look_again() -> None:
    changes = looked(known(), item("10", ends_at=NOW + 2 * DAY), item("11", ends_at=NOW + DAY))
    assert (changes.recheck_at, changes.deadline_at) == (NOW + DAY, NOW + DAY + HOUR)
    assert looked(known(), permanent()).recheck_at is None


@pytest.mark.parametrize(
    "sold",
    [
        catalogue(retired={"vip": perk()}),
        catalogue(perk(products=("other",))),
        catalogue(perk(servers=("lobby",), products=("other",))),
        catalogue(perk(), servers=("lobby",)),
        catalogue(perk(effect="gold")),
        catalogue(),
    ],
)
def test_taking_a_perk_a_product_a_server_or_an_effect_out_of_the_config_sends_nothing(sold: Catalogue) -> None:
    assert looked(held(item()), item(), sold=sold).holdings == ()


def test_a_retired_perk_ends_by_its_last_definition() -> None:
    sold = catalogue(retired={"vip": perk(grace=5 * HOUR)})
    before = held(item(ends_at=NOW))
    assert compare(before, None, time_passed(NOW + 4 * HOUR), sold, {}).holdings == ()
    change = only(compare(before, None, time_passed(NOW + 5 * HOUR), sold, {}))
    assert (change.turn, change.perk) == (Turn.END, "vip")


def test_an_unknown_perk_keeps_its_holdings() -> None:
    assert looked(held(item()), item(state="revoked"), sold=catalogue()).holdings == ()


def test_a_server_added_later_is_granted_too() -> None:
    sold = catalogue(perk(servers=("survival", "lobby")))
    assert turns(looked(held(item()), item(), sold=sold)) == [("open", "lobby")]


def test_looking_twice_at_the_same_items_changes_nothing() -> None:
    assert looked(held(item(), permanent("11")), item(), permanent("11")).empty


# --- an item that moved to another customer -------------------------------------------------------------------------


@pytest.mark.parametrize("sold", [VIP, catalogue(retired={"vip": perk()}), catalogue()])
def test_a_perk_ends_for_the_customer_whose_item_moved_away(sold: Catalogue) -> None:
    before = known([], [holding(support())])
    change = only(looked(before, sold=sold))
    assert (change.turn, change.cause, change.reason) == (Turn.END, Cause.STATED, Reason.REVOKED)
    assert planned(looked(before, sold=sold), sold, before)[0].change == change
    assert only(compare(before, None, time_passed(), sold, everywhere(who()))).turn is Turn.END


def test_an_item_that_moved_away_leaves_the_others_behind_the_holding() -> None:
    before = known([known_item(item("11"), seen_live=True)], [holding(support("10"), support("11"))])
    change = only(looked(before, item("11")))
    assert (change.turn, [(one.item_id, one.live) for one in change.supports]) == (Turn.KEEP, [("10", False)])


def test_an_item_that_moved_to_a_customer_who_is_the_same_player_keeps_the_holding() -> None:
    shared = holding(support())
    change = only(looked(known([], [shared], customer_id="2"), item(customer_id="2")))
    assert (change.turn, [(one.customer_id, one.live) for one in change.supports]) == (Turn.KEEP, [("2", True)])
    after = holding(*change.supports)
    assert looked(known([], [after])).empty  # the former owner has nothing behind it any more
    theirs = known([known_item(item(customer_id="2"), seen_live=True)], [after], customer_id="2")
    assert looked(theirs, item(customer_id="2")).empty


def test_an_item_that_moved_and_is_revoked_ends_the_holding_it_came_with() -> None:
    before = known([], [holding(support())], customer_id="2")
    change = only(looked(before, item(customer_id="2", state="revoked")))
    assert (change.turn, change.cause) == (Turn.END, Cause.STATED)


def test_an_item_that_moved_to_another_player_takes_its_perk_along() -> None:
    before = known([], [holding(support())], customer_id="2")
    changes = looked(before, item(customer_id="2"), somebody=who("Blake", BLAKE))
    assert turns(changes) == [("end", "survival"), ("open", "survival")]
    assert [(one.customer_id, one.live) for one in changes.holdings[1].supports] == [("2", True)]


# --- a value only the removal uses ------------------------------------------------------------------------------------

BY_NAME = perk(revoke=specs("take {name}"), revoke_on={Reason.CHARGEBACK: specs("ban {name}")})


@pytest.mark.parametrize("sold", [catalogue(BY_NAME), catalogue(retired={"vip": BY_NAME})])
def test_a_new_name_only_the_removal_uses_is_learned_without_a_command_and_once(sold: Catalogue) -> None:
    change = only(looked(held(item()), item(), sold=sold, somebody=who("NewAlex")))
    assert (change.turn, change.learned, change.supports) == (Turn.KEEP, who("NewAlex").values, ())
    [one] = planned(looked(held(item()), item(), sold=sold, somebody=who("NewAlex")), sold, somebody=who("Other"))
    assert (one.values, one.grant, one.revoke) == (change.learned, (), ())
    assert looked(held(item(), values=change.learned), item(), sold=sold, somebody=who("NewAlex")).empty
    assert looked(held(item()), item(), sold=sold, somebody=who(player=None)).empty


def test_an_end_in_the_same_pass_goes_to_the_new_name() -> None:
    stated = item(state="revoked", revoke_reason="chargeback")
    changes = looked(held(item()), stated, sold=catalogue(BY_NAME), somebody=who("NewAlex"))
    [one] = planned(changes, catalogue(BY_NAME))
    assert [draft.text for draft in one.revoke] == ["take NewAlex", "ban NewAlex"]


def test_what_the_grant_used_is_taken_back_as_it_was_given() -> None:
    sold = catalogue(perk(grant=specs("give {name}"), revoke=specs("take {name}")))
    [one] = planned(looked(held(item()), item(state="revoked"), sold=sold, somebody=who("NewAlex")), sold)
    assert [draft.text for draft in one.revoke] == ["take Alex"]
