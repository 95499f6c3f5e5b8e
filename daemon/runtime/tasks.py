"""Helpers for tasks: a write that a cancellation must not interrupt, a root loop that must not end unnoticed, and which
errors end the daemon.

The loops and `app` use them.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
log = logging.getLogger("perkd")


class Fatal(Exception):
    """Nothing may go on after such an error: it ends the daemon, and no loop catches it."""


def fault(error: Exception, action: str, text: str, *facts: object) -> str:
    """Logs an error that is a fault in perkd but must not stop the rest, with its traceback. Returns words for a
    problem. Raises the error again if it is Fatal."""
    if isinstance(error, Fatal):
        raise error
    log.error(text, *facts, exc_info=error, extra={"action": action})
    return f"a fault in perkd: {type(error).__name__}, see the log"


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
