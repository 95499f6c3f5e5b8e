"""The clock of the running event loop, which a test may move: a limit of a minute is over at once, on any machine.

Tests of time limits use it instead of short limits: those end on a busy machine before anything has happened.
"""

import asyncio
from collections.abc import Callable


def forward(seconds: float) -> None:
    """From now on the running loop's clock is so far ahead. A timer that is due by then runs at the loop's next turn;
    one that is set later counts from the new time."""
    loop = asyncio.get_running_loop()
    now = loop.time

    def ahead() -> float:
        return now() + seconds

    loop.time = ahead  # type: ignore[method-assign]  # this loop ends with its test


async def until(what: Callable[[], object]) -> None:
    """Returns once `what()` is true, however long this machine takes; the clock may stand where it will."""
    while not what():  # noqa: ASYNC110 - what tests wait for here sets no event
        await asyncio.sleep(0)
