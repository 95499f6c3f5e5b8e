"""A daemon that kills itself in the middle of enrolling everybody: SIGKILL, so that nothing is tidied up.

tests/flow/test_enrolment_crash.py runs it as a process of its own; the shipped code knows nothing of it.
"""

import asyncio
import os
import signal
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from perkd.adapters import ADAPTERS
from perkd.daemon.app import App
from perkd.daemon.config import SecretSources, load
from perkd.daemon.core.model import Profile, Secret
from perkd.daemon.ledger import LEDGERS
from perkd.daemon.ledger.rows import Polled
from perkd.daemon.ledger.sqlite import SqliteLedger
from perkd.daemon.runtime.clock import Clock
from tests.clock import Hands


class Arrow(StrEnum):
    """Where the process dies."""

    MADE = "made"  # the store made a token, nothing is stored
    STORED = "stored"  # it is committed
    PAGE = "page"  # every token of a page is committed, the bookmark is not
    BOOKMARK = "bookmark"  # it is


class DyingLedger(SqliteLedger):
    arrow: Arrow
    left: int  # so many customers, or pages, until then

    async def enrol(
        self, profile: Profile, token: Secret, now: datetime, *, instead_of: int | None = None
    ) -> Polled | None:
        self._count(Arrow.MADE)
        row = await super().enrol(profile, token, now, instead_of=instead_of)
        self._count(Arrow.STORED)
        return row

    async def put_bookmark(self, name: str, value: str) -> None:
        enrolled = name.startswith("enrolled:")
        if enrolled:
            self._count(Arrow.PAGE)
        await super().put_bookmark(name, value)
        if enrolled:
            self._count(Arrow.BOOKMARK)

    def _count(self, arrow: Arrow) -> None:
        if arrow is self.arrow:
            type(self).left -= 1
            if type(self).left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


def run(config: str, arrow: Arrow, left: int, ahead_s: float) -> None:
    """The life of the process. `ahead_s`: how far its clock is ahead of the real time."""
    DyingLedger.arrow, DyingLedger.left = arrow, left
    LEDGERS["sqlite"] = DyingLedger
    settings = load(Path(config), ADAPTERS, SecretSources.of(os.environ), need_secrets=True)

    async def live() -> None:
        await App(settings, ADAPTERS, Clock(Hands(ahead_s, running=True).now)).run()

    asyncio.run(live())
