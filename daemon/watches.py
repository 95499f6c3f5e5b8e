"""What polling keeps in memory of each customer, and how long a whole round takes.

`polling` holds one Watch for each; `health` counts them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from .ledger.rows import Polled
from .model import Secret
from .schedule import Rank

REFUSED_AGAIN = timedelta(hours=1)  # a token the store refuses: quiet, and long
FAILED_AGAIN = timedelta(seconds=30)  # doubled for each failure in a row, up to `poll.offline`
AFTER_END = timedelta(minutes=1)  # the store's state lags the expiry by up to a minute
FLUSH_S = 30.0
REMOVED_AGAIN = timedelta(days=1)  # only his known ends still come


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
    players: tuple[str, ...] = ()  # who he is in the games that are configured
    online: bool = False
    failures: int = 0
    refused: bool = False
    error: str | None = None


class Sweep:
    """How long it takes until everybody was asked for once, `last_s` for the last whole round. A refused token waits so
    long that nobody waits for it."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.last_s: float | None = None
        self._monotonic = monotonic
        self._since = monotonic()
        self._everybody: set[int] = set()
        self._left: set[int] = set()

    def expect(self, token_ids: Iterable[int]) -> None:
        """Exactly these are asked for from now on; the round goes on."""
        everybody = set(token_ids)
        self._left = (self._left & everybody) | (everybody - self._everybody)
        self._everybody = everybody

    def asked(self, token_id: int) -> None:
        self._everybody.add(token_id)
        self._left.discard(token_id)
        self._end_round()

    def leave(self, token_id: int) -> None:
        self._everybody.discard(token_id)
        self._left.discard(token_id)
        self._end_round()

    def _end_round(self) -> None:
        if self._left or not self._everybody:
            return
        now = self._monotonic()
        self.last_s, self._since = now - self._since, now
        self._left = set(self._everybody)


class Unwritten:
    """Sightings of unchanged inventories: nothing hangs on them, so many are written in one transaction."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._next = monotonic()
        self._read: dict[str, datetime] = {}

    def put(self, customer_id: str, read_at: datetime) -> None:
        self._read[customer_id] = read_at

    def take(self) -> dict[str, datetime]:
        """All of them, every FLUSH_S; in between none."""
        if not self._read or self._monotonic() < self._next:
            return {}
        self._next = self._monotonic() + FLUSH_S
        read, self._read = self._read, {}
        return read


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


def is_due(watch: Watch, now: datetime, *, new: bool | None, catalogue: str) -> bool:
    """Whether he is compared now: his inventory is `new`, or the config or the time changes what it means. `new` None:
    no inventory could be had, so that only a deadline counts."""
    if new is None:
        return watch.deadline_at is not None and watch.deadline_at <= now
    changed = new or watch.catalogue != catalogue
    return changed or (watch.recheck_at is not None and watch.recheck_at <= now)


@dataclass(frozen=True, slots=True)
class Intervals:
    """`poll.online` and `poll.offline`."""

    online: timedelta
    offline: timedelta


def next_look(watch: Watch, now: datetime, every: Intervals, *, jitter: float) -> tuple[timedelta, Rank]:
    """When he is looked at next: the interval, sooner while he is online or after a failure, at the next known end plus
    a minute."""
    wait, rank = every.offline * jitter, Rank.REST
    if watch.token is None:
        wait = REMOVED_AGAIN
    elif watch.refused:
        wait = REFUSED_AGAIN * jitter
    elif watch.failures:
        again = FAILED_AGAIN * 2 ** min(watch.failures - 1, 10)
        wait, rank = min(every.offline, again) * jitter, Rank.FAILED
    elif watch.online:
        wait, rank = min(every.online, every.offline) * jitter, Rank.ONLINE
    ends = [watch.deadline_at]
    if watch.token is not None and not watch.failures and watch.recheck_at is not None:
        ends.append(watch.recheck_at + AFTER_END)
    for end in ends:
        if end is not None and timedelta(0) < end - now < wait:
            wait, rank = end - now, min(rank, Rank.ENDING)
    return wait, rank
