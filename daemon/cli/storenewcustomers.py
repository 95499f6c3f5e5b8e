"""`perkd store customers create-bulk`: many new customers from a CSV, and which lines the store confirmed."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..paynow.errors import StoreError
from ..paynow.requests import BULK_CUSTOMERS, CustomerFields
from .errors import NotWell
from .options import Config, Json, Yes
from .output import confirm, many, say, say_json
from .progress import progress
from .storebulk import UNKNOWN, LineSaid, Words, Work, carry_out, patiently, report
from .storedesk import LOST, desk
from .storerows import CUSTOMER_COLUMNS, METADATA, Line, read_new_customers

if TYPE_CHECKING:
    from ..paynow.management import Management

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        readable=False,
        help=f"CSV with a header, some of {', '.join(CUSTOMER_COLUMNS)} and {METADATA}KEY.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only check the file; send nothing.")]

WORDS = Words(
    done="made",
    undone="not made",
    part="part",
    ids="customer_ids",
    look="The store may have made these customers or not: look with `perkd store customers lookup`",
    again="perkd store customers create-bulk {file}",
)


def create_bulk(
    file: File, *, dry_run: DryRun = False, yes: Yes = False, config: Config = None, json: Json = False
) -> None:
    """Make many customers, from a CSV file.

    The store cannot delete one. The whole file is checked first. When the store fails in the middle, perkd says which
    lines went through and writes the others to FILE.rest.csv. Exits 1 then.
    """
    rows = read_new_customers(file)
    what = many(len(rows.lines), "customer")
    if dry_run:
        if json:
            say_json({"file": str(file), "rows": len(rows.lines)})
        else:
            say(f"{file} is well: it would make {what}. Nothing was sent")
        return
    where = desk(config)
    if not confirm(
        f"Make {what}? The store cannot delete one.",
        yes=yes,
        instead=f"this makes {what}, which the store cannot delete, and nobody can be asked here: add --yes if you "
        "mean it, or --dry-run",
    ):
        raise NotWell("nothing was sent")
    with progress(len(rows.lines), "making customers", f"through {{done}} of {many(len(rows.lines), 'row')}") as step:
        work = carry_out(where, lambda management, work: _create(management, work, rows.lines, step), WORDS)
    if work.interrupted:
        work.results += _piece_after(work, rows.lines, UNKNOWN)
    report(file, rows.header, {line.number: line.cells for line in rows.lines}, work, WORDS, json=json)


async def _create(
    management: "Management", work: Work, lines: Sequence[Line[CustomerFields]], step: Callable[[int], None]
) -> None:
    async def once() -> None:
        async for made in management.customers.create_many([line.body for line in lines[len(work.results) :]]):
            piece = _piece_after(work, lines, WORDS.done)
            if len(made) != len(piece):
                work.at = [said.line for said in piece]
                work.results += [LineSaid(number, UNKNOWN) for number in work.at]
                raise StoreError(f"the store confirmed {len(made)} of {len(piece)} customers and gave no reason")
            work.results += [
                LineSaid(said.line, said.state, (customer.id,)) for said, customer in zip(piece, made, strict=True)
            ]
            step(len(piece))

    try:
        await patiently(work, once)
    except StoreError as error:
        piece = _piece_after(work, lines, UNKNOWN)
        work.at = work.at or [said.line for said in piece]
        work.results += piece if isinstance(error, LOST) else []
        raise


def _piece_after(work: Work, lines: Sequence[Line[CustomerFields]], state: str) -> list[LineSaid]:
    """The lines of the piece that was sent after the results."""
    done = len(work.results)
    return [LineSaid(line.number, state) for line in lines[done : done + BULK_CUSTOMERS]]
