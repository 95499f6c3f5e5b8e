"""Which customers are online, when they are polled next, and who goes first."""

from datetime import timedelta
from typing import Any

import pytest

from perkd.daemon.core.model import Profile, Secret
from perkd.daemon.ledger.convert import micros
from perkd.daemon.ledger.rows import Polled
from perkd.daemon.polling.players import AT_ONCE, Players
from perkd.daemon.polling.progress import FLUSH_S, PendingSightings
from perkd.daemon.polling.schedule import Rank
from perkd.daemon.polling.watch import AFTER_END, REFUSED_AGAIN_S, REMOVED_AGAIN_S, Intervals, Watch, next_look
from tests.builders import HOUR, MINUTE, NOW

EVERY = Intervals(online=timedelta(seconds=30), offline=timedelta(minutes=15))


def polled(token_id: int = 1, name: str | None = "Alex") -> Polled:
    identity = None if name is None else f'{{"name": "{name}"}}'
    return Polled(token_id=token_id, token=Secret("made-up"), customer_id=str(token_id), label="x", identity=identity)


def watched(token_id: int = 1, **changes: Any) -> Watch:
    watch = Watch(polled(token_id))
    for field, value in changes.items():
        setattr(watch, field, value)
    return watch


class Crowd:
    """Players over a set of names that are online; a customer has two players, the name and the old name."""

    def __init__(self) -> None:
        self.online: set[str] = set()
        self.players = Players(self.names, self.online.__contains__)
        self.watches = {key: Watch(polled(key)) for key in (1, 2, 3)}

    @staticmethod
    def names(profile: Profile) -> list[str]:
        return [profile.values["name"], profile.values["name"], f"old {profile.values['name']}"]

    def is_(self, token_id: int, name: str) -> Watch:
        self.players.put(self.watches[token_id], Profile(str(token_id), "9", {"name": name}))
        return self.watches[token_id]


def test_a_customer_is_found_by_each_of_their_players_and_two_by_one() -> None:
    crowd = Crowd()
    crowd.is_(1, "Alex")
    crowd.is_(2, "Alex")
    crowd.is_(3, "Blake")
    assert crowd.players.count(["Alex", "old Alex"]) == 2
    assert crowd.players.count(["old Blake"]) == 1
    assert crowd.players.count(["nobody"]) == 0
    crowd.players.drop(crowd.watches[1])
    assert crowd.players.count(["Alex"]) == 1
    crowd.is_(2, "Cleo")
    assert (crowd.players.count(["Alex", "old Alex"]), crowd.players.count(["Cleo"])) == (0, 1)


def test_who_joins_is_polled_at_once_unless_already_online_or_without_a_working_token() -> None:
    crowd = Crowd()
    for token_id, name in ((1, "Alex"), (2, "Blake"), (3, "Cleo")):
        crowd.is_(token_id, name)
    crowd.watches[2].refused = True
    crowd.watches[3].token = None
    assert crowd.players.joined(["Alex", "Blake", "Cleo"], crowd.watches) == [1]
    assert crowd.players.joined(["old Alex"], crowd.watches) == []
    assert all(watch.online for watch in crowd.watches.values())
    crowd.online.add("old Alex")
    for token_id, still in ((1, True), (2, False)):
        crowd.players.look(crowd.watches[token_id])
        assert crowd.watches[token_id].online is still


def test_a_customer_who_turns_out_to_be_a_player_on_a_server_is_online() -> None:
    crowd = Crowd()
    crowd.online.add("old Alex")
    assert crowd.is_(1, "Alex").online
    assert not crowd.is_(1, "Blake").online


async def test_players_are_computed_from_the_profiles_in_the_ledger() -> None:
    crowd = Crowd()
    crowd.is_(1, "Alex")
    rows = [polled(1, "Dora"), polled(2, "Blake"), polled(3, None), *(polled(9, "gone") for _ in range(AT_ONCE))]
    await crowd.players.put_all(rows, crowd.watches, anew=False)
    assert [crowd.players.count([name]) for name in ("Alex", "Dora", "Blake", "gone")] == [1, 0, 1, 0]
    await crowd.players.put_all(rows, crowd.watches, anew=True)
    assert [crowd.players.count([name]) for name in ("Alex", "Dora", "Blake", "gone")] == [0, 1, 1, 0]


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
    assert next_look(watched(**facts), micros(NOW), EVERY, jitter=1.0) == (wait.total_seconds(), rank)


def test_an_online_interval_longer_than_the_offline_one_is_not_used() -> None:
    every = Intervals(online=HOUR, offline=MINUTE)
    assert next_look(watched(online=True), micros(NOW), every, jitter=0.5) == (30.0, Rank.ONLINE)


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
