"""The settings in config.toml as frozen values, after all checks.

`loading` makes them; `app` passes the parts to the wings that need them.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ..core.mistakes import ConfigWarning
from ..core.model import BrakeLimits, Enrol, FirstSeen, Perk, Secret, Server
from .tokens_file import TokenEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The store's API. `api` has no slash at the end, `items_path` has one at the start. `id` is empty only without an
    `api_key`. `management_items` is the word for the inventory in the management paths."""

    api: str
    id: str
    api_key: Secret | None
    items_path: str
    management_items: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """The customers' tokens. `tokens` is None if there is no source, or if it could not be read outside the service. An
    empty tuple is a source without customers, so all customers that it listed before are removed."""

    source: str
    tokens: tuple[TokenEntry, ...] | None
    enrol: Enrol
    first_seen: FirstSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """How often perkd asks the store. `rate`: requests a second in all; `concurrency`: requests at the same time."""

    online: timedelta
    offline: timedelta
    rate: float
    concurrency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The database file, and how long it keeps finished history."""

    path: Path
    keep: timedelta


@dataclass(frozen=True, slots=True)
class Listen:
    """The address of the HTTP pages. With port 0, the system chooses one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One checked config.toml. A secret that was not checked (only with `need_secrets=False`) is empty; a checked one
    never is."""

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
