"""The skeleton of the root loops, its waits, and the clock's tick."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from perkd.daemon.runtime import clock as clocks
from perkd.daemon.runtime.backoff import Backoff
from perkd.daemon.runtime.clock import Clock
from perkd.daemon.runtime.context import Context
from perkd.daemon.runtime.loop import Loop
from perkd.daemon.runtime.tasks import Fatal

START = datetime(2026, 1, 1, tzinfo=UTC)
FAILED_S = 30.0


class Bench:
    """One Loop on a clock that the test moves. `ends` are how its next passes end: a rest in seconds, or an error."""

    def __init__(self, *ends: float | Exception, handles: bool = True, between_s: float = 1000.0) -> None:
        self.at = 0.0
        self.context = Context.of(Clock(lambda: START + timedelta(seconds=self.at), lambda: self.at))
        self.ends = list(ends)
        self.between_s, self.between = between_s, 0
        self.failures = list[Exception]()
        self.loop = Loop(
            self.context,
            "bench",
            self._one_pass,
            bound_s=40.0,
            failed=self._failed if handles else None,
            between=self._between,
        )
        self.running = asyncio.create_task(self.loop.run())

    async def _one_pass(self) -> float:
        end = self.ends.pop(0) if self.ends else 1000.0
        if isinstance(end, Exception):
            raise end
        return end

    def _failed(self, error: Exception) -> float:
        self.failures.append(error)
        return FAILED_S

    async def _between(self) -> float:
        self.between += 1
        return self.between_s

    async def rests(self) -> int:
        """Lets the loop go on until it rests; returns how many passes it has completed."""
        for _ in range(20):
            await asyncio.sleep(0)
        return self.loop.passes

    async def later(self, by_s: float) -> int:
        self.at += by_s
        self.context.clock.tick()
        return await self.rests()


async def test_a_pass_says_how_long_to_rest_and_nothing_else_is_done_earlier() -> None:
    bench = Bench(0.0, 0.0, 100.0)
    assert await bench.rests() == 3
    assert [await bench.later(by_s) for by_s in (20.0, 20.0, 59.0, 1.0)] == [3, 3, 3, 4]


async def test_a_resting_loop_shows_that_it_is_alive() -> None:
    bench = Bench()
    await bench.rests()
    for _ in range(20):
        assert await bench.later(20.0) == 1
        assert bench.context.pulse.late() == {}
    bench.at += 121.0
    assert bench.context.pulse.late() == {"bench": 121.0}
    bench.running.cancel()
    await bench.rests()
    assert bench.context.pulse.late() == {}, "it does not run any more"


async def test_news_end_a_rest_but_only_the_operator_ends_the_wait_after_an_error() -> None:
    bench = Bench(1000.0, ValueError("odd"), 1000.0, ValueError("again"))
    assert await bench.rests() == 1
    bench.loop.wake.set()
    assert await bench.rests() == 2
    bench.loop.wake.set()
    assert await bench.rests() == 2
    assert await bench.later(FAILED_S - 1.0) == 2
    assert await bench.later(1.0) == 3
    bench.loop.wake.set()
    assert await bench.rests() == 4
    bench.loop.again()
    assert await bench.rests() == 5
    assert list(map(str, bench.failures)) == ["odd", "again"]


async def test_what_is_to_do_between_the_passes_is_done_after_each_and_when_it_is_due_again() -> None:
    bench = Bench(FAILED_S, ValueError("odd"), between_s=7.0)
    assert (await bench.rests(), bench.between) == (1, 1)
    assert (await bench.later(6.0), bench.between) == (1, 1)
    assert (await bench.later(1.0), bench.between) == (1, 2)
    assert (await bench.later(23.0), bench.between) == (2, 4)
    assert (await bench.later(7.0), bench.between) == (2, 5)


@pytest.mark.parametrize(("error", "handles"), [(Fatal("no ledger"), True), (ValueError("odd"), False)])
async def test_an_error_that_nobody_handles_ends_the_loop(error: Exception, handles: bool) -> None:
    bench = Bench(error, handles=handles)
    await bench.rests()
    with pytest.raises(type(error), match=str(error)):
        await bench.running
    assert bench.failures == []


@pytest.mark.parametrize("end", [1000.0, ValueError("odd")])
async def test_a_loop_that_is_to_finish_does_not_rest_to_the_end(end: float | Exception) -> None:
    bench = Bench(end)
    assert await bench.rests() == 1
    bench.loop.finish()
    await bench.running
    assert bench.loop.passes == 1


def test_a_back_off_doubles_up_to_its_longest_and_luck_takes_a_part_of_it() -> None:
    backoff = Backoff(first_s=5.0, longest_s=60.0, jitter=0.2)
    assert [backoff.wait_s(failures) for failures in (1, 2, 3, 4, 5, 10_000)] == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    assert backoff.wait_s(5, luck=0.5) == pytest.approx(54.0)


async def test_the_clock_goes_on_ticking_after_a_fault_and_stops_when_it_is_closed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(clocks, "TICK_S", 0.0)
    ticks, enough = 0, asyncio.Event()

    def drain() -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 5:
            enough.set()
        if ticks != 3:
            raise ValueError("odd")

    clock = Clock()
    clock.on_tick(drain)
    clock.start()
    await enough.wait()
    clock.close()
    said = [record for record in caplog.records if getattr(record, "action", "") == "tick_crashed"]
    assert (ticks, len(said)) == (5, 2), "once for each time that it begins to fail"
    for _ in range(10):
        await asyncio.sleep(0)
    assert ticks == 5


@pytest.mark.parametrize("which", [0, 1])
async def test_a_wait_ends_with_the_first_of_several_events(which: int) -> None:
    clock, events = Clock(), [asyncio.Event(), asyncio.Event()]
    waiting = asyncio.ensure_future(clock.until(clock.monotonic() + 1000.0, *events))
    await asyncio.sleep(0)
    events[which].set()
    assert await waiting
