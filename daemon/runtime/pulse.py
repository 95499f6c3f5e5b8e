"""How long ago each root loop completed a pass: this tells health and the watchdog whether perkd lives (law 17). PURE.

Every loop calls `beat`; `health`, `web` and `watchdog` read it.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Beat:
    """One loop: when it last completed a pass, and after how many seconds it is late."""

    at: float
    bound_s: float


class Pulse:
    """The beats of all root loops. A loop's bound is three of its intervals, at least 60 s."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._beats: dict[str, Beat] = {}

    def register(self, loop: str, interval_s: float) -> None:
        self._beats[loop] = Beat(self._monotonic(), max(60.0, 3 * interval_s))

    def beat(self, loop: str, now_s: float | None = None) -> None:
        """The loop completed a pass. `now_s`: the monotonic time, if the caller already has it."""
        self._beats[loop].at = self._monotonic() if now_s is None else now_s

    def drop(self, loop: str) -> None:
        self._beats.pop(loop, None)

    def late(self) -> dict[str, float]:
        """The loops over their bound, and how many seconds ago each completed its last pass."""
        now = self._monotonic()
        return {loop: now - beat.at for loop, beat in self._beats.items() if now - beat.at > beat.bound_s}
