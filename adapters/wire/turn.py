"""Whose turn it is on a connection: one command at a time, in the order they came.

`adapters/wire/connection.py` uses it. An asyncio.Lock promises the same, and runs a coroutine for each command also
when nobody waits: that is a twentieth of what a command costs.
"""

import asyncio
from collections import deque


class Turn:
    """`take` it or `wait` for it, then `give` it on."""

    __slots__ = ("_taken", "_waiting")

    def __init__(self) -> None:
        self._taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Whether it was free; it is the caller's then."""
        if self._taken:
            return False
        self._taken = True
        return True

    async def wait(self) -> None:
        """Returns when it is the caller's."""
        handed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(handed)
        try:
            await handed
        except asyncio.CancelledError:
            if not handed.cancelled():  # it was handed over in the same moment
                self.give()
            raise

    def give(self) -> None:
        """Hands it to the one who waits longest; free when nobody does."""
        while self._waiting:
            handed = self._waiting.popleft()
            if not handed.done():
                handed.set_result(None)
                return
        self._taken = False
