"""perkd as a game server of the store, one task for each server with a token: link, command queue, acknowledge.

`fleet` runs one beside the server's other loops. It speaks to the store only; what is to be sent goes by the ledger.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from adapters.base import Adapter

from . import __version__, queueproblems
from .clock import Clock
from .ledger.base import Ledger, LedgerError
from .metrics import Counters
from .model import Server
from .paynow.documents import QueuedCommand
from .paynow.errors import NotFound, Rejected, StoreError, TokenRefused, one_line
from .paynow.exchange import Exchange
from .paynow.gameserver import GameServerApi, Online
from .problem import Problem
from .pulse import Pulse
from .queuelines import Decided, Left, Line, is_for_perkd, may_run, online_of, player_of, store_command
from .queueproblems import QueueState
from .roster import Roster
from .tasks import uncancelled

log = logging.getLogger("perkd.activation")
T = TypeVar("T")

EVERY_S = 10.0  # as the official plugins ask
LINK_EVERY_S = 24 * 3600.0
RARELY_S = 600.0  # a refused token, a store without a queue
BACKOFF_MOST_S = 60.0
IDLE_S = 20.0  # a pass completes at least this often, with something to ask or without
BULK = 100  # acknowledgements in one request
LOOKS_S = (0.0, 5.0, 30.0)  # after an acknowledgement: the store may show the item as active a little later


@dataclass(frozen=True, slots=True)
class Activations:
    """Makes the task of each server that has a token. `customer_of`: the customer who is this player, `look`: reads at
    once whoever is one of these."""

    exchange: Exchange
    ledger: Ledger
    clock: Clock
    pulse: Pulse
    counters: Counters
    customer_of: Callable[[str], str | None]
    look: Callable[[Collection[str]], None]

    def of(self, server: Server, adapter: Adapter, roster: Roster, deliver: Callable[[], None]) -> "Activation | None":
        """None: the server has no token. `deliver` is called when there is something to send."""
        if server.paynow_token is None:
            return None
        api = GameServerApi(self.exchange, server.paynow_token)
        return Activation(server, adapter, roster, api, self, deliver)


class Activation:
    """One server's queue. Set `wake` when a command of the store may have been settled."""

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
        self.wake = asyncio.Event()
        self.state = QueueState(server.name)
        self._adapter, self._roster, self._api, self._deliver = adapter, roster, api, deliver
        self._shared, self._clock, self._ledger = shared, shared.clock, shared.ledger
        self._left = Left()
        self._link_at = self._queue_at = self._again_at = 0.0  # monotonic
        self._standing: set[str] = set()  # attempts in the ledger that the store was not told of yet
        self._players: dict[str, str] = {}  # whose attempts they are
        self._looks: list[tuple[float, str]] = []  # monotonic, player
        self._name = f"activate {server.name}"
        shared.pulse.register(self._name, IDLE_S + 30.0)  # a request may take so long

    def reloaded(self) -> None:
        """The owner looked at the config: everything is tried again now."""
        self._link_at = self._queue_at = self._again_at = 0.0
        self.wake.set()

    def problems(self) -> tuple[Problem, ...]:
        return tuple(queueproblems.find(self.state))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._one_pass()
            except LedgerError:
                raise
            except Exception as error:  # a fault with one queue never stops the other servers
                log.exception(
                    "%s: its queue could not be worked on", self.server.name, extra={"action": "queue_crashed"}
                )
                self._failed(f"a fault in perkd: {type(error).__name__}, see the log", type(error))
            finally:
                self._shared.pulse.beat(self._name)
            next_at = max(self._again_at, min(self._queue_at, self._link_at))
            idle_at = self._clock.monotonic() + IDLE_S
            await self._clock.until(min([next_at, idle_at, *(at for at, _ in self._looks)]), self.wake)
            self.wake.clear()

    async def _one_pass(self) -> None:
        self._look()
        if (blocked_s := self._shared.exchange.rate.blocked_s()) > 0:
            self._again_at = self._clock.monotonic() + blocked_s
        if self._clock.monotonic() < self._again_at:
            return
        try:
            if self._clock.monotonic() >= self._link_at:
                await self._link()
            if self._clock.monotonic() >= self._queue_at:
                await self._read_queue()
            await self._acknowledge()
        except TokenRefused as error:
            if self.state.refuse(str(error)):
                facts = {"action": "paynow_token_refused"}
                log.error("%s: %s", self.server.name, error, extra=facts)  # noqa: TRY400 - the sentence says it all
            self._again_at = self._clock.monotonic() + RARELY_S
        except StoreError as error:
            self._failed(str(error), (type(error), error.path), rarely=isinstance(error, NotFound))
        else:
            self.state.succeed()

    def _failed(self, why: str, sort: object, *, rarely: bool = False) -> None:
        if self.state.fail(why, sort, lasting=rarely):
            log.warning("%s: command queue: %s", self.server.name, why, extra={"action": "queue_failed"})
        wait_s = min(BACKOFF_MOST_S, EVERY_S * 2.0 ** min(self.state.failures - 1, 16))
        self._again_at = self._clock.monotonic() + (RARELY_S if rarely else wait_s)

    async def _link(self) -> None:
        """Says who uses the token. Raises TokenRefused; anything else that fails does not keep the queue from being
        read."""
        server = self.server
        said = {"ip": server.endpoint.host, "hostname": server.name, "platform": server.game, "version": __version__}
        try:
            linked = await self._ask(self._api.link(**said))
        except TokenRefused:
            raise
        except StoreError as error:
            log.warning("%s: could not link: %s", server.name, error, extra={"action": "link_failed"})
            self._link_at = self._clock.monotonic() + RARELY_S
            return
        self._link_at = self._clock.monotonic() + LINK_EVERY_S
        queueproblems.learn(self.state, server, linked, self._clock.now())
        mine = linked.gameserver
        log.info(
            "%s: linked with the store's game server %s",
            server.name,
            one_line(mine.name) or mine.id if mine is not None else "(unnamed)",
            extra={"action": "linked"},
        )

    async def _read_queue(self) -> None:
        ids = online_of(self._roster.players if self._roster.known else (), self._adapter)
        found = await self._ask(self._api.queue(Online(ids.steam_ids, ids.minecraft_uuids, ids.customer_names)))
        self._queue_at = self._clock.monotonic() + EVERY_S
        lines = {queued.attempt_id: _line(queued) for queued in found}  # the same attempt may come twice
        decided, left = self._sorted(lines.values())
        self._count("left", self._left.see(left, self._clock.now()))
        self.state.left = self._left.texts()
        await self._hand_out([one for one in decided if one.attempt_id not in self._standing])
        self._standing = {one.attempt_id for one in decided}

    def _sorted(self, lines: Iterable[Line]) -> tuple[list[Decided], list[Line]]:
        """What perkd answers for, and what it leaves alone."""
        decided, left, players = [], [], {}
        for line in lines:
            player = player_of(line, self._adapter)
            if is_for_perkd(line.text):
                if not may_run(line, player, self._roster.since):
                    continue
                decided.append(Decided(attempt_id=line.attempt_id))
            elif self.server.run_store_commands:
                most, customer = self._adapter.max_command_bytes, self._shared.customer_of(player)
                command = store_command(line, player, customer, most)
                decided.append(Decided(attempt_id=line.attempt_id, command=command))
            else:
                left.append(line)
                continue
            players[line.attempt_id] = player
        self._players = players
        return decided, left

    async def _hand_out(self, decided: Sequence[Decided]) -> None:
        """Into the ledger, before the store hears of it."""
        if not decided:
            return
        new = await uncancelled(self._ledger.hand_out(self.server.name, decided, self._clock.now()))
        for attempt_id in new.for_perkd:
            log.info(
                "%s: an item of %s is to be activated (attempt %s)",
                self.server.name,
                one_line(self._players.get(attempt_id)) or "somebody",
                attempt_id,
                extra={"action": "activation", "attempt_id": attempt_id},
            )
        self._count("perkd", len(new.for_perkd))
        self._count("command", new.planned)
        self._count("blocked", new.blocked)
        if new.planned:
            self._deliver()

    async def _acknowledge(self) -> None:
        """Tells the store of everything it is owed. What it does not accept is not owed any more: if it still waits for
        it, it hands it out again. Raises StoreError."""
        owed = await uncancelled(self._ledger.owed(self.server.name))
        for at in range(0, len(owed), BULK):
            piece = owed[at : at + BULK]
            try:
                await self._send(piece)
            except (Rejected, NotFound) as error:
                if not await self._one_by_one(piece, error):
                    raise
            except StoreError:
                self._told("failed", len(piece))
                raise

    async def _one_by_one(self, piece: Sequence[str], error: StoreError) -> int:
        """One id the store does not know may be why it refused them all. Returns how many it accepted by itself."""
        accepted = 0
        for attempt_id in piece:
            if len(piece) > 1:
                try:
                    await self._send([attempt_id])
                    accepted += 1
                    continue
                except (Rejected, NotFound) as refused:
                    error = refused
            facts = {"action": "acknowledgement_refused", "attempt_id": attempt_id}
            log.warning("%s: attempt %s: not acknowledged: %s", self.server.name, attempt_id, error, extra=facts)
            self._told("refused", 1)
            await self._settle([attempt_id])
        return accepted

    async def _send(self, attempt_ids: Sequence[str]) -> None:
        await self._ask(self._api.acknowledge(attempt_ids))
        await self._settle(attempt_ids)
        self._told("ok", len(attempt_ids))
        now = self._clock.monotonic()
        players = {self._players.pop(attempt_id, "") for attempt_id in attempt_ids} - {""}
        self._looks += [(now + wait_s, player) for wait_s in LOOKS_S for player in players]
        self._look()

    async def _settle(self, attempt_ids: Sequence[str]) -> None:
        await uncancelled(self._ledger.acknowledged(attempt_ids, self._clock.now()))
        self._standing.difference_update(attempt_ids)

    def _look(self) -> None:
        """Their items may be active now."""
        now = self._clock.monotonic()
        due = {player for at, player in self._looks if at <= now}
        self._looks = [(at, player) for at, player in self._looks if at > now]
        if due:
            self._shared.look(due)

    async def _ask(self, request: Coroutine[Any, Any, T]) -> T:
        """Waits for the answer. While everybody waits because the store said so, that is no hanging loop."""
        asking = asyncio.ensure_future(request)
        try:
            while not asking.done():
                nap = asyncio.ensure_future(self._clock.sleep(IDLE_S))
                await asyncio.wait((asking, nap), return_when=asyncio.FIRST_COMPLETED)
                nap.cancel()
                if self._shared.exchange.rate.blocked_s() > 0:
                    self._shared.pulse.beat(self._name)
            return asking.result()
        finally:
            asking.cancel()

    def _count(self, kind: str, how_many: int) -> None:
        self._shared.counters.queue_lines.labels(self.server.name, kind).inc(how_many)

    def _told(self, result: str, how_many: int) -> None:
        self._shared.counters.acknowledgements.labels(self.server.name, result).inc(how_many)


def _line(queued: QueuedCommand) -> Line:
    return Line(
        attempt_id=queued.attempt_id,
        text=queued.command,
        online_only=queued.online_only,
        steam_id=None if queued.steam_id is None else str(queued.steam_id),
        minecraft_uuid=queued.minecraft_uuid,
        customer_name=queued.customer_name,
    )
