"""A report is made once for all who ask, and kept for as long as it costs little enough."""

import asyncio

import pytest

from perkd.daemon.reports.kept import Kept


class Maker:
    """Makes 1, 2, 3, …; each takes `cost_s` of its own clock, and waits at the gate while that is closed."""

    def __init__(self, cost_s: float = 1.0, *, share: float = 0.1, longest_s: float = 100.0) -> None:
        self.now_s, self.cost_s, self.made = 1000.0, cost_s, 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.kept = Kept(self.make, share=share, longest_s=longest_s, monotonic=lambda: self.now_s)

    async def make(self) -> int:
        self.made += 1
        await self.gate.wait()
        self.now_s += self.cost_s
        return self.made


async def test_it_is_made_once_for_all_who_ask_at_the_same_time() -> None:
    maker = Maker()
    maker.gate.clear()
    asking = [asyncio.ensure_future(maker.kept.get()) for _ in range(5)]
    await asyncio.sleep(0)
    maker.gate.set()
    assert await asyncio.gather(*asking) == [1] * 5


async def test_it_is_kept_for_its_share_of_the_time_and_then_made_anew() -> None:
    maker = Maker(cost_s=1.0, share=0.1)
    assert await maker.kept.get() == 1
    maker.now_s = 1009.9
    assert await maker.kept.get() == 1
    maker.now_s = 1010.0
    assert await maker.kept.get() == 2


async def test_it_is_never_kept_longer_than_the_limit() -> None:
    maker = Maker(cost_s=50.0, share=0.001, longest_s=60.0)
    await maker.kept.get()
    maker.now_s = 1060.0
    assert await maker.kept.get() == 2


async def test_whoever_asks_for_a_fresh_one_gets_one_that_began_after_the_question() -> None:
    maker = Maker()
    assert [await maker.kept.get(), await maker.kept.get(fresh=True), await maker.kept.get()] == [1, 2, 2]
    maker.gate.clear()
    asking = [asyncio.ensure_future(maker.kept.get(fresh=True)) for _ in range(3)]
    await asyncio.sleep(0)
    maker.now_s += 1.0
    later = [asyncio.ensure_future(maker.kept.get(fresh=True)) for _ in range(3)]
    maker.gate.set()
    assert await asyncio.gather(*asking) == [3] * 3  # the first three share one
    assert await asyncio.gather(*later) == [3 + 1] * 3  # and so do the others: it was on its way when they asked


async def test_a_change_while_it_is_being_made_is_seen_by_whoever_asks_next() -> None:
    maker = Maker()
    maker.gate.clear()
    asking = asyncio.ensure_future(maker.kept.get())
    await asyncio.sleep(0)
    maker.now_s += 0.5
    maker.kept.drop()
    maker.gate.set()
    assert [await asking, await maker.kept.get()] == [1, 2]


async def test_an_error_is_raised_and_not_kept() -> None:
    async def fails() -> int:
        raise ValueError("for the test")

    kept = Kept(fails, share=0.1, longest_s=1.0)
    for _ in range(2):
        with pytest.raises(ValueError, match="for the test"):
            await kept.get()
