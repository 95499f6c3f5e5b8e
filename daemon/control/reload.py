"""Reads the configuration again and applies all of it or nothing (law 13). `app` makes one.

SIGHUP and `perkd reload` use it.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from perkd.adapters.base import Adapter

from ..config import Settings
from ..core.mistakes import ConfigError
from ..enrolment import Newcomers
from ..ledger import Ledger
from ..paynow import Rate
from ..polling import Polling, Reconciler, Rules
from ..runtime import Clock, fault, notify, reloading
from ..servers import Fleet
from .reload_report import told

log = logging.getLogger("perkd")

NOT_TAKEN = "reload: the new config has mistakes, so perkd keeps the old one:"
KEPT = "perkd keeps the old config. Correct this, then reload again"
HALF_DONE = "only a part of the new config is applied. Restart perkd: `systemctl restart perkd`"


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of the running daemon that a new configuration changes."""

    ledger: Ledger
    reconciler: Reconciler
    rate: Rate
    polling: Polling
    fleet: Fleet
    newcomers: Newcomers
    adapters: Mapping[str, Adapter]
    clock: Clock


class Reload:
    """`settings` are the current ones. `read` reads the file `path`; None: the daemon was started without a file."""

    def __init__(
        self, parts: Parts, settings: Settings, read: Callable[[], Settings] | None, path: Path | None
    ) -> None:
        self.settings, self.path = settings, path
        self._parts, self._read = parts, read
        self._one_at_a_time = asyncio.Lock()

    async def now(self) -> list[str]:
        """Returns what changed, in words. If it raises ConfigError, the old configuration stays."""
        async with self._one_at_a_time:
            if self._read is None:
                return ["this daemon was started without a config file: there is nothing to read again"]
            old, new = self.settings, await asyncio.to_thread(self._read)
            lines = told(old, new, await self._take_over(new))
            for line in lines:
                log.info("reload: %s", line, extra={"action": "reloaded"})
            return lines

    async def _take_over(self, new: Settings) -> tuple[int, int]:
        """Applies the new settings. Returns how many tokens were added and removed."""
        parts, now, before = self._parts, self._parts.clock.now(), self._parts.reconciler.rules
        await parts.reconciler.take_over(lambda: Rules.of(new, parts.ledger, parts.adapters, now), new.brake)
        self.settings = new
        parts.rate.configure(new.poll.rate)
        parts.polling.pace(new.poll)
        await parts.fleet.change(new.servers)
        rules = parts.reconciler.rules
        if (changed := rules.fingerprint != before.fingerprint) or any(rules.tokens):
            await parts.polling.load(games_changed=changed)
        parts.polling.reconcile()
        parts.fleet.wake(parts.fleet.servers)
        parts.newcomers.reloaded()
        return rules.tokens

    async def run(self, asked: asyncio.Event) -> None:
        """A root task: reloads when `asked` is set (SIGHUP). Nobody waits for an answer, so mistakes go to the log."""
        while True:
            await asked.wait()
            asked.clear()
            reloading()
            before = self.settings
            try:
                await self.now()
            except ConfigError as error:
                log.error(  # noqa: TRY400 - no traceback
                    "%s\n%s", NOT_TAKEN, error.render(self.path), extra={"action": "reload_refused"}
                )
            except Exception as error:  # noqa: BLE001 - deliveries go on, whatever is wrong with the config
                what = KEPT if self.settings is before else HALF_DONE
                fault(error, "reload_failed", "reload: %s: %s: %s", type(error).__name__, error, what)
            notify("READY=1")
