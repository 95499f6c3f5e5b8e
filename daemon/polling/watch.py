"""What polling keeps in memory of each customer, and when he is looked at next.

`polling` holds one Watch for each; `health` counts them.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from sys import intern

from ..core.model import Secret
from ..ledger import MICROSECOND, Polled, micros, moment
from ..paynow import Seen
from .packing import NO_TOKEN, Key, Keys, pack, player_of, unpack, unpack_seen, unpack_token
from .schedule import Rank

REFUSED_AGAIN_S = 3600.0  # a token the store refuses: quiet, and long
FAILED_AGAIN_S = 30.0  # doubled for each failure in a row, up to `poll.offline`
AFTER_END = timedelta(minutes=1)  # the store's state lags the expiry by up to a minute
REMOVED_AGAIN_S = 86_400.0  # only his known ends still come
PROFILE_AGAIN = timedelta(days=1)
_AFTER_END_US = AFTER_END // MICROSECOND
_PROFILE_AGAIN_US = PROFILE_AGAIN // MICROSECOND


class Watch:
    """One customer to look at, as small as 100,000 of them need: numbers instead of times and ids, and one piece of
    bytes for the texts (`packing`). What is read of it is what the rest of perkd means."""

    __slots__ = (
        "_customer",
        "_deadline",
        "_players",
        "_profile",
        "_read",
        "_recheck",
        "_texts",
        "catalogue",
        "error",
        "failures",
        "incomplete",
        "online",
        "refused",
        "token_id",
    )

    def __init__(self, row: Polled) -> None:
        self.token_id = row.token_id
        self.catalogue = intern(row.catalogue)  # few, and each of them many times
        self.incomplete = row.incomplete
        self.online = False
        self.failures = 0
        self.refused = False
        self.error: str | None = None
        self._customer = None if row.customer_id is None else int(row.customer_id)
        self._texts = pack(_text(row.token), row.label, row.etag, row.digest)
        self._profile = micros(row.profile_at)
        self._read = micros(row.read_at)
        self._recheck = micros(row.recheck_at)
        self._deadline = micros(row.deadline_at)
        self._players: Keys = ()

    @property
    def customer_id(self) -> str | None:
        return None if self._customer is None else str(self._customer)

    @customer_id.setter
    def customer_id(self, customer_id: str) -> None:
        self._customer = int(customer_id)

    @property
    def customer_number(self) -> int | None:
        """The same as it is kept: whoever keeps it too shares it."""
        return self._customer

    @property
    def token(self) -> Secret | None:
        token = unpack_token(self._texts)
        return None if token is None else Secret(token)

    @token.setter
    def token(self, token: Secret | None) -> None:
        _, label, etag, digest = unpack(self._texts)
        self._texts = pack(_text(token), label, etag, digest)

    @property
    def is_read(self) -> bool:
        """Whether there is a token to read him with."""
        return self._texts[:2] != NO_TOKEN

    @property
    def label(self) -> str:
        return unpack(self._texts)[1]

    @label.setter
    def label(self, label: str) -> None:
        token, _, etag, digest = unpack(self._texts)
        self._texts = pack(token, label, etag, digest)

    @property
    def seen(self) -> Seen | None:
        """The last inventory that was compared."""
        digest, etag = unpack_seen(self._texts)
        return Seen(digest, etag) if digest else None

    @seen.setter
    def seen(self, seen: Seen) -> None:
        token, label, _, _ = unpack(self._texts)
        self._texts = pack(token, label, seen.etag, seen.digest)

    @property
    def profile_at(self) -> datetime | None:
        return moment(self._profile)

    @profile_at.setter
    def profile_at(self, at: datetime | None) -> None:
        self._profile = micros(at)

    @property
    def read_at(self) -> datetime | None:
        return moment(self._read)

    @read_at.setter
    def read_at(self, at: datetime | None) -> None:
        self._read = micros(at)

    @property
    def recheck_at(self) -> datetime | None:
        return moment(self._recheck)

    @recheck_at.setter
    def recheck_at(self, at: datetime | None) -> None:
        self._recheck = micros(at)

    @property
    def deadline_at(self) -> datetime | None:
        return moment(self._deadline)

    @deadline_at.setter
    def deadline_at(self, at: datetime | None) -> None:
        self._deadline = micros(at)

    @property
    def players(self) -> tuple[str, ...]:
        """Who he is in the games that are configured."""
        keys = self._players
        return tuple(map(player_of, keys)) if isinstance(keys, tuple) else (player_of(keys),)

    @property
    def player_keys(self) -> tuple[Key, ...]:
        keys = self._players
        return keys if isinstance(keys, tuple) else (keys,)

    @player_keys.setter
    def player_keys(self, keys: tuple[Key, ...]) -> None:
        self._players = keys[0] if len(keys) == 1 else keys  # nearly everybody is one

    def is_due(self, now_us: int, catalogue: str, *, new: bool | None) -> bool:
        """Whether he is compared now: his inventory is `new`, or the config or the time changes what it means. `new`
        None: no inventory could be had, so that only a deadline counts."""
        end = self._deadline if new is None else self._recheck
        if new is not None and (new or self.catalogue != catalogue):
            return True
        return end is not None and end <= now_us

    def next_end_us(self, now_us: int) -> int | None:
        """How long until an end of his is due, in microseconds; None when no end is to come."""
        end, recheck = self._deadline, self._recheck
        if end is not None and end <= now_us:
            end = None
        if recheck is not None and recheck + _AFTER_END_US > now_us and not self.failures and self.is_read:
            recheck += _AFTER_END_US
            end = recheck if end is None or recheck < end else end
        return None if end is None else end - now_us

    def to_identify(self, now_us: int) -> bool:
        """Whether the store is asked who he is: nobody did yet, a value is missing, or it was a day ago."""
        read = self._profile
        return self._customer is None or read is None or self.incomplete or now_us - read > _PROFILE_AGAIN_US


def _text(token: Secret | None) -> str | None:
    return None if token is None else token.reveal()


@dataclass(frozen=True, slots=True)
class Intervals:
    """`poll.online` and `poll.offline`."""

    online: timedelta
    offline: timedelta
    online_s: float = field(init=False)  # the same in seconds: they are asked for at each poll
    offline_s: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "online_s", min(self.online, self.offline).total_seconds())
        object.__setattr__(self, "offline_s", self.offline.total_seconds())


def next_look(watch: Watch, now_us: int, every: Intervals, *, jitter: float) -> tuple[float, Rank]:
    """When he is looked at next, in seconds from now: the interval, sooner while he is online or after a failure, at
    the next known end plus a minute."""
    wait_s, rank = every.offline_s * jitter, Rank.REST
    if not watch.is_read:
        wait_s = REMOVED_AGAIN_S
    elif watch.refused:
        wait_s = REFUSED_AGAIN_S * jitter
    elif watch.failures:
        again_s = FAILED_AGAIN_S * 2.0 ** min(watch.failures - 1, 10)
        wait_s, rank = min(every.offline_s, again_s) * jitter, Rank.FAILED
    elif watch.online:
        wait_s, rank = every.online_s * jitter, Rank.ONLINE
    left_us = watch.next_end_us(now_us)
    if left_us is not None and left_us < wait_s * 1_000_000:
        wait_s, rank = left_us / 1_000_000, min(rank, Rank.ENDING)
    return wait_s, rank
