"""What every loop gets: the clock it waits on, the pulse that shows it is alive, the counters."""

from dataclasses import dataclass

from .clock import Clock
from .counters import Counters
from .pulse import Pulse


@dataclass(frozen=True, slots=True)
class Context:
    """One for each process; `app` makes it and passes it to every wing."""

    clock: Clock
    pulse: Pulse
    counters: Counters

    @classmethod
    def of(cls, clock: Clock) -> "Context":
        return cls(clock, Pulse(clock.monotonic), Counters())
