"""Wires the daemon: opens things in order, starts the root loops, closes everything in reverse order.

`cli` runs it for the service, `demo` and the flow tests run it beside the sandbox. `App.run` is deliberately one
straight line: a chain of helpers would only pass a wide state around.
"""

import asyncio
import hashlib
import logging
from collections.abc import Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from adapters.base import Adapter

from . import __version__, health, systemd
from .brake import Brake
from .clock import Clock
from .config import Settings
from .control import Control
from .delivery import Delivery
from .health import Server
from .lane import Lane, Rules
from .ledger import LEDGERS
from .ledger.base import Ledger
from .ledger.operate import PERK
from .link import Link
from .metrics import Counters
from .paynow.rate import Rate
from .paynow.storefront import Storefront
from .polling import Polling
from .presence import Presence
from .pulse import Pulse
from .roster import Roster
from .tasks import forever
from .verbs import Verbs
from .web import Reporter, Web

log = logging.getLogger("perkd")

IN_FLIGHT = timedelta(seconds=7)  # what the command in flight gets after SIGTERM
BACKUPS_KEPT = 7
NIGHT = (3, 30)  # UTC


class CannotStart(Exception):
    """Something outside the config keeps the daemon from starting; the message says what and what to do."""


class App:
    """One running daemon. `stop` ends it in order, `hurry` cuts the command in flight short."""

    def __init__(self, settings: Settings, adapters: Mapping[str, Adapter], clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        self.ready = asyncio.Event()
        self.address: tuple[str, int] | None = None  # where HTTP listens, once it does
        self.pulse = Pulse(self.clock.monotonic)
        self.servers: dict[str, Server] = {}
        self.polling: Polling  # there once `ready` is set
        self._adapters = adapters
        self._night = asyncio.Event()

    async def run(self) -> None:
        """Until `stop`. Raises LedgerError or CannotStart before anything is sent; ExceptionGroup: a loop failed."""
        settings, clock = self.settings, self.clock
        async with AsyncExitStack() as stack:
            started_at = clock.now()
            ledger = await LEDGERS["sqlite"].open(settings.ledger.path, started_at)
            stack.push_async_callback(ledger.close)
            if recovered := await ledger.recover(started_at):
                log.warning(
                    "%d commands were cut off by the last stop: unknown now", recovered, extra={"action": "recovered"}
                )
            if settings.customers.tokens is not None:
                await ledger.sync_tokens(settings.customers.tokens, started_at)
            rules = await self._rules(ledger, started_at)
            lane = Lane(ledger, rules, await self._brake(ledger, started_at), clock.now)
            counters = Counters()
            rate = Rate(settings.poll.rate, monotonic=clock.monotonic)
            store = await stack.enter_async_context(
                Storefront.open(settings.store.api, settings.store.items_path, rate=rate, wall=clock.now)
            )
            polling = self.polling = Polling(
                store,
                ledger,
                lane,
                clock,
                self.pulse,
                every=settings.poll.offline,
                concurrency=settings.poll.concurrency,
                wake=self._wake,
                counters=counters,
            )
            for server in settings.servers:
                adapter = self._adapters[server.game]
                link, roster = Link(server, adapter, clock), Roster()
                delivery = Delivery(link, adapter, roster, ledger, clock, self.pulse, counters)
                presence = Presence(link, roster, delivery.wake, clock, self.pulse)
                self.servers[server.name] = Server(server, link, roster, delivery, presence)
            report = health.Health(
                ledger, lane, polling, store, self.servers, self.pulse, clock, settings, started_at
            ).report
            verbs = Verbs(ledger, lane, store, clock.now, reload_customers=polling.load, wake=self._wake)
            await self._serve_control(stack, Control(verbs, ledger, report).application)
            if settings.listen is not None:
                pages = Web(report, ledger, self.pulse, counters, settings.listen.host)
                await self._serve_http(stack, pages.application)
            await polling.load()
            clock.on_tick(polling.drain)
            clock.daily(self._night, *NIGHT)
            clock.start()
            stack.callback(clock.close)
            log.info("perkd %s is ready", __version__, extra={"action": "ready"})
            systemd.notify("READY=1", f"STATUS={len(self.servers)} servers, {len(polling.watches)} customers")
            self.ready.set()
            await self._loops(polling, ledger, report)
            systemd.notify("STOPPING=1", "STATUS=stopped")
        log.info("perkd stopped", extra={"action": "stopped"})

    async def _loops(self, polling: Polling, ledger: Ledger, report: Reporter) -> None:
        """The root tasks. One that fails ends all of them; `stop` ends them in order."""
        async with asyncio.TaskGroup() as roots:

            def root(name: str, loop: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
                return roots.create_task(forever(name, loop, self.stop), name=name)

            first = [root("poll", polling.run())]
            first += [root(f"presence {name}", server.presence.run()) for name, server in self.servers.items()]
            deliveries = [root(f"deliver {name}", server.delivery.run()) for name, server in self.servers.items()]
            last = [root(f"link {name}", server.link.run()) for name, server in self.servers.items()]
            last += [root("night", self._nights(ledger)), root("watchdog", self._watchdog(report))]
            await self.stop.wait()
            systemd.notify("STOPPING=1", "STATUS=finishing the command in flight")
            for task in first:
                task.cancel()
            for server in self.servers.values():
                server.delivery.stopping = True
                server.delivery.wake.set()
            await self._finish(deliveries)
            for task in (*deliveries, *last):
                task.cancel()

    async def _finish(self, deliveries: Iterable[asyncio.Task[None]]) -> None:
        """Waits for the commands in flight, at most IN_FLIGHT and not beyond `hurry`."""
        hurry = asyncio.ensure_future(self.hurry.wait())
        done = asyncio.gather(*deliveries, return_exceptions=True)
        await asyncio.wait((hurry, done), timeout=IN_FLIGHT.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()

    def _wake(self, servers: Iterable[str]) -> None:
        for name in servers:
            if name in self.servers:
                self.servers[name].delivery.wake.set()

    async def _rules(self, ledger: Ledger, now: datetime) -> Rules:
        settings = self.settings
        catalogue = await ledger.configure(
            settings.servers, settings.perks, now, adopt=settings.customers.first_seen == "adopt"
        )
        adapters = {name: self._adapters[game] for name, game in catalogue.games.items() if game in self._adapters}
        digest = hashlib.sha256(repr(sorted(catalogue.servers)).encode())
        for perk in settings.perks:
            digest.update(PERK.dump_json(perk))
        return Rules(
            catalogue=catalogue,
            adapters=adapters,
            hold_absent=settings.brake.absent == "hold",
            fingerprint=digest.hexdigest(),
        )

    async def _brake(self, ledger: Ledger, now: datetime) -> Brake:
        """The window as it was before the last stop."""
        brake = Brake(self.settings.brake, on_since=await ledger.brake_since())
        for customer, read_at, held, removals in await ledger.window(now - self.settings.brake.window):
            brake.note(customer, held, removals, read_at)
        return brake

    async def _serve_http(self, stack: AsyncExitStack, application: web.Application) -> None:
        listen = self.settings.listen
        assert listen is not None  # noqa: S101 - asked by the caller
        runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        try:
            await web.TCPSite(runner, listen.host, listen.port, reuse_address=True).start()
        except OSError as error:
            raise CannotStart(
                f"[http] listen: {listen.host}:{listen.port} cannot be opened ({error.strerror}): another program has "
                'it, or it is not an address of this machine; choose another one, or "" for none'
            ) from error
        self.address = runner.addresses[0][:2]

    async def _serve_control(self, stack: AsyncExitStack, application: web.Application) -> None:
        path = self.settings.control
        runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        try:
            await web.UnixSite(runner, str(path)).start()
            path.chmod(0o660)
        except OSError as error:
            raise CannotStart(
                f"[control] socket: {path} cannot be opened ({error.strerror}): its directory must exist and belong "
                "to the user perkd runs as (the unit's RuntimeDirectory makes /run/perkd)"
            ) from error
        stack.callback(path.unlink, missing_ok=True)

    async def _nights(self, ledger: Ledger) -> None:
        """Once a night: a whole copy beside the ledger, and what is older than `ledger.keep` goes."""
        while True:
            await self._night.wait()
            self._night.clear()
            now = self.clock.now()
            path = await ledger.backup(BACKUPS_KEPT, now)
            gone = await ledger.purge(now - self.settings.ledger.keep)
            log.info("copied the ledger to %s, removed %d old rows", Path(path).name, gone, extra={"action": "night"})

    async def _watchdog(self, report: Reporter) -> None:
        """Feeds systemd's watchdog only while every loop completes its passes in time (law 17)."""
        every_s = min(30.0, (systemd.watchdog_s() or 60.0) / 3)
        while True:
            late = self.pulse.late()
            for loop, age_s in late.items():
                log.error("the loop %r completed no pass for %.0f s", loop, age_s, extra={"action": "loop_late"})
            line = health.line(await report())
            systemd.notify(*([] if late else ["WATCHDOG=1"]), f"STATUS={line}")
            await self.clock.sleep(every_s)
