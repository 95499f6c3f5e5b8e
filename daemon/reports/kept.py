"""A value that costs something to make: it is made once at a time, whoever asks, and kept for a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """Keeps what `make` returns for as long that making it takes at most `share` of the time, but never longer than
    `longest_s`: of a small ledger a report is nearly always new, of a large one it costs no more. This is about what
    the machine does, so it runs on real time also where a test or the demo has another clock."""

    def __init__(
        self,
        make: Callable[[], Awaitable[T]],
        *,
        share: float,
        longest_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make, self._share, self._longest_s, self._monotonic = make, share, longest_s, monotonic
        self._turn = asyncio.Lock()
        self._value: tuple[T] | None = None
        self._began_s = self._until_s = self._changed_s = 0.0

    async def get(self, *, fresh: bool = False) -> T:
        """The kept value, or a new one. `fresh`: made after this call. Raises what `make` raises; then nothing is
        kept."""
        since_s = self._monotonic() if fresh else 0.0
        async with self._turn:  # whoever waits here gets what the one before made
            began_s = self._monotonic()
            if self._value is None or began_s >= self._until_s or self._began_s < max(since_s, self._changed_s):
                self._value = None
                self._value, self._began_s = (await self._make(),), began_s
                cost_s = self._monotonic() - began_s
                self._until_s = began_s + min(self._longest_s, cost_s / self._share)
            return self._value[0]

    def drop(self) -> None:
        """Something changed that whoever asks next must see."""
        self._changed_s = self._monotonic()
