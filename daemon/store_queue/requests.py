"""One request after another for one server's queue at the store: each that ends is a sign that its loop is alive.

`linking`, `acknowledging` and `activation` ask through here.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from ..paynow import Exchange
from ..runtime import Context

T = TypeVar("T")

IDLE_S = 20.0  # a pass completes at least this often, with something to ask or without
LONGEST_REQUEST_S = 30.0


class Asking:
    """Waits for answers and keeps the loop's pulse."""

    def __init__(self, exchange: Exchange, context: Context, loop: str) -> None:
        self._exchange, self._clock, self._pulse, self._loop = exchange, context.clock, context.pulse, loop
        self._pulse.register(loop, IDLE_S + LONGEST_REQUEST_S)

    def beat(self) -> None:
        self._pulse.beat(self._loop)

    async def answer(self, request: Coroutine[Any, Any, T]) -> T:
        """What the request returns or raises. While everybody waits because the store said so, that is no hanging
        loop."""
        asking = asyncio.ensure_future(request)
        try:
            while not asking.done():
                nap = asyncio.ensure_future(self._clock.sleep(IDLE_S))
                await asyncio.wait((asking, nap), return_when=asyncio.FIRST_COMPLETED)
                nap.cancel()
                if asking.done() or self._exchange.rate.blocked_s() > 0:
                    self.beat()
            return asking.result()
        finally:
            asking.cancel()
