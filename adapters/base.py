"""The words an adapter and the daemon share: values, verdicts, players, sessions, and the three ways a send can end.

Every module of `adapters` and the deciding half of `daemon` import this one; it imports nothing of the project.

    AdapterError
    ├── Unsafe        a value that must not be put into a command of this game
    ├── NotSent       nothing left this machine: try again freely
    │   └── LoginClosed   the server closed the connection during login
    ├── InDoubt       bytes left, no answer that can be trusted came: nobody knows
    └── AuthRefused   the server refused the password: do not try again by yourself
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """What sort of value a variable carries: decides which allow-list `quote` applies."""

    NAME = "name"  # a player's name, as people chose it
    UUID = "uuid"  # dashed, lower case
    UUID_PLAIN = "uuid_plain"  # 32 hex digits
    XUID = "xuid"
    STEAM_ID = "steam_id"  # SteamID64
    STEAM_ID2 = "steam_id2"  # STEAM_X:Y:Z
    STEAM_ID3 = "steam_id3"  # [U:1:Z]
    FLAKE = "flake"  # a store id: decimal digits
    NUMBER = "number"
    TIME = "time"  # RFC 3339, UTC, seconds
    TEXT = "text"  # a product's name, a server's name, a reason


class Transport(StrEnum):
    """How a server's RCON is spoken."""

    NATIVE = "native"  # perkd's own wire
    MCRCON = "mcrcon"  # the library of that name


class Identity(StrEnum):
    """How a server names its players, where its game has more than one way."""

    ONLINE = "online"  # the platform's own ids
    OFFLINE = "offline"  # ids made from the names
    FLOODGATE = "floodgate"  # as ONLINE, and Bedrock players by their XUID


class Verdict(StrEnum):
    """What one game's reply says about the command."""

    SUCCESS = "success"
    REFUSED = "refused"
    ABSENT = "absent"  # the game says the player is not there
    NOT_LOADED = "not_loaded"  # "unknown command": right after a start this means "plugin not loaded yet"
    UNRECOGNISED = "unrecognised"


@dataclass(frozen=True, slots=True)
class Player:
    """An identity on a game server, exactly as the game lists it; `id` equals `name` where the list carries no ids."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Who:
    """What one game can say about a customer: the player they are there (None: no identity in this game) and the
    values of their variables. A variable the customer has no value for is absent from `values`."""

    player: str | None
    values: Mapping[str, str] = field(default_factory=dict)


class Secret:
    """A password or token. It has no text form: only `reveal()` gives it away, where it is used."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written anywhere")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one game server listens for commands. Times in seconds."""

    host: str
    port: int
    password: Secret
    timeout_s: float = 10.0  # for one answer
    connect_timeout_s: float = 5.0  # for connecting, and again for the login
    transport: Transport = Transport.NATIVE

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class AdapterError(Exception):
    """An adapter could not do what was asked."""


class Unsafe(AdapterError):
    """A value that must not be put into a command of this game; the message says which character or shape, and why."""


class NotSent(AdapterError):
    """Nothing left this machine, so the command may be sent again freely."""


class LoginClosed(NotSent):
    """The server closed the connection while perkd was logging in: a ban, or a server that is still starting."""


class InDoubt(AdapterError):
    """Bytes left this machine and no trustworthy answer came: whether the command ran is not known."""


class AuthRefused(AdapterError):
    """The server refused the RCON password. Trying again would get this machine banned on some games."""


class Session(Protocol):
    """One logged-in connection. One command in flight; after any error the session is closed and never reused."""

    async def send(self, command: str) -> str:
        """The server's whole reply. Raises NotSent, InDoubt or AuthRefused, nothing else."""
        ...

    async def players(self) -> list[Player]:
        """Who is online now. Raises as `send` does; a reply that is no player list is InDoubt."""
        ...

    async def wait_closed(self) -> str:
        """Returns why, once the connection is gone (the server's end of file included)."""
        ...


class Adapter(Protocol):
    """What one game means by a safe value, a good reply, a player and a connection. All but `connect` is pure."""

    @property
    def variables(self) -> frozenset[str]:
        """The identity variables a command of this game can have: a subset of the daemon's table."""
        ...

    @property
    def max_command_bytes(self) -> int:
        """The longest command in UTF-8 bytes that this game's protocol carries."""
        ...

    @property
    def transports(self) -> tuple[Transport, ...]:
        """The words a server's `transport` may have for this game; NATIVE is the first."""
        ...

    @property
    def lists_identities(self) -> bool:
        """Whether `players` says who is who, so that waiting for a player can end. False: nobody is ever seen there."""
        ...

    @property
    def identities(self) -> tuple[Identity, ...]:
        """The words a server's `identity` may have for this game, the default first; none where there is no choice."""
        ...

    def for_identity(self, identity: Identity, bedrock_prefix: str) -> "Adapter":
        """The adapter of servers that name their players like this; itself where there is no choice. Equal arguments
        give the very same object. Raises ValueError for an identity the game does not have, Unsafe for a prefix no
        name may begin with."""
        ...

    def identify(self, profile: Mapping[str, str]) -> Who:
        """The player a customer is in this game. `profile` holds what the store knows, each key only when set:
        customer_name, profile_id, profile_name, profile_platform, steam_id, steam_name, minecraft_uuid,
        minecraft_id, minecraft_name, minecraft_platform, xbox_xuid."""
        ...

    def store_keys(self, player: Player) -> tuple[tuple[str, str], ...]:
        """How the store's customer lookup finds this player of the list: parameter and value, in the order to ask.
        Parameters: steam_id, minecraft_uuid, xbox_xuid, minecraft_java_name, minecraft_bedrock_name, name. Who is
        found is this player only when `identify` says so too."""
        ...

    def names_of(self, name: str) -> tuple[str, ...]:
        """What the players are called in this game who may be a customer of whom nothing but this name is known, the
        likeliest first; none when nobody can be."""
        ...

    def store_fields(self, variable: str) -> str:
        """What the store must know of a customer so that the identity variable has a value, in words that fit before
        "is not set"."""
        ...

    def quote(self, kind: Kind, value: str) -> str:
        """The value as it may stand in a command. Raises Unsafe; never strips silently."""
        ...

    def judge(self, command: str, reply: str, values: Mapping[str, str]) -> Verdict:
        """What the reply means: full-line patterns whose slots are the escaped values. Refusals are matched on the raw
        reply and on the reply with the values masked; when the two disagree the reply is unrecognised."""
        ...

    def parse_players(self, reply: str) -> list[Player]:
        """The players in the reply to the game's list command. Raises ValueError when it is no player list."""
        ...

    def connect(self, server: Endpoint) -> AbstractAsyncContextManager[Session]:
        """Entering it connects and logs in: raises NotSent or AuthRefused, nothing else. Leaving it closes."""
        ...
