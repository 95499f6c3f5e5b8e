"""Sends the requests of one queue loop and keeps its pulse: each finished request shows that the loop is alive.

`link.py`, `acknowledge.py` and `loop.py` use it.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from ..paynow import Exchange
from ..runtime import Context

T = TypeVar("T")

IDLE_S = 20.0  # a pass completes at least this often, also without a request
LONGEST_REQUEST_S = 30.0


class QueueRequests:
    """Waits for answers and keeps the loop's pulse."""

    def __init__(self, exchange: Exchange, context: Context, loop: str) -> None:
        self._exchange, self._clock, self._pulse, self._loop = exchange, context.clock, context.pulse, loop
        self._pulse.register(loop, IDLE_S + LONGEST_REQUEST_S)

    def beat(self) -> None:
        self._pulse.beat(self._loop)

    async def answer(self, request: Coroutine[Any, Any, T]) -> T:
        """What the request returns or raises. While the store's 429 makes all requests wait, the loop counts as
        alive."""
        task = asyncio.ensure_future(request)
        try:
            while not task.done():
                nap = asyncio.ensure_future(self._clock.sleep(IDLE_S))
                await asyncio.wait((task, nap), return_when=asyncio.FIRST_COMPLETED)
                nap.cancel()
                if task.done() or self._exchange.rate.blocked_s() > 0:
                    self.beat()
            return task.result()
        finally:
            task.cancel()
