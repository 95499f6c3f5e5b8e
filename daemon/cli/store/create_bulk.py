"""`perkd store customers create-bulk`: many new customers from a CSV, and which lines the store confirmed."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...paynow import BULK_CUSTOMERS, ConfirmedInPart, CustomerFields, StoreError
from ..errors import Code, NotWell
from ..options import Config, Json, Yes
from ..output import confirm, many, say, say_json, warn
from ..progress import progress
from .bulk import LineSaid, LineState, Words, Work, after_the_kill, carry_out, patiently, report
from .rows import CUSTOMER_COLUMNS, METADATA, Line, read_new_customers
from .sending import Record, recorded
from .session import LOST, desk

if TYPE_CHECKING:
    from ...paynow import Management

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        readable=False,
        help=f"CSV with a header, some of {', '.join(CUSTOMER_COLUMNS)} and {METADATA}KEY.",
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
    look="The store may have made these customers or not: look with `perkd store customers lookup`",
    again=f"perkd {VERB} {{file}}",
)


def create_bulk(
    file: File, *, dry_run: DryRun = False, yes: Yes = False, config: Config = None, json: Json = False
) -> None:
    """Make many customers, from a CSV file.

    The store cannot delete one. The whole file is checked first. When the store fails in the middle, perkd says which
    lines went through and writes the others to FILE.rest.csv. Exits 1 then. Until it has said that, FILE.sending notes
    what is being sent: after a run that was killed, the same command sends nothing, and says which lines went through
    and which the store may have made or not.
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
            warn(f"{record.story()} Without --dry-run this says what went through, and sends nothing")
        if json:
            say_json({"file": str(file), "rows": len(rows.lines)})
        else:
            say(f"{file} has no mistakes: it would make {what}. Nothing was sent")
        return
    where = desk(config)
    record.for_store(where.store.id)
    if record.killed is not None:
        in_flight = [LineSaid(line, LineState.UNKNOWN) for line in record.killed.sending]  # the store has no way to ask
        work = after_the_kill(record, lambda: in_flight)
        report(file, rows.header, rests, work, WORDS, record, json=json)
        return
    if not confirm(
        f"Make {what}? The store cannot delete one.",
        yes=yes,
        instead=f"this makes {what}, which the store cannot delete, and nobody can be asked here: add --yes if you "
        "mean it, or --dry-run",
    ):
        raise NotWell(Code.DECLINED, "nothing was sent")
    with progress(len(rows.lines), "making customers", f"through {{done}} of {many(len(rows.lines), 'row')}") as step:
        work = carry_out(where, lambda management, work: _create(management, work, rows.lines, step, record), record)
    report(file, rows.header, rests, work, WORDS, record, json=json)


async def _create(
    management: "Management",
    work: Work,
    lines: Sequence[Line[CustomerFields]],
    step: Callable[[int], None],
    record: Record,
) -> None:
    def note() -> None:
        sending = [said.line for said in _piece_after(work, lines, LineState.UNDONE)]
        record.write([said.line for said in work.results], sending)
        work.sending = sending

    async def once() -> None:
        note()
        async for made in management.customers.create_many([line.body for line in lines[len(work.results) :]]):
            piece = _piece_after(work, lines, LineState.DONE)
            if len(made) != len(piece):
                work.at = [said.line for said in piece]
                work.results += [LineSaid(number, LineState.UNKNOWN) for number in work.at]
                raise ConfirmedInPart(f"the store confirmed {len(made)} of {len(piece)} customers and gave no reason")
            work.results += [
                LineSaid(said.line, said.state, (customer.id,)) for said, customer in zip(piece, made, strict=True)
            ]
            note()
            step(len(piece))

    try:
        await patiently(work, once)
    except StoreError as error:
        piece = _piece_after(work, lines, LineState.UNKNOWN)
        work.at = work.at or [said.line for said in piece]
        work.results += piece if isinstance(error, LOST) else []
        raise


def _piece_after(work: Work, lines: Sequence[Line[CustomerFields]], state: LineState) -> list[LineSaid]:
    """The lines of the piece that was sent after the results."""
    done = len(work.results)
    return [LineSaid(line.number, state) for line in lines[done : done + BULK_CUSTOMERS]]
