"""`perkd customers`: who is polled. A token comes by stdin, a hidden prompt or a file, never by the command line."""

import re
import sys
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
    help="Whose inventory is read: add, import, list, remove.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)

Name = Annotated[str, typer.Option("--name", help="Your own name for this token.")]
Note = Annotated[str, typer.Option("--note", help="A note of your own.")]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="PATH", readable=False, help="A file that holds the token, alone."),
]
CustomerId = Annotated[str, typer.Argument(metavar="ID", help="The customer's id, as `perkd customers list` shows it.")]
Everybody = Annotated[bool, typer.Option("--all", help="Also those who were removed.")]
Revoke = Annotated[bool, typer.Option("--revoke", help="Also take away what the customer holds, now.")]

TYPE_IT = "The customer's token (not shown): "


@app.command(context_settings={"allow_extra_args": True})
def add(
    context: typer.Context, name: Name = "", note: Note = "", token_file: TokenFile = None, config: Config = None
) -> None:
    """Poll one more customer, by his token.

    The token comes from stdin, a hidden prompt or --token-file, never by the command line.
    """
    if context.args:
        raise WrongUse(
            Code.TOKEN_ON_COMMAND_LINE,
            "a token does not belong on the command line, where others and the shell's history see it. Pipe it in, or "
            "run `perkd customers add` and paste it. If this was a real token, make a new one",
        )
    daemon = Daemon(config)
    token = _clean(_read(token_file))
    added = daemon.post("/customers", {"token": token, "name": name, "note": note})
    who = f"{printable(added['name'])} (customer {added['customer_id']})"
    if added["new"]:
        say(f"{who} is polled from now on")
    else:
        say(f"{who} was polled with this token already; nothing changed but the name or note you gave")


app.command(name="import")(importing.import_)


@app.command(name="list")
def list_(*, everybody: Everybody = False, config: Config = None, json: Json = False) -> None:
    """Who is polled, and what was read."""
    answer = Daemon(config).get("/customers")
    if json:
        say_json(answer)
    else:
        _show([row for row in answer["customers"] if everybody or row["removed_at"] is None])


def _show(rows: list[dict[str, Any]]) -> None:
    if not rows:
        say("nobody is polled: `perkd customers add` adds a customer, [customers] tokens names a file of them")
        return
    head = ("customer", "name", "source", "items", "holdings", "added", "last read", "note")
    table(head, [_row(row) for row in rows], below=("note",))


@app.command()
def remove(customer_id: CustomerId, *, revoke: Revoke = False, yes: Yes = False, config: Config = None) -> None:
    """Stop polling a customer.

    Sends nothing: what has a known end still ends then. --revoke takes everything away now.
    """
    if not re.fullmatch(r"[0-9]{1,19}", customer_id):
        raise WrongUse(
            Code.BAD_VALUE,
            f"{printable(customer_id)!r} is not a customer id (1 to 19 digits): `perkd customers list` shows them",
            options=["ID"],
        )
    daemon = Daemon(config)
    rows = [row for row in daemon.get("/customers")["customers"] if row["customer_id"] == customer_id]
    in_use = [row for row in rows if row["removed_at"] is None]
    who = f"{printable(rows[0]['name'])} (customer {customer_id})" if rows else f"customer {customer_id}"
    if revoke and not confirm(
        f"Stop polling {who} and take away everything held, {many(rows[0]['holdings'] if rows else 0, 'holding')}?",
        yes=yes,
        instead="--revoke takes perks away and nobody can be asked here: add --yes if you mean it",
    ):
        raise NotWell(Code.DECLINED, "nothing was changed")
    planned = daemon.delete(f"/customers/{customer_id}", {"revoke": "true" if revoke else "false"})["commands"]
    say(f"{who} is not polled any more")
    if revoke:
        say(f"{many(planned, 'command')} planned to take away: `perkd commands list --customer {customer_id}`")
    else:
        say("nothing was taken away; what has a known end still ends then")
    if any(row["source"] == "file" for row in in_use):
        warn(
            "the token stands in the file of [customers] tokens: take it out there too, or the next start adds it again"
        )


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
            warn(f"{token_file} can be read by others: chmod 600, or delete it now that it is read")
        return text
    if sys.stdin.isatty():
        return getpass(TYPE_IT)
    return sys.stdin.read()


def _clean(pasted: str) -> str:
    """The token without what pasting adds; says so. No message holds the token."""
    token = pasted.strip().strip("\"'").strip()
    if not token:
        raise WrongUse(
            Code.BAD_TOKEN, "no token came: pipe it in, name a file with --token-file, or paste it at the prompt"
        )
    if len(token.split()) > 1:
        raise WrongUse(
            Code.BAD_TOKEN,
            f"{len(token.split())} words came, a token is one: leave out what stands before it, and add one "
            "customer at a time",
        )
    if not (token.isascii() and token.isprintable()):
        raise WrongUse(Code.BAD_TOKEN, "the token has a character no token has: copy it again")
    if token != pasted.removesuffix("\n").removesuffix("\r"):
        warn("spaces, quotes or line ends around the token were left out")
    return token
