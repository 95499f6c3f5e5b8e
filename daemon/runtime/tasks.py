"""Two habits of every task: a write that must not be cut off, and a root loop that must not end unseen.

`delivery`, `polling` and `app` use them.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def uncancelled(work: Coroutine[Any, Any, T]) -> T:
    """Runs to its end though the caller is cancelled meanwhile; the cancellation comes after it. `asyncio.shield` alone
    would let the caller go on and close the ledger under a running write."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):  # cancelled again, it still waits
                await asyncio.wait((task,))
        task.result()
        raise


class LoopEnded(Exception):
    """A root loop ended though nobody asked it to."""


async def forever(name: str, loop: Coroutine[Any, Any, None], stopping: asyncio.Event) -> None:
    """A root loop: returning before the stop is an error with its name in it."""
    await loop
    if not stopping.is_set():
        raise LoopEnded(f"the loop {name!r} ended by itself: please report this with the log")
