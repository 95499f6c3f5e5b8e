"""Builders for the tests of the ledger: one customer, their holdings, and short helpers to record and read them.

The contract suites use these; they use a ledger only through the protocol of daemon/ledger/base.py.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from perkd.adapters.base import Endpoint, Secret
from perkd.daemon.config.tokens_file import TokenEntry
from perkd.daemon.core.changes import (
    Catalogue,
    Changes,
    Command,
    Draft,
    Hold,
    HoldingChange,
    HoldingKey,
    Known,
    KnownItem,
    Observation,
    Outcome,
    PlannedChange,
    Support,
    Turn,
)
from perkd.daemon.core.model import (
    Cause,
    CommandSpec,
    Item,
    Perk,
    PerkKind,
    Profile,
    Reason,
    Server,
    State,
    Step,
    Template,
)
from perkd.daemon.ledger.base import Recorded
from perkd.daemon.ledger.ledger import Ledger
from perkd.daemon.ledger.reports import command_detail
from perkd.daemon.ledger.rows import CommandDetail, Polled
from perkd.daemon.ledger.sqlite.queries import SQL
from tests import secretwatch

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
ANN, BEN = "411486491630370816", "411486491630370817"
NOBODY_ONLINE: dict[str, datetime] = {}
VIP = HoldingKey("ann", "vip", "survival")


def later(**delta: float) -> datetime:
    """NOW plus a timedelta with these keywords."""
    return NOW + timedelta(**delta)


def profile(customer_id: str = ANN, name: str = "Ann") -> Profile:
    return Profile(customer_id, "94688451781206016", {"customer_name": name})


def token(name: str = "", note: str = "") -> TokenEntry:
    """A new, unique token."""
    return TokenEntry(Secret(secretwatch.mint("a customer token")), name=name, note=note)


def known_item(item_id: str = "1", customer_id: str = ANN, **facts: Any) -> KnownItem:
    """An item as the ledger knows it. `seen_live`, `missing_since`, `first_seen_at` and `renewed_at` are the ledger's
    own facts; all others are facts of the item."""
    words = ("seen_live", "missing_since", "first_seen_at", "renewed_at")
    noticed: dict[str, Any] = {"first_seen_at": NOW} | {word: facts.pop(word) for word in words if word in facts}
    plain: dict[str, Any] = {
        "product_id": "500",
        "slug": "vip-30-days",
        "product_name": "VIP",
        "state": "active",
        "expirable": True,
        "gift": False,
        "added_at": NOW,
        "ends_at": None,
    }
    item = Item(id=item_id, customer_id=customer_id, **(plain | facts))
    return KnownItem(item=item, **noticed)


def support(item_id: str = "1", customer_id: str = ANN, **facts: Any) -> Support:
    plain: dict[str, Any] = {"perk": "vip", "live": True, "joined_at": NOW}
    return Support(item_id=item_id, customer_id=customer_id, **(plain | facts))


def draft(text: str, step: Step = Step.GRANT, position: int = 0, **facts: Any) -> Draft:
    plain: dict[str, Any] = {"state": State.PLANNED}
    return Draft(step=step, position=position, text=text, **(plain | facts))


def blocked(text: str, step: Step = Step.GRANT, position: int = 0, hold: Hold = Hold.VALUE, **facts: Any) -> Draft:
    reason = f"blocked for the test: {hold}"
    return draft(text, step, position, state=State.BLOCKED, hold=hold, reason=reason, **facts)


def steps(step: Step, texts: Sequence[str | Draft], **facts: Any) -> tuple[Draft, ...]:
    """One draft for each text, in order; a draft is used unchanged."""
    return tuple(
        text if isinstance(text, Draft) else draft(text, step, place, **facts) for place, text in enumerate(texts)
    )


def turn(
    turn: Turn,
    key: HoldingKey = VIP,
    *,
    grant: Sequence[str | Draft] = (),
    revoke: Sequence[str | Draft] = (),
    cause: Cause | None = None,
    supports: Iterable[Support] = (),
    values: dict[str, str] | None = None,
    perk: str = "",
    item_id: str = "1",
    **facts: Any,
) -> PlannedChange:
    """The change of one holding with its commands; `facts` apply to every draft given as a text."""
    ends = turn is Turn.END
    change = HoldingChange(
        turn=turn,
        key=key,
        kind=PerkKind.ONCE if key.item_id else PerkKind.LASTING,
        perk=perk or key.effect,
        item_id=key.item_id or item_id,
        cause=cause or (Cause.STATED if ends else Cause.GRANT),
        reason=Reason.REVOKED if ends else None,
        supports=tuple(supports),
    )
    return PlannedChange(
        change=change,
        values={"name": key.player} if values is None else values,
        grant=steps(Step.GRANT, grant, **facts),
        revoke=steps(Step.REVOKE, revoke, **facts),
    )


def opens(*texts: str | Draft, key: HoldingKey = VIP, **facts: Any) -> PlannedChange:
    return turn(Turn.OPEN, key, grant=texts or ("give",), **facts)


def ends(*texts: str | Draft, key: HoldingKey = VIP, **facts: Any) -> PlannedChange:
    return turn(Turn.END, key, revoke=texts or ("take",), **facts)


def seen(*planned: PlannedChange, at: datetime = NOW, customer_id: str = ANN, **facts: Any) -> Observation:
    """An observation of these changes. `items`, `notes`, `recheck_at`, `deadline_at` go into its `Changes`."""
    words = ("items", "notes", "recheck_at", "deadline_at")
    changes = Changes(
        customer_id=customer_id,
        holdings=tuple(one.change for one in planned),
        **{word: facts.pop(word) for word in words if word in facts},
    )
    return Observation(customer_id=customer_id, at=at, changes=changes, planned=planned, **facts)


async def configure(
    ledger: Ledger, servers: Sequence[Server], perks: Sequence[Perk], now: datetime, *, adopt: bool
) -> Catalogue:
    return (await ledger.configure(servers, perks, now, adopt=adopt)).catalogue


async def sync_tokens(ledger: Ledger, entries: Sequence[TokenEntry], now: datetime) -> tuple[int, int]:
    """Makes the tokens of the customers' file exactly these, in a config without servers and perks."""
    made = await ledger.configure((), (), now, adopt=True, tokens=entries)
    return made.added, made.removed


async def polled(ledger: Ledger) -> list[Polled]:
    """Everybody who must be looked at."""
    return [row async for page in ledger.roll.pages(3) for row in page]


async def brake_since(ledger: Ledger) -> datetime | None:
    return (await ledger.observations.brake()).on_at


async def record(ledger: Ledger, *planned: PlannedChange, at: datetime = NOW, **facts: Any) -> Recorded:
    return await ledger.observations.record(seen(*planned, at=at, **facts))


async def claim(
    ledger: Ledger, now: datetime = NOW, online: Collection[str] = NOBODY_ONLINE, server: str = "survival"
) -> Command | None:
    """Claims a command. `online`: player → online since; or only the players, online since NOW."""
    return await ledger.commands.claim(server, now, {player: _since(online, player) for player in online})


def _since(online: Collection[str], player: str) -> datetime:
    found = online[player] if isinstance(online, Mapping) else NOW
    assert isinstance(found, datetime)
    return found


async def claimed(
    ledger: Ledger, now: datetime = NOW, online: Collection[str] = NOBODY_ONLINE, server: str = "survival"
) -> Command:
    """Claims the next command; fails when there is none."""
    command = await claim(ledger, now, online, server)
    assert command is not None
    return command


async def run(ledger: Ledger, state: State, now: datetime = NOW, **facts: Any) -> Command:
    """Claims the next command and settles it."""
    command = await claimed(ledger, now)
    await ledger.commands.settle(command.id, Outcome(state=state, **facts), now)
    return command


async def rows(ledger: Ledger) -> list[CommandDetail]:
    """Every command, oldest first."""
    every = SQL["command_detail"].replace("WHERE c.id = :id", "ORDER BY c.id")
    return await ledger._reader.read(lambda db: [command_detail(row) for row in db.execute(every)])


async def states(ledger: Ledger) -> dict[str, str]:
    """The state of each command by its text; fails when two have the same text."""
    found = [(row.text, row.state) for row in await rows(ledger)]
    assert len(dict(found)) == len(found)
    return dict(found)


async def told(ledger: Ledger, command_id: int) -> list[tuple[str | None, str | None]]:
    """The changes of a command's state, from its events."""
    return [(event.was, event.became) for event in await ledger.reports.events(command_id=command_id)]


async def picture(ledger: Ledger) -> list[tuple[CommandDetail, list[Any]]]:
    """Every command with all its events. When two pictures are equal, nothing changed between them."""
    return [(row, await ledger.reports.events(command_id=row.id)) for row in await rows(ledger)]


async def known(ledger: Ledger, customer_id: str = ANN, *players: str) -> Known:
    return await ledger.observations.known(customer_id, lambda _profile: players)


def server(name: str = "survival", *, runs: bool = False) -> Server:
    """A server. `runs`: it also runs the store's own commands."""
    endpoint = Endpoint("127.0.0.1", 1, Secret("not used here"))
    return Server(name=name, game="minecraft", endpoint=endpoint, run_store_commands=runs)


def spec(text: str, **facts: Any) -> CommandSpec:
    return CommandSpec(run=Template(text, (text,)), **facts)


def perk(name: str = "vip", kind: PerkKind = PerkKind.LASTING, **facts: Any) -> Perk:
    plain: dict[str, Any] = {"products": ("vip-30-days",), "servers": ("survival",), "grant": (spec("give"),)}
    return Perk(name=name, kind=kind, **({"effect": name} | plain | facts))
