"""`perkd run`: the daemon in the foreground, for systemd or a terminal."""

import asyncio
import gc
import logging
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from perkd import __version__
from perkd.adapters import ADAPTERS

from ..config import Settings
from ..core.model import Perk
from ..ledger import LedgerCorrupt, LedgerError, LedgerForeign, LedgerMissing
from ..paynow import BadAddress, StoreError
from . import logs
from .check import whose
from .errors import Code, Misconfigured, NotWell
from .options import Config, Verbose, common, config_path, read_settings, settings

if TYPE_CHECKING:
    from ..app import App

log = logging.getLogger("perkd")

OWNER_ONLY = 0o077  # the files that the daemon writes hold tokens


def run(*, config: Config = None, verbose: Verbose = False) -> None:
    """Run the daemon.

    Ctrl-C or SIGTERM stops it cleanly, a second one stops it at once.
    """
    os.umask(OWNER_ONLY)
    logs.to_stderr(verbose=verbose or common.verbose)
    found = settings(config, need_secrets=True)
    log.info("perkd %s with %s", __version__, config_path(config), extra={"action": "starting"})
    for line in introduction(found):
        log.info("%s", line, extra={"action": "starting"})
    for warning in found.warnings:
        log.warning("%s", warning, extra={"action": "config_warning"})
    raise typer.Exit(_finish(found, partial(read_settings, config, need_secrets=True), config_path(config)))


def introduction(found: Settings) -> list[str]:
    """What this daemon will do, one line for each part, so that the owner can check it."""
    perks = ", ".join(f"{perk.name} ({perk.kind} on {_where(perk)})" for perk in found.perks) or "none"
    servers = ", ".join(f"{one.name} ({one.game} at {one.endpoint.address})" for one in found.servers) or "none"
    return [
        f"store: {found.store.api}, at most {found.poll.rate:g} requests a second",
        f"servers: {servers}",
        f"perks: {perks}",
        f"customers: {whose(found)}",
    ]


def _where(perk: Perk) -> str:
    return "every server" if perk.servers == ("*",) else ", ".join(perk.servers)


def _finish(found: Settings, read: Callable[[], Settings], path: Path) -> int:
    """Runs the daemon until it stops. Returns the exit code; a failure at the start becomes a CliError."""
    try:
        asyncio.run(_run(found, read, path))
    except (LedgerMissing, LedgerForeign, LedgerCorrupt) as error:
        raise Misconfigured(Code.LEDGER_UNUSABLE, str(error)) from error
    except BadAddress as error:
        raise Misconfigured(error.code, str(error)) from error
    except ExceptionGroup as group:
        if damage := next((error for error in _leaves(group) if isinstance(error, LedgerCorrupt)), None):
            raise Misconfigured(Code.LEDGER_UNUSABLE, str(damage)) from group
        _log_each(group)
        return 1
    except LedgerError as error:
        raise NotWell(Code.LEDGER_UNUSABLE, str(error)) from error
    except StoreError as error:
        raise NotWell(error.code, str(error)) from error
    return 0


async def _run(found: Settings, read: Callable[[], Settings], path: Path) -> None:
    from ..app import App  # noqa: PLC0415 - half a second of imports that only this verb needs
    from ..runtime import CannotStart, signals  # noqa: PLC0415 - as above

    app = App(found, ADAPTERS, read=read, path=path)
    signals(app.stop, app.hurry, app.reload_asked)
    telling = asyncio.create_task(_tell_address(app))
    gc.disable()  # until all customers are loaded: each full collection would look through those that are
    try:
        await app.run()
    except CannotStart as error:
        raise NotWell(Code.CANNOT_START, str(error)) from error
    finally:
        telling.cancel()


async def _tell_address(app: "App") -> None:
    await app.ready.wait()
    if app.address is None:
        log.info('status page: none ([http] listen is "")', extra={"action": "ready"})
    else:
        host, port = app.address
        shown = f"[{host}]" if ":" in host else host
        log.info("status page: http://%s:%d/", shown, port, extra={"action": "ready"})
    await app.loaded()
    gc.collect()
    gc.freeze()  # what exists now stays: later collections need not look through all customers
    gc.enable()


def _log_each(group: ExceptionGroup[Exception]) -> None:
    """Logs each error that ended the loops, once. For a fault in perkd it adds the traceback."""
    logged = set()
    for error in _leaves(group):
        if repr(error) in logged:
            continue
        logged.add(repr(error))
        if isinstance(error, LedgerError | StoreError):
            log.critical("%s", error, extra={"action": "stopped_by"})
        else:
            log.critical(
                "a fault in perkd: %s: %s. Please report it with the lines below",
                type(error).__name__,
                error,
                exc_info=error,
                extra={"action": "stopped_by"},
            )


def _leaves(group: ExceptionGroup[Exception]) -> Iterator[Exception]:
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
