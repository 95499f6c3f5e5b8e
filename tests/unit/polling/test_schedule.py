"""Which customers are due, in which order, and that none is lost or taken twice."""

import itertools

import pytest
from hypothesis import given, strategies as st

from perkd.daemon.polling.schedule import Rank, Schedule


def taken(schedule: Schedule) -> list[int]:
    """All ready customers, in the order they are taken."""
    found = []
    while (key := schedule.take()) is not None:
        found.append(key)
    return found


def test_no_one_is_due_too_early() -> None:
    schedule = Schedule()
    schedule.put(1, 10.0)
    assert schedule.drain(9.9) == 0
    assert schedule.take() is None
    assert schedule.drain(10.0) == 1
    assert taken(schedule) == [1]


def test_of_several_customers_in_one_slot_only_due_ones_are_taken() -> None:
    schedule = Schedule()
    for key, at in ((1, 10.01), (2, 10.02), (3, 10.03)):
        schedule.put(key, at)
    schedule.put(3, 50.0)
    schedule.put(3, 60.0)
    assert schedule.drain(10.01) == 1
    assert taken(schedule) == [1]
    assert schedule.drain(10.02) == 1
    assert taken(schedule) == [2]
    assert (schedule.drain(50.1), schedule.drain(60.0), taken(schedule)) == (0, 1, [3])


def test_who_waits_longest_is_polled_first() -> None:
    schedule = Schedule()
    for key, at in ((1, 3.0), (2, 1.0), (3, 2.0)):
        schedule.put(key, at)
    schedule.drain(100.0)
    assert taken(schedule) == [2, 3, 1]


def test_a_customer_whose_item_ends_goes_first() -> None:
    schedule = Schedule()
    schedule.put(1, 1.0)
    schedule.put(2, 9.0, Rank.ENDING)
    schedule.drain(10.0)
    assert taken(schedule) == [2, 1]


@pytest.mark.parametrize(("first", "then"), list(itertools.pairwise(Rank)))
def test_requested_customers_go_first_then_online_ones_then_ends_then_failures(first: Rank, then: Rank) -> None:
    schedule = Schedule()
    schedule.put(0, 1.0, then)
    schedule.put(1, 2.0, first)
    schedule.drain(10.0)
    assert taken(schedule) == [1, 0]


def test_one_poll_in_four_goes_to_who_waits_longest_however_many_are_online() -> None:
    schedule = Schedule()
    for key in range(100):
        schedule.put(key, float(key), Rank.REST)
    schedule.put(1000, 200.0, Rank.ONLINE)
    order = []
    for step in range(12):  # whoever is online is due again at once
        schedule.drain(300.0 + step)
        found = schedule.take()
        order.append(found)
        if found == 1000:
            schedule.put(found, 300.0 + step, Rank.ONLINE)
    assert order == [1000, 1000, 1000, 0, 1000, 1000, 1000, 1, 1000, 1000, 1000, 2]


def test_one_poll_in_four_goes_to_online_customers_however_many_bought_something() -> None:
    schedule = Schedule()
    for key in range(100):
        schedule.put(key, 100.0, Rank.SHOWN)
    for key in range(200, 300):
        schedule.put(key, 1.0, Rank.REST)
    for key in range(1000, 1100):
        schedule.put(key, 200.0, Rank.ONLINE)
    schedule.drain(300.0)
    order = [schedule.take() for _ in range(8)]
    assert order == [0, 1000, 1, 200, 2, 1001, 3, 201]


def test_of_customers_who_bought_something_online_ones_go_first() -> None:
    schedule = Schedule()
    for key in (1, 2, 3):
        schedule.put(key, float(key), Rank.SHOWN)
    schedule.put(4, 9.0, Rank.ASKED)
    schedule.drain(10.0)
    schedule.hurry(3, 10.0, Rank.ONLINE)  # joins while waiting
    schedule.drain(10.0)
    assert taken(schedule) == [3, 4, 1, 2]


def test_a_requested_customer_keeps_the_place_and_never_gets_a_worse_rank() -> None:
    schedule = Schedule()
    schedule.put(1, 1.0, Rank.ASKED)
    schedule.put(2, 2.0, Rank.ASKED)
    schedule.put(3, 3.0, Rank.REST)
    schedule.drain(10.0)
    schedule.hurry(1, 10.0, Rank.ONLINE)
    schedule.hurry(1, 10.0, Rank.SHOWN)
    schedule.hurry(3, 10.0, Rank.ASKED)
    schedule.drain(10.0)
    assert taken(schedule) == [1, 2, 3]
    assert (len(schedule), schedule.waiting) == (0, 0)


def test_hurry_makes_a_customer_due_at_once() -> None:
    schedule = Schedule()
    schedule.put(1, 500.0, Rank.ENDING)
    schedule.hurry(1, 10.0, Rank.ONLINE)
    assert schedule.drain(10.0) == 1
    assert (taken(schedule), len(schedule)) == ([1], 0)


def test_a_customer_is_scheduled_until_taken() -> None:
    schedule = Schedule()
    schedule.put(1, 1.0)
    assert 1 in schedule
    schedule.drain(1.0)
    schedule.take()
    assert 1 not in schedule


def test_after_a_stall_no_customer_is_dropped_however_late() -> None:
    schedule = Schedule()
    for key in range(1000):
        schedule.put(key, float(key))
    assert schedule.drain(1e9) == 1000
    assert sorted(taken(schedule)) == list(range(1000))


def test_the_last_time_put_for_a_customer_counts() -> None:
    schedule = Schedule()
    schedule.put(1, 1.0)
    schedule.put(1, 50.0)
    assert schedule.drain(10.0) == 0
    schedule.put(1, 5.0)
    schedule.drain(100.0)
    assert taken(schedule) == [1]


def test_a_waiting_customer_who_is_put_to_a_later_time_is_not_taken_yet() -> None:
    schedule = Schedule()
    schedule.put(1, 1.0)
    schedule.drain(2.0)
    schedule.put(1, 60.0)
    assert (schedule.waiting, taken(schedule)) == (0, [])
    schedule.drain(60.0)
    assert taken(schedule) == [1]


def test_a_taken_customer_is_not_due_again_until_put_back() -> None:
    schedule = Schedule()
    schedule.put(1, 1.0)
    schedule.put(1, 1.0)
    schedule.drain(2.0)
    assert taken(schedule) == [1]
    assert len(schedule) == 0


def test_a_dropped_customer_is_not_taken_whether_waiting_or_not() -> None:
    schedule = Schedule()
    schedule.put(1, 1.0)
    schedule.put(2, 1.0)
    schedule.put(3, 99.0)
    schedule.drain(2.0)
    schedule.drop(1)
    schedule.drop(3)
    schedule.drop(4)
    assert (len(schedule), schedule.waiting) == (1, 1)
    assert taken(schedule) == [2]
    assert schedule.drain(100.0) == 0


def test_waiting_counts_due_customers_that_are_not_taken() -> None:
    schedule = Schedule()
    for key in range(5):
        schedule.put(key, 1.0)
    assert (schedule.waiting, schedule.drain(1.0), schedule.waiting, len(schedule)) == (0, 5, 5, 5)
    schedule.take()
    assert (schedule.waiting, len(schedule)) == (4, 4)


doings = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 4), st.integers(0, 20)),
    st.tuples(st.just("hurry"), st.integers(0, 4), st.integers(0, 20)),
    st.tuples(st.just("drop"), st.integers(0, 4), st.just(0)),
    st.tuples(st.just("drain"), st.just(0), st.integers(0, 20)),
    st.tuples(st.just("take"), st.just(0), st.just(0)),
)


@given(st.lists(doings, max_size=40))
def test_every_customer_who_was_put_last_is_taken_once(script: list[tuple[str, int, int]]) -> None:
    schedule, wanted = Schedule(), set[int]()
    for what, key, at in script:
        if what == "put":
            schedule.put(key, float(at))
            wanted.add(key)
        elif what == "hurry":
            schedule.hurry(key, float(at), Rank(at % len(Rank)))
            wanted.add(key)
        elif what == "drop":
            schedule.drop(key)
            wanted.discard(key)
        elif what == "drain":
            schedule.drain(float(at))
        elif (found := schedule.take()) is not None:
            wanted.remove(found)  # nobody who is not wanted
        assert len(schedule) == len(wanted)
    schedule.drain(1e9)
    assert schedule.waiting == len(wanted)
    assert sorted(taken(schedule)) == sorted(wanted)
