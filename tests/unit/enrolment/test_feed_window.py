"""The window of the feed: every item is returned, in whatever order the store lists it, and none for ever."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from perkd.daemon.core.store_ids import FLAKE_EPOCH, flake_time
from perkd.daemon.enrolment.feed_window import OVERLAP, TIME_BITS, MissingItems, Window, before, flake_at, latest_flake

LATER = datetime(2030, 1, 1, tzinfo=UTC)
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATEST = latest_flake(START + timedelta(days=30))
LATEST_MS = OVERLAP // timedelta(milliseconds=1)


@given(st.datetimes(datetime(2022, 3, 1), datetime(2080, 1, 1)))  # noqa: DTZ001 - made aware below
def test_the_smallest_id_of_a_time_has_that_time(naive: datetime) -> None:
    at = naive.replace(tzinfo=UTC)
    made = flake_time(str(flake_at(at)))
    assert timedelta(0) <= at - made < timedelta(milliseconds=1)
    assert flake_time(str(before(flake_at(at)))) == made - OVERLAP


def test_an_id_is_never_below_zero() -> None:
    assert flake_at(FLAKE_EPOCH - timedelta(days=1)) == 0
    assert before(5) == 0


def test_a_known_id_is_not_new_again() -> None:
    window = Window(flake_at(START))
    one, two = flake_at(START) + 1, flake_at(START) + 2
    assert window.take([two], LATEST) == [two]
    assert window.take([one, two], LATEST) == [one]
    assert window.take([one, two], LATEST) == []
    assert window.newest == two


def test_ids_at_or_below_the_start_of_the_window_do_not_count() -> None:
    window = Window(flake_at(START))
    assert window.take([window.after], LATEST) == []
    assert window.take([window.after + 1], LATEST) == [window.after + 1]


def test_an_id_of_the_far_future_is_returned_once_and_hides_no_later_one() -> None:
    window, odd = Window(flake_at(START), most=2), (1 << 63) - 1
    assert window.take([odd], latest_flake(START)) == [odd]
    assert window.newest == flake_at(START)
    later = flake_at(START + timedelta(minutes=50))
    assert window.take([later, odd], latest_flake(START)) == [later]
    assert (window.newest, window.take([odd], latest_flake(START))) == (later, [])
    assert window.take([odd - 3, odd - 2, odd - 1], latest_flake(START)) == [odd - 3], "as many as are remembered"


@given(st.permutations(range(1, 31)), st.integers(1, 10))
def test_more_ids_than_can_be_remembered_are_not_returned_for_ever(order: list[int], most: int) -> None:
    """Many ids of one moment: the next request begins after the forgotten ones."""
    window, base = Window(flake_at(START), most=most), flake_at(START)
    ids = [base + number for number in range(1, 31)]
    assert window.take([base + number for number in order], LATEST) == ids
    assert window.take([one for one in ids if one > window.after], LATEST) == []
    assert window.take([ids[-1] + 1], LATEST) == [ids[-1] + 1]


@dataclass
class _Store:
    """Lists items by id; one of them may be listed up to OVERLAP after others with a larger id."""

    now_ms: int = 0
    used: int = 0
    hidden: list[int] = field(default_factory=list)
    listed: set[int] = field(default_factory=set)

    def make(self, *, late: bool) -> None:
        self.used += 1
        item = (flake_at(START) + (self.now_ms << TIME_BITS)) | self.used
        if late:
            self.hidden.append(item)
        else:
            self.listed.add(item)

    def forward(self, by_ms: int) -> None:
        """No item stays hidden longer than OVERLAP after its id was made."""
        self.now_ms += by_ms
        for item in list(self.hidden):
            if flake_at(START) + (self.now_ms << TIME_BITS) - item > LATEST_MS << TIME_BITS:
                self.show(item)

    def show(self, item: int) -> None:
        self.hidden.remove(item)
        self.listed.add(item)


class Feeding(RuleBasedStateMachine):
    """A store, and a feed that sends requests and is sometimes restarted."""

    @initialize()
    def begin(self) -> None:
        self.store = _Store()
        self.window = Window(flake_at(START))
        self.seen: dict[int, int] = {}
        self.restarts = 0

    @rule(late=st.booleans())
    def buy(self, late: bool) -> None:
        self.store.make(late=late)

    @rule(which=st.integers(0, 50))
    def commit(self, which: int) -> None:
        if self.store.hidden:
            self.store.show(self.store.hidden[which % len(self.store.hidden)])

    @rule(by_ms=st.integers(0, LATEST_MS - 1))
    def wait(self, by_ms: int) -> None:
        self.look()  # no look is later than OVERLAP after the one before, as long as the store answers
        self.store.forward(by_ms)
        self.look()

    @rule()
    def look(self) -> None:
        answer = sorted(item for item in self.store.listed if item > self.window.after)
        for item in self.window.take(answer, LATEST):
            self.seen[item] = self.seen.get(item, 0) + 1

    @rule()
    def restart(self) -> None:
        self.look()
        self.window = Window(self.window.newest)
        self.restarts += 1

    @invariant()
    def nobody_is_looked_at_for_ever(self) -> None:
        assert all(times <= 1 + self.restarts for times in self.seen.values())

    def teardown(self) -> None:
        self.store.forward(2 * LATEST_MS)
        self.look()
        assert set(self.seen) == self.store.listed
        self.look()
        self.nobody_is_looked_at_for_ever()


TestFeeding = pytest.mark.volume(Feeding.TestCase)


def test_the_customer_of_a_missing_item_is_polled_twice_more() -> None:
    looks = MissingItems()
    assert (looks.next_at, looks.oldest) == (None, None)
    looks.put(7, "ann", 100.0, START)
    looks.put(5, "ben", 101.0, START)
    assert (looks.next_at, looks.oldest) == (120.0, 5)
    assert looks.due(119.9) == []
    assert looks.due(120.0) == [7]
    assert looks.again(7, LATER) == "ann"
    assert (looks.asked(7), looks.asked(5)) == (("ann", LATER), ("ben", START))
    assert looks.due(121.0) == [5]
    looks.seen([5, 99])
    assert looks.oldest == 7
    assert looks.next_at == pytest.approx(160.0)
    assert looks.again(7, LATER) == "ann"
    assert looks.oldest is None


def test_a_missing_item_waits_until_its_customer_is_read_but_not_for_ever() -> None:
    looks, now_s = MissingItems(), 100.0
    looks.put(7, "ann", now_s, START)
    while looks.oldest == 7 and now_s < 100_000:
        assert looks.next_at is not None
        now_s = looks.next_at
        assert looks.due(now_s) == [7]
        assert looks.asked(7) == ("ann", START)
        looks.unread(7, now_s)
    assert now_s - 100.0 == pytest.approx(MissingItems.UNREAD_S, abs=20.0)


def test_a_customer_who_is_read_late_still_gets_two_more_polls() -> None:
    looks = MissingItems()
    looks.put(7, "ann", 100.0, START)
    looks.unread(7, 600.0)
    assert looks.next_at == pytest.approx(620.0)
    looks.again(7, LATER)
    assert looks.next_at == pytest.approx(660.0)
