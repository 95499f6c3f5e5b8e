"""What every loop is given: the clock it waits by, the pulse it beats, the counters it counts with."""

from dataclasses import dataclass

from .clock import Clock
from .counters import Counters
from .pulse import Pulse


@dataclass(frozen=True, slots=True)
class Context:
    """One for a process; `app` makes it and hands it to every wing."""

    clock: Clock
    pulse: Pulse
    counters: Counters

    @classmethod
    def of(cls, clock: Clock) -> "Context":
        return cls(clock, Pulse(clock.monotonic), Counters())
