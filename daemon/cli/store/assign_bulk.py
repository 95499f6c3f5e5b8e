"""`perkd store inventory assign-bulk`: assigns products to customers from a CSV and reports each line's result."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...paynow import BulkAssignment, Limited
from ..errors import Code, NotWell
from ..options import Config, Json, Yes
from ..output import confirm, many, say, say_json, warn
from ..progress import progress
from .bulk import LineResult, LineState, Words, Work, after_the_kill, carry_out, patiently, report
from .items import HIDDEN
from .remainder import lines_text
from .rows import ASSIGNMENT_COLUMNS, FileRow, Rows, read_assignments
from .sending import Record, recorded
from .session import StoreAccess, access_of, ask

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
    look="Perhaps the store assigned these items, perhaps not: check them with `perkd store inventory show ID`",
    again=f"perkd {VERB} {{file}}",
)


def assign_bulk(
    file: File, *, dry_run: DryRun = False, yes: Yes = False, config: Config = None, json: Json = False
) -> None:
    """Give products to many customers, from a CSV file.

    The columns customer_id and product_version_id are required. perkd checks the whole file before it sends anything.
    If the store fails in the middle, perkd lists the lines that went through, writes the others to FILE.rest.csv, and
    exits with 1.

    While it works, FILE.sending records what is being sent. If perkd was killed, run the same command again: it sends
    nothing, asks the store which items exist, and lists the lines in the same way.
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
            warn(f"{record.story()} Without --dry-run, this command reports what went through, and sends nothing")
        if json:
            say_json({"file": str(file), "rows": len(bodies), "items": items, "customers": customers})
        else:
            say(f"{file} has no mistakes: it would assign {what}. Nothing was sent")
        return
    where = access_of(config)
    record.for_store(where.store.id)
    if record.killed is not None:
        work = after_the_kill(record, lambda: _read_back(where, record, rows.lines))
        report(file, rows.header, _rests(rows, work), work, WORDS, record, json=json)
        return
    if not confirm(
        f"Assign {what}?",
        yes=yes,
        instead=f"this assigns {what}, and there is no terminal to ask on: add --yes to confirm, or --dry-run",
    ):
        raise NotWell(Code.DECLINED, "nothing was sent")
    with progress(len(bodies), "assigning", f"done: {{done}} of {many(len(bodies), 'row')}") as step:
        work = carry_out(where, lambda management, work: _assign(management, work, rows.lines, step, record), record)
    report(file, rows.header, _rests(rows, work), work, WORDS, record, json=json)


def _read_back(where: StoreAccess, record: Record, lines: Sequence[FileRow[BulkAssignment]]) -> list[LineResult]:
    """Asks the store what it assigned of the lines that were being sent. Raises CliError."""
    killed = record.killed
    assert killed is not None  # noqa: S101 - the caller checked it
    if killed.before is None:  # somebody deleted it from the record: there is nothing to compare with
        return [LineResult(line, LineState.UNKNOWN) for line in killed.sending]
    before = killed.before if isinstance(killed.before, str) else {who: {*ids} for who, ids in killed.before.items()}
    piece = [(place, line.body) for place, line in enumerate(lines) if line.number in killed.sending]

    async def look(management: "Management") -> list[LineResult]:
        from ...paynow import read_back  # noqa: PLC0415 - it imports the HTTP client

        return [_line_result(lines[row.place].number, row) for row in await read_back(management.items, piece, before)]

    return ask(where, look)


async def _assign(
    management: "Management",
    work: Work,
    lines: Sequence[FileRow[BulkAssignment]],
    step: Callable[[int], None],
    record: Record,
) -> None:
    from ...paynow import RowState, assign_bulk as sent_in_pieces  # noqa: PLC0415 - they import the HTTP client

    async def once() -> None:
        left = lines[len(work.results) :]

        def note(places: Sequence[int], before: "Marks") -> None:
            sending = [left[place].number for place in places]
            record.write([result.line for result in work.results], sending, before)
            work.sending = sending

        async for piece in sent_in_pieces(management.items, [line.body for line in left], note):
            work.sending = ()
            if isinstance(piece.error, Limited) and all(row.state is RowState.NOT_ASSIGNED for row in piece.rows):
                raise piece.error
            work.results += [_line_result(left[row.place].number, row) for row in piece.rows]
            step(sum(row.state is RowState.ASSIGNED for row in piece.rows))
            if piece.error is not None:
                work.error, work.at = piece.error, [left[row.place].number for row in piece.rows]
            else:
                record.write([result.line for result in work.results])

    await patiently(work, once)


def _line_result(number: int, result: "RowResult") -> LineResult:
    from ...paynow import RowState  # noqa: PLC0415 - the caller has imported it already

    state = {
        RowState.ASSIGNED: LineState.DONE,
        RowState.PART: LineState.PART,
        RowState.NOT_ASSIGNED: LineState.UNDONE,
        RowState.UNKNOWN: LineState.UNKNOWN,
    }[result.state]
    return LineResult(number, state, result.item_ids)


def _rests(rows: Rows[BulkAssignment], work: Work) -> dict[int, Mapping[str, str]]:
    """The cells still to be sent of each line; of a line done in part, only the missing quantity."""
    made = {result.line: len(result.ids) for result in work.results if result.state is LineState.PART}
    return {
        line.number: {**line.cells, "quantity": str(line.body.quantity - made[line.number])}
        if line.number in made
        else line.cells
        for line in rows.lines
    }


def _doubts(lines: Sequence[FileRow[BulkAssignment]]) -> None:
    seen: set[str] = set()
    again = []
    for line in lines:
        key = line.body.model_dump_json()
        if key in seen:
            again.append(line.number)
        seen.add(key)
    if again:
        warn(f"{lines_text(again)}: the same as an earlier line. The product is assigned once more for each of them")
    if hidden := [line.number for line in lines if line.body.hidden]:
        warn(f"skip_commands in {lines_text(hidden)}: {HIDDEN}")
