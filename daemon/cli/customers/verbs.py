"""`perkd customers`: whom perkd reads. A token comes from stdin, a hidden prompt or a file, never from an argument."""

import re
import sys
from collections.abc import Iterator
from getpass import getpass
from pathlib import Path
from typing import Annotated, Any

import typer

from ...config import SecretError, others_can_read, read_text
from ..asking import Daemon
from ..errors import Code, NotWell, WrongUse
from ..options import Config, Json, Yes
from ..output import clock, confirm, many, printable, say, say_json, table, warn
from . import importing

app = typer.Typer(
    help="Add, list and remove the customers whose inventory perkd reads.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)

Name = Annotated[str, typer.Option("--name", help="Your own name for this token.")]
Note = Annotated[str, typer.Option("--note", help="Your own note.")]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="PATH", readable=False, help="A file that holds only the token."),
]
CustomerId = Annotated[str, typer.Argument(metavar="ID", help="The customer's id, as `perkd customers list` shows it.")]
Everybody = Annotated[bool, typer.Option("--all", help="Also list customers who were removed.")]
Revoke = Annotated[bool, typer.Option("--revoke", help="Also take away now what the customer has.")]

PAGE = "1000"  # customers in one answer
TYPE_IT = "The customer's token (not shown): "


@app.command(context_settings={"allow_extra_args": True})
def add(
    context: typer.Context, name: Name = "", note: Note = "", token_file: TokenFile = None, config: Config = None
) -> None:
    """Add a customer, with a token of theirs.

    The token comes from stdin, a hidden prompt or --token-file, never from the command line.
    """
    if context.args:
        raise WrongUse(
            Code.TOKEN_ON_COMMAND_LINE,
            "do not write a token on the command line: other users and the shell's history can see it there. Pipe it "
            "in, or run `perkd customers add` and paste it. If this was a real token, make a new one",
        )
    daemon = Daemon(config)
    token = _clean(_read(token_file))
    added = daemon.post("/customers", {"token": token, "name": name, "note": note})
    who = f"{printable(added['name'])} (customer {added['customer_id']})"
    if added["new"]:
        say(f"{who} is added: perkd reads their inventory from now on")
    else:
        say(f"{who} was added with this token before; only the name and note that you gave were changed")


app.command(name="import")(importing.import_)


@app.command(name="list")
def list_(*, everybody: Everybody = False, config: Config = None, json: Json = False) -> None:
    """List the customers and what was last read."""
    rows = list(reversed(list(_pages(Daemon(config)))))
    if json:
        say_json({"customers": rows})
    else:
        _show([row for row in rows if everybody or row["removed_at"] is None])


def _pages(daemon: Daemon) -> Iterator[dict[str, Any]]:
    """Every customer, newest first."""
    before = ""
    while before is not None:
        page = daemon.get("/customers", {"limit": PAGE, "before": before})
        yield from page["customers"]
        before = page["next"] and str(page["next"])


def _show(rows: list[dict[str, Any]]) -> None:
    if not rows:
        say("there is no customer yet: `perkd customers add` adds one, and [customers] tokens names a file with many")
        return
    head = ("customer", "name", "source", "items", "holdings", "added", "last read", "note")
    table(head, [_row(row) for row in rows], below=("note",))


@app.command()
def remove(customer_id: CustomerId, *, revoke: Revoke = False, yes: Yes = False, config: Config = None) -> None:
    """Stop reading a customer's inventory.

    Sends nothing. A perk with a known end still ends then. --revoke takes everything away now.
    """
    if not re.fullmatch(r"[0-9]{1,19}", customer_id):
        raise WrongUse(
            Code.BAD_VALUE,
            f"{printable(customer_id)!r} is not a customer id (1 to 19 digits): `perkd customers list` shows them",
            options=["ID"],
        )
    daemon = Daemon(config)
    rows = daemon.get("/customers", {"customer": customer_id})["customers"]
    in_use = [row for row in rows if row["removed_at"] is None]
    who = f"{printable(rows[0]['name'])} (customer {customer_id})" if rows else f"customer {customer_id}"
    if revoke and not confirm(
        f"Remove {who} and take away all their perks ({many(rows[0]['holdings'] if rows else 0, 'holding')})?",
        yes=yes,
        instead="--revoke takes perks away, and there is no terminal to ask on: add --yes to confirm",
    ):
        raise NotWell(Code.DECLINED, "nothing was changed")
    planned = daemon.delete(f"/customers/{customer_id}", {"revoke": "true" if revoke else "false"})["commands"]
    say(f"{who} is removed: perkd does not read their inventory any more")
    if revoke:
        say(f"{many(planned, 'command')} planned to take away: `perkd commands list --customer {customer_id}`")
    else:
        say("nothing was taken away; a perk with a known end still ends then")
    if any(row["source"] == "file" for row in in_use):
        warn("the token is also in the file of [customers] tokens: delete it there, or the next start adds it again")


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    label = row["label"] if row["label"] != row["name"] else None
    note = "; ".join(filter(None, (label, row["note"], "removed" if row["removed_at"] else None)))
    return (
        row["customer_id"] or "not known yet",
        row["name"] or "–",
        row["source"],
        str(row["items"]),
        str(row["holdings"]),
        clock(row["added_at"]),
        clock(row["read_at"]),
        note,
    )


def _read(token_file: Path | None) -> str:
    if token_file is not None:
        try:
            text = read_text(token_file)
        except SecretError as problem:
            raise WrongUse(Code.FILE_UNREADABLE, f"--token-file: found {problem.found}; {problem.fix}") from problem
        if others_can_read(token_file):
            warn(f"other users can read {token_file}: `chmod 600 {token_file}`, or delete it now")
        return text
    if sys.stdin.isatty():
        return getpass(TYPE_IT)
    return sys.stdin.read()


def _clean(pasted: str) -> str:
    """The token without the spaces and quotes that pasting adds; warns about them. No message holds the token."""
    token = pasted.strip().strip("\"'").strip()
    if not token:
        raise WrongUse(
            Code.BAD_TOKEN, "there is no token: pipe it in, name a file with --token-file, or paste it at the prompt"
        )
    if len(token.split()) > 1:
        raise WrongUse(
            Code.BAD_TOKEN,
            f"a token is one word, but these are {len(token.split())} words: leave out the others, and add one "
            "customer at a time",
        )
    if not (token.isascii() and token.isprintable()):
        raise WrongUse(Code.BAD_TOKEN, "the token has a character that no token has: copy it again")
    if token != pasted.removesuffix("\n").removesuffix("\r"):
        warn("perkd left out spaces, quotes or line ends around the token")
    return token
