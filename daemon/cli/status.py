"""`perkd status`: the daemon's state on one page, with every problem and what to do about it."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import typer

from .asking import Daemon
from .options import Config, Json
from .output import STYLES, Style, ago, first_words, lasting, many, parsed, printable, say, say_json, table

BESIDE = ("not_ready", "late")  # the socket's answer has these, the public /status does not


def status(*, config: Config = None, json: Json = False) -> None:
    """Show the current state and what needs your attention.

    Exits with 1 when the daemon is not ready, or has a problem that is an error.
    """
    report = Daemon(config).get("/status")
    not_ready = report["not_ready"]
    if json:
        say_json({key: value for key, value in report.items() if key not in BESIDE})
    else:
        _show(report, not_ready)
    errors = [problem for problem in report["problems"] if problem["severity"] == "error"]
    raise typer.Exit(1 if not_ready or errors else 0)


def _show(report: dict[str, Any], not_ready: list[str]) -> None:
    now = report["now"]
    up = lasting(parsed(now) - parsed(report["started_at"]))
    say(f"perkd {report['version']}, up for {up}: {'not ready' if not_ready else 'ready'}", style=Style.HEAD)
    for reason in not_ready:
        say(f"  not ready: {printable(reason)}", style=Style.BAD)
    say()
    for name, text in _facts(report, now):
        say(f"{name:<10} {text}")
    if report["servers"]:
        say()
        table(
            ("server", "game", "state", "players", "queue", "oldest", "last reply", ""),
            [_server(server, now) for server in report["servers"]],
        )
    say()
    problems = report["problems"]
    say(many(len(problems), "problem") + ":" if problems else "no problems")
    for problem in problems:
        say(
            f"  {problem['severity']}: {printable(problem['subject'])}",
            style=STYLES.get(problem["severity"], Style.PLAIN),
            code=problem["code"],
        )
        say(f"      {printable(problem['text'])}")
        say(f"      fix: {printable(problem['fix'])}")


def _facts(report: dict[str, Any], now: str) -> Iterable[tuple[str, str]]:
    store, customers, brake = report["store"], report["customers"], report["brake"]
    until = store["limited_until"]
    yield (
        "store",
        ", ".join(
            filter(
                None,
                (
                    store["state"],
                    f"last answer {ago(store['last_answer_at'], now)}",
                    f"it asked for a slower pace: next request in {lasting(parsed(until) - parsed(now))}"
                    if until
                    else "",
                    printable(store["last_error"]) if store["last_error"] else "",
                ),
            )
        ),
    )
    yield (
        "customers",
        f"{customers['known']} known, {customers['polled']} read since the start, {customers['failing']} failing, "
        f"{customers['refused']} refused, {customers['online']} online"
        + (f"; the last round took {lasting(timedelta(seconds=customers['sweep_s']))}" if customers["sweep_s"] else ""),
    )
    yield "holdings", str(report["holdings"])
    yield "commands", first_words(report["commands"])
    if brake["on"]:
        waiting = many(brake["blocked"], "command waits", "commands wait")
        yield "brake", f"ON for {ago(brake['since'], now).removesuffix(' ago')}, {waiting}: {brake['reason']}"
    else:
        yield "brake", "off"


def _server(server: dict[str, Any], now: str) -> tuple[str, ...]:
    oldest, retry = server["oldest_s"], server["retry_at"]
    waits = retry and server["state"] != "up"  # why there is no connection is in the problems
    return (
        server["name"],
        server["game"] or "–",
        server["state"],
        "–" if server["players"] is None else str(server["players"]),
        str(server["queue"]),
        "–" if oldest is None else lasting(timedelta(seconds=oldest)),
        ago(server["last_reply_at"], now),
        f"next try in {lasting(parsed(retry) - parsed(now))}" if waits else "",
    )
