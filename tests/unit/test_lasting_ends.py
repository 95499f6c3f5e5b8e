"""Lasting perks: when a holding ends, by which item, and what time alone or a changed config does to it."""

from dataclasses import replace
from typing import Any

import pytest

from daemon.changes import Catalogue, HoldingState, Turn
from daemon.entitlements import compare
from daemon.model import Cause, Item, Reason
from tests.builders import (
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


def test_a_removal_by_absence_says_so() -> None:
    before = known([known_item(item(), seen_live=True, missing_since=NOW - 10 * MINUTE)], [holding(support())])
    change = only(looked(before))
    assert (change.turn, change.cause, change.reason) == (Turn.END, Cause.ABSENT, Reason.ABSENT)


def test_grants_stand_before_removals() -> None:
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
def test_of_items_that_end_together_a_stated_end_then_the_latest_empties_the_holding(
    stated: list[Item], emptier: str
) -> None:
    before = known(
        [known_item(item(one.id), seen_live=True) for one in stated], [holding(support("10"), support("11"))]
    )
    assert only(looked(before, *stated)).item_id == emptier


@pytest.mark.parametrize("other", [item("11", state="revoked"), item("11", ends_at=NOW - MINUTE)])
def test_what_only_an_absence_emptied_is_a_removal_by_absence(other: Item) -> None:
    before = known(
        [known_item(permanent("10"), seen_live=True, missing_since=NOW - HOUR), known_item(item("11"), seen_live=True)],
        [holding(support("10", ends_at=None), support("11"))],
    )
    change = only(looked(before, other))
    assert (change.item_id, change.cause) == ("10", Cause.ABSENT)


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
        [known_item(replace(USABLE, state="revoked"), seen_live=True)],
        [holding(support(live=False, started_at=NOW - 10 * DAY), state=HoldingState.ENDED)],
    )
    [behind] = only(looked(before, USABLE, sold=catalogue(perk(lasts=30 * DAY)))).supports
    assert (behind.started_at, behind.ends_at) == (NOW - 10 * DAY, NOW + 20 * DAY)


# --- time alone, and the config ---------------------------------------------------------------------------------------


def test_time_alone_opens_nothing_and_the_next_read_looks_again() -> None:
    changes = compare(known([known_item(item())]), None, time_passed(), VIP, everywhere(who()))
    assert (changes.empty, changes.recheck_at) == (True, NOW)


def test_a_comparison_says_when_to_look_again() -> None:
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


def test_a_perk_nobody_remembers_keeps_its_holdings() -> None:
    assert looked(held(item()), item(state="revoked"), sold=catalogue()).holdings == ()


def test_a_server_added_later_is_granted_too() -> None:
    sold = catalogue(perk(servers=("survival", "lobby")))
    assert turns(looked(held(item()), item(), sold=sold)) == [("open", "lobby")]


def test_looking_twice_at_the_same_items_changes_nothing() -> None:
    assert looked(held(item(), permanent("11")), item(), permanent("11")).empty
