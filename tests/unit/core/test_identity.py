"""Law 12: two customers who are one player, and one customer who becomes another player or gets another name."""

from perkd.daemon.core.changes import HoldingKey, HoldingState, Known, Turn
from perkd.daemon.core.model import Cause, Reason
from tests.builders import (
    ALEX,
    BLAKE,
    DAY,
    MINUTE,
    NOW,
    VIP,
    catalogue,
    held,
    holding,
    item,
    known,
    known_item,
    looked,
    only,
    perk,
    specs,
    support,
    turns,
    who,
)

NAMED = catalogue(perk(grant=specs("rank {name} vip"), revoke=specs("unrank {name}")))
THEIRS = support("20", customer_id="2")  # the item of another customer with the same player


def shared(*mine: str, opened_by: str = "2", **changes: object) -> Known:
    """Customer 1 as the ledger knows them: their items 10… and a holding that customer 2's item 20 is behind too."""
    behind = [THEIRS, *(support(one) for one in mine)]
    items = [known_item(item(one), seen_live=True) for one in mine]
    return known(items, [holding(*behind, customer_id=opened_by, **changes)])


# --- two customers, one player ----------------------------------------------------------------------------------------


def test_a_second_customers_item_joins_the_holding_without_a_command() -> None:
    change = only(looked(shared(), item("10")))
    assert (change.turn, [one.item_id for one in change.supports]) == (Turn.KEEP, ["10"])


def test_nothing_is_removed_while_another_customers_item_is_behind_the_holding() -> None:
    change = only(looked(shared("10", opened_by="1"), item("10", state="revoked")))
    assert (change.turn, change.item_id) == (Turn.KEEP, "")
    assert [(one.item_id, one.live) for one in change.supports] == [("10", False)]


def test_the_last_of_two_customers_takes_the_perk_back() -> None:
    before = known(
        [known_item(item("10"), seen_live=True)],
        [holding(support("20", customer_id="2", live=False), support("10"), customer_id="2")],
    )
    assert only(looked(before, item("10", state="revoked"))).turn is Turn.END


def test_another_customers_item_is_not_judged_by_this_inventory() -> None:
    assert looked(shared()).holdings == ()


def test_the_name_of_the_customer_who_opened_the_holding_is_the_one_that_counts() -> None:
    before = shared("10")
    assert looked(before, item("10"), sold=NAMED, somebody=who("OtherAlex")).empty


def test_without_an_item_of_the_opener_the_name_of_the_other_customer_counts() -> None:
    left = support("20", customer_id="2", live=False)
    before = known([known_item(item("10"), seen_live=True)], [holding(left, support("10"), customer_id="2")])
    change = only(looked(before, item("10"), sold=NAMED, somebody=who("NewAlex")))
    assert (change.turn, change.item_id, change.stored_values["name"]) == (Turn.REGRANT, "10", "Alex")


def test_a_customer_without_an_item_behind_it_does_not_change_the_name() -> None:
    before = known([], [holding(THEIRS, customer_id="1")])
    assert looked(before, sold=NAMED, somebody=who("NewAlex")).empty


# --- one customer, another name ---------------------------------------------------------------------------------------


def test_when_a_value_of_the_grant_changes_the_old_is_taken_and_the_new_given() -> None:
    change = only(looked(held(item()), item(), sold=NAMED, somebody=who("NewAlex")))
    assert (change.turn, change.cause, change.reason) == (Turn.REGRANT, Cause.IDENTITY, Reason.IDENTITY)
    assert (change.stored_values["name"], change.item_id, change.supports) == ("Alex", "10", ())


def test_a_new_name_matters_only_to_grants_that_use_it() -> None:
    assert looked(held(item()), item(), somebody=who("NewAlex")).empty


def test_once_granted_under_the_new_name_the_same_look_changes_nothing() -> None:
    before = held(item(), values=who("NewAlex").values)
    assert looked(before, item(), sold=NAMED, somebody=who("NewAlex")).empty


def test_a_name_that_was_missing_at_the_grant_and_is_there_now_is_a_change() -> None:
    before = held(item(), values={"uuid": ALEX})
    assert turns(looked(before, item(), sold=NAMED)) == [("regrant", "survival")]


def test_a_name_that_is_missing_changes_nothing() -> None:
    assert looked(held(item()), item(), sold=NAMED, somebody=who(name=None)).empty


def test_a_new_name_goes_with_items_that_leave_and_join_in_the_same_look() -> None:
    before = held(item("10"), item("11"))
    change = only(looked(before, item("10", state="used"), item("11"), sold=NAMED, somebody=who("NewAlex")))
    assert (change.turn, change.item_id) == (Turn.REGRANT, "11")
    assert [(one.item_id, one.live) for one in change.supports] == [("10", False)]


def test_a_retired_perk_and_an_ended_holding_are_not_granted_under_a_new_name() -> None:
    retired = catalogue(retired={"vip": NAMED.perks["vip"]})
    assert looked(held(item()), item(), sold=retired, somebody=who("NewAlex")).empty
    ended = known([known_item(item(state="used"))], [holding(support(live=False), state=HoldingState.ENDED)])
    assert looked(ended, item(state="used"), sold=NAMED, somebody=who("NewAlex")).empty


# --- one customer, another player -------------------------------------------------------------------------------------


def test_another_player_gets_the_perk_and_the_old_one_loses_it_with_the_values_of_the_grant() -> None:
    changes = looked(held(item()), item(), somebody=who("Blake", BLAKE))
    ended, opened = changes.holdings  # in this order: a command may name both alike
    assert (opened.turn, opened.key, opened.cause) == (Turn.OPEN, HoldingKey(BLAKE, "vip", "survival"), Cause.GRANT)
    assert (ended.turn, ended.key, ended.reason) == (Turn.END, HoldingKey(ALEX, "vip", "survival"), Reason.IDENTITY)
    assert (ended.cause, ended.stored_values) == (Cause.IDENTITY, who().values)


def test_the_old_player_keeps_the_perk_while_another_customer_is_that_player() -> None:
    changes = looked(shared("10", opened_by="1"), item("10"), somebody=who("Blake", BLAKE))
    assert [(change.turn, change.key.player) for change in changes.holdings] == [
        (Turn.KEEP, ALEX),
        (Turn.OPEN, BLAKE),
    ]


def test_an_item_moves_along_with_its_newest_end_and_perkds_own_clock() -> None:
    sold = catalogue(perk(lasts=30 * DAY))
    started, waiting = NOW - DAY, item(state="usable", ends_at=None)
    before = known([known_item(waiting, seen_live=True)], [holding(support(started_at=started, ends_at=None))])
    _, opened = looked(before, waiting, sold=sold, somebody=who("Blake", BLAKE)).holdings
    assert [(one.started_at, one.ends_at) for one in opened.supports] == [(started, NOW + 29 * DAY)]


def test_an_item_of_unknown_state_moves_along_unchanged() -> None:
    before = held(item())
    _, opened = looked(before, item(state="frozen"), somebody=who("Blake", BLAKE)).holdings
    assert [one.ends_at for one in opened.supports] == [NOW + 30 * DAY]


def test_an_item_that_ends_as_the_player_changes_does_not_move_along() -> None:
    change = only(looked(held(item()), item(state="revoked"), somebody=who("Blake", BLAKE)))
    assert (change.turn, change.key.player, change.cause) == (Turn.END, ALEX, Cause.STATED)


def test_a_second_item_of_the_new_player_joins_where_the_first_moved_to() -> None:
    ended, opened = looked(held(item("10")), item("10"), item("11"), somebody=who("Blake", BLAKE)).holdings
    assert [one.item_id for one in opened.supports] == ["10", "11"]
    assert [one.item_id for one in ended.supports] == ["10"]


def test_perkds_own_clock_that_ran_out_does_not_start_again_for_another_player() -> None:
    sold = catalogue(perk(lasts=30 * DAY))
    waiting = item(state="usable", ends_at=None)
    never_delivered = holding(
        support(live=False), key=HoldingKey("elsewhere", "vip", "survival"), state=HoldingState.ENDED
    )
    over = holding(support(live=False, started_at=NOW - 31 * DAY), state=HoldingState.ENDED)
    before = known([known_item(waiting, seen_live=True)], [never_delivered, over])
    assert looked(before, waiting, sold=sold, somebody=who("Blake", BLAKE)).empty


def test_an_identity_that_is_missing_changes_nothing() -> None:
    assert looked(held(item()), item(), sold=NAMED, somebody=who(player=None)).empty


def test_a_customer_without_an_identity_is_their_own_player_until_they_have_one() -> None:
    first = only(looked(known(), item(), somebody=who(player=None)))
    assert first.key == HoldingKey("customer:1", "vip", "survival")
    waiting = known([known_item(item(), seen_live=True)], [holding(support(), key=first.key, values={}, touched=False)])
    assert looked(waiting, item(), somebody=who(player=None)).empty
    assert turns(looked(waiting, item())) == [("end", "survival"), ("open", "survival")]


def test_a_retired_perk_does_not_move_to_another_player() -> None:
    retired = catalogue(retired={"vip": perk()})
    assert looked(held(item()), item(), sold=retired, somebody=who("Blake", BLAKE)).empty


def test_a_server_that_left_the_config_knows_no_players_so_nothing_moves() -> None:
    gone = catalogue(perk(), servers=("lobby",))
    assert looked(held(item()), item(), sold=gone, somebody=who("Blake", BLAKE)).empty


def test_a_player_who_is_the_same_as_before_is_not_touched() -> None:
    assert looked(held(item()), item(), sold=VIP, moment=None).empty
    assert looked(held(item(ends_at=NOW + MINUTE)), item(ends_at=NOW + MINUTE)).empty
