"""What polling keeps in memory of each customer, and when to poll them next. PURE.

`roll.py` has one Watch for each customer.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from sys import intern
from typing import Self

from ..core.model import Secret
from ..ledger import Polled
from ..paynow import Seen
from ..runtime import Backoff
from .schedule import Rank

REFUSED_AGAIN_S = 3600.0  # after the store refused the token
FAILED_AGAIN_S = 30.0  # doubled for each failure in a row, up to `poll.offline`
AFTER_END = timedelta(minutes=1)  # the store shows an expiry up to a minute late
REMOVED_AGAIN_S = 86_400.0  # a removed customer: only known ends of items matter


@dataclass(slots=True, eq=False)
class Watch:
    """One customer to poll. Nobody but the Roll changes what it counts: `token`, `customer_id`, `read_at`, `failures`,
    `refused`."""

    token_id: int
    token: Secret | None  # None: removed, only known ends of items matter
    customer_id: str | None  # None: nobody asked the store yet whose token it is
    label: str
    profile_at: datetime | None
    read_at: datetime | None
    recheck_at: datetime | None
    deadline_at: datetime | None
    digest: bytes | None
    etag: str | None
    catalogue: str  # the fingerprint of the config of the last comparison
    incomplete: bool
    players: tuple[str, ...] = ()  # in the configured games
    online: bool = False
    failures: int = 0  # in a row
    refused: bool = False
    error: str | None = None
    again: bool = False  # requested while being polled: poll once more afterwards

    @classmethod
    def of(cls, row: Polled) -> Self:
        return cls(
            token_id=row.token_id,
            token=row.token,
            customer_id=row.customer_id,
            label=row.label,
            profile_at=row.profile_at,
            read_at=row.read_at,
            recheck_at=row.recheck_at,
            deadline_at=row.deadline_at,
            digest=row.digest,
            etag=row.etag,
            catalogue=intern(row.catalogue),  # few values, each used many times
            incomplete=row.incomplete,
        )

    @property
    def seen(self) -> Seen | None:
        """The last inventory that was compared."""
        return None if self.digest is None else Seen(self.digest, self.etag)

    @seen.setter
    def seen(self, seen: Seen) -> None:
        self.digest, self.etag = seen.digest, seen.etag

    def is_due(self, now: datetime, catalogue: str, *, new: bool | None) -> bool:
        """Whether to compare the customer now: the inventory is `new`, or the config or an end changes what it means.
        `new` None: there is no inventory, so only a deadline counts."""
        if new is None:
            return self.deadline_at is not None and self.deadline_at <= now
        return new or self.catalogue != catalogue or (self.recheck_at is not None and self.recheck_at <= now)

    def next_end(self, now: datetime) -> datetime | None:
        """The next end of an item that counts; None when there is none."""
        ends = [] if self.deadline_at is None or self.deadline_at <= now else [self.deadline_at]
        if self.recheck_at is not None and not self.failures and self.token is not None:
            ends += [self.recheck_at + AFTER_END] if self.recheck_at + AFTER_END > now else []
        return min(ends, default=None)


@dataclass(frozen=True, slots=True)
class Intervals:
    """`poll.online` and `poll.offline`."""

    online: timedelta
    offline: timedelta


def next_look(watch: Watch, now: datetime, every: Intervals, *, jitter: float) -> tuple[float, Rank]:
    """The seconds until the customer's next poll, and its rank: after the interval, sooner while online or after a
    failure, and at the next known end plus a minute."""
    offline_s = every.offline.total_seconds()
    wait_s, rank = offline_s * jitter, Rank.REST
    if watch.token is None:
        wait_s = REMOVED_AGAIN_S
    elif watch.refused:
        wait_s = REFUSED_AGAIN_S * jitter
    elif watch.failures:
        wait_s, rank = Backoff(FAILED_AGAIN_S, offline_s).wait_s(watch.failures) * jitter, Rank.FAILED
    elif watch.online:
        wait_s, rank = min(every.online.total_seconds(), offline_s) * jitter, Rank.ONLINE
    end = watch.next_end(now)
    if end is not None and (left_s := (end - now).total_seconds()) < wait_s:
        wait_s, rank = left_s, min(rank, Rank.ENDING)
    return wait_s, rank
