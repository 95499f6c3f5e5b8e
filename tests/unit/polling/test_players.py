"""Which customers are online, when they are polled next, and who goes first."""

from datetime import timedelta
from typing import Any, cast

import pytest

from perkd.daemon.config.settings import Poll
from perkd.daemon.core.model import Profile, Secret
from perkd.daemon.ledger.rows import Polled
from perkd.daemon.polling.loop import Polling
from perkd.daemon.polling.progress import FLUSH_S, PendingSightings
from perkd.daemon.polling.reconcile import Reconciler
from perkd.daemon.polling.roll import Roll
from perkd.daemon.polling.schedule import Rank
from perkd.daemon.polling.watch import AFTER_END, REFUSED_AGAIN_S, REMOVED_AGAIN_S, Intervals, Watch, next_look
from perkd.daemon.runtime.clock import Clock
from perkd.daemon.runtime.context import Context
from tests.builders import HOUR, MINUTE, NOW

EVERY = Intervals(online=timedelta(seconds=30), offline=timedelta(minutes=15))


def polled(token_id: int = 1, name: str | None = "Alex", **changes: Any) -> Polled:
    identity = None if name is None else f'{{"name": "{name}"}}'
    facts = {"token": Secret("made-up"), "customer_id": str(token_id), "label": "x", **changes}
    return Polled(token_id=token_id, identity=identity, **facts)


def watched(**changes: Any) -> Watch:
    watch = Watch.of(polled())
    for field, value in changes.items():
        setattr(watch, field, value)
    return watch


def names(profile: Profile) -> list[str]:
    """A customer has two players, the name and the old name."""
    return [profile.values["name"], profile.values["name"], f"old {profile.values['name']}"]


class Crowd:
    """A roll over a set of names that are online."""

    def __init__(self) -> None:
        self.online: set[str] = set()
        self.roll = Roll(Clock(), names, self.online.__contains__)

    def is_(self, token_id: int, name: str) -> Watch:
        watch = self.roll.take(polled(token_id, name))
        self.roll.identified(watch, Profile(str(token_id), "9", {"name": name}), NOW)
        return watch

    def counts(self, *players: str) -> list[int]:
        return [len(self.roll.behind([player])) for player in players]


def test_a_customer_is_found_by_each_of_their_players_and_two_by_one() -> None:
    crowd = Crowd()
    alex, _, _ = crowd.is_(1, "Alex"), crowd.is_(2, "Alex"), crowd.is_(3, "Blake")
    assert len(crowd.roll.behind(["Alex", "old Alex"])) == 2
    assert crowd.counts("old Blake", "nobody") == [1, 0]
    crowd.roll.drop(alex)
    assert crowd.counts("Alex") == [1]
    crowd.is_(2, "Cleo")
    assert crowd.counts("Alex", "old Alex", "Cleo") == [0, 0, 1]


def test_who_joins_is_polled_at_once_unless_already_online_or_without_a_working_token() -> None:
    crowd = Crowd()
    alex, blake = crowd.is_(1, "Alex"), crowd.is_(2, "Blake")
    crowd.roll.take(polled(3, "Cleo", token=None))
    crowd.roll.refuse(blake, "401", replace=True)
    assert crowd.roll.joined(["Alex", "Blake", "Cleo"]) == [alex]
    assert crowd.roll.joined(["old Alex"]) == []
    assert all(watch.online for watch in crowd.roll)
    crowd.online.add("old Alex")
    for watch, still in ((alex, True), (blake, False)):
        crowd.roll.look(watch)
        assert watch.online is still


def test_a_customer_who_turns_out_to_be_a_player_on_a_server_is_online() -> None:
    crowd = Crowd()
    crowd.online.add("old Alex")
    assert crowd.is_(1, "Alex").online
    assert not crowd.is_(1, "Blake").online


def test_players_are_computed_from_the_profiles_in_the_ledger_and_again_for_other_games() -> None:
    crowd = Crowd()
    for anew, found in ((False, [1, 0, 1]), (True, [0, 1, 1])):
        crowd.is_(1, "Alex")
        for row in (polled(1, "Dora"), polled(2, "Blake"), polled(3, None)):
            crowd.roll.take(row, anew=anew)
        assert crowd.counts("Alex", "Dora", "Blake") == found


def test_a_customer_who_is_requested_during_a_poll_is_polled_once_more() -> None:
    nobody = cast(Any, None)  # no poll begins
    rules = cast(Any, None)
    poll = Poll(online=EVERY.online, offline=EVERY.offline, rate=5.0, concurrency=1)
    context = Context.of(Clock())
    context.pulse.register("poll", 20.0)
    polling = Polling(
        nobody,
        nobody,
        Reconciler(nobody, rules, nobody, nobody),
        context,
        poll=poll,
        wake=nobody,
        is_online=lambda _: False,
    )
    schedule, watch = polling.roll.schedule, polling.roll.take(polled(name=None))
    for again in (True, False):
        assert (schedule.drain(float("1e12")), schedule.take()) == (1, 1)
        if again:
            polling.look_now([watch])
        polling._put_back(watch)
        at_once = schedule.drain(polling._clock.monotonic())
        assert at_once == again


def test_a_customer_the_store_never_named_has_no_profile() -> None:
    assert polled(name=None).profile is None
    found = polled(name="Alex").profile
    assert found is not None
    assert found.values == {"name": "Alex"}


@pytest.mark.parametrize(
    ("facts", "wait", "rank"),
    [
        ({}, EVERY.offline, Rank.REST),
        ({"online": True}, EVERY.online, Rank.ONLINE),
        ({"online": True, "recheck_at": NOW + timedelta(seconds=-40)}, timedelta(seconds=20), Rank.ONLINE),
        ({"recheck_at": NOW + MINUTE}, MINUTE + AFTER_END, Rank.ENDING),
        ({"recheck_at": NOW + HOUR}, EVERY.offline, Rank.REST),
        ({"deadline_at": NOW + MINUTE}, MINUTE, Rank.ENDING),
        ({"failures": 1}, timedelta(seconds=30), Rank.FAILED),
        ({"failures": 1, "online": True}, timedelta(seconds=30), Rank.FAILED),
        ({"failures": 9}, EVERY.offline, Rank.FAILED),
        ({"failures": 9, "deadline_at": NOW + MINUTE}, MINUTE, Rank.ENDING),
        ({"failures": 9, "recheck_at": NOW}, EVERY.offline, Rank.FAILED),
        ({"refused": True, "online": True}, timedelta(seconds=REFUSED_AGAIN_S), Rank.REST),
        ({"token": None, "online": True}, timedelta(seconds=REMOVED_AGAIN_S), Rank.REST),
        ({"token": None, "recheck_at": NOW, "deadline_at": NOW + HOUR}, HOUR, Rank.ENDING),
    ],
)
def test_when_a_customer_is_polled_next(facts: dict[str, Any], wait: timedelta, rank: Rank) -> None:
    assert next_look(watched(**facts), NOW, EVERY, jitter=1.0) == (wait.total_seconds(), rank)


def test_an_online_interval_longer_than_the_offline_one_is_not_used() -> None:
    every = Intervals(online=HOUR, offline=MINUTE)
    assert next_look(watched(online=True), NOW, every, jitter=0.5) == (30.0, Rank.ONLINE)


def test_sightings_of_unchanged_inventories_are_written_together() -> None:
    at = [100.0]
    unwritten = PendingSightings(lambda: at[0])
    assert unwritten.take() == {}
    unwritten.put("1", NOW)
    assert unwritten.take() == {"1": NOW}
    unwritten.put("1", NOW)
    unwritten.put("1", NOW + MINUTE)
    unwritten.put("2", NOW)
    at[0] += FLUSH_S - 0.1
    assert unwritten.take() == {}
    at[0] += 0.1
    assert unwritten.take() == {"1": NOW + MINUTE, "2": NOW}
    assert unwritten.take() == {}
