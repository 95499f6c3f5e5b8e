"""A daemon that kills itself at a named arrow of the walk from token to ledger: SIGKILL, so that nothing is tidied up.

tests/flow/test_crash_at_every_arrow.py runs it as a process of its own. It wires the real App; the shipped code knows
nothing of it: the ledger, the storefront, the adapter and the clock are wrapped from outside.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import perkd.daemon.app
from perkd.adapters import ADAPTERS
from perkd.adapters.base import Endpoint, Player, Session
from perkd.adapters.minecraft.adapter import Minecraft
from perkd.daemon.app import App
from perkd.daemon.config import SecretSources, load
from perkd.daemon.core.changes import Command, Observation, Outcome
from perkd.daemon.core.model import Secret, State
from perkd.daemon.core.queue_lines import Decided
from perkd.daemon.ledger import commands
from perkd.daemon.ledger.base import Recorded
from perkd.daemon.ledger.commands import CommandsFacet
from perkd.daemon.ledger.facet import write
from perkd.daemon.ledger.ledger import Ledger
from perkd.daemon.ledger.observations import ObservationsFacet
from perkd.daemon.ledger.queue import QueueFacet
from perkd.daemon.ledger.rows import HandedOut
from perkd.daemon.paynow.seen import Seen
from perkd.daemon.paynow.storefront import Fresh, Storefront, Unchanged
from perkd.daemon.runtime.clock import Clock
from tests.clock import Hands


class Arrow(StrEnum):
    """Where the process dies: right after the thing the word names."""

    FETCHED = "fetched"  # a changed inventory was read, nothing is recorded
    RECORDING = "recording"  # in the middle of the transaction
    RECORDED = "recorded"  # committed
    CLAIMED = "claimed"  # committed, before a byte leaves
    SENT = "sent"  # bytes left, before the reply is read
    ANSWERED = "answered"  # the reply was read, nothing is settled
    SETTLED = "settled"  # committed
    RECOVERING = "recovering"  # at the next start, in the middle of finding what was cut off
    RECOVERED = "recovered"  # that is committed
    HANDING = "handing"  # a line of the store's queue was read, in the middle of the transaction
    HANDED = "handed"  # committed, nothing of it is sent or acknowledged
    ACKNOWLEDGED = "acknowledged"  # the store was told, nothing is committed
    TOLD = "told"  # that is committed


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingStore(Storefront):
    async def inventory(
        self, token: Secret, customer_id: str, previous: Seen | None, now: datetime
    ) -> Fresh | Unchanged:
        answer = await super().inventory(token, customer_id, previous, now)
        if isinstance(answer, Fresh):
            die()
        return answer


class DyingObservations(ObservationsFacet):
    arrow: Arrow

    async def record(self, seen: Observation) -> Recorded:
        recorded = await super().record(seen)
        if self.arrow is Arrow.RECORDED and recorded.planned:
            die()
        return recorded


class DyingCommands(CommandsFacet):
    arrow: Arrow

    async def claim(self, server: str, now: datetime, online: Mapping[str, datetime]) -> Command | None:
        command = await super().claim(server, now, online)
        if self.arrow is Arrow.CLAIMED and command is not None:
            die()
        return command

    async def settle(self, command_id: int, outcome: Outcome, now: datetime) -> State:
        state = await super().settle(command_id, outcome, now)
        if self.arrow is Arrow.SETTLED:
            die()
        return state

    async def recover(self, now: datetime) -> int:
        found = await super().recover(now)
        if self.arrow is Arrow.RECOVERED:
            die()
        return found


class DyingQueue(QueueFacet):
    arrow: Arrow

    async def hand_out(self, server: str, decided: Sequence[Decided], now: datetime) -> HandedOut:
        handed = await super().hand_out(server, decided, now)
        if self.arrow is Arrow.HANDED:
            die()
        return handed

    async def acknowledged(self, attempt_ids: Sequence[str], now: datetime) -> None:
        if self.arrow is Arrow.ACKNOWLEDGED:
            die()
        await super().acknowledged(attempt_ids, now)
        if self.arrow is Arrow.TOLD:
            die()


class DyingLedger(Ledger):
    arrow: Arrow

    def __init__(self, *facts: Any) -> None:
        super().__init__(*facts)
        self.commands = DyingCommands(self._writer, self._reader)
        self.observations = DyingObservations(self._writer, self._reader)
        self.queue = DyingQueue(self._writer, self._reader)
        self.commands.arrow = self.observations.arrow = self.queue.arrow = self.arrow


class DyingSession:
    """Presence reads through it as always; the first command kills."""

    def __init__(self, inner: Session, arrow: Arrow) -> None:
        self._inner, self._arrow = inner, arrow

    async def send(self, command: str) -> str:
        sending = asyncio.ensure_future(self._inner.send(command))
        if self._arrow is Arrow.SENT:
            await asyncio.sleep(0)  # its first step writes the request; the reply is read in a later one
            die()
        reply = await sending
        if self._arrow is Arrow.ANSWERED:
            die()
        return reply

    async def players(self) -> list[Player]:
        return await self._inner.players()

    async def wait_closed(self) -> str:
        return await self._inner.wait_closed()


class DyingGame(Minecraft):
    """Minecraft with dying sessions."""

    def __init__(self, arrow: Arrow) -> None:
        super().__init__()
        self._arrow = arrow

    @asynccontextmanager
    async def connect(self, server: Endpoint) -> AsyncIterator[Session]:
        async with super().connect(server) as session:
            yield DyingSession(session, self._arrow)


def fatal(work: Callable[..., Any]) -> Callable[..., Any]:
    """Does the work, then dies before anything of it is committed."""

    def run(*arguments: Any) -> Any:
        done = work(*arguments)
        if not isinstance(done, Recorded) or done.planned:
            die()
        return done

    return run


def within(facet: type, name: str) -> None:
    """Makes this method fatal in the middle of its transaction."""
    setattr(facet, name, write(fatal(getattr(facet, name).__wrapped__)))


def run(config: str, arrow: Arrow, ahead_s: float) -> None:
    """The life of the process. `ahead_s`: how far its clock is ahead of the real time."""
    DyingLedger.arrow = arrow
    if arrow is Arrow.FETCHED:
        vars(perkd.daemon.app)["Storefront"] = DyingStore
    elif arrow is Arrow.RECORDING:
        within(ObservationsFacet, "record")
    elif arrow is Arrow.HANDING:
        within(QueueFacet, "hand_out")
    elif arrow is Arrow.RECOVERING:
        vars(commands)["_settle"] = fatal(vars(commands)["_settle"])
    settings = load(Path(config), ADAPTERS, SecretSources.of(os.environ), need_secrets=True)

    async def live() -> None:
        clock = Clock(Hands(ahead_s, running=True).now)
        await App(settings, {"minecraft": DyingGame(arrow)}, clock, open_ledger=DyingLedger.open).run()

    asyncio.run(live())
