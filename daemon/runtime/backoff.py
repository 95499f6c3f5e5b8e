"""How long to wait after failures in a row. PURE."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """`first_s`, doubled for each failure in a row up to `longest_s`. `jitter` is the part of a wait that luck may take
    away, so that not all try again at the same moment."""

    first_s: float
    longest_s: float
    jitter: float = 0.0

    def wait_s(self, failures: int, luck: float = 0.0) -> float:
        """The wait after so many failures in a row; `luck` is in [0, 1)."""
        return min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 16)) * (1.0 - self.jitter * luck)
