"""What the daemon is told to do, as frozen values: the meaning of config.toml after every check.

`loading` makes one; `app` hands its parts to those who need them.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ..core.mistakes import ConfigWarning
from ..core.model import BrakeLimits, Enrol, FirstSeen, Perk, Secret, Server
from .tokens_file import TokenEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Where the store's API is. `api` has no slash at its end, `items_path` one at its start; `id` is empty only where
    `api_key` is None. `management_items` is the word of the management paths for the inventory."""

    api: str
    id: str
    api_key: Secret | None
    items_path: str
    management_items: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """Whose tokens perkd reads with. `tokens` is None when no source is named, or when it could not be read outside the
    service; an empty tuple is a source that names nobody, and so removes everybody it named before."""

    source: str
    tokens: tuple[TokenEntry, ...] | None
    enrol: Enrol
    first_seen: FirstSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """How often the store is asked. `rate`: requests a second, all customers together; `concurrency`: in flight."""

    online: timedelta
    offline: timedelta
    rate: float
    concurrency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Where the database file is, and how long settled history stays in it."""

    path: Path
    keep: timedelta


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the HTTP pages are served. Port 0 lets the system choose."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One checked config.toml. A secret that was not checked (only with `need_secrets=False`) is the empty one, which
    no checked one ever is."""

    store: Store
    customers: Customers
    poll: Poll
    ledger: Ledger
    listen: Listen | None
    control: Path  # the operator's unix socket
    brake: BrakeLimits
    servers: tuple[Server, ...]
    perks: tuple[Perk, ...]
    warnings: tuple[ConfigWarning, ...]
