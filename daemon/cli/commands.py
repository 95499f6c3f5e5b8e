"""`perkd commands`: lists commands and their results, and takes the decisions that only a person can make."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from ..core.model import Cause
from .asking import Daemon
from .errors import CliError, Code, OutOfReach, WrongUse
from .options import Config, Json
from .output import Style, clock, printable, say, say_json, table

app = typer.Typer(
    help="List commands, and decide about those that need you.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)

State = Annotated[str, typer.Option("--state", help="Only this state: planned, blocked, unknown, refused, …")]
Server = Annotated[str, typer.Option("--server", help="Only commands for this server.")]
Customer = Annotated[str, typer.Option("--customer", metavar="ID", help="Only commands for this customer.")]
Limit = Annotated[int, typer.Option("--limit", help="How many to show, 1 to 1000.")]
Before = Annotated[str, typer.Option("--before", metavar="ID", help="Only commands older than this one.")]
CommandId = Annotated[str, typer.Argument(metavar="ID", help="The command's id, as `perkd commands list` shows it.")]
CommandIds = Annotated[
    list[str], typer.Argument(metavar="ID...", help="The commands' ids, as `perkd commands list` shows them.")
]
WHY: dict[str, str] = {
    Cause.GRANT: "because the customer owns it",
    Cause.FORETOLD: "because it reached its end",
    Cause.STATED: "because the store revoked the item",
    Cause.ABSENT: "because the item is missing from the store's list",
    Cause.OPERATOR: "because an operator asked for it",
    Cause.IDENTITY: "because the player's name or id changed",
    Cause.MOVED: "because the server that the buyer chose is known now",
}
LARGEST = 2**63 - 1
BESIDE = ("hold",)  # the socket's list has it for each command, the public /commands does not

DONE = {
    "retry": "is planned again",
    "skip": "is skipped: perkd does not send it, and the commands behind it continue",
    "done": "counts as delivered, and the commands behind it continue",
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
    """List commands, newest first."""
    asked = {"state": state, "server": server, "customer": customer, "limit": str(limit), "before": before}
    answer = Daemon(config).get("/commands", {key: value for key, value in asked.items() if value})
    if json:
        rows = [{key: value for key, value in row.items() if key not in BESIDE} for row in answer["commands"]]
        say_json({**answer, "commands": rows})
    else:
        _show_list(answer, some=any((state, server, customer, before)))


def _show_list(answer: dict[str, Any], *, some: bool) -> None:
    """Shows the list. `some`: the list was filtered, so an empty one does not mean that there is no command."""
    rows = answer["commands"]
    if not rows:
        say("no command matches" if some else "there is no command yet")
        return
    head = ("id", "created", "state", "server", "perk", "step", "command", "reply or reason")
    table(head, [_row(row) for row in rows], below=("command", "reply or reason"))
    if answer["next"] is not None:
        say(f"there are more: --before {answer['next']} shows the next ones")


@app.command()
def show(command_id: CommandId, *, config: Config = None, json: Json = False) -> None:
    """Show one command, its reply and its history."""
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
    """Send a command again.

    perkd writes a perk's command anew from the current configuration. Only for commands that are blocked, refused,
    answered or unknown.
    """
    _each("retry", command_ids, config)


@app.command()
def skip(command_ids: CommandIds, config: Config = None) -> None:
    """Drop a command; it will not be sent.

    The commands that waited behind it continue.
    """
    _each("skip", command_ids, config)


@app.command()
def done(command_ids: CommandIds, config: Config = None) -> None:
    """Mark as delivered, because you saw in the game that it ran.

    The commands that waited behind it continue.
    """
    _each("done", command_ids, config)


def _each(verb: str, command_ids: Sequence[str], config: Config) -> None:
    """Does the verb for each id and prints one line for each. A failure for one id does not stop the others."""
    wanted = dict.fromkeys(map(_id, command_ids))  # first all ids: nothing is done when one of them is wrong
    daemon = Daemon(config)
    failed = 0
    for command_id in wanted:
        try:
            row = daemon.post(f"/commands/{command_id}/{verb}")
        except OutOfReach:
            raise
        except CliError as error:
            failed += 1
            say(f"command {command_id} was not changed: {error}", style=Style.REFUSED)
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
    remark = row["reason"] if row["state"] in ("blocked", "planned", "void", "unknown") else row["reply"]
    return (
        str(row["id"]),
        clock(row["created_at"]),
        row["state"],
        row["server"],
        row["perk"],
        row["step"],
        row["text"],
        remark or row["reason"] or "",
    )


def _details(row: dict[str, Any]) -> Iterable[tuple[str, str]]:
    yield "command", f"{row['id']}: {printable(row['text'])}"
    yield "state", row["state"] + (f" ({printable(row['reason'])})" if row["reason"] else "")
    yield "reply", "none" if row["reply"] is None else repr(row["reply"])
    yield "server", row["server"]
    yield "perk", f"{row['perk']}, {row['step']}, {WHY.get(row['cause'], row['cause'])}"
    yield "player", printable(row["player"])
    yield "customer", row["customer_id"] or "not known"
    yield "item", row["item_id"] or "not known: a command from the store's queue names no item"
    yield (
        "attempts",
        f"{row['attempts']}, {'perkd may repeat it' if row['repeatable'] else 'perkd never repeats it by itself'}",
    )
    yield "created", clock(row["created_at"])
    yield "due", clock(row["due_at"])
    yield "sent", clock(row["sent_at"])
    yield "settled", clock(row["settled_at"])
    if row["superseded"]:
        yield "note", "its step is over, because the opposite change came"
