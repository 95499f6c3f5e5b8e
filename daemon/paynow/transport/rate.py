"""The rate limit for all requests to the store: a token bucket that slows down when the store answers 429.

All store clients share one `Rate`, through `exchange.py`. `Pace` decides and only computes.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from enum import Enum

from ...runtime import Backoff

SLOWEST_RATE = 0.1  # requests a second; halving stops here
BACKOFF = Backoff(first_s=1.0, longest_s=60.0, jitter=0.5)
LONGEST_RETRY_AFTER_S = 3600.0  # the longest pause, whatever the store asks for
RECOVERY = 0.02  # of the configured rate, for each success
SHARE = 4  # one turn in so many goes to enrolment, however many polls wait


class Pace:
    """Says when the next request may be sent. PURE: each `now` is a monotonic time in seconds from the caller.

    `rate` is requests a second; the requests of one second may be sent at once until the store answers 429. `jitter`
    returns numbers in [0, 1). Raises ValueError for a rate that is not positive.
    """

    def __init__(self, rate: float, *, jitter: Callable[[], float]) -> None:
        if not rate > 0:
            raise ValueError(f"a request rate must be above 0, found {rate}")
        self.configured = rate
        self.rate = rate
        self._jitter = jitter
        self._tokens = max(1.0, rate)
        self._counted_at: float | None = None
        self.blocked_until: float | None = None
        self._limited_at: float | None = None
        self._refusals = 0  # 429s without a success in between

    def take(self, now: float) -> float:
        """Returns 0.0 and counts a request when it may be sent now; else the seconds to wait before the next try."""
        if (blocked := self.blocked_s(now)) > 0:
            return blocked
        room = max(1.0, self.rate) if self.rate >= self.configured else 1.0  # no bursts while slowed down
        since = 0.0 if self._counted_at is None else max(0.0, now - self._counted_at)
        self._tokens = min(room, self._tokens + since * self.rate)
        self._counted_at = now
        if self._tokens >= 1.0 - 1e-9:  # a rounding error must not cost a wait
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self.rate

    def configure(self, rate: float) -> None:
        """Sets the full rate. Raises ValueError as the constructor does."""
        if not rate > 0:
            raise ValueError(f"a request rate must be above 0, found {rate}")
        at_full_rate = self.rate >= self.configured
        self.configured = rate
        self.rate = rate if at_full_rate else min(self.rate, rate)

    def blocked_s(self, now: float) -> float:
        """Seconds until a request may be sent after a 429; 0.0 when one may be sent now."""
        return 0.0 if self.blocked_until is None else max(0.0, self.blocked_until - now)

    def succeeded(self, sent_at: float) -> None:
        """An answer other than 429 came to a request sent at `sent_at`: a small step back to the full rate."""
        if self._limited_at is None or sent_at <= self._limited_at:
            return  # no 429 came, or the request was sent before it: nothing to recover from, or no news
        self._refusals = 0
        self.rate = min(self.configured, self.rate + self.configured * RECOVERY)

    def limited(self, now: float, *, sent_at: float, retry_after_s: float | None) -> float:
        """The store answered 429 to a request sent at `sent_at`. Returns for how many seconds no request is sent.

        Halves the rate once for all requests that were in flight together: they count as one refusal.
        """
        same_wave = self._limited_at is not None and sent_at <= self._limited_at
        if not same_wave:
            self._limited_at = now
            self._refusals += 1
            self.rate = max(min(self.configured, SLOWEST_RATE), self.rate / 2)
        if retry_after_s is not None:
            wait = min(LONGEST_RETRY_AFTER_S, max(0.0, retry_after_s))
        elif same_wave:
            wait = 0.0
        else:
            wait = BACKOFF.wait_s(self._refusals, self._jitter())
        self.blocked_until = max(self.blocked_until or now, now + wait)
        self._tokens = 1.0  # one request is sent when the wait is over, to try
        self._counted_at = self.blocked_until
        return self.blocked_until - now


class Lane(Enum):
    """In which lane a request waits for its turn."""

    FIRST = 1  # before the other lanes, but never twice in a row while others wait
    SHARE = 2  # one turn in SHARE of those that are not FIRST; all of them while QUEUE is empty
    QUEUE = 3  # all other requests, in the order they came


class _Waiting:
    """One lane: `lock` wakes the waiting requests in the order they came, `may` is set when it is the lane's turn."""

    def __init__(self) -> None:
        self.lock, self.may = asyncio.Lock(), asyncio.Event()
        self.count = 0


class Rate:
    """Makes callers wait for their turn. Owns the one `Pace` of a store."""

    def __init__(
        self,
        rate: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,  # spreads retries; not for secrets
    ) -> None:
        self.pace = Pace(rate, jitter=jitter)
        self.monotonic = monotonic
        self._sleep = sleep
        self._lanes = {lane: _Waiting() for lane in Lane}
        self._others_turn = False  # the last turn was FIRST's, and others wait
        self._queued = 0  # turns of the queue since the last one of SHARE
        self._decide()

    async def turn(self, lane: Lane = Lane.QUEUE) -> float:
        """Waits until a request may be sent and returns that monotonic time. A cancelled wait uses up no turn."""
        mine = self._lanes[lane]
        if not any(one.count for one in self._lanes.values()) and self.pace.take(now := self.monotonic()) <= 0:
            self._note(lane)
            return now
        mine.count += 1
        self._decide()
        try:
            async with mine.lock:
                now = await self._taken(mine.may)
                self._note(lane)
                return now
        finally:
            mine.count -= 1
            self._decide()

    def _note(self, lane: Lane) -> None:
        """A turn was given to this lane."""
        self._others_turn = lane is Lane.FIRST
        if lane is not Lane.FIRST:
            self._queued = 0 if lane is Lane.SHARE else self._queued + 1

    async def _taken(self, may: asyncio.Event) -> float:
        while True:
            await may.wait()
            if (wait := self.pace.take(now := self.monotonic())) <= 0:
                return now
            await self._sleep(wait)

    def _decide(self) -> None:
        """Sets which lane's turn is next. When none waits, every lane may go."""
        first, share, queue = self._lanes.values()
        self._others_turn = self._others_turn and share.count + queue.count > 0
        chosen = queue if queue.count else None
        if first.count and not self._others_turn:
            chosen = first
        elif share.count and (not queue.count or self._queued >= SHARE - 1):
            chosen = share
        for lane in (first, share, queue):
            if chosen is None or lane is chosen:
                lane.may.set()
            else:
                lane.may.clear()

    def configure(self, rate: float) -> None:
        """Sets a new rate. After a 429 the slower rate stays until it has recovered."""
        self.pace.configure(rate)

    def succeeded(self, sent_at: float) -> None:
        self.pace.succeeded(sent_at)

    def limited(self, *, sent_at: float, retry_after_s: float | None) -> float:
        """Passes a 429 on to the pace; returns for how many seconds no request is sent."""
        return self.pace.limited(self.monotonic(), sent_at=sent_at, retry_after_s=retry_after_s)

    def blocked_s(self) -> float:
        """For how many seconds no request is sent because of a 429; 0.0 when there is no such pause."""
        return self.pace.blocked_s(self.monotonic())

    def blocked_until(self) -> float:
        """The monotonic time until which no request is, or was, sent because of the latest 429."""
        return self.pace.blocked_until or 0.0

    def limited_until(self, now: datetime) -> datetime | None:
        """The time of the next request after a 429; None when there is no such pause."""
        blocked_s = self.blocked_s()
        return now + timedelta(seconds=blocked_s) if blocked_s > 0 else None
