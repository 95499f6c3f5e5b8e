"""A value that costs something to make: it is made once at a time, whoever asks, and kept for a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """Keeps what `make` returns for as long that making it takes at most `share` of the time, but never longer than
    `longest_s`: a small ledger is shown as it is, a large one costs no more."""

    def __init__(
        self, make: Callable[[], Awaitable[T]], monotonic: Callable[[], float], *, share: float, longest_s: float
    ) -> None:
        self._make, self._monotonic, self._share, self._longest_s = make, monotonic, share, longest_s
        self._turn = asyncio.Lock()
        self._value: tuple[T] | None = None
        self._until_s = 0.0
        self._drops = 0

    async def get(self) -> T:
        """The kept value, or a new one. Raises what `make` raises; then nothing is kept."""
        async with self._turn:  # whoever waits here gets what the one before made
            if self._value is None or self._monotonic() >= self._until_s:
                began, drops = time.perf_counter(), self._drops
                self._value = (await self._make(),)
                cost_s = time.perf_counter() - began
                fresh_s = min(self._longest_s, cost_s / self._share) if drops == self._drops else 0.0
                self._until_s = self._monotonic() + fresh_s
            return self._value[0]

    def drop(self) -> None:
        """Something changed that whoever asks next must see."""
        self._until_s, self._drops = 0.0, self._drops + 1
