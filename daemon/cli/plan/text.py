"""Prints the plan as text: what was compared, each command, the counts, and the brake last."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from ...config import Settings
from ...core.model import FirstSeen, PerkKind, State
from ...ledger import CommandRow
from ..output import Style, lasting, many, printable, say, table
from .work import Plan

NAMED = 5  # customers named one by one; the rest are counted


def show(made: Plan, path: Path, found: Settings) -> None:
    """Prints the whole plan."""
    say(f"The plan for {path}. Nothing is sent, nothing is written.", style=Style.HEAD)
    for line in _basis(made, found):
        say(line)
    for (server, perk), rows in groupby(sorted(made.commands, key=_place), key=_place):
        say()
        say(f"{server}, {perk}:")
        for row in rows:
            _command(row)
    say()
    counts = made.counts()
    if counts:
        head = ("server", "perk", "grant", "revoke", "count as given", "blocked commands")
        table(head, [(server, perk, *map(str, numbers.values())) for (server, perk), numbers in counts.items()])
    else:
        say("Nothing to do: customers have what they own.")
    for line in _waiting(made):
        say(line)
    _brake(made)


def show_first_start(found: Settings) -> None:
    """Prints what the first start would do; there is no ledger to compare with yet."""
    tokens = found.customers.tokens
    say(f"There is no ledger at {found.ledger.path} yet, so there is nothing to compare. Nothing is sent or written.")
    if tokens:
        say(
            f"The first `perkd run` makes the ledger and asks the store for {many(len(tokens), 'customer')}. Then perkd"
        )
    else:
        say("The first `perkd run` makes the ledger and waits for `perkd customers add`. For each customer, it then")
    lasting_perks = [perk.name for perk in found.perks if perk.kind is PerkKind.LASTING]
    once = [perk.name for perk in found.perks if perk.kind is PerkKind.ONCE]
    if lasting_perks:
        say(f"  gives the lasting perks to everybody who owns them: {', '.join(lasting_perks)}")
    if once and found.customers.first_seen is FirstSeen.ADOPT:
        say(f"  counts earlier purchases of these perks as given already (kind once): {', '.join(once)}")
    elif once:
        say(f"  gives these perks for every purchase ever made (kind once, first_seen deliver): {', '.join(once)}")
    if tokens:
        say("`perkd plan --fresh` asks the store now and shows the commands.")


def _basis(made: Plan, found: Settings) -> Sequence[str]:
    lines = []
    if made.first_start:
        lines.append(f"There is no ledger at {found.ledger.path} yet: this is what the first start would do.")
    if made.fresh:
        lines.append(f"Compared with {many(made.compared, 'inventory', 'inventories')} read from the store just now.")
    else:
        age = f", the oldest {lasting(datetime.now(UTC) - made.oldest_read_at)} ago" if made.oldest_read_at else ""
        lines.append(
            f"Compared with {many(made.compared, 'inventory', 'inventories')} as last read{age}. "
            "--fresh asks the store now."
        )
    if made.unread:
        lines.append(
            f"Not read from the store yet, so not in the plan: {many(len(made.unread), 'customer')} "
            f"({_some(made.unread)}). --fresh asks for them."
        )
    lines += [f"Could not be read: {printable(label)}: {printable(why)}" for label, why in made.failed]
    return lines


def _command(row: CommandRow) -> None:
    say(f"  {row.step:<7} {printable(row.text)}", style=Style.DOUBTFUL if row.state == State.BLOCKED else Style.PLAIN)
    if row.state == State.BLOCKED:
        say(f"          blocked (customer {row.customer_id}): {printable(row.reason)}")


def _waiting(made: Plan) -> Sequence[str]:
    lines = []
    if made.waiting:
        lines.append(f"{many(made.waiting, 'command waits', 'commands wait')} in the ledger already and would be sent.")
    for rows, what in (
        (made.voided, "would become void, because the opposite is wanted now"),
        (made.stopped, "would be blocked"),
        (made.freed, "would be planned again"),
    ):
        if rows:
            lines.append(f"Of the commands that wait already, {len(rows)} {what}. Ids: {_some_ids(rows)}.")
    return lines


def _brake(made: Plan) -> None:
    brake = made.brake
    if made.brake_trips:
        say()
        say(f"THE BRAKE WOULD COME ON: {brake.reason}.", style=Style.BAD)
        say(f"{many(brake.blocked, 'command')} would wait for `perkd brake release`.")
    elif brake.on_at is not None:
        say()
        say(f"The brake is on: {brake.reason}. {many(brake.blocked, 'command')} would wait for `perkd brake release`.")


def _place(row: CommandRow) -> tuple[str, str]:
    return row.server, row.perk


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(map(printable, names[:NAMED])) + more


def _some_ids(rows: Sequence[CommandRow]) -> str:
    return _some([str(row.id) for row in rows])
