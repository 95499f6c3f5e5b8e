"""Who is due, in which order, and that nobody is lost or read twice."""

import itertools

import pytest
from hypothesis import given, strategies as st

from perkd.daemon.polling.schedule import Rank, Schedule


def taken(schedule: Schedule) -> list[int]:
    """Everybody who is ready, in the order they are taken."""
    found = []
    while (key := schedule.take()) is not None:
        found.append(key)
    return found


def test_nobody_is_due_before_his_time() -> None:
    schedule = Schedule()
    schedule.put(1, 10.0)
    assert schedule.drain(9.9) == 0
    assert schedule.take() is None
    assert schedule.drain(10.0) == 1
    assert taken(schedule) == [1]


def test_of_several_who_are_due_at_nearly_the_same_time_only_those_who_are_go() -> None:
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


def test_whoever_waits_longest_is_read_first() -> None:
    schedule = Schedule()
    for key, at in ((1, 3.0), (2, 1.0), (3, 2.0)):
        schedule.put(key, at)
    schedule.drain(100.0)
    assert taken(schedule) == [2, 3, 1]


def test_who_has_an_end_coming_goes_before_everybody_else() -> None:
    schedule = Schedule()
    schedule.put(1, 1.0)
    schedule.put(2, 9.0, Rank.ENDING)
    schedule.drain(10.0)
    assert taken(schedule) == [2, 1]


@pytest.mark.parametrize(("first", "then"), list(itertools.pairwise(Rank)))
def test_who_is_asked_for_goes_first_then_who_is_online_then_ends_then_failures(first: Rank, then: Rank) -> None:
    schedule = Schedule()
    schedule.put(0, 1.0, then)
    schedule.put(1, 2.0, first)
    schedule.drain(10.0)
    assert taken(schedule) == [1, 0]


def test_however_many_are_online_one_read_in_four_goes_to_whoever_waits_longest() -> None:
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


def test_however_many_bought_something_one_read_in_four_goes_to_who_is_online() -> None:
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


def test_of_those_who_bought_something_who_is_online_goes_first() -> None:
    schedule = Schedule()
    for key in (1, 2, 3):
        schedule.put(key, float(key), Rank.SHOWN)
    schedule.put(4, 9.0, Rank.ASKED)
    schedule.drain(10.0)
    schedule.hurry(3, 10.0, Rank.ONLINE)  # he comes while he waits
    schedule.drain(10.0)
    assert taken(schedule) == [3, 4, 1, 2]


def test_who_is_asked_for_already_keeps_his_place_and_never_gets_a_worse_rank() -> None:
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


def test_who_is_hurried_before_his_time_is_due_at_once() -> None:
    schedule = Schedule()
    schedule.put(1, 500.0, Rank.ENDING)
    schedule.hurry(1, 10.0, Rank.ONLINE)
    assert schedule.drain(10.0) == 1
    assert (taken(schedule), len(schedule)) == ([1], 0)


def test_somebody_is_scheduled_until_he_is_taken() -> None:
    schedule = Schedule()
    schedule.put(1, 1.0)
    assert 1 in schedule
    schedule.drain(1.0)
    schedule.take()
    assert 1 not in schedule


def test_after_a_stall_nobody_is_dropped_however_late() -> None:
    schedule = Schedule()
    for key in range(1000):
        schedule.put(key, float(key))
    assert schedule.drain(1e9) == 1000
    assert sorted(taken(schedule)) == list(range(1000))


def test_the_last_word_about_a_customer_counts() -> None:
    schedule = Schedule()
    schedule.put(1, 1.0)
    schedule.put(1, 50.0)
    assert schedule.drain(10.0) == 0
    schedule.put(1, 5.0)
    schedule.drain(100.0)
    assert taken(schedule) == [1]


def test_whoever_is_put_off_while_he_waits_is_not_read_yet() -> None:
    schedule = Schedule()
    schedule.put(1, 1.0)
    schedule.drain(2.0)
    schedule.put(1, 60.0)
    assert (schedule.waiting, taken(schedule)) == (0, [])
    schedule.drain(60.0)
    assert taken(schedule) == [1]


def test_whoever_is_taken_is_not_due_again_until_he_is_put_back() -> None:
    schedule = Schedule()
    schedule.put(1, 1.0)
    schedule.put(1, 1.0)
    schedule.drain(2.0)
    assert taken(schedule) == [1]
    assert len(schedule) == 0


def test_whoever_is_dropped_is_not_read_whether_he_waits_or_not() -> None:
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


def test_waiting_counts_those_who_are_due_and_not_taken() -> None:
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
def test_whatever_is_said_in_between_everybody_put_last_is_read_once(script: list[tuple[str, int, int]]) -> None:
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
