"""Loop 2, one task for each server: takes commands from the ledger, sends them, and records what came back.

`fleet.py` runs it; `polling` and the operator wake it. It never talks to the store.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import timedelta

from perkd.adapters.base import Adapter, AuthRefused, InDoubt, NotSent, Verdict

from ..core import outcomes
from ..core.changes import Command, Origin, Outcome
from ..core.model import State
from ..core.roster import Roster
from ..ledger import CommandsFacet
from ..runtime import Context, Loop, uncancelled
from .link import Link

log = logging.getLogger("perkd.delivery")

IDLE = timedelta(seconds=20)  # a pass completes at least this often, also without a command
CUT_OFF = "perkd was stopped while it waited for the answer: it is not known whether the command ran"
NOT_BEGUN = "perkd was stopped before it sent this command"


class Delivery:
    """Sends one server's commands, one at a time, each recorded before and after."""

    def __init__(
        self,
        link: Link,
        adapter: Adapter,
        roster: Roster,
        commands: CommandsFacet,
        context: Context,
        *,
        elsewhere: Callable[[Iterable[str]], None],
    ) -> None:
        self.server = link.server
        self._link, self._adapter, self._roster = link, adapter, roster
        self._commands, self._clock, self._counters = commands, context.clock, context.counters
        self._elsewhere = elsewhere  # wakes the servers of a place
        pace = self.server.min_gap.total_seconds() + self.server.endpoint.timeout_s
        name = f"deliver {self.server.name}"
        self.loop = Loop(context, name, self._one_pass, bound_s=IDLE.total_seconds() + pace)

    async def _one_pass(self) -> float:
        """Sends the next command, or waits until there may be one. Then the next pass is due at once."""
        now = self._clock.now()
        if not self._link.up.is_set():
            await self._clock.until(now + IDLE, self._link.up, self.loop.wake)
            return 0.0
        command = await uncancelled(self._commands.claim(self.server.name, now, self._roster.since), self._give_back)
        if command is None:
            due_at = await self._commands.next_due(self.server.name, now, self._roster.since)
            await self._clock.until(min(due_at or now + IDLE, now + IDLE), self.loop.wake)
            return 0.0
        await self._deliver(command)
        if self.server.min_gap:
            await self._clock.until(self._clock.now() + self.server.min_gap, self.loop.ending)
        return 0.0

    async def _deliver(self, command: Command) -> None:
        """Sends one claimed command and settles the outcome, even when perkd is stopped meanwhile."""
        cut_off: asyncio.CancelledError | None = None
        try:
            outcome = await self._send(command)
        except asyncio.CancelledError as stop:
            outcome, cut_off = outcomes.in_doubt(command, CUT_OFF, self._clock.now()), stop
        if outcome.absent:
            self._roster.forget(command.player)  # else the next claim would send it again at once
        await uncancelled(self._settle(command, outcome))
        if cut_off is not None:
            raise cut_off

    async def _give_back(self, command: Command | None) -> None:
        """Settles a command that was claimed but can no longer be sent."""
        if command is not None:
            await self._settle(command, outcomes.not_sent(NOT_BEGUN, self._clock.now()))

    async def _settle(self, command: Command, outcome: Outcome) -> None:
        state = await self._commands.settle(command.id, outcome, self._clock.now())
        self._counters.settled.labels(self.server.name, state.value).inc()
        _tell(command, state, outcome)
        if state is State.PLANNED and command.place != command.server:
            self._elsewhere([command.place])  # another server of the place may take it now
        elif command.origin is Origin.STORE:
            self._elsewhere([command.server])  # the store may wait for an acknowledgement

    async def _send(self, command: Command) -> Outcome:
        try:
            began = self._clock.monotonic()
            reply = await self._link.send(command.text)
            self._counters.replies.labels(self.server.name).observe(self._clock.monotonic() - began)
        except (NotSent, AuthRefused) as error:
            return outcomes.not_sent(str(error), self._clock.now())
        except InDoubt as error:
            return outcomes.in_doubt(command, error, self._clock.now())
        try:
            verdict = self._adapter.judge(command.text, reply, command.values)
        except Exception:  # the command got an answer, but it must not count as success
            log.exception("command %s: perkd could not judge the reply", command.id, extra={"action": "judge_crashed"})
            verdict = Verdict.UNRECOGNISED
        return outcomes.answered(command, reply, verdict, self._clock.now(), warming_up=self._link.warming_up())


def _tell(command: Command, state: State, outcome: Outcome) -> None:
    """Logs one line for each delivery, with the server's reply."""
    facts = {"action": f"command_{state.value}", "command_id": command.id, "server": command.server}
    text = outcome.reply if outcome.reply is not None else outcome.reason
    level = logging.INFO if state in (State.DELIVERED, State.PLANNED, State.VOID) else logging.WARNING
    log.log(level, "%s ← %s: %s: %s", command.server, command.text, state.value, text or "(empty reply)", extra=facts)
