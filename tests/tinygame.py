"""Two small games for config tests: real adapters that never connect to a server.

The tests of `daemon.config` pass GAMES where the daemon passes `adapters.ADAPTERS`.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from perkd.adapters.base import (
    Adapter,
    Endpoint,
    Identity,
    Kind,
    NotSent,
    Player,
    Session,
    Transport,
    Unsafe,
    Verdict,
    Who,
)


class TinyGame:
    """A game with the given identity variables; it accepts every value of printable characters."""

    def __init__(
        self,
        *variables: str,
        transports: tuple[Transport, ...] = (Transport.NATIVE,),
        lists: bool = True,
        identities: tuple[Identity, ...] = (),
    ) -> None:
        self.variables = frozenset(variables)
        self.transports = transports
        self.max_command_bytes = 1000
        self.lists_identities = lists
        self.identities = identities

    def for_identity(self, identity: Identity, bedrock_prefix: str) -> Adapter:
        if self.identities and identity not in self.identities:
            raise ValueError(f"no {identity} here")
        if not bedrock_prefix.isprintable() or "@" in bedrock_prefix:
            raise Unsafe("printable characters but @")
        return self

    def store_keys(self, player: Player) -> tuple[tuple[str, str], ...]:
        return (("name", player.name),)

    def names_of(self, name: str) -> tuple[str, ...]:
        return (name,) if name else ()

    def store_fields(self, variable: str) -> str:
        return f"the field {variable}"

    def identify(self, profile: Mapping[str, str]) -> Who:
        values = {key: value for key, value in profile.items() if key in self.variables}
        return Who(player=profile.get("customer_name"), values=values)

    def quote(self, kind: Kind, value: str) -> str:
        if not value or not value.isprintable():
            raise Unsafe(f"a {kind} is printable text")
        return value

    def judge(self, command: str, reply: str, values: Mapping[str, str]) -> Verdict:
        if reply in values.values():
            return Verdict.ABSENT
        return Verdict.SUCCESS if command in reply else Verdict.UNRECOGNISED

    def parse_players(self, reply: str) -> list[Player]:
        return [Player(name, name) for name in reply.split()]

    def connect(self, server: Endpoint) -> AbstractAsyncContextManager[Session]:
        return self._nobody_there(server)

    @asynccontextmanager
    async def _nobody_there(self, server: Endpoint) -> AsyncIterator[Session]:
        raise NotSent(f"nothing listens on {server.address}")
        yield


GAMES: dict[str, Adapter] = {
    "minecraft": TinyGame(
        "name",
        "uuid",
        "uuid_plain",
        "xuid",
        transports=tuple(Transport),
        identities=tuple(Identity),
    ),
    "rust": TinyGame("name", "steam_id"),
    "nameland": TinyGame("name", lists=False),
}
