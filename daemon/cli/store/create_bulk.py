"""`perkd store customers create-bulk`: creates many customers from a CSV, and reports the result of each line."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...paynow import BULK_CUSTOMERS, ConfirmedInPart, CustomerFields, StoreError
from ..errors import Code, NotWell
from ..options import Config, Json, Yes
from ..output import confirm, many, say, say_json, warn
from ..progress import progress
from .bulk import LineResult, LineState, Words, Work, after_the_kill, carry_out, patiently, report
from .rows import CUSTOMER_COLUMNS, METADATA, FileRow, read_new_customers
from .sending import Record, recorded
from .session import LOST, access_of

if TYPE_CHECKING:
    from ...paynow import Management

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        readable=False,
        help=f"CSV with a header; possible columns: {', '.join(CUSTOMER_COLUMNS)} and {METADATA}KEY.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only check the file; send nothing.")]

VERB = "store customers create-bulk"
WORDS = Words(
    of={
        LineState.DONE: "made",
        LineState.PART: "part",
        LineState.UNDONE: "not made",
        LineState.UNKNOWN: "unknown",
    },
    ids="customer_ids",
    look="Perhaps the store created these customers, perhaps not: check with `perkd store customers lookup`",
    again=f"perkd {VERB} {{file}}",
)


def create_bulk(
    file: File, *, dry_run: DryRun = False, yes: Yes = False, config: Config = None, json: Json = False
) -> None:
    """Create many customers from a CSV file.

    The store cannot delete a customer. perkd checks the whole file before it sends anything. If the store fails in the
    middle, perkd lists the lines that went through, writes the others to FILE.rest.csv, and exits with 1.

    While it works, FILE.sending records what is being sent. If perkd was killed, run the same command again: it sends
    nothing, and lists the lines that went through and the lines whose result is unknown.
    """
    with recorded(file, VERB) as record:
        _with_record(file, record, config, dry_run=dry_run, yes=yes, json=json)


def _with_record(file: Path, record: Record, config: Path | None, *, dry_run: bool, yes: bool, json: bool) -> None:
    rows = read_new_customers(file)
    record.fits(line.number for line in rows.lines)
    rests = {line.number: line.cells for line in rows.lines}
    what = many(len(rows.lines), "customer")
    if dry_run:
        if record.killed is not None:
            warn(f"{record.story()} Without --dry-run, this command reports what went through, and sends nothing")
        if json:
            say_json({"file": str(file), "rows": len(rows.lines)})
        else:
            say(f"{file} has no mistakes: it would create {what}. Nothing was sent")
        return
    where = access_of(config)
    record.for_store(where.store.id)
    if record.killed is not None:
        in_flight = [LineResult(line, LineState.UNKNOWN) for line in record.killed.sending]
        work = after_the_kill(record, lambda: in_flight)
        report(file, rows.header, rests, work, WORDS, record, json=json)
        return
    if not confirm(
        f"Create {what}? The store cannot delete a customer.",
        yes=yes,
        instead=f"this creates {what}, which the store cannot delete, and there is no terminal to ask on: add --yes to "
        "confirm, or --dry-run",
    ):
        raise NotWell(Code.DECLINED, "nothing was sent")
    with progress(len(rows.lines), "creating customers", f"done: {{done}} of {many(len(rows.lines), 'row')}") as step:
        work = carry_out(where, lambda management, work: _create(management, work, rows.lines, step, record), record)
    report(file, rows.header, rests, work, WORDS, record, json=json)


async def _create(
    management: "Management",
    work: Work,
    lines: Sequence[FileRow[CustomerFields]],
    step: Callable[[int], None],
    record: Record,
) -> None:
    def note() -> None:
        sending = [result.line for result in _piece_after(work, lines, LineState.UNDONE)]
        record.write([result.line for result in work.results], sending)
        work.sending = sending

    async def once() -> None:
        note()
        async for made in management.customers.create_many([line.body for line in lines[len(work.results) :]]):
            piece = _piece_after(work, lines, LineState.DONE)
            if len(made) != len(piece):
                work.at = [result.line for result in piece]
                work.results += [LineResult(number, LineState.UNKNOWN) for number in work.at]
                raise ConfirmedInPart(f"the store confirmed {len(made)} of {len(piece)} customers and gave no reason")
            work.results += [
                LineResult(result.line, result.state, (customer.id,))
                for result, customer in zip(piece, made, strict=True)
            ]
            note()
            step(len(piece))

    try:
        await patiently(work, once)
    except StoreError as error:
        piece = _piece_after(work, lines, LineState.UNKNOWN)
        work.at = work.at or [result.line for result in piece]
        work.results += piece if isinstance(error, LOST) else []
        raise


def _piece_after(work: Work, lines: Sequence[FileRow[CustomerFields]], state: LineState) -> list[LineResult]:
    """The lines of the piece that comes after the results so far."""
    done = len(work.results)
    return [LineResult(line.number, state) for line in lines[done : done + BULK_CUSTOMERS]]
