"""Moves the clock of the running event loop forward, so that a time limit of a minute is over at once.

Tests of time limits use it. Short limits would be unreliable: on a busy machine they end before anything happened.
"""

import asyncio
from collections.abc import Callable


def forward(seconds: float) -> None:
    """Moves the running loop's clock forward. Timers that are due then run in the loop's next iteration; timers that
    are set later count from the new time."""
    loop = asyncio.get_running_loop()
    now = loop.time

    def ahead() -> float:
        return now() + seconds

    loop.time = ahead  # type: ignore[method-assign]  # this loop ends with its test


async def until(what: Callable[[], object]) -> None:
    """Returns once `what()` is true. It has no time limit and does not depend on the loop's clock."""
    while not what():  # noqa: ASYNC110 - what tests wait for here sets no event
        await asyncio.sleep(0)
