"""Lasting perks: when a holding opens and is kept, and which items count for it."""

import pytest

from perkd.daemon.core.changes import HoldingKey, Turn
from perkd.daemon.core.entitlements import compare
from perkd.daemon.core.model import Cause, Item, PerkKind, Reason
from tests.builders import (
    ALEX,
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
    kit,
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


# --- opening --------------------------------------------------------------------------------------------------------


def test_the_first_live_item_grants_and_is_behind_the_holding() -> None:
    changes = looked(known(), item())
    change = only(changes)
    assert (change.turn, change.key, change.perk, change.item_id) == (
        Turn.OPEN,
        HoldingKey(ALEX, "vip", "survival"),
        "vip",
        "10",
    )
    assert change.cause is Cause.GRANT
    assert change.supports == (support(joined_at=NOW),)
    assert [one.seen_live for one in changes.items] == [True]


def test_a_perk_for_every_server_is_granted_on_each_of_them() -> None:
    assert turns(looked(known(), item(), sold=catalogue(perk(servers=("*",))))) == [
        ("open", "survival"),
        ("open", "lobby"),
    ]


@pytest.mark.parametrize("stated", [item(state="used"), item(state="revoked"), item(state="frozen"), USABLE])
def test_an_item_that_does_not_count_grants_nothing(stated: Item) -> None:
    changes = looked(known(), stated)
    assert changes.holdings == ()
    assert [one.seen_live for one in changes.items] == [False]


def test_an_item_of_another_product_grants_nothing() -> None:
    assert looked(known(), item(product_id="9", slug="kit")).holdings == ()


@pytest.mark.parametrize("products", [("7",), ("vip",), ("old-name",)])
def test_a_product_is_named_by_its_id_its_slug_or_the_slug_it_was_first_seen_with(products: tuple[str, ...]) -> None:
    sold = catalogue(perk(products=products), slugs={"old-name": "7"})
    assert turns(looked(known(), item(), sold=sold)) == [("open", "survival")]


def test_a_slug_that_moved_to_another_product_does_not_take_the_perk_along() -> None:
    assert looked(known(), item(), sold=catalogue(perk(), slugs={"vip": "6"})).holdings == ()


def test_the_item_with_the_latest_end_opens_the_holding() -> None:
    short, long = item("10", ends_at=NOW + DAY), item("11", ends_at=NOW + 2 * DAY)
    assert only(looked(known(), short, long)).item_id == "11"


def test_no_end_counts_as_the_latest_and_among_equals_the_lowest_id_opens() -> None:
    assert only(looked(known(), item("9"), permanent("11"), permanent("100"))).item_id == "11"


def test_the_perk_of_the_opening_item_grants_where_perks_share_an_effect() -> None:
    sold = catalogue(perk("month", effect="vip"), perk("year", effect="vip", products=("year",)))
    change = only(
        looked(known(), item("10"), item("11", slug="year", product_id="9", ends_at=NOW + 365 * DAY), sold=sold)
    )
    assert (change.perk, change.item_id, [one.perk for one in change.supports]) == ("year", "11", ["month", "year"])


def test_an_item_of_two_perks_with_one_effect_counts_once() -> None:
    sold = catalogue(perk("a", effect="vip"), perk("b", effect="vip"))
    first = only(looked(known(), item(), sold=sold))
    assert [one.perk for one in first.supports] == ["a"]
    again = known([known_item(item(), seen_live=True)], [holding(support(perk="a"), perk="a")])
    assert looked(again, item(), sold=sold).empty


def test_another_lasting_perk_is_opened_beside_a_held_one() -> None:
    sold = catalogue(perk(), perk("fly"))
    assert only(looked(held(item()), item(), sold=sold)).perk == "fly"


def test_a_perk_that_is_given_once_holds_nothing() -> None:
    [change] = looked(known(), item(), sold=catalogue(kit(products=("vip",)))).holdings
    assert (change.kind, change.supports) == (PerkKind.ONCE, ())


# --- keeping --------------------------------------------------------------------------------------------------------


def test_a_second_item_keeps_the_holding_and_is_behind_it_too() -> None:
    change = only(looked(held(item("10")), item("10"), item("11")))
    assert (change.turn, [one.item_id for one in change.supports]) == (Turn.KEEP, ["11"])


def test_when_one_of_two_items_ends_the_holding_is_kept() -> None:
    change = only(looked(held(item("10"), item("11")), item("10", state="revoked"), item("11")))
    assert (change.turn, change.item_id) == (Turn.KEEP, "11")
    assert [(one.item_id, one.live) for one in change.supports] == [("10", False)]


def test_a_renewal_passes_the_holding_on_to_the_successor_without_a_gap() -> None:
    before = held(item("10", ends_at=NOW - MINUTE))
    waiting = looked(before, item("10", ends_at=NOW - MINUTE, state="renewed"))
    assert turns(waiting) == [("keep", "survival")]
    change = only(looked(before, item("10", ends_at=NOW - MINUTE, state="renewed"), item("11")))
    assert change.turn is Turn.KEEP
    over = known(
        [known_item(item("10", ends_at=NOW - MINUTE, state="renewed"), seen_live=True, renewed_at=NOW - HOUR)],
        before.holdings,
    )
    passed_on = only(looked(over, item("10", ends_at=NOW - MINUTE, state="renewed"), item("11")))
    assert (passed_on.turn, [(one.item_id, one.live) for one in passed_on.supports]) == (
        Turn.KEEP,
        [("10", False), ("11", True)],
    )


def test_a_renewed_item_without_a_successor_ends_after_its_ten_minutes() -> None:
    stated = item(ends_at=NOW - MINUTE, state="renewed")
    before = known([known_item(stated, seen_live=True, renewed_at=NOW - 10 * MINUTE)], [holding(support(ends_at=NOW))])
    assert only(looked(before, stated)).reason is Reason.EXPIRED


def test_a_later_end_is_remembered_without_a_command() -> None:
    later = item(ends_at=NOW + 90 * DAY)
    change = only(looked(held(item()), later))
    assert (change.turn, change.supports[0].ends_at) == (Turn.KEEP, NOW + 90 * DAY)


def test_perkds_own_clock_is_remembered_once_it_started() -> None:
    sold = catalogue(perk(lasts=30 * DAY))
    before = known([known_item(USABLE, seen_live=True)], [holding(support(started_at=NOW - DAY, ends_at=None))])
    [kept] = only(looked(before, USABLE, sold=sold)).supports
    assert (kept.started_at, kept.ends_at) == (NOW - DAY, NOW + 29 * DAY)


def test_an_unknown_state_word_keeps_the_holding() -> None:
    changes = looked(held(item()), item(state="frozen", ends_at=NOW - DAY))
    assert changes.holdings == ()


def test_an_end_that_the_store_shows_late_changes_nothing_until_a_list_is_read() -> None:
    before = held(item(ends_at=NOW - MINUTE))
    changes = compare(before, None, time_passed(), VIP, everywhere(who()))
    assert changes.holdings == ()
    assert changes.deadline_at == NOW - MINUTE + HOUR
