"""Asks each game server who is online: over the running daemon's connection if there is one, else directly.

`check --connect` calls it. perkd logs in only once, and never again after a refused password: Source servers ban after
a few tries. A vanilla Minecraft server answers all its RCON connections from one buffer, so while a daemon is connected
to a server, nothing else connects to it.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from perkd.adapters import ADAPTERS
from perkd.adapters.base import AdapterError, AuthRefused, Endpoint, LoginClosed, NotSent, Player, Session

from ...core.model import Server
from ..asking import Daemon, NobodyThere
from ..errors import CliError

# What to do, where the adapters' messages do not say it.
LOOKS_BANNED = (
    "wait until the server has started. If it runs already, look for this machine in its ban list before you try again"
)
ONE_TRY = "perkd tried only once"


class ServerState(StrEnum):
    """How a server is: the result of asking it directly, or the state of the daemon's connection to it."""

    UP = "up"
    REFUSED = "refused"
    CLOSED = "closed"
    UNREACHABLE = "unreachable"
    UNREADABLE = "unreadable"
    NOT_CHECKED = "not_checked"
    CONNECTING = "connecting"
    DOWN = "down"


class Through(StrEnum):
    """Who asked the server."""

    NOBODY = ""
    DAEMON = "daemon"
    DIRECT = "direct"


@dataclass(slots=True)
class ServerResult:
    """The result for one server. `reached`: something answered there."""

    name: str
    game: str
    address: str
    through: Through = Through.NOBODY
    state: ServerState = ServerState.NOT_CHECKED
    players: int | None = None
    latency_s: float | None = None
    error: str | None = None
    fix: str | None = None
    note: str | None = None
    transports: dict[str, str] = field(default_factory=dict)  # transport → what it read
    reached: bool = False

    @property
    def well(self) -> bool:
        """A server that could not be checked counts as well."""
        return self.error is None


@dataclass(slots=True)
class Held:
    """The servers of a running daemon. `names` None: no daemon runs, or `trouble` says why it cannot be asked."""

    names: dict[str, str] | None = None  # address → the daemon's name for it
    trouble: str | None = None


async def held_by(daemon: Daemon) -> Held:
    try:
        answer = await daemon.ask("GET", "/servers")
    except NobodyThere:
        return Held()
    except CliError as error:
        return Held(trouble=str(error))
    return Held(names={server["address"]: server["name"] for server in answer["servers"]})


async def ask_servers(servers: Sequence[Server], daemon: Daemon, held: Held) -> list[ServerResult]:
    """Asks all servers at the same time, each address only once."""
    first: dict[str, str] = {}
    twins = {}
    for server in servers:
        other = first.setdefault(server.endpoint.address, server.name)
        if other != server.name:
            twins[server.name] = other
    return await asyncio.gather(*(_ask(server, daemon, held, twins) for server in servers))


async def _ask(server: Server, daemon: Daemon, held: Held, twins: Mapping[str, str]) -> ServerResult:
    result = ServerResult(server.name, server.game, server.endpoint.address)
    if server.name in twins:
        result.note = f"it has the same address as {twins[server.name]}, which was asked"
    elif held.trouble is not None:
        result.note = f"it was not asked, because a daemon may be connected to it: {held.trouble}"
    elif held.names is not None and result.address in held.names:
        await _through(daemon, held.names[result.address], result)
    elif not server.endpoint.password.reveal():
        result.note = "it was not asked, because this user cannot read its password"
    else:
        await _directly(server, result)
    return result


async def _through(daemon: Daemon, name: str, result: ServerResult) -> None:
    result.through = Through.DAEMON
    try:
        answer = await daemon.ask("POST", f"/servers/{name}/probe")
    except CliError as error:
        result.error = str(error)
        return
    result.state, result.players, result.latency_s = _state(answer["state"]), answer["players"], answer["latency_s"]
    result.reached = result.state in (ServerState.UP, ServerState.REFUSED)
    if result.players is not None:
        result.transports[answer["transport"]] = f"{result.players} online"
        if result.game == "minecraft":
            result.note = "only this transport was tried: a second connection could take answers away from the daemon"
        return
    result.error = answer["error"] or "no connection yet"
    if result.state is ServerState.UP:
        result.state = ServerState.UNREADABLE
    elif result.state is ServerState.REFUSED:
        result.fix = "correct the password, then `perkd reload`. A changed credential needs `systemctl restart perkd`"
    else:
        result.fix = "nothing: the daemon tries again by itself"


def _state(word: str) -> ServerState:
    """The state for a word of the daemon. A daemon of another version may send a word that is not known here."""
    return ServerState(word) if word in set(ServerState) else ServerState.UNREADABLE


async def _directly(server: Server, result: ServerResult) -> None:
    result.through = Through.DIRECT
    adapter, endpoint = ADAPTERS[server.game], server.endpoint
    try:
        async with adapter.connect(endpoint) as session:
            result.reached = True
            began = time.monotonic()
            players = await session.players()
            result.latency_s = round(time.monotonic() - began, 4)
            result.state, result.players = ServerState.UP, len(players)
            result.transports[endpoint.transport] = f"{len(players)} online"
            for transport in adapter.transports:
                if transport != endpoint.transport:
                    await _compare(replace(endpoint, transport=transport), session, players, server, result)
    except AuthRefused as error:
        result.state, result.reached, result.error = ServerState.REFUSED, True, str(error)
        result.fix = f"set the same password in the game server and in perkd. {ONE_TRY}"
    except LoginClosed as error:
        result.state, result.error, result.fix = ServerState.CLOSED, str(error), f"{LOOKS_BANNED}. {ONE_TRY}"
    except NotSent as error:
        result.state, result.error = ServerState.UNREACHABLE, str(error)
    except AdapterError as error:
        result.state, result.error = ServerState.UNREADABLE, str(error)
        result.fix = "check whether `game` is right for this server: perkd needs its player list to know who is online"


async def _compare(
    endpoint: Endpoint, session: Session, players: Sequence[Player], server: Server, result: ServerResult
) -> None:
    """Asks the same over another transport. If the two differ, it asks the first again: players come and go."""
    used = server.endpoint.transport
    try:
        async with ADAPTERS[server.game].connect(endpoint) as other:
            theirs = await other.players()
    except AdapterError as error:
        result.transports[endpoint.transport] = "failed"
        result.error = f"{endpoint.transport} failed, {used} did not: {error}"
    else:
        result.transports[endpoint.transport] = f"{len(theirs)} online"
        if set(theirs) == set(players) or set(theirs) == set(await session.players()):
            return
        result.error = f"{used} and {endpoint.transport} read different players: {_names(players)} and {_names(theirs)}"
    result.fix = f'keep the one that is right: transport = "{used}" or "{endpoint.transport}" in [[server]]'


def _names(players: Sequence[Player]) -> str:
    return ", ".join(sorted(player.name for player in players)[:10]) or "nobody"
