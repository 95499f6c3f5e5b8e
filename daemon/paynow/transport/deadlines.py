"""One timer for all requests in flight. Several timers for each request would cost a fifth of the time of a poll.

`exchange.py` uses it while it waits for the head of an answer.
"""

import asyncio
from types import TracebackType

CHECKS = 20  # in each limit: a request may run over by one part in so many


class Deadline:
    """`with deadline:` raises TimeoutError, as `asyncio.timeout` does, in a block that takes longer than `limit_s`; at
    most a twentieth of the limit late. All tasks share one Deadline, and a task is in it once at a time. Its timer
    runs only while a task is in it."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._loop = asyncio.get_running_loop()
        self._began: dict[asyncio.Task[object], float] = {}  # in the order they began: the first is the oldest
        self._over: set[asyncio.Task[object]] = set()
        self._checking = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request belongs to a task")
        self._began[task] = self._loop.time()
        if not self._checking:
            self._check()

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - `__enter__` checked it
        if self._began.pop(task, None) is not None:
            return
        self._over.discard(task)
        if kind is asyncio.CancelledError and task.uncancel() == 0:  # else something else cancelled it, too
            raise TimeoutError from None

    def _check(self) -> None:
        latest = self._loop.time() - self._limit_s
        while self._began:
            task = next(iter(self._began))
            if self._began[task] > latest:
                break
            del self._began[task]
            self._over.add(task)
            task.cancel()
        self._checking = bool(self._began)
        if self._checking:
            self._loop.call_later(self._limit_s / CHECKS, self._check)
