"""Which players perkd looks up in the store, and when again."""

from datetime import timedelta

from hypothesis import given, strategies as st

from perkd.daemon.enrolment.unknown_players import AGAIN, UnknownPlayers
from tests.builders import NOW


def test_a_player_the_store_does_not_know_is_looked_up_again_after_an_hour() -> None:
    strangers = UnknownPlayers()
    assert strangers.due(["ann", "ben"], NOW) == ["ann", "ben"]
    strangers.not_found("ann", NOW)
    assert strangers.due(["ann", "ben"], NOW + AGAIN - timedelta(seconds=1)) == ["ben"]
    assert strangers.due(["ann", "ben"], NOW + AGAIN) == ["ann", "ben"]


def test_news_of_a_player_makes_them_due_at_once() -> None:
    strangers = UnknownPlayers()
    strangers.not_found("ann", NOW)
    strangers.forget("ann")
    strangers.forget("nobody")
    assert strangers.due(["ann"], NOW) == ["ann"]


@given(st.lists(st.sampled_from("abcdefgh"), max_size=40), st.integers(1, 5))
def test_what_is_remembered_is_bounded_and_the_newest_stay(names: list[str], most: int) -> None:
    strangers = UnknownPlayers(most=most)
    for name in names:
        strangers.not_found(name, NOW)
    newest = list(dict.fromkeys(reversed(names)))[:most]
    assert len(strangers) == len(newest)
    assert strangers.due(newest, NOW) == []
