"""When the local time is in doubt: compared with the store's time, and with the monotonic clock."""

from datetime import datetime, timedelta
from typing import NamedTuple

import pytest

from perkd.daemon.core.clock_trust import ClockWatch
from tests.builders import HOUR, MINUTE, NOW

SECOND = timedelta(seconds=1)


class Said(NamedTuple):
    """The store's time, and when it came by the monotonic clock."""

    at: datetime
    seen_s: float


def watch() -> ClockWatch:
    """A watch that looked once, when the monotonic clock was at 1000."""
    found = ClockWatch()
    found.look(NOW, 1000.0)
    return found


def test_a_clock_that_was_not_compared_yet_is_trusted() -> None:
    assert ClockWatch().ok
    assert watch().ok


@pytest.mark.parametrize(
    ("off", "ok"),
    [
        (timedelta(0), True),
        (2 * MINUTE, True),
        (-2 * MINUTE, True),
        (2 * MINUTE + SECOND, False),
        (-2 * MINUTE - SECOND, False),
    ],
)
def test_more_than_two_minutes_off_the_stores_time_is_doubt(off: timedelta, ok: bool) -> None:
    found = watch()
    found.confirm(NOW, NOW + off)
    assert (found.ok, found.skew) == (ok, off)


def test_the_stores_time_counts_for_the_moment_it_was_said() -> None:
    found = watch()
    found.hear(Said(NOW + SECOND, 1000.0), NOW + HOUR, 1000.0 + 3600)
    assert (found.ok, found.skew) == (True, -SECOND)


def test_a_later_answer_of_the_store_ends_the_doubt() -> None:
    found = watch()
    found.confirm(NOW, NOW + HOUR)
    found.confirm(NOW, NOW + SECOND)
    assert found.ok


@pytest.mark.parametrize(("jump_s", "ok"), [(60, True), (-60, True), (61, False), (-61, False)])
def test_a_jump_of_more_than_a_minute_against_the_monotonic_clock_is_doubt(jump_s: int, ok: bool) -> None:
    found = watch()
    found.look(NOW + 10 * SECOND + jump_s * SECOND, 1010.0)
    assert found.ok is ok


def test_clocks_that_agree_are_trusted_for_any_time() -> None:
    found = watch()
    for hours in range(1, 5000):
        found.look(NOW + hours * HOUR, 1000.0 + hours * 3600)
    assert found.ok


def test_a_slow_drift_adds_up_to_doubt() -> None:
    found = watch()
    for step in range(1, 8):
        found.look(NOW + step * (HOUR + 10 * SECOND), 1000.0 + step * 3600)
    assert not found.ok


def test_after_a_jump_a_steady_clock_is_not_enough() -> None:
    found = watch()
    found.look(NOW + HOUR, 1001.0)
    for minute in range(1, 60):
        found.look(NOW + HOUR + minute * MINUTE, 1001.0 + minute * 60)
    assert not found.ok


def test_after_a_jump_an_answer_of_the_store_confirms_the_time() -> None:
    found = watch()
    found.look(NOW + HOUR, 1001.0)
    found.confirm(NOW + HOUR, NOW + HOUR + SECOND)
    assert found.ok
    found.look(NOW + HOUR + MINUTE, 1061.0)
    assert found.ok
    found.look(NOW, 1062.0)
    assert not found.ok


def test_after_a_jump_an_answer_with_another_time_leaves_the_doubt() -> None:
    found = watch()
    found.look(NOW + HOUR, 1001.0)
    found.confirm(NOW, NOW + HOUR)
    assert not found.ok
