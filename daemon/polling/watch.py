"""What polling keeps in memory of each customer, and when to poll them next.

`loop.py` has one Watch for each; `reports` counts them.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from sys import intern

from ..core.model import Secret
from ..ledger import MICROSECOND, Polled, micros, moment
from ..paynow import Seen
from .packing import NO_TOKEN, Key, Keys, pack, player_of, unpack, unpack_seen, unpack_token
from .schedule import Rank

REFUSED_AGAIN_S = 3600.0  # after the store refused the token
FAILED_AGAIN_S = 30.0  # doubled for each failure in a row, up to `poll.offline`
AFTER_END = timedelta(minutes=1)  # the store shows an expiry up to a minute late
REMOVED_AGAIN_S = 86_400.0  # a removed customer: only known ends of items matter
PROFILE_AGAIN = timedelta(days=1)
_AFTER_END_US = AFTER_END // MICROSECOND
_PROFILE_AGAIN_US = PROFILE_AGAIN // MICROSECOND


class Watch:
    """One customer to poll. It is small, because there may be 100,000: numbers instead of times and ids, one bytes
    object for the texts (`packing.py`). Its properties return the usual types."""

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
        self.catalogue = intern(row.catalogue)  # few values, each used many times
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
        """The id as a number, the same object that the watch keeps: so other tables can share it."""
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
        """Whether there is a token to poll with."""
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
        """The customer's players in the configured games."""
        keys = self._players
        return tuple(map(player_of, keys)) if isinstance(keys, tuple) else (player_of(keys),)

    @property
    def player_keys(self) -> tuple[Key, ...]:
        keys = self._players
        return keys if isinstance(keys, tuple) else (keys,)

    @player_keys.setter
    def player_keys(self, keys: tuple[Key, ...]) -> None:
        self._players = keys[0] if len(keys) == 1 else keys  # nearly every customer has one player

    def is_due(self, now_us: int, catalogue: str, *, new: bool | None) -> bool:
        """Whether to compare the customer now: the inventory is `new`, or the config or an end changes what it means.
        `new` None: there is no inventory, so only a deadline counts."""
        end = self._deadline if new is None else self._recheck
        if new is not None and (new or self.catalogue != catalogue):
            return True
        return end is not None and end <= now_us

    def next_end_us(self, now_us: int) -> int | None:
        """How long until the next end of an item, in microseconds; None when there is none."""
        end, recheck = self._deadline, self._recheck
        if end is not None and end <= now_us:
            end = None
        if recheck is not None and recheck + _AFTER_END_US > now_us and not self.failures and self.is_read:
            recheck += _AFTER_END_US
            end = recheck if end is None or recheck < end else end
        return None if end is None else end - now_us

    def to_identify(self, now_us: int) -> bool:
        """Whether to ask the store who the customer is: for the first time, for a missing value, or after a day."""
        read = self._profile
        return self._customer is None or read is None or self.incomplete or now_us - read > _PROFILE_AGAIN_US


def _text(token: Secret | None) -> str | None:
    return None if token is None else token.reveal()


@dataclass(frozen=True, slots=True)
class Intervals:
    """`poll.online` and `poll.offline`."""

    online: timedelta
    offline: timedelta
    online_s: float = field(init=False)  # the same in seconds, for speed: each poll uses them
    offline_s: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "online_s", min(self.online, self.offline).total_seconds())
        object.__setattr__(self, "offline_s", self.offline.total_seconds())


def next_look(watch: Watch, now_us: int, every: Intervals, *, jitter: float) -> tuple[float, Rank]:
    """The seconds until the customer's next poll, and its rank: after the interval, sooner while online or after a
    failure, and at the next known end plus a minute."""
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
