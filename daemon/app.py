"""Wires the daemon: opens things in order, starts the root loops, closes everything in reverse order.

`cli` runs it for the service, `demo` and the flow tests run it beside the sandbox. `App.run` is deliberately one
straight line: a chain of helpers would only pass a wide state around.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from perkd import __version__
from perkd.adapters.base import Adapter

from .config import ConfigError, Settings
from .control.reload import told
from .control.server import Control, somebody_answers
from .control.verbs import Verbs
from .core.brake import Brake
from .enrolment.newcomers import Newcomers
from .ledger import LEDGERS
from .ledger.base import Ledger, LedgerError
from .ledger.operate import PERK
from .paynow.storefront import Storefront
from .paynow.transport.exchange import Exchange
from .paynow.transport.rate import Rate
from .polling.loop import Polling
from .polling.reconcile import Lane, Rules
from .polling.watch import Intervals
from .reports import health
from .reports.web import Reporter, Web
from .runtime import systemd
from .runtime.clock import Clock
from .runtime.counters import Counters
from .runtime.pulse import Pulse
from .runtime.tasks import forever
from .servers.fleet import Fleet, Server
from .store_queue.loop import Activations

log = logging.getLogger("perkd")

BACKUPS_KEPT = 7
NIGHT = (3, 30)  # UTC
NOT_TAKEN = "reload: the new config is not taken over, the old one stays:"


class CannotStart(Exception):
    """Something outside the config keeps the daemon from starting; the message says what and what to do."""


class App:
    """One running daemon. `stop` ends it in order, `hurry` cuts the command in flight short, `reload` reads the config
    again with `read`."""

    def __init__(
        self,
        settings: Settings,
        adapters: Mapping[str, Adapter],
        clock: Clock | None = None,
        *,
        read: Callable[[], Settings] | None = None,
        path: Path | None = None,  # of the config that `read` reads, for what is said about it
    ) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        self.reload_asked = asyncio.Event()  # SIGHUP
        self.ready = asyncio.Event()
        self.address: tuple[str, int] | None = None  # where HTTP listens, once it does
        self.backup_error: str | None = None  # why last night's copy of the ledger failed
        self.pulse = Pulse(self.clock.monotonic)
        self.polling: Polling  # these three are there once `ready` is set
        self.fleet: Fleet
        self.newcomers: Newcomers
        self._ledger: Ledger
        self._lane: Lane
        self._rate: Rate
        self._read, self._path = read, path
        self._adapters = adapters
        self._night = asyncio.Event()
        self._reloading = asyncio.Lock()

    @property
    def servers(self) -> dict[str, Server]:
        return self.fleet.servers

    async def run(self) -> None:
        """Until `stop`. Raises LedgerError or CannotStart before anything is sent; ExceptionGroup: a loop failed."""
        settings, clock = self.settings, self.clock
        async with AsyncExitStack() as stack:
            started_at = clock.now()
            ledger = self._ledger = await LEDGERS["sqlite"].open(settings.ledger.path, started_at)
            stack.push_async_callback(ledger.close)
            if recovered := await ledger.recover(started_at):
                log.warning(
                    "%d commands were cut off by the last stop: unknown now", recovered, extra={"action": "recovered"}
                )
            if settings.customers.tokens is not None:
                await ledger.sync_tokens(settings.customers.tokens, started_at)
            rules = await self._rules(settings, started_at)
            lane = self._lane = Lane(ledger, rules, await self._brake(ledger, started_at), clock.now)
            counters = Counters()
            self._rate = Rate(settings.poll.rate, monotonic=clock.monotonic)
            exchange = await stack.enter_async_context(
                Exchange.open(settings.store.api, rate=self._rate, wall=clock.now)
            )
            store = Storefront(exchange, settings.store.items_path, settings.store.id)
            polling = self.polling = Polling(
                store,
                ledger,
                lane,
                clock,
                self.pulse,
                every=Intervals(settings.poll.online, settings.poll.offline),
                concurrency=settings.poll.concurrency,
                wake=self._wake,
                is_online=self._is_online,
                counters=counters,
            )
            roots = asyncio.TaskGroup()
            activations = Activations(exchange, ledger, clock, self.pulse, counters, self._customer_of, self._look_at)
            self.fleet = Fleet(
                self._adapters, ledger, clock, self.pulse, counters, roots, self._joined, activations=activations
            )
            newcomers = self.newcomers = Newcomers.of(
                settings, exchange, ledger, polling, clock, self.pulse, counters, present=self.fleet.present
            )
            report = health.Health(
                ledger,
                lane,
                polling,
                store,
                self.fleet,
                self.pulse,
                clock,
                started_at,
                backup_error=lambda: self.backup_error,
                newcomers=newcomers,
            ).report
            verbs = Verbs(
                ledger,
                lane,
                store,
                clock.now,
                reload_customers=polling.load,
                wake=self._wake,
                reload=self.reload,
                links=lambda: {name: server.link for name, server in self.servers.items()},
                config_path=self._path,
            )
            await self._serve_control(stack, Control(verbs, ledger, report).application)
            if settings.listen is not None:
                pages = Web(report, ledger, self.pulse, counters, settings.listen.host)
                await self._serve_http(stack, pages.application)
            await polling.load()
            clock.on_tick(polling.drain)
            clock.daily(self._night, *NIGHT)
            clock.start()
            stack.callback(clock.close)
            await self._loops(roots, report)
            systemd.notify("STOPPING=1", "STATUS=stopped")
        log.info("perkd stopped", extra={"action": "stopped"})

    async def _loops(self, roots: asyncio.TaskGroup, report: Reporter) -> None:
        """The root tasks. One that fails ends all of them; `stop` ends them in order."""
        async with roots:

            def root(name: str, loop: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
                return roots.create_task(forever(name, loop, self.stop), name=name)

            asking = [root("poll", self.polling.run())]
            asking += [root(name, loop) for name, loop in self.newcomers.loops().items()]
            for server in self.settings.servers:
                self.fleet.start(server)
            others = [root("night", self._nights()), root("watchdog", self._watchdog(report))]
            others.append(root("reload", self._reloads()))
            log.info("perkd %s is ready", __version__, extra={"action": "ready"})
            systemd.notify("READY=1", f"STATUS={len(self.servers)} servers, {len(self.polling.watches)} customers")
            self.ready.set()
            await self.stop.wait()
            systemd.notify("STOPPING=1", "STATUS=finishing the command in flight")
            for task in asking:
                task.cancel()
            await self.fleet.end(self.hurry)
            for task in others:
                task.cancel()

    async def reload(self) -> list[str]:
        """Reads the config again and takes it over whole, or not at all. Returns what changed, in words. Raises
        ConfigError, and the old one stays (law 13)."""
        async with self._reloading:
            if self._read is None:
                return ["this daemon was started without a config file: there is nothing to read again"]
            old, new = self.settings, await asyncio.to_thread(self._read)
            now, customers = self.clock.now(), (0, 0)
            if new.customers.tokens is not None:
                customers = await self._ledger.sync_tokens(new.customers.tokens, now)
            await self._lane.take_over(lambda: self._rules(new, now), new.brake)
            self.settings = new
            self._rate.configure(new.poll.rate)
            self.polling.every = Intervals(new.poll.online, new.poll.offline)
            await self.fleet.change(new.servers)
            await self.polling.load(games_changed=True)
            self.polling.reconcile()
            self.fleet.wake(self.servers)
            self.newcomers.reloaded()
            lines = told(old, new, customers)
            for line in lines:
                log.info("reload: %s", line, extra={"action": "reloaded"})
            return lines

    async def _reloads(self) -> None:
        """SIGHUP: a reload nobody waits for, so what is wrong goes to the log and the old config stays."""
        while True:
            await self.reload_asked.wait()
            self.reload_asked.clear()
            systemd.notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")
            try:
                await self.reload()
            except ConfigError as error:
                log.error(  # noqa: TRY400 - no traceback
                    "%s\n%s", NOT_TAKEN, error.render(self._path), extra={"action": "reload_refused"}
                )
            systemd.notify("READY=1")

    def _wake(self, servers: Iterable[str]) -> None:
        self.fleet.wake(servers)

    def _joined(self, players: Iterable[str]) -> None:
        self.polling.joined(players)
        self.newcomers.joined()

    def _is_online(self, player: str) -> bool:
        return self.fleet.online(player)

    def _customer_of(self, player: str) -> str | None:
        behind = self.polling.players.behind([player])
        return next((self.polling.watches[token_id].customer_id for token_id in sorted(behind)), None)

    def _look_at(self, players: Iterable[str]) -> None:
        self.polling.look_now(self.polling.players.behind(players))

    async def _rules(self, settings: Settings, now: datetime) -> Rules:
        catalogue = await self._ledger.configure(
            settings.servers, settings.perks, now, adopt=settings.customers.first_seen == "adopt"
        )
        # Another game or identity is a change of who the players are: everybody is compared anew (law 12).
        servers = sorted(
            (server.name, server.game, server.identity, server.bedrock_prefix) for server in settings.servers
        )
        digest = hashlib.sha256(repr((servers, sorted(catalogue.chosen.items()))).encode())
        for perk in settings.perks:
            digest.update(PERK.dump_json(perk))
        return Rules(
            catalogue=catalogue,
            adapters=Rules.adapters_of(catalogue, settings.servers, self._adapters),
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
                f"[http] listen: {listen.host}:{listen.port} cannot be opened ({_why(error)}): another program has "
                'it, or it is not an address of this machine; choose another one, or "" for none'
            ) from error
        self.address = runner.addresses[0][:2]

    async def _serve_control(self, stack: AsyncExitStack, application: web.Application) -> None:
        path = self.settings.control
        if await somebody_answers(path):
            raise CannotStart(
                f"[control] socket: another perkd answers at {path}: stop it, or give this one a socket of its own"
            )
        runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        try:
            await web.UnixSite(runner, str(path)).start()
            path.chmod(0o660)
        except OSError as error:
            raise CannotStart(
                f"[control] socket: {path} cannot be opened ({_why(error)}): its directory must exist and belong "
                "to the user perkd runs as (the unit's RuntimeDirectory makes /run/perkd)"
            ) from error
        stack.callback(path.unlink, missing_ok=True)

    async def _nights(self) -> None:
        """Once a night: a whole copy beside the ledger, and what is older than `ledger.keep` goes."""
        while True:
            await self._night.wait()
            self._night.clear()
            now = self.clock.now()
            try:
                path = await self._ledger.backup(BACKUPS_KEPT, now)
            except LedgerError as error:  # no reason to stop delivering: a problem until a copy succeeds
                self.backup_error = str(error)
                log.error("%s", error, extra={"action": "backup_failed"})  # noqa: TRY400 - the sentence says it all
                continue
            self.backup_error = None
            gone = await self._ledger.purge(now - self.settings.ledger.keep)
            log.info("copied the ledger to %s, removed %d old rows", Path(path).name, gone, extra={"action": "night"})

    async def _watchdog(self, report: Reporter) -> None:
        """Feeds systemd's watchdog only while every loop completes its passes in time (law 17)."""
        every_s = min(30.0, (systemd.watchdog_s() or 60.0) / 3)
        while True:
            late = self.pulse.late()
            for loop, age_s in late.items():
                log.error("the loop %r completed no pass for %.0f s", loop, age_s, extra={"action": "loop_late"})
            if not late:
                systemd.notify("WATCHDOG=1")
            with contextlib.suppress(TimeoutError):  # the nightly copy has the connection reports read by
                async with asyncio.timeout(every_s):
                    systemd.notify(f"STATUS={health.line(await report())}")
            await self.clock.sleep(every_s)


def _why(error: OSError) -> str:
    """The system's own words: asyncio wraps them into a sentence that repeats the address."""
    return os.strerror(error.errno) if error.errno else str(error)
