"""`perkd commands`: what was sent and what came of it, and the decisions only a person can make."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from .asking import Daemon
from .errors import CliError, Code, OutOfReach, WrongUse
from .options import Config, Json
from .output import Style, clock, printable, say, say_json, table

app = typer.Typer(
    help="What was sent, and decisions about what perkd does not know.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)

State = Annotated[str, typer.Option("--state", help="Only these: planned, blocked, unknown, refused, answered, …")]
Server = Annotated[str, typer.Option("--server", help="Only this server's.")]
Customer = Annotated[str, typer.Option("--customer", metavar="ID", help="Only this customer's.")]
Limit = Annotated[int, typer.Option("--limit", help="How many, 1 to 1000.")]
Before = Annotated[str, typer.Option("--before", metavar="ID", help="Only those before this command.")]
CommandId = Annotated[str, typer.Argument(metavar="ID")]
CommandIds = Annotated[list[str], typer.Argument(metavar="ID...")]
LARGEST = 2**63 - 1
BESIDE = ("hold",)  # what the socket says of each command in the list beyond the public /commands

DONE = {
    "retry": "planned again",
    "skip": "skipped: it is not sent, and what waited behind it goes on",
    "done": "counts as delivered, and what waited behind it goes on",
}


@app.command(name="list")
def list_(
    *,
    state: State = "",
    server: Server = "",
    customer: Customer = "",
    limit: Limit = 100,
    before: Before = "",
    config: Config = None,
    json: Json = False,
) -> None:
    """Commands, newest first."""
    asked = {"state": state, "server": server, "customer": customer, "limit": str(limit), "before": before}
    answer = Daemon(config).get("/commands", {key: value for key, value in asked.items() if value})
    if json:
        rows = [{key: value for key, value in row.items() if key not in BESIDE} for row in answer["commands"]]
        say_json({**answer, "commands": rows})
    else:
        _show_list(answer, some=any((state, server, customer, before)))


def _show_list(answer: dict[str, Any], *, some: bool) -> None:
    """`some`: not every command was asked for."""
    rows = answer["commands"]
    if not rows:
        say("no such command" if some else "no command yet")
        return
    head = ("id", "created", "state", "server", "perk", "step", "command", "said")
    table(head, [_row(row) for row in rows], below=("command", "said"))
    if answer["next"] is not None:
        say(f"more: --before {answer['next']}")


@app.command()
def show(command_id: CommandId, *, config: Config = None, json: Json = False) -> None:
    """One command, its reply and its history."""
    row = Daemon(config).get(f"/commands/{_id(command_id)}")
    if json:
        say_json(row)
    else:
        _show(row)


def _show(row: dict[str, Any]) -> None:
    for name, text in _details(row):
        say(f"{name:<12} {text}")
    say()
    table(
        ("time", "what", "from", "to", "why"),
        [(clock(e["at"]), e["kind"], e["was"] or "–", e["became"] or "–", e["detail"] or "") for e in row["events"]],
        below=("why",),
    )


@app.command()
def retry(command_ids: CommandIds, config: Config = None) -> None:
    """Send again, rendered anew from today's config.

    Only for those that are blocked, refused, answered or unknown.
    """
    _each("retry", command_ids, config)


@app.command()
def skip(command_ids: CommandIds, config: Config = None) -> None:
    """Not wanted any more.

    Never sent, and what waited behind it goes on.
    """
    _each("skip", command_ids, config)


@app.command()
def done(command_ids: CommandIds, config: Config = None) -> None:
    """You looked: it ran.

    It counts as delivered, and what waited behind it goes on.
    """
    _each("done", command_ids, config)


def _each(verb: str, command_ids: Sequence[str], config: Config) -> None:
    """Each id is answered by a line of its own, and one that is not possible does not stop the others."""
    wanted = dict.fromkeys(map(_id, command_ids))  # nothing is done when one of them is no id
    daemon = Daemon(config)
    failed = 0
    for command_id in wanted:
        try:
            row = daemon.post(f"/commands/{command_id}/{verb}")
        except OutOfReach:
            raise
        except CliError as error:
            failed += 1
            say(f"command {command_id} is not changed: {error}", style=Style.REFUSED)
        else:
            say(f"command {command_id} {DONE[verb]}: {printable(row['text'])}")
    raise typer.Exit(1 if failed else 0)


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and 0 < int(text) <= LARGEST):
        raise WrongUse(
            Code.BAD_VALUE,
            f"{printable(text)!r} is not a command id: `perkd commands list` shows them in its first column",
            options=["ID"],
        )
    return int(text)


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    said = row["reason"] if row["state"] in ("blocked", "planned", "void", "unknown") else row["reply"]
    return (
        str(row["id"]),
        clock(row["created_at"]),
        row["state"],
        row["server"],
        row["perk"],
        row["step"],
        row["text"],
        said or row["reason"] or "",
    )


def _details(row: dict[str, Any]) -> Iterable[tuple[str, str]]:
    yield "command", f"{row['id']}: {printable(row['text'])}"
    yield "state", row["state"] + (f" ({printable(row['reason'])})" if row["reason"] else "")
    yield "reply", "none" if row["reply"] is None else repr(row["reply"])
    yield "server", row["server"]
    yield "perk", f"{row['perk']}, {row['step']}, because of: {row['cause']}"
    yield "player", printable(row["player"])
    yield "customer", row["customer_id"] or "not known"
    yield "item", row["item_id"] or "not known: a line of the store's queue names none"
    yield "attempts", f"{row['attempts']}, {'repeatable' if row['repeatable'] else 'never repeated by itself'}"
    yield "created", clock(row["created_at"])
    yield "due", clock(row["due_at"])
    yield "sent", clock(row["sent_at"])
    yield "settled", clock(row["settled_at"])
    if row["superseded"]:
        yield "note", "its step is over: the opposite change came"
