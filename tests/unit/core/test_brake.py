"""The brake: when removals become a mass removal, how it counts them, and how it is released and rebuilt."""

from datetime import timedelta

import pytest

from perkd.daemon.core.brake import Brake, counted
from perkd.daemon.core.changes import Changes, HoldingChange, HoldingKey, Turn
from perkd.daemon.core.entitlements import held_after
from perkd.daemon.core.model import BrakeLimits, Cause, PerkKind
from tests.builders import ALEX, HOUR, MINUTE, NOW, held, item, looked

LIMITS = BrakeLimits(share=0.30, least=3, window=10 * MINUTE)


def removals(count: int, customer_id: str = "1", cause: Cause = Cause.STATED, turn: Turn = Turn.END) -> Changes:
    """Changes that end this many holdings of one customer."""
    ends = [
        HoldingChange(
            turn=turn,
            key=HoldingKey(ALEX, f"perk {number}", "survival"),
            kind=PerkKind.LASTING,
            perk=f"perk {number}",
            item_id="10",
            cause=cause,
        )
        for number in range(count)
    ]
    return Changes(customer_id=customer_id, holdings=tuple(ends))


def weighed(brake: Brake, *counts: int, held: int = 0) -> list[bool]:
    """Whether the brake came on with each of these customers, read one after the other."""
    return [brake.weigh(removals(count, str(n)), held, NOW) is not None for n, count in enumerate(counts)]


@pytest.mark.parametrize("cause", Cause)
def test_removals_by_revocation_or_absence_count_and_the_others_do_not(cause: Cause) -> None:
    [change] = removals(1, cause=cause).holdings
    assert counted(change) is (cause in {Cause.STATED, Cause.ABSENT})


@pytest.mark.parametrize("turn", [Turn.OPEN, Turn.KEEP, Turn.REGRANT, Turn.ADOPT])
def test_only_ends_count(turn: Turn) -> None:
    [change] = removals(1, turn=turn).holdings
    assert not counted(change)


def test_the_brake_comes_on_above_the_least_and_says_why() -> None:
    brake = Brake(LIMITS)
    assert weighed(brake, 1, 1, 1, held=0) == [False, False, False]
    why = brake.weigh(removals(1, "9"), 0, NOW)
    assert why is not None
    assert all(fact in why for fact in ("4 of 4", "10 min", " 3 ", "30%"))
    assert brake.on_since == NOW


def test_more_than_least_is_not_enough_when_the_share_is_small() -> None:
    brake = Brake(LIMITS)
    brake.note("big", 100, 0, NOW)
    assert weighed(brake, *[1] * 40) == [False] * 40
    assert weighed(Brake(LIMITS), 4) == [True]


def test_exactly_the_share_does_not_put_it_on() -> None:
    brake = Brake(LIMITS)
    brake.note("others", 14, 0, NOW)
    assert weighed(brake, 6) == [False]  # 6 of 20
    assert weighed(brake, 0, 1) == [False, True]  # 7 of 21


def test_holdings_that_customers_keep_are_part_of_the_total() -> None:
    assert weighed(Brake(LIMITS), 4, held=20) == [False]
    assert weighed(Brake(LIMITS), 4, held=9) == [True]


def test_thirty_two_customers_at_once_put_it_on() -> None:
    brake = Brake(BrakeLimits())
    came_on = weighed(brake, *[1] * 32)
    assert came_on.index(True) == 10  # the eleventh, and it says so once
    assert sum(came_on) == 1
    assert brake.on_since is not None


def test_one_customer_with_many_removals_is_a_mass_removal_too() -> None:
    assert weighed(Brake(LIMITS), 4) == [True]


def test_while_it_is_on_it_does_not_come_on_again() -> None:
    brake = Brake(LIMITS, on_since=NOW - HOUR)
    assert weighed(brake, 50) == [False]
    assert brake.on_since == NOW - HOUR


@pytest.mark.parametrize("cause", [Cause.FORETOLD, Cause.OPERATOR, Cause.IDENTITY])
def test_known_ends_new_names_and_the_operators_removals_never_put_it_on(cause: Cause) -> None:
    brake = Brake(LIMITS)
    assert brake.weigh(removals(50, cause=cause), 0, NOW) is None


def test_removals_older_than_the_window_are_forgotten() -> None:
    brake = Brake(LIMITS)
    for minute in range(0, 60, 5):
        assert brake.weigh(removals(1), 0, NOW + minute * MINUTE) is None


@pytest.mark.parametrize(("ago", "comes_on"), [(10 * MINUTE, True), (10 * MINUTE + timedelta(seconds=1), False)])
def test_a_removal_exactly_a_window_ago_still_counts(ago: timedelta, comes_on: bool) -> None:
    brake = Brake(LIMITS)
    brake.note("earlier", 0, 3, NOW - ago)
    assert weighed(brake, 1) == [comes_on]


def test_customers_read_before_the_window_do_not_make_the_share_smaller() -> None:
    brake = Brake(LIMITS)
    brake.note("long ago", 1000, 0, NOW - 10 * MINUTE - timedelta(seconds=1))
    assert weighed(brake, 4) == [True]
    just = Brake(LIMITS)
    just.note("just now", 1000, 0, NOW - 10 * MINUTE)
    assert weighed(just, 4) == [False]


def test_a_customer_read_twice_counts_with_their_current_holdings() -> None:
    brake = Brake(LIMITS)
    brake.note("1", 1000, 0, NOW)
    assert brake.weigh(removals(4, "1"), 0, NOW) is not None


def test_a_release_empties_the_window() -> None:
    brake = Brake(LIMITS)
    assert weighed(brake, 4) == [True]
    brake.release()
    assert brake.on_since is None
    assert weighed(brake, 3) == [False]
    assert weighed(brake, 1) == [True]


@pytest.mark.parametrize("order", [1, -1])
def test_the_window_is_rebuilt_after_a_restart_in_any_order(order: int) -> None:
    brake = Brake(LIMITS)
    past = [("a", 2, NOW - 5 * MINUTE), ("b", 9, NOW - 11 * MINUTE), ("c", 1, NOW - MINUTE)]
    for customer, count, at in past[::order]:
        brake.note(customer, 0, count, at)
    assert brake.on_since is None
    assert brake.weigh(removals(1, "d"), 6, NOW) is not None  # 4 of 10; with b it would be 13 of 19


def test_the_rebuilt_window_forgets_what_is_older_than_it() -> None:
    brake = Brake(LIMITS)
    brake.note("a", 0, 1, NOW)
    brake.note("b", 0, 9, NOW - HOUR)
    assert brake.weigh(removals(1, "c"), 0, NOW) is None


def test_it_weighs_the_changes_of_a_comparison() -> None:
    brake = Brake(BrakeLimits(least=0))
    before = held(item())
    changes = looked(before, item(state="revoked"))
    assert brake.weigh(changes, held_after(before, changes), NOW) is not None


def test_changes_that_could_not_be_recorded_do_not_count_twice() -> None:
    brake = Brake(LIMITS)
    for _ in range(20):
        before = brake.on
        assert brake.weigh(removals(2), 0, NOW) is None
        brake.take_back(removals(2), before)
    assert brake.weigh(removals(4), 0, NOW) is not None
    brake.take_back(removals(4), (None, None))
    assert brake.on == (None, None)
    brake.take_back(removals(0), (None, None))  # nothing counted, nothing to take back
    assert weighed(brake, 2) == [False]
