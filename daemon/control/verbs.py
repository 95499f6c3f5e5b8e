"""What only an operator may ask of the running daemon: retry, done, skip, release the brake, change customers.

`server` calls these for the command line. A person decides each of them, so each is an event in the ledger.
"""

from collections.abc import Sequence

from ..config import TokenEntry
from ..core.changes import Draft, Hold, HoldingChange, HoldingKey, Origin, Turn
from ..core.commands import Scene, Spot, again
from ..core.model import PerkKind, Profile, Server, State, Step, Target
from ..core.places import target_of
from ..ledger import CommandDetail, LedgerCode, NotPossible, TokenSource
from ..paynow import Storefront
from ..servers import Probed, probed
from .imports import Imported, import_tokens
from .reload import Parts, Reload


class Verbs:
    """One method for each verb. Raises NotPossible with the reason, or StoreError if the store did not answer well."""

    def __init__(self, parts: Parts, store: Storefront, reload: Reload) -> None:
        self._ledger, self._reconciler, self._polling, self._fleet = (
            parts.ledger,
            parts.reconciler,
            parts.polling,
            parts.fleet,
        )
        self._store, self._now, self.reload = store, parts.clock.now, reload

    async def retry(self, command_id: int) -> CommandDetail:
        """Renders the command again with the current config and plans it again."""
        row = await self._row(command_id)
        if row.origin is Origin.STORE:
            return await self._retry_line(row)
        known = await self._ledger.observations.known(row.customer_id, self._reconciler.rules.players)
        rules = self._reconciler.rules
        if target_of(row.server) is not Target.CHOSEN and not rules.catalogue.members(row.server):
            raise NotPossible(LedgerCode.SERVER_GONE, _gone(row))
        scene = Scene(
            known=known,
            catalogue=rules.catalogue,
            whos=rules.whos(known.profile),
            adapters=rules.adapters,
            now=self._now(),
        )
        draft = again(_change_of(row), Step(row.step), Spot(row.source, row.position, row.step_size), scene)
        if draft is None:
            raise NotPossible(
                LedgerCode.NOT_IN_CONFIG,
                f"command {command_id}: in the current config, perk {row.perk!r} has no such command (it was: "
                f"{row.source}); `perkd commands skip` or `done` closes it",
            )
        if draft.state is State.BLOCKED:
            raise NotPossible(LedgerCode.BLOCKED_AGAIN, f"command {command_id} would be blocked again: {draft.reason}")
        self._fleet.wake([await self._ledger.commands.retry(command_id, draft, self._now())])
        return await self._row(command_id)

    async def _retry_line(self, row: CommandDetail) -> CommandDetail:
        """Plans the same text again: a line of the store has no template, and no config changes it."""
        if row.hold is Hold.LINE:
            raise NotPossible(
                LedgerCode.LINE_UNSENDABLE,
                f"command {row.id} is a line of the store that cannot be sent ({row.reason}): change it in the store's "
                "dashboard; `perkd commands skip` or `done` acknowledges this one",
            )
        if not self._reconciler.rules.catalogue.members(row.server):
            raise NotPossible(LedgerCode.SERVER_GONE, _gone(row))
        draft = Draft(
            step=Step.GRANT,
            position=row.position,
            text=row.text,
            state=State.PLANNED,
            repeatable=False,
            online_s=row.online_s,
            source=row.source,
        )
        self._fleet.wake([await self._ledger.commands.retry(row.id, draft, self._now())])
        return await self._row(row.id)

    async def done(self, command_id: int) -> CommandDetail:
        """Marks the command as delivered: the operator saw that it worked."""
        return await self._close(command_id, State.DELIVERED)

    async def skip(self, command_id: int) -> CommandDetail:
        """Drops the command: the operator does not want it any more."""
        return await self._close(command_id, State.VOID)

    async def release_brake(self) -> int:
        """Plans the commands that the brake stopped. Returns how many."""
        freed = await self._reconciler.release_brake()
        self._fleet.wake(self._reconciler.rules.catalogue.servers)
        return freed

    async def add_customer(self, entry: TokenEntry) -> tuple[Profile, bool]:
        """Asks the store whose token it is, then polls that customer. False: perkd polled them already."""
        profile = await self._store.customer(entry.token)
        new, row = await self._ledger.roll.add(entry, TokenSource.OPERATOR, profile, self._now())
        await self._polling.take_in(row)
        return profile, new

    async def import_customers(self, entries: Sequence[TokenEntry]) -> Imported:
        """Adds as many, in their order, as the store confirms in a short time, but at least one."""
        return await import_tokens(entries, self._ledger.roll, self._polling, self._store, self._now)

    def servers(self) -> list[Server]:
        """The game servers the daemon runs now."""
        return [server.settings for server in self._fleet.servers.values()]

    async def probe(self, name: str) -> Probed:
        """What the server answers now, over the daemon's existing connection. Never opens a new one."""
        server = self._fleet.servers.get(name)
        if server is None:
            raise NotPossible(
                LedgerCode.NO_SERVER,
                f"the daemon has no server {name!r}: `perkd status` lists its servers, `perkd reload` adds new ones",
            )
        return await probed(server.link)

    async def remove_customer(self, customer_id: str, *, revoke: bool) -> int:
        """Stops polling the customer. Without `revoke`, perks end at their known ends; with it, perkd takes everything
        away now. Returns how many commands that planned."""
        removed, still = await self._ledger.roll.remove(customer_id, self._now())
        await self._polling.take_out(customer_id, still)
        if not revoke:
            if not removed:
                raise NotPossible(
                    LedgerCode.NO_CUSTOMER, f"no customer {customer_id} is polled: `perkd customers list` shows them"
                )
            return 0
        passed = await self._reconciler.take_away(customer_id)  # only now: a running poll would give it all back
        still = await self._ledger.roll.of(customer_id)  # the customer's known ends do not matter any more
        await self._polling.take_out(customer_id, still)
        self._fleet.wake(passed.recorded.servers)
        return passed.recorded.planned + passed.recorded.blocked

    async def _close(self, command_id: int, state: State) -> CommandDetail:
        self._fleet.wake([await self._ledger.commands.close(command_id, state, self._now())])
        return await self._row(command_id)

    async def _row(self, command_id: int) -> CommandDetail:
        row = await self._ledger.commands.get(command_id)
        if row is None:
            raise NotPossible(
                LedgerCode.NO_COMMAND, f"there is no command {command_id}: `perkd commands list` shows them"
            )
        return row


def _gone(row: CommandDetail) -> str:
    return (
        f"command {row.id} is for {row.server!r}, which is not in the config: put the server back, or drop the command "
        "with `perkd commands skip`"
    )


def _change_of(row: CommandDetail) -> HoldingChange:
    """The change that this command was recorded for, with the fields that rendering needs."""
    return HoldingChange(
        turn=Turn.OPEN if row.step == Step.GRANT else Turn.END,
        key=HoldingKey(row.player, row.effect, row.place, row.key_item),
        kind=PerkKind.ONCE if row.key_item else PerkKind.LASTING,
        perk=row.perk,
        item_id=row.item_id,
        cause=row.cause,
        reason=row.end_reason,
        stored_values=row.identity,
    )
