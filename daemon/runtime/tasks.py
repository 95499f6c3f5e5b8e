"""Helpers for tasks: a write that a cancellation must not interrupt, and a root loop that must not end unnoticed.

The loops and `app` use them.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def uncancelled(
    work: Coroutine[Any, Any, T], undo: Callable[[T], Coroutine[Any, Any, object]] | None = None
) -> T:
    """Runs the work to its end, even if the caller is cancelled; only then the cancellation takes effect. With
    `asyncio.shield` alone, the caller would go on and close the ledger during a running write. A cancelled caller
    never sees the result: if that matters, `undo` gets it, and is run to its end, too."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):  # another cancellation does not end the wait
                await asyncio.wait((task,))
        result = task.result()
        if undo is not None:
            await uncancelled(undo(result))
        raise


class LoopEnded(Exception):
    """A root loop ended, but nobody stopped it."""


async def forever(name: str, loop: Coroutine[Any, Any, None], stopping: asyncio.Event) -> None:
    """Runs a root loop. If it returns before `stopping` is set, that is an error with the loop's name."""
    await loop
    if not stopping.is_set():
        raise LoopEnded(f"the loop {name!r} ended by itself: please report this with the log")
