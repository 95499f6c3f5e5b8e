"""The skeleton of every root loop.

The wings give a Loop its pass, and `app` or `servers/fleet.py` run it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import KW_ONLY, dataclass, field

from .context import Context
from .pulse import never_excused
from .tasks import Fatal

IDLE_S = 20.0  # a resting loop shows that it is alive at least this often


async def _nothing() -> float:
    return IDLE_S


@dataclass(eq=False)
class Loop:
    """One pass after another, until cancelled or until `finish` is called; `passes` are completed.

    `one_pass` returns for how many seconds to rest. `failed` gets an error of a pass and returns the same; without it,
    as with a Fatal error, the daemon ends. `wake` ends a rest, but not the one after an error: only `again` does.
    `between` is called after each pass and during the rest, again after as many seconds as it returns. `bound_s` is the
    longest time without a sign of life; `excused` as in `Pulse.register`; `wake`: an event that others set already.
    """

    context: Context
    name: str
    one_pass: Callable[[], Awaitable[float]]
    _: KW_ONLY
    bound_s: float = IDLE_S
    failed: Callable[[Exception], float] | None = None
    between: Callable[[], Awaitable[float]] = _nothing
    excused: Callable[[], float] = never_excused
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    ending: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    passes: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._again = asyncio.Event()
        self._clock, self._pulse = self.context.clock, self.context.pulse

    def again(self) -> None:
        """The operator changed something: also what failed is tried at once."""
        self.wake.set()
        self._again.set()

    def finish(self) -> None:
        """Makes `run` return after the pass under way."""
        self.ending.set()
        self.again()

    def beat(self) -> None:
        """A part of a long pass is done."""
        self._pulse.beat(self.name)

    async def run(self) -> None:
        self._pulse.register(self.name, max(IDLE_S, self.bound_s), self.excused)
        try:
            await self._run()
        finally:
            self._pulse.drop(self.name)

    async def _run(self) -> None:
        while not self.ending.is_set():
            self.wake.clear()
            self._again.clear()
            wait_s, wake = await self._tried(self.one_pass)
            until = self._clock.monotonic() + wait_s
            between_s, _ = await self._tried(self.between)
            self.passes += 1
            self.beat()
            while (now := self._clock.monotonic()) < until:
                if await self._clock.until(min(until, now + min(IDLE_S, between_s)), wake):
                    break
                between_s, _ = await self._tried(self.between)
                self.beat()

    async def _tried(self, work: Callable[[], Awaitable[float]]) -> tuple[float, asyncio.Event]:
        """How long to rest after the work, and what ends the rest."""
        try:
            return await work(), self.wake
        except Fatal:
            raise
        except Exception as error:
            if self.failed is None:
                raise
            return self.failed(error), self._again
