"""`perkd brake`: shows whether the brake stopped a mass removal, what it would take away, and releases it."""

from collections import Counter
from typing import Any

import typer

from ..core.changes import Hold
from .asking import Daemon
from .errors import Code, NotWell
from .options import Config, Json, Yes
from .output import Style, ago, confirm, many, printable, say, say_json, table

app = typer.Typer(
    help="Look at a mass removal that perkd stopped, and release it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)

SHOWN = 20  # commands shown one by one; the rest are counted
PAGE = "1000"


@app.command()
def status(*, config: Config = None, json: Json = False) -> None:
    """Show whether the brake is on, since when and why.

    Exits with 1 when it is on, or when commands that it stopped still wait.
    """
    daemon = Daemon(config)
    answer = daemon.get("/brake")
    if json:
        say_json(answer)
    else:
        _ask_and_show(daemon, answer["brake"])
    raise typer.Exit(1 if _asks_for_you(answer["brake"]) else 0)


@app.command()
def release(*, yes: Yes = False, config: Config = None) -> None:
    """Let the stopped removals continue. perkd shows them first, and asks."""
    daemon = Daemon(config)
    brake = daemon.get("/brake")["brake"]
    _ask_and_show(daemon, brake)
    if not _asks_for_you(brake):
        return
    say()
    if not confirm(
        f"Release the brake and send {many(brake['blocked'], 'command')}?",
        yes=yes,
        instead="this sends the commands above, and there is no terminal to ask on: add --yes to confirm",
    ):
        raise NotWell(Code.DECLINED, "nothing was changed: the brake stays as it is")
    released = daemon.post("/brake/release")["released"]
    say(f"the brake is off, {many(released, 'command')} planned: `perkd commands list` shows their results")


def _asks_for_you(brake: dict[str, Any]) -> bool:
    return bool(brake["on"] or brake["blocked"])


def _ask_and_show(daemon: Daemon, brake: dict[str, Any]) -> None:
    if _asks_for_you(brake):
        _show(brake, _held(daemon), daemon.get("/status")["now"])
    else:
        say("the brake is off, and no command waits for it")


def _show(brake: dict[str, Any], held: list[dict[str, Any]], now: str) -> None:
    if brake["on"]:
        say(f"the brake has been ON for {ago(brake['since'], now).removesuffix(' ago')}", style=Style.BAD)
        say(printable(brake["reason"]))
    else:
        say("the brake is off, but commands that it stopped still wait", style=Style.BAD)
    waiting = many(brake["blocked"], "command waits", "commands wait")
    say(f"{waiting}. Check the store's dashboard: did these refunds really happen?")
    say()
    counts = Counter((row["server"], row["perk"]) for row in held)
    table(("server", "perk", "commands"), [(*where, str(count)) for where, count in sorted(counts.items())])
    say()
    for row in held[:SHOWN]:
        say(f"  {row['id']} {row['server']}: {printable(row['text'])}")
    if len(held) > SHOWN:
        say(f"  and {len(held) - SHOWN} more: `perkd commands list --state blocked`")


def _held(daemon: Daemon) -> list[dict[str, Any]]:
    """The commands that the brake stopped, oldest first."""
    held: list[dict[str, Any]] = []
    asked = {"state": "blocked", "limit": PAGE}
    while True:
        page = daemon.get("/commands", asked)
        held += [row for row in page["commands"] if row["hold"] == Hold.BRAKE]
        if page["next"] is None:
            return held[::-1]
        asked = {**asked, "before": str(page["next"])}
