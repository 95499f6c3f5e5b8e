"""One timer for all requests in flight instead of several for each, which would cost a fifth of a poll.

`exchange.py` waits for the head of every answer through here.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")

LOOKS = 20  # in each limit: so much of it a request may be over


class Deadline:
    """Ends what takes longer than `limit_s`, a twentieth of that late at most. It looks only while something waits."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._loop = asyncio.get_running_loop()
        self._began: dict[asyncio.Task[object], float] = {}  # in the order they began: the first is the oldest
        self._over: set[asyncio.Task[object]] = set()
        self._looking = False

    async def keep(self, asked: Awaitable[T]) -> T:
        """What was asked for. Raises TimeoutError as `asyncio.timeout` does."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request belongs to a task")
        self._began[task] = self._loop.time()
        if not self._looking:
            self._look()
        try:
            return await asked
        except asyncio.CancelledError:
            if task in self._over and task.uncancel() == 0:  # else somebody else ends it too
                raise TimeoutError from None
            raise
        finally:
            self._began.pop(task, None)
            self._over.discard(task)

    def _look(self) -> None:
        latest = self._loop.time() - self._limit_s
        while self._began:
            task = next(iter(self._began))
            if self._began[task] > latest:
                break
            del self._began[task]
            self._over.add(task)
            task.cancel()
        self._looking = bool(self._began)
        if self._looking:
            self._loop.call_later(self._limit_s / LOOKS, self._look)
