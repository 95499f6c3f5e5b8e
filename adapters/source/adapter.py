"""Source engine games: what their values, replies, player lists and connections mean.

`adapters/__init__.py` lists one adapter for each game of GAMES; the daemon uses them through `adapters.base.Adapter`.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from ..base import Adapter, Endpoint, Identity, InDoubt, Kind, NotSent, Player, Session, Transport, Verdict, Who
from ..wire.connection import Wire
from ..wire.dialects import SINGLE, SOURCE, Dialect
from ..wire.rcon import open_wire
from . import judge, values
from .players import parse_players

LIST: Final = "status"

# A packet may have 1010 bytes, but the engine copies the command into 512 and ignores commands of more than 510 bytes.
# A longer command would be cut and do something else.
COMMAND_MOST: Final = 510

# How long perkd waits for a refusal of a command in `replies.UNANSWERED`. These commands may have no answer at all.
SILENCE_S: Final = 2.0

TRANSPORTS: Final = (Transport.NATIVE,)


@dataclass(frozen=True, slots=True)
class Game:
    """How one game differs from the others of its engine."""

    dialect: Dialect
    universe: int  # X in STEAM_X:Y:Z, as this game writes it
    lists_ids: bool = True  # `status` shows SteamIDs; otherwise perkd never sees a player join


GAMES: Final[Mapping[str, Game]] = {
    "source": Game(SOURCE, universe=0),  # any other game on Source 1
    "tf2": Game(SOURCE, universe=0),  # the game itself writes [U:1:Z]; SourceMod's older commands want STEAM_0
    "gmod": Game(SOURCE, universe=0),
    "l4d2": Game(SOURCE, universe=1),
    "cs2": Game(SINGLE, universe=1, lists_ids=False),
}


class SourceSession:
    """One logged-in Source server."""

    def __init__(self, server: Endpoint, wire: Wire) -> None:
        self._server = server
        self._wire = wire

    async def send(self, command: str) -> str:
        """The server's whole reply; "" if a command that may have no answer got none. Raises NotSent or InDoubt."""
        size = len(command.encode("utf-8", "replace"))
        if size > COMMAND_MOST:
            raise NotSent(
                f"{self._server.address}: the command is too long: it has {size} bytes, the server's console takes at "
                f"most {COMMAND_MOST}. Make the command in the config shorter"
            )
        if judge.may_be_silent(command):
            return await self._wire.send(command, silence_s=min(SILENCE_S, self._server.timeout_s))
        return await self._wire.send(command)

    async def players(self) -> list[Player]:
        """Who is in the game. Raises as `send` does, and InDoubt if the reply is not a player list; the connection can
        still be used then."""
        reply = await self._wire.send(LIST)
        try:
            return parse_players(reply)
        except ValueError as error:
            raise InDoubt(
                f"{self._server.address}: perkd cannot read the player list of `{LIST}` ({error}); a plugin may have "
                f"replaced this command"
            ) from None

    async def wait_closed(self) -> str:
        return await self._wire.wait_closed()


class Source:
    """The adapter for one game. It has no state: one instance serves all servers of the game."""

    def __init__(self, game: Game) -> None:
        self._game = game

    @property
    def variables(self) -> frozenset[str]:
        return frozenset({"name", "steam_id", "steam_id2", "steam_id3"})

    @property
    def max_command_bytes(self) -> int:
        return COMMAND_MOST

    @property
    def transports(self) -> tuple[Transport, ...]:
        return TRANSPORTS

    @property
    def lists_identities(self) -> bool:
        return self._game.lists_ids

    @property
    def identities(self) -> tuple[Identity, ...]:
        return ()

    def for_identity(self, identity: Identity, bedrock_prefix: str) -> Adapter:  # noqa: ARG002 - a game without a choice
        return self

    def identify(self, profile: Mapping[str, str]) -> Who:
        return values.identify(profile, self._game.universe)

    def store_keys(self, player: Player) -> tuple[tuple[str, str], ...]:
        return (("name", player.name),) if values.account(player.id) is None else (("steam_id", player.id),)

    def names_of(self, name: str) -> tuple[str, ...]:
        return (name,) if name else ()

    def store_fields(self, variable: str) -> str:
        return "the Steam name" if variable == "name" else "steam_id"

    def quote(self, kind: Kind, value: str) -> str:
        return values.quote(kind, value)

    def judge(self, command: str, reply: str, values: Mapping[str, str]) -> Verdict:
        verdict = judge.judge(command, reply, values)
        if verdict is Verdict.ABSENT and not self._game.lists_ids:
            return Verdict.REFUSED  # perkd never sees the player come back, so the command would wait for ever
        return verdict

    def parse_players(self, reply: str) -> list[Player]:
        return parse_players(reply)

    @asynccontextmanager
    async def connect(self, server: Endpoint) -> AsyncIterator[Session]:
        """Connects, logs in with one try of the password, and closes at the end. Entering raises NotSent or
        AuthRefused."""
        if server.transport not in TRANSPORTS:
            raise NotSent(f'{server.address}: Source games have no transport "{server.transport}"; use native')
        async with open_wire(server, self._game.dialect) as wire:
            yield SourceSession(server, wire)
