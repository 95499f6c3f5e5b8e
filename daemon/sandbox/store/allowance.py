"""The rate limit of the emulated store: a token bucket. `server.py` has one only when a limit is set.

PayNow publishes no limits, so there is no default here.
"""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Allowance:
    """Allows `per_s` requests a second for all callers together, and up to `burst` at once."""

    per_s: float
    burst: int
    _left: float = field(init=False)
    _at: datetime | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._left = float(self.burst)

    def wait_s(self, now: datetime) -> float:
        """0 when a request may be served now; this counts it. Otherwise the seconds until one may."""
        gone_s = 0.0 if self._at is None else max(0.0, (now - self._at).total_seconds())
        self._left, self._at = min(float(self.burst), self._left + gone_s * self.per_s), now
        if self._left < 1.0:
            return (1.0 - self._left) / self.per_s
        self._left -= 1.0
        return 0.0
