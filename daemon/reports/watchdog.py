"""Feeds systemd's watchdog only while every loop completes its passes in time (law 17), and keeps its status line."""

import asyncio
import contextlib
import logging

from ..runtime import Context, notify, watchdog_s
from .health import Health, line

log = logging.getLogger("perkd")

LONGEST_S = 30.0


async def feed_watchdog(health: Health, context: Context) -> None:
    """A root task: it runs until it is cancelled."""
    every_s = min(LONGEST_S, (watchdog_s() or 60.0) / 3)
    while True:
        late = context.pulse.late()
        for loop, age_s in late.items():
            log.error("the loop %r has not finished a pass for %.0f s", loop, age_s, extra={"action": "loop_late"})
        if not late:
            notify("WATCHDOG=1")
        with contextlib.suppress(TimeoutError):  # during the nightly copy, reports wait for its connection
            async with asyncio.timeout(every_s):
                notify(f"STATUS={line(await health.report())}")
        await context.clock.sleep(every_s)
