"""The pace of requests to the store: Pace decides without a clock of its own, Rate waits without sleeping."""

import asyncio
import itertools
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given, strategies as st

from perkd.daemon.paynow.transport.rate import LONGEST_RETRY_AFTER_S, SHARE, SLOWEST_RATE, Lane, Pace, Rate
from tests.builders import NOW
from tests.clock import Hands


def pace(rate: float = 5.0, jitter: float = 0.0) -> Pace:
    return Pace(rate, jitter=lambda: jitter)


def taken(one: Pace, start: float, seconds: float, step: float = 0.01) -> int:
    """How many requests leave when somebody asks every `step`."""
    return sum(one.take(start + tick * step) == 0.0 for tick in range(round(seconds / step)))


def test_the_requests_of_one_second_may_be_sent_at_once_then_one_each_interval() -> None:
    one = pace(5.0)
    assert [one.take(10.0) for _ in range(6)] == [0.0] * 5 + [pytest.approx(0.2)]
    assert one.take(10.2) == 0.0
    assert one.take(10.2) == pytest.approx(0.2)


def test_a_rate_below_one_a_second_lets_the_first_request_leave() -> None:
    one = pace(0.5)
    assert one.take(0.0) == 0.0
    assert one.take(0.0) == pytest.approx(2.0)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_a_rate_that_is_not_positive_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        pace(rate)


@given(
    rate=st.floats(0.2, 200.0),
    gaps=st.lists(st.floats(0.0, 3.0), min_size=1, max_size=200),
)
def test_no_stretch_of_time_holds_more_requests_than_its_length_and_one_second_allow(
    rate: float, gaps: list[float]
) -> None:
    one = pace(rate)
    left = [now for now in itertools.accumulate(gaps) if one.take(now) == 0.0]
    for first, start in enumerate(left):
        for last in range(first, len(left)):
            assert last - first + 1 <= max(1.0, rate) + (left[last] - start) * rate + 1e-6


@given(rate=st.floats(0.05, 1e6), now=st.floats(0, 1e9))
def test_a_request_that_waits_as_long_as_told_gets_its_turn(rate: float, now: float) -> None:
    one = pace(rate)
    for _ in range(int(min(rate, 50)) + 2):
        wait = one.take(now)
        asked = 0
        while wait > 0.0:
            asked += 1
            assert asked <= 3
            now += wait + 1e-6
            wait = one.take(now)


def test_a_retry_after_in_seconds_holds_everybody_exactly_that_long() -> None:
    one = pace()
    assert one.limited(100.0, sent_at=99.9, retry_after_s=12.0) == pytest.approx(12.0)
    assert one.take(100.0) == pytest.approx(12.0)
    assert one.take(111.9) == pytest.approx(0.1)
    assert one.take(112.0) == 0.0


def test_after_the_wait_one_request_tries_and_the_others_follow_at_half_the_rate() -> None:
    one = pace(5.0)
    one.limited(100.0, sent_at=99.9, retry_after_s=10.0)
    assert one.take(110.0) == 0.0
    assert one.take(110.0) == pytest.approx(0.4)
    assert taken(one, 110.0, 4.0) == 9


def test_refusals_without_retry_after_double_the_wait_up_to_a_minute() -> None:
    one, now, waits = pace(jitter=0.0), 0.0, []
    for _ in range(9):
        waits.append(one.limited(now, sent_at=now, retry_after_s=None))
        now += waits[-1] + 1.0
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


@given(jitter=st.floats(0.0, 1.0, exclude_max=True), refusals=st.integers(1, 40))
def test_jitter_shortens_a_wait_by_half_at_most(jitter: float, refusals: int) -> None:
    one, now, wait = pace(jitter=jitter), 0.0, 0.0
    for _ in range(refusals):
        wait = one.limited(now, sent_at=now, retry_after_s=None)
        now += wait
    ceiling = min(60.0, 2.0 ** (refusals - 1))
    assert ceiling / 2 <= wait <= ceiling


def test_a_wave_of_refusals_in_flight_together_counts_once() -> None:
    one = pace(8.0)
    for _ in range(16):
        one.limited(100.0, sent_at=99.5, retry_after_s=None)
    assert one.rate == 4.0
    assert one.take(100.0) == pytest.approx(1.0)


def test_a_late_refusal_of_the_same_wave_may_lengthen_the_wait_but_never_shorten_it() -> None:
    one = pace()
    one.limited(100.0, sent_at=99.0, retry_after_s=30.0)
    assert one.limited(101.0, sent_at=99.5, retry_after_s=5.0) == pytest.approx(29.0)
    assert one.limited(101.0, sent_at=99.5, retry_after_s=60.0) == pytest.approx(60.0)
    assert one.rate == 2.5


def test_the_rate_halves_down_to_a_floor_and_never_to_nothing() -> None:
    one, now = pace(5.0), 0.0
    for _ in range(50):
        now += one.limited(now, sent_at=now, retry_after_s=1.0) + 1.0
    assert one.rate == SLOWEST_RATE


def test_a_configured_rate_below_the_floor_stays_what_it_is() -> None:
    one = pace(0.01)
    one.limited(0.0, sent_at=0.0, retry_after_s=1.0)
    assert one.rate == 0.01


async def test_a_new_rate_is_used_from_the_next_request_and_a_slower_one_after_a_refusal_stays() -> None:
    clock = Hands()
    rate = clock.rate(1.0)
    rate.configure(4.0)
    assert [await rate.turn() for _ in range(3)] == pytest.approx([0.0, 0.25, 0.5])
    rate.limited(sent_at=clock.ahead_s, retry_after_s=0.0)
    rate.configure(8.0)
    assert rate.pace.rate == 2.0
    rate.configure(1.0)
    assert rate.pace.rate == 1.0
    with pytest.raises(ValueError, match="above 0"):
        rate.configure(0.0)


def test_successes_bring_the_rate_back_gradually_and_not_beyond() -> None:
    one = pace(5.0)
    one.limited(100.0, sent_at=100.0, retry_after_s=1.0)
    rates = []
    for second in range(40):
        one.succeeded(102.0 + second)
        rates.append(one.rate)
    assert rates[0] == pytest.approx(2.6)
    assert rates == sorted(rates)
    assert rates[23] < 5.0
    assert rates[-1] == 5.0


def test_a_success_that_was_sent_before_the_refusal_proves_nothing() -> None:
    one = pace(5.0)
    one.limited(100.0, sent_at=99.0, retry_after_s=None)
    one.succeeded(99.9)
    assert one.rate == 2.5
    assert one.limited(102.0, sent_at=101.5, retry_after_s=None) == pytest.approx(2.0)


def test_an_answer_before_any_refusal_changes_nothing() -> None:
    one = pace(5.0)
    one.succeeded(10.0)
    assert one.rate == 5.0


def test_a_success_starts_the_doubling_anew() -> None:
    one = pace()
    one.limited(0.0, sent_at=0.0, retry_after_s=None)
    one.limited(10.0, sent_at=10.0, retry_after_s=None)
    one.succeeded(20.0)
    assert one.limited(30.0, sent_at=30.0, retry_after_s=None) == pytest.approx(1.0)


@pytest.mark.parametrize(("asked", "waited"), [(1e12, LONGEST_RETRY_AFTER_S), (-5.0, 0.0), (0.0, 0.0)])
def test_an_absurd_retry_after_is_bounded(asked: float, waited: float) -> None:
    assert pace().limited(0.0, sent_at=0.0, retry_after_s=asked) == waited


async def test_waiters_leave_in_the_order_they_came() -> None:
    clock, order = Hands(), list[tuple[int, float]]()
    rate = clock.rate(1.0)

    async def ask(name: int) -> None:
        await rate.turn()
        order.append((name, clock.ahead_s))

    await asyncio.gather(*(ask(name) for name in range(5)))
    assert [name for name, _ in order] == [0, 1, 2, 3, 4]
    assert [at for _, at in order] == pytest.approx([0.0, 1.0, 2.0, 3.0, 4.0])


async def test_a_cancelled_wait_uses_up_no_turn() -> None:
    gate = asyncio.Event()
    clock = Hands()

    async def stuck(_seconds: float) -> None:
        await gate.wait()

    rate = Rate(1.0, monotonic=clock.monotonic, sleep=stuck, jitter=lambda: 0.0)
    await rate.turn()
    first = asyncio.create_task(rate.turn())
    second = asyncio.create_task(rate.turn())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    clock.ahead_s += 1.0
    gate.set()
    assert await second == clock.ahead_s


async def test_a_refusal_reaches_those_who_wait_already() -> None:
    clock = Hands()
    rate = clock.rate(1.0)
    sent_at = await rate.turn()
    waiter = asyncio.create_task(rate.turn())
    rate.limited(sent_at=sent_at, retry_after_s=30.0)
    assert await waiter == pytest.approx(30.0)


async def test_limited_until_is_a_time_while_the_store_holds_perkd_back_and_none_after() -> None:
    clock = Hands()
    rate = clock.rate(5.0)
    assert rate.limited_until(NOW) is None
    rate.limited(sent_at=clock.ahead_s, retry_after_s=90.0)
    assert rate.limited_until(NOW) == NOW + timedelta(seconds=90)
    clock.ahead_s += 89.0
    assert rate.limited_until(NOW) == NOW + timedelta(seconds=1)
    clock.ahead_s += 1.0
    assert rate.limited_until(NOW) is None


async def test_a_first_request_does_not_wait_behind_a_full_queue() -> None:
    clock, order = Hands(), list[tuple[str, float]]()
    rate = clock.rate(1.0)

    async def ask(name: str, line: Lane = Lane.QUEUE) -> None:
        await rate.turn(line)
        order.append((name, clock.ahead_s))

    waiting = [asyncio.create_task(ask(f"poll {number}")) for number in range(4)]
    first = [asyncio.create_task(ask(name, Lane.FIRST)) for name in ("feed", "feed again")]
    await asyncio.gather(*waiting, *first)
    assert [name for name, _ in order] == ["poll 0", "feed", "poll 1", "feed again", "poll 2", "poll 3"]
    assert [at for _, at in order] == pytest.approx([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])


async def test_the_queue_gets_every_second_turn_however_many_go_first() -> None:
    clock, order = Hands(), list[str]()
    rate = clock.rate(1.0)

    async def ask(name: str, lane: Lane = Lane.QUEUE) -> None:
        while len(order) < 40:
            await rate.turn(lane)
            order.append(name)

    await asyncio.gather(ask("poll"), *(ask("feed", Lane.FIRST) for _ in range(12)))
    assert 19 <= order[:40].count("poll") <= 21


async def shares(*, feeds: int, seconds: int = 800) -> Counter[str]:
    """Whose turn it was, with sixteen polls and one enrolment that wait at any time, and so many that go first."""
    clock, taken = Hands(), Counter[str]()
    rate = clock.rate(1.0)

    async def ask(name: str, line: Lane) -> None:
        while clock.ahead_s < seconds:
            await rate.turn(line)
            taken[name] += 1
            await asyncio.sleep(0)  # it is sent

    await asyncio.gather(
        *(ask("poll", Lane.QUEUE) for _ in range(16)),
        ask("enrolment", Lane.SHARE),
        *(ask("feed", Lane.FIRST) for _ in range(feeds)),
    )
    return taken


async def test_enrolment_has_its_share_however_many_polls_wait() -> None:
    taken = await shares(feeds=0)
    assert taken["enrolment"] == pytest.approx(taken.total() / SHARE, rel=0.05)


async def test_first_requests_take_turns_from_enrolment_and_polls_alike() -> None:
    taken = await shares(feeds=2)
    assert taken["feed"] == pytest.approx(taken.total() / 2, rel=0.05)
    assert taken["enrolment"] * (SHARE - 1) == pytest.approx(taken["poll"], rel=0.05)


async def test_while_no_poll_waits_enrolment_has_every_turn() -> None:
    clock = Hands()
    rate = clock.rate(1.0)
    assert [await rate.turn(Lane.SHARE) for _ in range(4)] == pytest.approx([0.0, 1.0, 2.0, 3.0])


async def test_when_the_queue_gives_up_its_turn_goes_to_first_requests() -> None:
    gate, clock, order = asyncio.Event(), Hands(), list[str]()

    async def stuck(_seconds: float) -> None:
        await gate.wait()

    rate = Rate(1.0, monotonic=clock.monotonic, sleep=stuck, jitter=lambda: 0.0)
    await rate.turn()

    async def ask(name: str, lane: Lane = Lane.QUEUE) -> None:
        await rate.turn(lane)
        order.append(name)
        gate.clear()

    poll = asyncio.create_task(ask("poll"))
    feeds = [asyncio.create_task(ask(name, Lane.FIRST)) for name in ("feed", "feed again")]
    for _ in range(5):
        await asyncio.sleep(0)
    poll.cancel()
    for _ in range(2):
        clock.ahead_s += 1.0
        gate.set()
        for _ in range(10):
            await asyncio.sleep(0)
    await asyncio.gather(*feeds)
    assert order == ["feed", "feed again"]


async def test_when_a_first_request_gives_up_the_queue_continues() -> None:
    gate, clock = asyncio.Event(), Hands()

    async def stuck(_seconds: float) -> None:
        await gate.wait()

    rate = Rate(1.0, monotonic=clock.monotonic, sleep=stuck, jitter=lambda: 0.0)
    await rate.turn()
    first = asyncio.create_task(rate.turn(Lane.FIRST))
    await asyncio.sleep(0)
    other = asyncio.create_task(rate.turn())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    clock.ahead_s += 1.0
    gate.set()
    assert await other == clock.ahead_s


async def test_first_requests_wait_as_long_as_the_store_asked() -> None:
    clock = Hands()
    rate = clock.rate(5.0)
    rate.limited(sent_at=await rate.turn(), retry_after_s=30.0)
    assert await rate.turn(Lane.FIRST) == pytest.approx(30.0)
