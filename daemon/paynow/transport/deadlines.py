"""One timer for all requests in flight instead of several for each, which would cost a fifth of a poll.

`exchange.py` waits for the head of every answer through here.
"""

import asyncio
from types import TracebackType

LOOKS = 20  # in each limit: so much of it a request may be over


class Deadline:
    """`with deadline:` ends what takes longer than `limit_s`, a twentieth of that late at most, with the TimeoutError
    of `asyncio.timeout`. One for all tasks, each of which is in it once at a time. It looks only while one is."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._loop = asyncio.get_running_loop()
        self._began: dict[asyncio.Task[object], float] = {}  # in the order they began: the first is the oldest
        self._over: set[asyncio.Task[object]] = set()
        self._looking = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request belongs to a task")
        self._began[task] = self._loop.time()
        if not self._looking:
            self._look()

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - it entered
        if self._began.pop(task, None) is not None:
            return
        self._over.discard(task)
        if kind is asyncio.CancelledError and task.uncancel() == 0:  # else somebody else ends it too
            raise TimeoutError from None

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
