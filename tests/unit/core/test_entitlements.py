"""What a comparison returns besides holdings, removing a customer, and how many holdings a customer has afterwards."""

from perkd.daemon.core.changes import Changes, HoldingState, Turn
from perkd.daemon.core.entitlements import held_after, release
from perkd.daemon.core.model import Cause, Reason
from tests.builders import (
    BLAKE,
    NOW,
    VIP,
    catalogue,
    given_kit,
    held,
    holding,
    item,
    kit,
    kit_item,
    known,
    known_item,
    looked,
    only,
    perk,
    permanent,
    support,
    turns,
    who,
)

BOTH = catalogue(perk(), kit())


def test_a_comparison_names_its_customer_and_the_items_that_changed_in_order() -> None:
    changes = looked(known(), item("100"), item("20"))
    assert (changes.customer_id, [one.item.id for one in changes.items]) == ("1", ["20", "100"])


def test_an_empty_comparison_may_still_have_a_time_to_look_again() -> None:
    changes = looked(held(item()), item())
    assert changes.empty
    assert changes.recheck_at == item().ends_at


def test_a_note_alone_is_a_change() -> None:
    changes = looked(known(), item("10", slug="other", product_id="3"))
    assert not changes.empty
    assert [note.kind for note in changes.notes] == ["item_seen"]


def test_an_item_that_counts_for_the_first_time_is_remembered_as_seen_live() -> None:
    before = known([known_item(item())])
    assert [one.seen_live for one in looked(before, item()).items] == [True]
    assert looked(held(item()), item()).items == ()


def test_an_item_that_stops_counting_stays_seen_live() -> None:
    assert [one.seen_live for one in looked(held(item()), item(state="used")).items] == [True]


def test_once_items_and_lasting_perks_come_in_one_comparison_grants_first() -> None:
    changes = looked(held(item("10")), item("10", state="revoked"), kit_item("11"), sold=BOTH)
    assert turns(changes) == [("open", "survival"), ("end", "survival")]
    assert [change.perk for change in changes.holdings] == ["kit", "vip"]


# --- perkd customers remove --revoke ----------------------------------------------------------------------------------


def test_removing_a_customer_takes_every_lasting_perk_away() -> None:
    change = only(release(held(item("10"), item("11"))))
    assert (change.turn, change.cause, change.reason) == (Turn.END, Cause.OPERATOR, Reason.REMOVED)
    assert [(one.item_id, one.live) for one in change.supports] == [("10", False), ("11", False)]


def test_removing_a_customer_leaves_a_holding_to_the_other_customer_behind_it() -> None:
    before = known([known_item(item())], [holding(support(), support("20", customer_id="2"))])
    change = only(release(before))
    assert (change.turn, [one.item_id for one in change.supports]) == (Turn.KEEP, ["10"])


def test_removing_a_customer_leaves_kits_and_what_others_hold() -> None:
    theirs = holding(support("20", customer_id="2"))
    ended = holding(support(live=False), state=HoldingState.ENDED)
    before = known([known_item(kit_item())], [given_kit(), theirs, ended])
    assert release(before) == Changes(customer_id="1")


# --- the brake's measure ----------------------------------------------------------------------------------------------


def test_a_customer_who_bought_holds_one_more() -> None:
    assert held_after(known(), looked(known(), item())) == 1


def test_a_holding_that_only_lost_one_of_two_items_still_counts() -> None:
    before = held(item("10"), item("11"))
    assert held_after(before, looked(before, item("10", state="revoked"), item("11"))) == 1


def test_a_holding_that_ended_does_not_count() -> None:
    before = held(item())
    assert held_after(before, looked(before, item(state="revoked"))) == 0


def test_a_holding_of_another_customer_does_not_count() -> None:
    before = known([], [holding(support("20", customer_id="2"))])
    assert held_after(before, looked(before)) == 0


def test_kits_that_were_given_count_and_adopted_ones_do_not() -> None:
    before = known(
        [known_item(kit_item("10")), known_item(kit_item("11"))],
        [given_kit("10"), given_kit("11", state=HoldingState.ADOPTED)],
    )
    assert held_after(before, looked(before, kit_item("10"), kit_item("11"), sold=BOTH)) == 1
    assert held_after(before, looked(before, kit_item("10"), kit_item("11"), kit_item("12"), sold=BOTH)) == 2
    assert held_after(before, looked(before, kit_item("10", state="revoked"), kit_item("11"), sold=BOTH)) == 0
    old = kit_item("12", added_at=NOW.replace(year=2020))
    assert held_after(before, looked(before, kit_item("10"), kit_item("11"), old, sold=BOTH)) == 1


def test_a_holding_that_moves_with_its_player_counts_once() -> None:
    before = held(item(), permanent("11"))
    assert held_after(before, looked(before, item(), permanent("11"), sold=VIP, somebody=who("Blake", BLAKE))) == 1


def test_a_kit_that_is_planned_again_under_another_name_counts_once() -> None:
    before = known([known_item(kit_item())], [given_kit(touched=False)])
    assert held_after(before, looked(before, kit_item(), sold=BOTH, somebody=who("NewAlex"))) == 1
