"""How long ago each root loop completed a pass: this tells health and the watchdog whether perkd lives (law 17). PURE.

Every loop calls `beat`; `health`, `web` and `watchdog` read it.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Beat:
    """One loop: when it last completed a pass, after how many seconds it is late, and until when it may wait."""

    at: float
    bound_s: float
    excused: Callable[[], float]


def never_excused() -> float:
    """Every wait counts."""
    return 0.0


class Pulse:
    """The beats of all root loops. A loop's bound is three of its intervals, at least 60 s."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._beats: dict[str, Beat] = {}

    def register(self, loop: str, interval_s: float, excused: Callable[[], float] = never_excused) -> None:
        """`excused` returns the monotonic time until which the loop need not do anything: the store's 429 makes all
        requests wait."""
        self._beats[loop] = Beat(self._monotonic(), max(60.0, 3 * interval_s), excused)

    def beat(self, loop: str, now_s: float | None = None) -> None:
        """The loop completed a pass. `now_s`: the monotonic time, if the caller already has it."""
        self._beats[loop].at = self._monotonic() if now_s is None else now_s

    def drop(self, loop: str) -> None:
        self._beats.pop(loop, None)

    def late(self) -> dict[str, float]:
        """The loops over their bound, and for how many seconds each has completed no pass without an excuse."""
        now = self._monotonic()
        ages = {loop: now - max(beat.at, beat.excused()) for loop, beat in self._beats.items()}
        return {loop: age_s for loop, age_s in ages.items() if age_s > self._beats[loop].bound_s}
