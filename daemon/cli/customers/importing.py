"""`perkd customers import`: many customers at once from a file, each token confirmed by the store first."""

import asyncio
import json as json_text
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ...config import SecretError, TokenEntry, others_can_read
from ...core.mistakes import ConfigError
from ..asking import Daemon
from ..errors import CliError, Code, OutOfReach, WrongUse
from ..options import Config, Json
from ..output import Style, many, printable, say, say_json, warn
from ..progress import progress
from .file import read_customers

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", readable=False, help="CSV with the header token,name,note, or TOML with [[customer]]."
    ),
]
LONGEST_WAIT_S = 60.0  # perkd stops when the store asks for a longer pause
MOST = 100  # entries in one request
MOST_BYTES = 48_000


def import_(file: File, *, config: Config = None, json: Json = False) -> None:
    """Add many customers from a file of tokens.

    perkd checks the whole file first. Then it asks the store about each token. It skips the tokens it already has, so
    you can run the same import again. Exits with 1 when a token was refused, with 69 when the store could not be asked
    about all of them.
    """
    entries = _read(file)
    results: list[dict[str, Any]] = []
    stopped: str | None = None
    daemon = Daemon(config)
    with progress(len(entries), "importing", f"asked about {{done}} of {many(len(entries), 'customer')}") as step:
        try:
            stopped = asyncio.run(_import(daemon, entries, results, step))
        except CliError as error:
            if not results:
                raise
            stopped = str(error)
    told = [
        {"where": entry.where, "label": entry.name, **result} for entry, result in zip(entries, results, strict=False)
    ]
    if json:
        say_json({"file": str(file), "rows": len(entries), "results": told, "stopped": stopped})
    else:
        _show(told, entries, stopped)
    if stopped is not None:
        raise typer.Exit(OutOfReach.exit_code)
    raise typer.Exit(1 if any(one["state"] == "refused" for one in told) else 0)


def _read(file: Path) -> Sequence[TokenEntry]:
    try:
        found = read_customers(file)
        readable = others_can_read(file)
    except SecretError as problem:
        raise WrongUse(Code.FILE_UNREADABLE, f"found {problem.found}; {problem.fix}") from problem
    except ConfigError as error:
        raise WrongUse(Code.BAD_FILE, f"nothing was imported. {error.render(file)}") from error
    if readable:
        warn(f"other users can read {file}: `chmod 600 {file}`, or delete it after the import")
    for warning in found.warnings:
        warn(printable(str(warning)))
    return found.entries


async def _import(
    daemon: Daemon, entries: Sequence[TokenEntry], results: list[dict[str, Any]], step: Callable[[int], None]
) -> str | None:
    """Fills `results`, one for each entry in their order. Returns why it stopped early, or None."""
    waited_s = 0.0
    while len(results) < len(entries):
        batch = _batch(entries[len(results) :])
        answer = await daemon.ask("POST", "/customers/import", body={"customers": batch})
        done: list[dict[str, Any]] = answer["results"]
        results += done
        step(len(done))
        stopped: str | None = answer["stopped"]
        if stopped is None:
            continue
        wait_s = answer["wait_s"]
        waited_s = 0.0 if done else waited_s
        if wait_s is None or waited_s + wait_s > LONGEST_WAIT_S:
            return stopped
        warn(f"the store asks for a slower pace: perkd continues in {wait_s:.0f} s")
        waited_s += wait_s + 1.0
        await asyncio.sleep(wait_s)
    return None


def _batch(entries: Sequence[TokenEntry]) -> list[dict[str, str]]:
    """The next entries for one request: at least one, and no more than the daemon accepts."""
    batch: list[dict[str, str]] = []
    size = 0
    for entry in entries[:MOST]:
        row = {"token": entry.token.reveal(), "name": entry.name, "note": entry.note}
        size += len(json_text.dumps(row))
        if batch and size > MOST_BYTES:
            break
        batch.append(row)
    return batch


def _show(told: Sequence[dict[str, Any]], entries: Sequence[TokenEntry], stopped: str | None) -> None:
    first_at: dict[str, str] = {}
    for one in told:
        label = f" {printable(one['label'])}" if one["label"] else ""
        where = f"{one['where']}{label}"
        who = f"{printable(one['name'])} (customer {one['customer_id'] or 'not known yet'})"
        if one["state"] == "refused":
            say(f"{where}: REFUSED: {printable(one['error'])}", style=Style.REFUSED)
            continue
        twin = first_at.setdefault(one["customer_id"] or where, where)
        same = "" if twin == where else f"; this is the same customer as {twin}: one token is enough"
        say(f"{where}: {who} {'is added' if one['state'] == 'added' else 'was already there'}{same}")
    counts = Counter(one["state"] for one in told)
    say(
        f"{counts['added']} added, {counts['known']} already there, {counts['refused']} refused"
        f", of {many(len(entries), 'customer')}"
    )
    if stopped is not None:
        left = len(entries) - len(told)
        nxt = entries[len(told)].where
        say(f"stopped before {nxt}: {printable(stopped)}", style=Style.BAD)
        say(f"{many(left, 'customer')} left: run the same import again later, it continues where it stopped")
