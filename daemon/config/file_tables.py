"""The tables and keys of config.toml with their defaults: the only list of what an owner can write.

`loading` reads the file with these models; a test compares config.example.toml with them.
"""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from .tables import Days, Duration, Interval, Online, OptionalDuration, Table, Timeout

Texts = Annotated[list[str], Field(default_factory=list)]


class StoreTable(Table):
    api: str = "https://api.paynow.gg"
    id: str = ""
    api_key: str = ""
    items_path: str = "/v1/store/customer/delivery/items"
    management_items: Literal["delivery/items", "command-delivery", "command_delivery", "inventory"] = "delivery/items"


class CustomersTable(Table):
    tokens: str = ""
    enrol: Literal["off", "online", "all"] | None = None  # "all" with an API key, else "off"
    first_seen: Literal["adopt", "deliver"] = "adopt"


class PollTable(Table):
    online: Interval = timedelta(seconds=30)
    offline: Interval = timedelta(minutes=15)
    rate: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = 5.0
    concurrency: Annotated[int, Field(ge=1, le=64)] = 16


class LedgerTable(Table):
    url: str = "sqlite:///var/lib/perkd/ledger.db"
    keep: Days = timedelta(days=540)


class HttpTable(Table):
    listen: str = "127.0.0.1:8770"


class ControlTable(Table):
    socket: str = "/run/perkd/control.sock"


class BrakeTable(Table):
    share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.30
    least: Annotated[int, Field(ge=0)] = 10
    window: Interval = timedelta(minutes=10)
    absent: Literal["hold", "revoke"] = "hold"


class ServerTable(Table):
    name: str = ""
    game: str = ""
    address: str = ""
    password: str = ""
    paynow_id: str = ""
    paynow_token: str = ""
    run_store_commands: bool = False
    identity: Literal["online", "offline", "floodgate"] = "online"
    bedrock_prefix: str = "."
    transport: Literal["native", "mcrcon"] = "native"
    timeout: Timeout = timedelta(seconds=10)
    min_gap: Duration = timedelta(0)
    warmup: Duration = timedelta(minutes=2)
    presence: Interval = timedelta(seconds=15)


class CommandTable(Table):
    """A command: a text, or a table with `run` and settings for sending it."""

    run: str = ""
    after: Duration = timedelta(0)
    online: Online = None  # None: the perk's value
    repeatable: bool | None = None  # None: the perk's value

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:  # noqa: ANN401 - any value of the file
        return {"run": value} if isinstance(value, str) else value


Commands = Annotated[list[CommandTable], Field(default_factory=list)]


class PerkTable(Table):
    name: str = ""
    kind: Literal["lasting", "once"] | None = None
    products: Texts
    servers: object = None
    grant: Commands
    revoke: Commands
    revoke_on: Annotated[dict[str, list[CommandTable]], Field(default_factory=dict)]
    effect: str = ""
    lasts: OptionalDuration = None
    grace: OptionalDuration = None
    online: Online = False
    repeatable: bool | None = None  # true for a lasting perk, false for one given once
    irreversible: bool = False
    success: str = ""
    failure: str = ""
    strict: bool = False
    was: str = ""


# The sections that occur once in the file, and the two that may occur many times.
SECTIONS: dict[str, type[Table]] = {
    "store": StoreTable,
    "customers": CustomersTable,
    "poll": PollTable,
    "ledger": LedgerTable,
    "http": HttpTable,
    "control": ControlTable,
    "brake": BrakeTable,
}
LISTS: dict[str, type[Table]] = {"server": ServerTable, "perk": PerkTable}
