"""Wires the daemon: opens things in order, starts the root loops, closes everything in reverse order.

`cli` runs it for the service, `demo` and the flow tests run it beside the sandbox. `App.run` is deliberately one
straight line: a chain of helpers would only pass a wide state around.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from perkd import __version__
from perkd.adapters.base import Adapter

from .config import Settings
from .control import Control, Parts, Reload, Verbs, open_socket
from .enrolment import Newcomers
from .ledger import Ledger, Night
from .paynow import Exchange, Rate, Storefront
from .polling import Polling, Reconciler
from .reports import Health, Web, feed_watchdog, open_port
from .runtime import Clock, Context, Pulse, forever, notify
from .servers import Fleet, RunningServer
from .store_queue import Activations

log = logging.getLogger("perkd")


class App:
    """One running daemon. Set `stop` to end it in order, `hurry` to stop waiting for the command in flight, and
    `reload_asked` to read the configuration again with `read`."""

    def __init__(
        self,
        settings: Settings,
        adapters: Mapping[str, Adapter],
        clock: Clock | None = None,
        *,
        read: Callable[[], Settings] | None = None,
        path: Path | None = None,  # of the config that `read` reads, for messages about it
        open_ledger: Callable[[Path, datetime], Awaitable[Ledger]] = Ledger.open,
    ) -> None:
        self.context = Context.of(clock or Clock())
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        self.reload_asked = asyncio.Event()  # SIGHUP
        self.ready = asyncio.Event()  # the loops run
        self.address: tuple[str, int] | None = None  # where HTTP listens; None before that
        self.ledger: Ledger  # this and the next ones exist once `ready` is set
        self.polling: Polling
        self.fleet: Fleet
        self.newcomers: Newcomers
        self.night: Night
        self.reload: Reload
        self._settings, self._read, self._path = settings, read, path
        self._adapters, self._open_ledger = adapters, open_ledger

    @property
    def clock(self) -> Clock:
        return self.context.clock

    @property
    def pulse(self) -> Pulse:
        return self.context.pulse

    @property
    def settings(self) -> Settings:
        """The settings in use."""
        return self.reload.settings

    @property
    def servers(self) -> dict[str, RunningServer]:
        return self.fleet.servers

    async def run(self) -> None:
        """Until `stop`. Raises LedgerError or CannotStart before anything is sent; ExceptionGroup: a loop failed."""
        settings, context, clock = self._settings, self.context, self.clock
        async with AsyncExitStack() as stack:
            started_at = clock.now()
            ledger = self.ledger = await self._open_ledger(settings.ledger.path, started_at)
            stack.push_async_callback(ledger.close)
            if recovered := await ledger.commands.recover(started_at):
                log.warning(
                    "%d commands had no answer at the last stop: now unknown", recovered, extra={"action": "recovered"}
                )
            reconciler = await Reconciler.start(settings, ledger, self._adapters, clock.now)
            rate = Rate(settings.poll.rate, monotonic=clock.monotonic)
            exchange = await stack.enter_async_context(Exchange.open(settings.store.api, rate=rate, wall=clock.now))
            store = Storefront(exchange, settings.store.items_path, settings.store.id)
            polling = self.polling = Polling(
                store,
                ledger,
                reconciler,
                context,
                poll=settings.poll,
                wake=lambda places: self.fleet.wake(places),  # noqa: PLW0108 - the fleet needs `polling` first
                is_online=lambda player: self.fleet.online(player),  # noqa: PLW0108 - as above
            )
            roots = asyncio.TaskGroup()
            activations = Activations(exchange, ledger, context, polling.roll.customer_of, polling.look_at)
            self.fleet = Fleet(self._adapters, ledger.commands, context, roots, polling.joined, activations=activations)
            newcomers = self.newcomers = Newcomers.of(
                settings, exchange, ledger, polling, context, present=self.fleet.present
            )
            parts = Parts(ledger, reconciler, rate, polling, self.fleet, newcomers, self._adapters, clock)
            self.reload = Reload(parts, settings, self._read, self._path)
            self.night = Night(ledger, clock, lambda: self.settings.ledger.keep)
            health = Health(
                ledger.reports,
                reconciler,
                polling,
                store,
                self.fleet,
                context,
                started_at,
                backup_error=lambda: self.night.error,
                newcomers=newcomers,
            )
            verbs = Verbs(parts, store, self.reload)
            await open_socket(stack, Control(verbs, ledger, health).application, settings.control)
            if settings.listen is not None:
                pages = Web(health, ledger.reports, context, settings.listen.host)
                self.address = await open_port(stack, pages.application, settings.listen)
            clock.on_tick(polling.drain)
            clock.start()
            stack.callback(clock.close)
            await self._loops(roots, health)
            notify("STOPPING=1", "STATUS=stopped")
        log.info("perkd stopped", extra={"action": "stopped"})

    async def loaded(self) -> None:
        """Returns when the loops run and every customer is on the roll."""
        await self.ready.wait()
        await self.polling.loaded.wait()

    async def _loops(self, roots: asyncio.TaskGroup, health: Health) -> None:
        """Runs the root tasks. When one fails, all end; `stop` ends them in order."""
        async with roots:

            def root(name: str, loop: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
                return roots.create_task(forever(name, loop, self.stop), name=name)

            asking = [root("poll", self.polling.run())]
            asking += [root(name, loop) for name, loop in self.newcomers.loops().items()]
            for server in self._settings.servers:
                self.fleet.start(server)
            others = [root("night", self.night.run()), root("watchdog", feed_watchdog(health, self.context))]
            others.append(root("reload", self.reload.run(self.reload_asked)))
            others.append(roots.create_task(self.ledger.checked(), name="check"))
            log.info("perkd %s is ready", __version__, extra={"action": "ready"})
            notify("READY=1", f"STATUS={len(self.servers)} servers; perkd reads the list of customers")
            self.ready.set()
            await self.stop.wait()
            notify("STOPPING=1", "STATUS=finishing the command in flight")
            for task in asking:
                task.cancel()
            await self.fleet.end(self.hurry)
            for task in others:
                task.cancel()
