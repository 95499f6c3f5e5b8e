"""Minecraft Java: what its values, replies, player lists and connections mean.

`adapters/__init__.py` lists it; the daemon uses it through `adapters.base.Adapter`.
"""

import re
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache, lru_cache
from typing import Any, Final, Protocol

from ..base import Adapter, Endpoint, Identity, InDoubt, Kind, NotSent, Player, Session, Transport, Verdict, Who
from ..wire.dialects import MINECRAFT
from ..wire.mcrcon import open_mcrcon
from ..wire.rcon import open_wire
from . import identity, judge, values
from .identity import IDENTITIES, Naming, naming, offline_uuid

# The first gives vanilla's list even if EssentialsX has replaced `list`; only Bukkit servers know it.
# The last is for servers that are too old or too different to list UUIDs.
LISTS: Final = ("minecraft:list uuids", "list uuids", "list")

_COLOUR: Final = re.compile("§.", re.DOTALL)
_LIST: Final = re.compile(
    r"There are (?P<online>\d+)(?: of a max(?: of)? |/)\d+ players online: ?(?P<names>.*)", re.DOTALL
)
_ENTRY: Final = re.compile(rf"(?P<name>[^\s,()\[\]]+)(?: \((?P<uuid>{values.UUID})\))?")


class Connection(Protocol):
    """One logged-in connection of a transport: it sends a command and returns the answer."""

    async def send(self, command: str) -> str: ...

    async def wait_closed(self) -> str: ...


Open = Callable[[Endpoint], AbstractAsyncContextManager[Connection]]


def native(server: Endpoint) -> AbstractAsyncContextManager[Connection]:
    """perkd's own RCON wire."""
    return open_wire(server, MINECRAFT)


def mcrcon(server: Endpoint) -> AbstractAsyncContextManager[Connection]:
    """The library mcrcon, with its faults fixed, in its own thread."""
    return open_mcrcon(server, MINECRAFT)


TRANSPORTS: Final[Mapping[Transport, Open]] = {Transport.NATIVE: native, Transport.MCRCON: mcrcon}


class MinecraftSession:
    """One logged-in Minecraft server."""

    def __init__(self, server: Endpoint, line: Connection, parse: Callable[[str], list[Player]]) -> None:
        self._server = server
        self._line = line
        self._parse = parse
        self._lists = list(LISTS)

    def send(self, command: str) -> Coroutine[Any, Any, str]:
        """The server's whole reply. Raises NotSent or InDoubt."""
        return self._line.send(command)  # returned, not awaited: this saves one coroutine for each command

    async def players(self) -> list[Player]:
        """Who is online. Tries the list commands until the server understands one, and then keeps using that one.

        Raises as `send` does, and InDoubt if no reply is a player list; the connection can still be used then.
        """
        while True:
            reply = await self._line.send(self._lists[0])
            try:
                return self._parse(reply)
            except ValueError as error:
                if len(self._lists) == 1:
                    self._lists = list(LISTS)
                    raise InDoubt(
                        f"{self._server.address}: perkd cannot read the player list ({error}); a plugin may have "
                        f"replaced the command `list`"
                    ) from None
                del self._lists[0]

    async def wait_closed(self) -> str:
        return await self._line.wait_closed()


def parse_players(reply: str) -> list[Player]:
    """The players in the reply to `list` or `list uuids`, of any Minecraft version. Raises ValueError for any other
    reply, and if the number of names is not the number that the server says: half a list would be wrong."""
    text = _COLOUR.sub("", reply).strip()
    match = _LIST.fullmatch(text)
    if match is None:
        raise ValueError("the reply does not begin with the number of players")
    names = match["names"].strip()
    players: list[Player] = []
    for entry in re.split(r",\s+", names) if names else []:
        found = _ENTRY.fullmatch(entry.strip())
        if found is None:
            raise ValueError("an entry is not a player name")
        players.append(Player(found["uuid"] or found["name"], found["name"]))
    if len(players) != int(match["online"]):
        raise ValueError(f"the reply says {match['online']} players, but lists {len(players)}")
    return players


@lru_cache(maxsize=256)  # one comparison asks several times, and so does the customer's next one
def _identified(profile: tuple[tuple[str, str], ...], how: Naming) -> Who:
    return identity.identify(dict(profile), how)


class Minecraft:
    """The adapter for Minecraft. It has no state: one instance serves all servers that name their players alike."""

    how: Naming = Naming()

    @property
    def identities(self) -> tuple[Identity, ...]:
        return IDENTITIES

    def for_identity(self, identity: Identity, bedrock_prefix: str) -> Adapter:
        how = naming(identity, bedrock_prefix)
        return self if how == self.how else _named(how)

    @property
    def variables(self) -> frozenset[str]:
        return frozenset({"name", "uuid", "uuid_plain", "xuid"})

    @property
    def max_command_bytes(self) -> int:
        return MINECRAFT.request_most

    @property
    def transports(self) -> tuple[Transport, ...]:
        return tuple(TRANSPORTS)

    @property
    def lists_identities(self) -> bool:
        return True

    def identify(self, profile: Mapping[str, str]) -> Who:
        return _identified(tuple(profile.items()), self.how)

    def store_keys(self, player: Player) -> tuple[tuple[str, str], ...]:
        return identity.store_keys(player, self.how)

    def names_of(self, name: str) -> tuple[str, ...]:
        return identity.names_of(name, self.how)

    def store_fields(self, variable: str) -> str:
        return identity.fields(variable, self.how)

    def quote(self, kind: Kind, value: str) -> str:
        return values.quote(kind, value)

    def judge(self, command: str, reply: str, values: Mapping[str, str]) -> Verdict:
        return judge.judge(command, reply, values)

    def parse_players(self, reply: str) -> list[Player]:
        """On an offline-mode server the UUIDs follow from the names, so a list without UUIDs is enough."""
        players = parse_players(reply)
        if self.how.identity is not Identity.OFFLINE:
            return players
        return [Player(offline_uuid(one.name), one.name) if one.id == one.name else one for one in players]

    @asynccontextmanager
    async def connect(self, server: Endpoint) -> AsyncIterator[Session]:
        """Connects, logs in, and closes at the end. Entering raises NotSent or AuthRefused."""
        open_line = TRANSPORTS.get(server.transport)
        if open_line is None:
            raise NotSent(
                f'{server.address}: Minecraft has no transport "{server.transport}"; use one of {", ".join(TRANSPORTS)}'
            )
        async with open_line(server) as line:
            yield MinecraftSession(server, line, self.parse_players)


@cache
def _named(how: Naming) -> Minecraft:
    """The one adapter for all servers with this naming."""
    adapter = Minecraft()
    adapter.how = how
    return adapter
