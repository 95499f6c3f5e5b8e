"""`perkd store inventory assign-bulk`: many products to many customers from a CSV, and which lines went through."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...paynow import BulkAssignment, Limited
from ..errors import Code, NotWell
from ..options import Config, Json, Yes
from ..output import confirm, many, say, say_json, warn
from ..progress import progress
from .bulk import LineSaid, LineState, Words, Work, after_the_kill, carry_out, patiently, report
from .items import HIDDEN
from .remainder import lines_text
from .rows import ASSIGNMENT_COLUMNS, Line, Rows, read_assignments
from .sending import Record, recorded
from .session import Desk, ask, desk

if TYPE_CHECKING:
    from ...paynow import Management, Marks, RowResult

File = Annotated[
    Path, typer.Argument(metavar="FILE", readable=False, help=f"CSV with a header: {', '.join(ASSIGNMENT_COLUMNS)}.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only check the file; send nothing.")]

VERB = "store inventory assign-bulk"
WORDS = Words(
    of={
        LineState.DONE: "assigned",
        LineState.PART: "part",
        LineState.UNDONE: "not assigned",
        LineState.UNKNOWN: "unknown",
    },
    ids="item_ids",
    look="The store may have made these items or not: look at `perkd store inventory show ID` of each customer",
    again=f"perkd {VERB} {{file}}",
)


def assign_bulk(
    file: File, *, dry_run: DryRun = False, yes: Yes = False, config: Config = None, json: Json = False
) -> None:
    """Give many customers products, from a CSV file.

    customer_id and product_version_id must be there. The whole file is checked first. When the store fails in the
    middle, perkd says which lines went through and writes the others to FILE.rest.csv. Exits 1 then. Until it has said
    that, FILE.sending notes what is being sent: after a run that was killed, the same command sends nothing, asks the
    store what was made, and says the same.
    """
    with recorded(file, VERB) as record:
        _with_record(file, record, config, dry_run=dry_run, yes=yes, json=json)


def _with_record(file: Path, record: Record, config: Path | None, *, dry_run: bool, yes: bool, json: bool) -> None:
    rows = read_assignments(file, record.started_at)
    record.fits(line.number for line in rows.lines)
    bodies = [line.body for line in rows.lines]
    items = sum(one.quantity for one in bodies)
    customers = len({one.customer_id for one in bodies})
    if record.killed is None:
        _doubts(rows.lines)
    what = f"{many(items, 'item')} to {many(customers, 'customer')} ({many(len(bodies), 'row')})"
    if dry_run:
        if record.killed is not None:
            warn(f"{record.story()} Without --dry-run this says what went through, and sends nothing")
        if json:
            say_json({"file": str(file), "rows": len(bodies), "items": items, "customers": customers})
        else:
            say(f"{file} has no mistakes: it would assign {what}. Nothing was sent")
        return
    where = desk(config)
    record.for_store(where.store.id)
    if record.killed is not None:
        work = after_the_kill(record, lambda: _read_back(where, record, rows.lines))
        report(file, rows.header, _rests(rows, work), work, WORDS, record, json=json)
        return
    if not confirm(
        f"Assign {what}?",
        yes=yes,
        instead=f"this assigns {what} and nobody can be asked here: add --yes if you mean it, or --dry-run",
    ):
        raise NotWell(Code.DECLINED, "nothing was sent")
    with progress(len(bodies), "assigning", f"through {{done}} of {many(len(bodies), 'row')}") as step:
        work = carry_out(where, lambda management, work: _assign(management, work, rows.lines, step, record), record)
    report(file, rows.header, _rests(rows, work), work, WORDS, record, json=json)


def _read_back(where: Desk, record: Record, lines: Sequence[Line[BulkAssignment]]) -> list[LineSaid]:
    """What the store made of the lines that were being sent. Raises CliError."""
    killed = record.killed
    assert killed is not None  # noqa: S101 - the caller looked
    if killed.before is None:  # somebody took it out: there is nothing to compare with
        return [LineSaid(line, LineState.UNKNOWN) for line in killed.sending]
    before = killed.before if isinstance(killed.before, str) else {who: {*ids} for who, ids in killed.before.items()}
    piece = [(place, line.body) for place, line in enumerate(lines) if line.number in killed.sending]

    async def look(management: "Management") -> list[LineSaid]:
        from ...paynow import read_back  # noqa: PLC0415 - it brings the HTTP client

        return [_said(lines[row.place].number, row) for row in await read_back(management.items, piece, before)]

    return ask(where, look)


async def _assign(
    management: "Management",
    work: Work,
    lines: Sequence[Line[BulkAssignment]],
    step: Callable[[int], None],
    record: Record,
) -> None:
    from ...paynow import RowState, assign_bulk as sent_in_pieces  # noqa: PLC0415 - they bring the HTTP client

    async def once() -> None:
        left = lines[len(work.results) :]

        def note(places: Sequence[int], before: "Marks") -> None:
            sending = [left[place].number for place in places]
            record.write([said.line for said in work.results], sending, before)
            work.sending = sending

        async for piece in sent_in_pieces(management.items, [line.body for line in left], note):
            work.sending = ()
            if isinstance(piece.error, Limited) and all(row.state is RowState.NOT_ASSIGNED for row in piece.rows):
                raise piece.error
            work.results += [_said(left[row.place].number, row) for row in piece.rows]
            step(sum(row.state is RowState.ASSIGNED for row in piece.rows))
            if piece.error is not None:
                work.error, work.at = piece.error, [left[row.place].number for row in piece.rows]
            else:
                record.write([said.line for said in work.results])

    await patiently(work, once)


def _said(number: int, result: "RowResult") -> LineSaid:
    from ...paynow import RowState  # noqa: PLC0415 - whoever made the result has it already

    state = {
        RowState.ASSIGNED: LineState.DONE,
        RowState.PART: LineState.PART,
        RowState.NOT_ASSIGNED: LineState.UNDONE,
        RowState.UNKNOWN: LineState.UNKNOWN,
    }[result.state]
    return LineSaid(number, state, result.item_ids)


def _rests(rows: Rows[BulkAssignment], work: Work) -> dict[int, Mapping[str, str]]:
    """What is still to be sent of each line: of a part only what is missing."""
    made = {said.line: len(said.ids) for said in work.results if said.state is LineState.PART}
    return {
        line.number: {**line.cells, "quantity": str(line.body.quantity - made[line.number])}
        if line.number in made
        else line.cells
        for line in rows.lines
    }


def _doubts(lines: Sequence[Line[BulkAssignment]]) -> None:
    seen: set[str] = set()
    again = []
    for line in lines:
        key = line.body.model_dump_json()
        if key in seen:
            again.append(line.number)
        seen.add(key)
    if again:
        warn(f"{lines_text(again)}: the same as an earlier line. Each is assigned once more")
    if hidden := [line.number for line in lines if line.body.hidden]:
        warn(f"skip_commands in {lines_text(hidden)}: {HIDDEN}")
