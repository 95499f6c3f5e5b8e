"""A daemon that kills itself in the middle of enrolling everybody: SIGKILL, so that nothing is tidied up.

tests/flow/test_enrolment_crash.py runs it as a process of its own; the shipped code knows nothing of it.
"""

import asyncio
import os
import signal
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from perkd.adapters import ADAPTERS
from perkd.daemon.app import App
from perkd.daemon.config import SecretSources, load
from perkd.daemon.core.model import Profile, Secret
from perkd.daemon.ledger.ledger import Ledger
from perkd.daemon.ledger.roll import RollFacet
from perkd.daemon.ledger.rows import Polled
from perkd.daemon.runtime.clock import Clock
from tests.clock import Hands


class Arrow(StrEnum):
    """Where the process dies."""

    MADE = "made"  # the store made a token, nothing is stored
    STORED = "stored"  # it is committed
    PAGE = "page"  # every token of a page is committed, the bookmark is not
    BOOKMARK = "bookmark"  # it is


class Countdown:
    arrow: Arrow
    left: int  # so many customers, or pages, until then

    @classmethod
    def count(cls, arrow: Arrow) -> None:
        if arrow is cls.arrow:
            cls.left -= 1
            if cls.left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


class DyingRoll(RollFacet):
    async def enrol(
        self, profile: Profile, token: Secret, now: datetime, *, instead_of: int | None = None
    ) -> Polled | None:
        Countdown.count(Arrow.MADE)
        row = await super().enrol(profile, token, now, instead_of=instead_of)
        Countdown.count(Arrow.STORED)
        return row


class DyingLedger(Ledger):
    def __init__(self, *facts: Any) -> None:
        super().__init__(*facts)
        self.roll = DyingRoll(self._writer, self._reader)

    async def put_bookmark(self, name: str, value: str) -> None:
        enrolled = name.startswith("enrolled:")
        if enrolled:
            Countdown.count(Arrow.PAGE)
        await super().put_bookmark(name, value)
        if enrolled:
            Countdown.count(Arrow.BOOKMARK)


def run(config: str, arrow: Arrow, left: int, ahead_s: float) -> None:
    """The life of the process. `ahead_s`: how far its clock is ahead of the real time."""
    Countdown.arrow, Countdown.left = arrow, left
    settings = load(Path(config), ADAPTERS, SecretSources.of(os.environ), need_secrets=True)

    async def live() -> None:
        clock = Clock(Hands(ahead_s, running=True).now)
        await App(settings, ADAPTERS, clock, open_ledger=DyingLedger.open).run()

    asyncio.run(live())
