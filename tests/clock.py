"""Time in tests: a clock whose hands a test moves, and the clock of the running event loop moved forward.

Short limits would be unreliable: on a busy machine they end before anything happened.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from perkd.daemon.paynow.transport.rate import Rate
from tests.builders import NOW


class Hands:
    """A clock that a test moves, wall time and monotonic time alike. `running`: it goes on with the real time too;
    else it stands still, and began at NOW and at 0.0."""

    def __init__(self, ahead_s: float = 0.0, *, running: bool = False) -> None:
        self.ahead_s = ahead_s
        self._running = running

    def now(self) -> datetime:
        return (datetime.now(UTC) if self._running else NOW) + timedelta(seconds=self.ahead_s)

    def monotonic(self) -> float:
        return (time.monotonic() if self._running else 0.0) + self.ahead_s

    def forward(self, by: timedelta) -> None:
        self.ahead_s += by.total_seconds()

    async def sleep(self, seconds: float) -> None:
        """Like `asyncio.sleep`: the time is over at once."""
        self.ahead_s += seconds
        await asyncio.sleep(0)

    def rate(self, per_s: float) -> Rate:
        """A rate limit on this clock, which waiting for a turn moves."""
        return Rate(per_s, monotonic=self.monotonic, sleep=self.sleep, jitter=lambda: 0.0)


def forward_loop(seconds: float) -> None:
    """Moves the running loop's clock forward. Timers that are due then run in the loop's next iteration; timers that
    are set later count from the new time."""
    loop = asyncio.get_running_loop()
    now = loop.time

    def ahead() -> float:
        return now() + seconds

    loop.time = ahead  # type: ignore[method-assign]  # this loop ends with its test


async def until(what: Callable[[], object]) -> None:
    """Returns once `what()` is true. It has no time limit and does not depend on the loop's clock."""
    while not what():  # noqa: ASYNC110 - what tests wait for here sets no event
        await asyncio.sleep(0)
