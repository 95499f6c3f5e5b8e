"""Which loops are late, and the roster of who is online."""

import pytest

from perkd.adapters.base import Player
from perkd.daemon.core.roster import Roster
from perkd.daemon.runtime.pulse import Pulse
from tests.builders import MINUTE, NOW
from tests.clock import Hands


@pytest.mark.parametrize(("interval_s", "bound_s"), [(1.0, 60.0), (20.0, 60.0), (30.0, 90.0)])
def test_a_loop_may_take_three_intervals_and_at_least_a_minute(interval_s: float, bound_s: float) -> None:
    clock = Hands()
    pulse = Pulse(clock.monotonic)
    pulse.register("poll", interval_s)
    clock.ahead_s = bound_s
    assert pulse.late() == {}
    clock.ahead_s = bound_s + 1
    assert pulse.late() == {"poll": bound_s + 1}


def test_only_completed_passes_count_and_each_loop_by_itself() -> None:
    clock = Hands()
    pulse = Pulse(clock.monotonic)
    pulse.register("poll", 20.0)
    pulse.register("deliver survival", 20.0)
    clock.ahead_s = 50.0
    pulse.beat("poll")
    clock.ahead_s = 100.0
    assert pulse.late() == {"deliver survival": 100.0}
    pulse.beat("deliver survival")
    assert pulse.late() == {}


def test_a_loop_with_an_excuse_is_late_only_after_the_excuse_is_over_for_long() -> None:
    clock, until_s = Hands(), 0.0
    pulse = Pulse(clock.monotonic)
    pulse.register("poll", 20.0, lambda: until_s)
    until_s = 1000.0
    for clock.ahead_s in (500.0, 1000.0, 1060.0):
        assert pulse.late() == {}
    clock.ahead_s = 1061.0
    assert pulse.late() == {"poll": 61.0}
    pulse.beat("poll")
    assert pulse.late() == {}


def test_a_loop_that_is_gone_is_not_late() -> None:
    clock = Hands()
    pulse = Pulse(clock.monotonic)
    pulse.register("deliver survival", 1.0)
    pulse.drop("deliver survival")
    pulse.drop("deliver survival")
    clock.ahead_s = 1e6
    assert pulse.late() == {}


ALEX, BLAKE = Player("uuid-a", "Alex"), Player("uuid-b", "Blake")


def test_until_the_first_list_nobody_counts_as_online() -> None:
    roster = Roster()
    assert (roster.known, roster.since, len(roster)) == (False, {}, 0)


def test_those_who_joined_since_the_last_list_are_named() -> None:
    roster = Roster()
    assert roster.see([ALEX], NOW) == {"uuid-a", "Alex"}
    assert roster.see([ALEX, BLAKE], NOW) == {"uuid-b", "Blake"}
    assert roster.see([BLAKE], NOW) == set()
    assert (roster.known, len(roster)) == (True, 1)


def test_a_player_is_found_by_id_and_by_name() -> None:
    roster = Roster()
    roster.see([ALEX], NOW)
    assert roster.since == {"uuid-a": NOW, "Alex": NOW}


@pytest.mark.parametrize(
    "name",
    ["76561198000000002", "00000000-0000-4000-8000-00000000000B", "0" * 32, "customer:7", "customer:7\n"],
)
def test_a_player_with_another_players_id_as_name_is_not_that_player(name: str) -> None:
    roster = Roster()
    roster.see([Player("76561198000000001", name)], NOW)
    assert set(roster.since) == {"76561198000000001"}
    roster.forget(name)
    assert len(roster) == 1


@pytest.mark.parametrize("name", ["Alex", ".Alex", "1234567890123456"])
def test_a_name_counts_beside_the_id_of_an_offline_mode_server(name: str) -> None:
    roster = Roster()
    roster.see([Player("00000000-0000-3000-8000-00000000000a", name)], NOW)
    assert name in roster
    roster.forget(name)
    assert roster.since == {}


def test_an_empty_list_is_known_and_a_lost_one_is_not() -> None:
    roster = Roster()
    roster.see([ALEX], NOW)
    assert roster.see([], NOW) == set()
    assert roster.known
    roster.see([ALEX], NOW)
    roster.lose()
    assert (roster.known, roster.since) == (False, {})
    assert roster.see([ALEX], NOW) == {"uuid-a", "Alex"}


@pytest.mark.parametrize("identity", ["uuid-a", "Alex"])
def test_a_player_who_is_not_online_by_the_games_reply_joins_again_with_the_next_list(identity: str) -> None:
    roster = Roster()
    roster.see([ALEX, BLAKE], NOW)
    roster.forget(identity)
    roster.forget("nobody")
    assert roster.since == {"uuid-b": NOW, "Blake": NOW}
    assert roster.see([ALEX, BLAKE], NOW) == {"uuid-a", "Alex"}


def test_a_visit_begins_when_the_player_is_first_seen_and_again_when_they_come_back() -> None:
    roster = Roster()
    roster.see([ALEX], NOW)
    roster.see([ALEX, BLAKE], NOW + MINUTE)
    assert (roster.since["uuid-a"], roster.since["Blake"]) == (NOW, NOW + MINUTE)
    assert "uuid-a" in roster
    roster.see([BLAKE], NOW + 2 * MINUTE)
    assert "uuid-a" not in roster
    roster.see([ALEX, BLAKE], NOW + 3 * MINUTE)
    assert (roster.since["uuid-a"], roster.since["Alex"]) == (NOW + 3 * MINUTE, NOW + 3 * MINUTE)
