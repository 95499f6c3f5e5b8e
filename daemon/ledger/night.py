"""The nightly work: copy the ledger into its `backups` folder, and remove rows older than `ledger.keep`.

`app.py` starts `Night.run`.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from ..runtime import Clock
from .base import LedgerError
from .ledger import Ledger

log = logging.getLogger("perkd")

BACKUPS_KEPT = 7
AT = (3, 30)  # UTC


class Night:
    """Runs the nightly work. It calls `keep` each night, because a reload may change it. `error` says why the last copy
    failed."""

    def __init__(self, ledger: Ledger, clock: Clock, keep: Callable[[], timedelta]) -> None:
        self.due = asyncio.Event()
        self.error: str | None = None
        self._ledger, self._clock, self._keep = ledger, clock, keep
        clock.daily(self.due, *AT)

    async def run(self) -> None:
        while True:
            await self.due.wait()
            self.due.clear()
            now = self._clock.now()
            try:
                path = await self._ledger.backup(BACKUPS_KEPT, now)
            except LedgerError as error:  # delivering goes on; it is a problem until a copy succeeds
                self.error = str(error)
                log.error("%s", error, extra={"action": "backup_failed"})  # noqa: TRY400 - the message is enough, no traceback
                continue
            self.error = None
            gone = await self._ledger.purge(now - self._keep())
            log.info("copied the ledger to %s, removed %d old rows", Path(path).name, gone, extra={"action": "night"})
