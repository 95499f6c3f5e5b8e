"""The queue loop, one task for each server with a token: links, reads the command queue, acknowledges lines.

`servers/fleet.py` runs it beside the server's other loops. It only talks to the store; commands to send go through the
ledger.
"""

import hashlib
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from perkd.adapters.base import Adapter, Secret

from ..core.model import Server
from ..core.queue_lines import (
    Decided,
    Left,
    Line,
    Removed,
    Unread,
    is_for_perkd,
    may_run,
    online_of,
    player_of,
    store_command,
)
from ..core.roster import Roster
from ..ledger import Ledger
from ..paynow import (
    Exchange,
    GameServerApi,
    NotFound,
    Online,
    QueuedCommand,
    StoreError,
    TokenRefused,
    TooLarge,
    one_line,
    while_running,
)
from ..runtime import Backoff, Context, Loop, Problem, QueueLine, fault, uncancelled
from . import problems
from .acknowledge import Acknowledger
from .link import Linker
from .problems import QueueState

log = logging.getLogger("perkd.activation")

EVERY_S = 10.0  # as the official plugins do
RARELY_S = 600.0  # a refused token, a store without a queue
AGAIN = Backoff(first_s=EVERY_S, longest_s=60.0)
LONGEST_S = 50.0  # one request, with its wait for the rate limit


@dataclass(frozen=True, slots=True)
class Activations:
    """Makes the queue loop of each server that has a token. `customer_of` returns the customer of a player, `look`
    polls the customers of these players at once."""

    exchange: Exchange
    ledger: Ledger
    context: Context
    customer_of: Callable[[str], str | None]
    look: Callable[[Collection[str]], None]

    def of(self, server: Server, adapter: Adapter, roster: Roster, deliver: Callable[[], None]) -> "Activation | None":
        """The queue loop of this server; None: it has no token. `deliver` is called when there is a command to send."""
        if server.paynow_token is None:
            return None
        api = GameServerApi(self.exchange, server.paynow_token)
        return Activation(server, adapter, roster, api, self, deliver)


class Activation:
    """One server's queue. Wake its `loop` when a command of the store may be finished."""

    def __init__(
        self,
        server: Server,
        adapter: Adapter,
        roster: Roster,
        api: GameServerApi,
        shared: Activations,
        deliver: Callable[[], None],
    ) -> None:
        self.server = server
        self.state = QueueState(server.name)
        self._adapter, self._roster, self._api, self._deliver = adapter, roster, api, deliver
        self._shared, self._clock, self._ledger = shared, shared.context.clock, shared.ledger
        self._linker = Linker(server, api, self._clock, self.state, shared.ledger.id)
        self._acknowledger = Acknowledger(
            server.name, api, shared.ledger.queue, shared.context, shared.look, settled=self._forget, beat=self._beat
        )
        self.loop = Loop(
            shared.context,
            f"activate {server.name}",
            self._one_pass,
            bound_s=LONGEST_S,
            failed=self._failed,
            between=self._acknowledger.look,
            excused=shared.exchange.rate.blocked_until,
        )
        self._left, self._unread = Left(), Unread()
        self._queue_at = 0.0  # monotonic
        self._recorded: dict[str, Line] = {}  # decided and in the ledger, but not acknowledged yet
        self._runs_since: datetime | None = None  # since when `run_store_commands` is on for this queue
        self._first = True

    def reloaded(self) -> None:
        """The operator reloaded the config: tries everything again now."""
        self._linker.at = self._queue_at = 0.0
        self.loop.again()

    def problems(self) -> tuple[Problem, ...]:
        self.state.unread = self._unread.names(self._is_read, self._clock.now())
        return tuple(problems.find(self.state))

    def _beat(self) -> None:
        self.loop.beat()

    async def _one_pass(self) -> float:
        await self._note_run_setting()
        if (blocked_s := self._shared.exchange.rate.blocked_s()) > 0:
            return blocked_s
        await self._linker.link_when_due()
        if self._clock.monotonic() >= self._queue_at:
            await self._read_queue()
        more = await self._acknowledger.acknowledge()
        self.state.succeed()
        return 0.0 if more else min(self._queue_at, self._linker.at) - self._clock.monotonic()

    def _failed(self, error: Exception) -> float:
        if isinstance(error, TokenRefused):
            if self.state.refuse(str(error)):
                log.error("%s: %s", self.server.name, error, extra={"action": "paynow_token_refused"})
            return RARELY_S
        sort: object = type(error)
        rarely, too_long = isinstance(error, NotFound), isinstance(error, TooLarge)
        if isinstance(error, StoreError):
            why, sort = while_running(error), (type(error), error.path)
        else:
            why = fault(error, "queue_crashed", "%s: its queue loop crashed", self.server.name)
        if self.state.fail(why, sort, lasting=rarely or too_long, too_long=too_long):
            log.warning("%s: command queue: %s", self.server.name, why, extra={"action": "queue_failed"})
        return RARELY_S if rarely else AGAIN.wait_s(self.state.failures)

    async def _note_run_setting(self) -> None:
        """Before the first request: learns since when perkd runs the lines. It does not run older ones, because a
        [[perk]] may have delivered the same meanwhile."""
        if self._first:
            queue, now, runs = _digest(self.server.paynow_token), self._clock.now(), self.server.run_store_commands
            self._runs_since = await uncancelled(self._ledger.queue.lines_run_since(queue, now, runs=runs))
            self._first = False

    async def _read_queue(self) -> None:
        ids = online_of(self._roster.players if self._roster.known else (), self._adapter)
        found = await self._api.queue(Online(ids.steam_ids, ids.minecraft_uuids, ids.customer_names))
        self._queue_at = self._clock.monotonic() + EVERY_S
        # The same attempt may come twice.
        lines = {queued.attempt_id: _line(queued) for queued in found if queued.readable}
        self.state.unreadable = sorted({queued.attempt_id for queued in found if not queued.readable} - lines.keys())
        self._recorded = {key: line for key, line in self._recorded.items() if lines.get(key) == line}
        new_for_perkd = any(is_for_perkd(line.text) for key, line in lines.items() if key not in self._recorded)
        removed = Removed(await uncancelled(self._ledger.roll.kept_out()) if new_for_perkd else ())
        decided = self._sorted(lines.values(), removed)
        await uncancelled(self._hand_out(decided, lines))
        self._recorded.update((one.attempt_id, lines[one.attempt_id]) for one in decided)

    def _sorted(self, lines: Iterable[Line], removed: Removed) -> list[Decided]:
        """The lines that perkd takes on from now; lines that it ignores are noted for the problems."""
        decided, left, nobody, players = [], [], [], {}
        kept: dict[str, None] = {}  # in the order of the lines, each once
        for line in lines:
            if line.attempt_id in self._recorded:
                players[line.attempt_id] = self._acknowledger.players.get(line.attempt_id, "")
                continue
            if not is_for_perkd(line.text) and not self.server.run_store_commands:
                left.append(line)
                continue
            player = player_of(line, self._adapter, self._roster.since)
            if not is_for_perkd(line.text):
                most, customer = self._adapter.max_command_bytes, self._shared.customer_of(player)
                command = store_command(line, player, customer, most, self._runs_since)
                decided.append(Decided(attempt_id=line.attempt_id, command=command))
            elif (who := removed.behind(line)) and self._shared.customer_of(player) in (None, who.customer_id):
                kept[f"{one_line(who.display_name, 40)} (customer {who.customer_id})"] = None
                continue
            elif may_run(line, player, self._roster.since):
                decided.append(Decided(attempt_id=line.attempt_id))
            else:
                nobody += [] if player else [line.attempt_id]
                continue
            players[line.attempt_id] = player
        self._acknowledger.players = players
        self._count(QueueLine.LEFT, self._left.see(left, self._clock.now()))
        self.state.left, self.state.nobody, self.state.removed = self._left.texts(), nobody, list(kept)
        return decided

    async def _hand_out(self, decided: Sequence[Decided], lines: Mapping[str, Line]) -> None:
        """Records the lines in the ledger, before they are acknowledged."""
        if not decided:
            return
        new = await self._ledger.queue.hand_out(self.server.name, decided, self._clock.now())
        for attempt_id in new.for_perkd:
            player = self._acknowledger.players.get(attempt_id, "")
            log.info(
                "%s: perkd will activate an item of %s (attempt %s)",
                self.server.name,
                one_line(player) or "an unknown player",
                attempt_id,
                extra={"action": "activation", "attempt_id": attempt_id},
            )
            if player and not self._is_read(player):
                name, who = one_line(lines[attempt_id].customer_name, 40), one_line(player, 40)
                self._unread.note(player, who if name in ("", who) else f"{name} ({who})", self._clock.now())
        self._count(QueueLine.PERKD, len(new.for_perkd))
        self._count(QueueLine.COMMAND, new.planned)
        self._count(QueueLine.BLOCKED, new.blocked)
        if new.planned or new.again:
            self._deliver()

    def _is_read(self, player: str) -> bool:
        return self._shared.customer_of(player) is not None

    def _forget(self, attempt_ids: Sequence[str]) -> None:
        """These attempts are finished: if the store sends one again, perkd takes it on again."""
        for attempt_id in attempt_ids:
            self._recorded.pop(attempt_id, None)

    def _count(self, kind: QueueLine, how_many: int) -> None:
        self._shared.context.counters.queue_lines.labels(self.server.name, kind).inc(how_many)


def _digest(token: Secret | None) -> str:
    """Identifies the queue in the ledger; the token cannot be computed from it."""
    return hashlib.sha256(b"queue of " + (token or Secret("")).reveal().encode()).hexdigest()[:24]


def _line(queued: QueuedCommand) -> Line:
    return Line(
        attempt_id=queued.attempt_id,
        text=queued.command or "",
        online_only=bool(queued.online_only),
        steam_id=None if queued.steam_id is None else str(queued.steam_id),
        minecraft_uuid=queued.minecraft_uuid,
        customer_name=queued.customer_name,
        queued_at=queued.queued_at,
    )
