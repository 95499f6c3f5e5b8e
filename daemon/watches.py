"""What polling keeps in memory of each customer, and how long a whole round takes.

`polling` holds one Watch for each; `health` counts them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from .ledger.rows import Polled
from .model import Secret


@dataclass(slots=True)
class Watch:
    """One customer to look at, as small as 100,000 of them need."""

    token_id: int
    token: Secret | None
    customer_id: str | None
    label: str
    profile_at: datetime | None
    read_at: datetime | None
    digest: bytes | None
    etag: str | None
    catalogue: str
    recheck_at: datetime | None
    deadline_at: datetime | None
    incomplete: bool
    failures: int = 0
    refused: bool = False
    error: str | None = None


class Sweep:
    """How long it takes until everybody was seen once."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.last_s: float | None = None
        self._monotonic = monotonic
        self._since = monotonic()
        self._seen: set[int] = set()
        self._everybody = 0

    def expect(self, everybody: int) -> None:
        self._everybody = everybody

    def saw(self, token_id: int) -> None:
        self._seen.add(token_id)
        if len(self._seen) >= self._everybody:
            now = self._monotonic()
            self.last_s, self._since = now - self._since, now
            self._seen.clear()


def watch_of(row: Polled) -> Watch:
    return Watch(
        token_id=row.token_id,
        token=row.token,
        customer_id=row.customer_id,
        label=row.label,
        profile_at=row.profile_at,
        read_at=row.read_at,
        digest=row.digest,
        etag=row.etag,
        catalogue=row.catalogue,
        recheck_at=row.recheck_at,
        deadline_at=row.deadline_at,
        incomplete=row.incomplete,
    )
