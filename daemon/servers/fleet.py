"""Starts, replaces and ends the loops of the game servers while the rest of the daemon runs.

`app` owns one Fleet; a reload changes it server by server.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from perkd.adapters.base import Adapter, Player

from ..core.model import Server
from ..core.places import members
from ..core.roster import Roster
from ..ledger import CommandsFacet
from ..runtime import Context, forever
from ..store_queue import Activation, Activations
from .delivery import Delivery
from .link import Link, LinkState
from .presence import Presence

log = logging.getLogger("perkd")

IN_FLIGHT = timedelta(seconds=7)  # the time for the command in flight when its server or the daemon ends


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Everything that runs for one game server. `ending` is set before its loops may end."""

    settings: Server
    link: Link
    roster: Roster
    delivery: Delivery
    presence: Presence
    ending: asyncio.Event
    tasks: tuple[asyncio.Task[None], ...] = ()  # delivery, presence, link, activation
    activation: Activation | None = None


class Fleet:
    """The servers by name. `roots` is the daemon's task group: a loop that fails ends the daemon. `joined` is called
    with the players who joined a server."""

    def __init__(
        self,
        adapters: Mapping[str, Adapter],
        commands: CommandsFacet,
        context: Context,
        roots: asyncio.TaskGroup,
        joined: Callable[[Collection[str]], None],
        *,
        activations: Activations,
    ) -> None:
        self.servers: dict[str, RunningServer] = {}
        self._closed = False
        self._adapters, self._commands, self._context = adapters, commands, context
        self._roots, self._joined = roots, joined
        self._activations = activations

    def start(self, settings: Server) -> None:
        """Starts the loops of a server; does nothing when the fleet ends, so that a reload cannot delay the stop."""
        if self._closed:
            return
        adapter = self._adapter(settings)
        link, roster, ending = Link(settings, adapter, self._context.clock), Roster(), asyncio.Event()
        delivery = Delivery(link, adapter, roster, self._commands, self._context, elsewhere=self.wake)

        def joined(players: Collection[str]) -> None:
            delivery.loop.wake.set()
            self._joined(players)

        presence = Presence(link, roster, joined, self._context)
        loops = {"deliver": delivery.loop.run(), "presence": presence.loop.run(), "link": link.run()}
        tasks = tuple(self._task(word, settings, loop, ending) for word, loop in loops.items())
        self.servers[settings.name] = self._activated(
            RunningServer(settings, link, roster, delivery, presence, ending, tasks), settings
        )

    def _task(
        self, word: str, settings: Server, loop: Coroutine[Any, Any, None], ending: asyncio.Event
    ) -> asyncio.Task[None]:
        name = f"{word} {settings.name}"
        return self._roots.create_task(forever(name, loop, ending), name=name)

    def _adapter(self, settings: Server) -> Adapter:
        return self._adapters[settings.game].for_identity(settings.identity, settings.bedrock_prefix)

    def _activated(self, server: RunningServer, settings: Server) -> RunningServer:
        """The server with the task of its store queue, if it has a token."""
        activation = self._activations.of(
            settings, self._adapter(settings), server.roster, server.delivery.loop.wake.set
        )
        tasks = server.tasks[:3]
        if activation is not None:
            tasks += (self._task("activate", settings, activation.loop.run(), server.ending),)
        return replace(server, settings=settings, tasks=tasks, activation=activation)

    async def _activate_anew(self, server: RunningServer, settings: Server) -> None:
        """Restarts only the store queue: the connection to the game server and its roster stay."""
        await self._end_queue(server)
        if not self._closed:
            self.servers[settings.name] = self._activated(server, settings)

    @staticmethod
    async def _end_queue(server: RunningServer) -> None:
        for task in server.tasks[3:]:
            task.cancel()
        await asyncio.gather(*server.tasks[3:], return_exceptions=True)

    async def change(self, wanted: Iterable[Server]) -> None:
        """Makes the servers exactly these: ends, starts and replaces what changed. It also restarts a server that
        refused the password, because the operator may have corrected it."""
        by_name = {settings.name: settings for settings in wanted}
        over = [
            server
            for name, server in self.servers.items()
            if _of_the_game(by_name.get(name)) != _of_the_game(server.settings)
            or server.link.state is LinkState.REFUSED
        ]
        for name, server in self.servers.items():
            if server not in over and by_name[name] != server.settings:
                await self._end_queue(server)  # first: ending the others takes seconds, and it may have to stop sooner
        await self._end(over, None)
        for server in over:
            del self.servers[server.settings.name]
        for name, settings in by_name.items():
            if name not in self.servers:
                self.start(settings)
            elif settings != self.servers[name].settings:
                await self._activate_anew(self.servers[name], settings)
            elif (activation := self.servers[name].activation) is not None:
                activation.reloaded()

    async def end(self, hurry: asyncio.Event) -> None:
        """Ends all servers for good. Commands in flight get the time IN_FLIGHT, or until `hurry` is set."""
        self._closed = True
        await self._end(self.servers.values(), hurry)

    def online(self, player: str) -> bool:
        """Whether the player is on any server."""
        return any(player in server.roster for server in self.servers.values())

    def players(self) -> set[str]:
        """All players who are online, by id and by name."""
        return {player for server in self.servers.values() for player in server.roster.since}

    def present(self) -> Iterator[tuple[Adapter, Player]]:
        """All players who are known to be online, with the adapter of their server."""
        for server in self.servers.values():
            adapter = self._adapter(server.settings)
            yield from ((adapter, player) for player in server.roster.players)

    def wake(self, places: Iterable[str]) -> None:
        """There is something to send at these places."""
        for name in {name for place in places for name in members(place)}:
            if name in self.servers:
                self.servers[name].delivery.loop.wake.set()
                if (activation := self.servers[name].activation) is not None:
                    activation.loop.wake.set()

    async def _end(self, servers: Iterable[RunningServer], hurry: asyncio.Event | None) -> None:
        ending = list(servers)
        for server in ending:
            server.ending.set()
            for task in (server.tasks[1], *server.tasks[3:]):
                task.cancel()
            server.delivery.loop.finish()
        deliveries = asyncio.gather(*(server.tasks[0] for server in ending), return_exceptions=True)
        waits: list[asyncio.Future[Any]] = [deliveries]
        if hurry is not None:
            waits.append(asyncio.ensure_future(hurry.wait()))
        await asyncio.wait(waits, timeout=IN_FLIGHT.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
        for wait in waits[1:]:
            wait.cancel()
        for server in ending:
            for task in server.tasks:
                task.cancel()
        await asyncio.gather(*(task for server in ending for task in server.tasks), return_exceptions=True)


def _of_the_game(settings: Server | None) -> Server | None:
    """The settings without those of the store: a change of the others needs a new connection."""
    if settings is None:
        return None
    return replace(settings, paynow_token=None, run_store_commands=False, paynow_id="")
