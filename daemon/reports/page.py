"""Makes the page at `/`: servers, problems with their fix, the queue and the last commands. It has no script and loads
nothing from elsewhere; it works on a phone and reloads itself.

`web` serves it.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from ..core.model import ServerState, State
from ..ledger import CommandRow
from ..runtime import Severity
from .status import Report, ServerHealth

RELOAD_S = 10

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --good: #1a7f37; --warn: #9a6700; --bad: #cf222e; }
@media (prefers-color-scheme: dark) { :root { --good: #3fb950; --warn: #d29922; --bad: #ff7b72; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; } .quiet { opacity: .7; font-size: .875rem; }
.state { border-left: .3rem solid; padding: .5rem 1rem; margin: 1rem 0; background: var(--soft); }
.good { border-color: var(--good); } .warning { border-color: var(--warn); } .error { border-color: var(--bad); }
.info { border-color: var(--line); }
b.good { color: var(--good); } b.warning { color: var(--warn); } b.error { color: var(--bad); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .6rem .4rem 0; vertical-align: top; }
tr { border-bottom: 1px solid var(--line); } th { font-weight: 600; font-size: .875rem; opacity: .7; }
code { font: .875em/1.4 ui-monospace, monospace; } td.number { font-variant-numeric: tabular-nums; }
@media (max-width: 40rem) {
  thead { display: none; } tr { display: block; padding: .5rem 0; } td { display: block; padding: .1rem 0; }
  td::before { content: attr(data-name) " "; opacity: .7; font-size: .875rem; }
}
"""

FOOT = (
    '<p class="quiet">For programs: <a href="/status">/status</a>, <a href="/commands">/commands</a>, '
    '<a href="/metrics">/metrics</a>, <a href="/readyz">/readyz</a>, <a href="/healthz">/healthz</a></p>'
)


# Classes in the style sheet.
SERVER_KINDS = {ServerState.UP: "good", ServerState.CONNECTING: "warning"}  # any other: "error"
COMMAND_KINDS = {
    State.DELIVERED: "good",
    State.REFUSED: "error",
    State.UNKNOWN: "error",
    State.BLOCKED: "warning",
    State.ANSWERED: "warning",
}


def html(report: Report, commands: Sequence[CommandRow]) -> str:
    """The whole document. All text from outside is escaped."""
    problems = [problem for problem in report.problems if problem.severity is not Severity.INFO]
    title = f"perkd: {len(problems)} problem{'' if len(problems) == 1 else 's'}" if problems else "perkd: all is well"
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="refresh" content="{RELOAD_S}"><title>{escape(title)}</title>',
            f"<style>{STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            f'<p class="quiet">perkd {escape(report.version)}, up since {_time(report.started_at)}, ',
            f"seen {_time(report.now)}</p>",
            *_state(report),
            *_problems(report),
            "<h2>Servers</h2>",
            _table(("Server", "State", "Players", "Waiting", "Last reply"), map(_server, report.servers)),
            "<h2>Store and customers</h2>",
            *_store(report),
            "<h2>Last commands</h2>",
            _table(("Id", "When", "Server", "Command", "State"), (_command(row) for row in commands))
            if commands
            else "<p>None yet. The first purchase will be here.</p>",
            FOOT,
            "</body></html>\n",
        )
    )


def _state(report: Report) -> Iterable[str]:
    reasons = report.not_ready
    if report.late:
        yield _box(
            "error", "A loop hangs", ", ".join(f"{loop} for {age_s:.0f} s" for loop, age_s in report.late.items())
        )
    for reason in reasons:
        yield _box("error", "Not ready", reason)
    if not reasons and not report.late:
        waiting = sum(server.queue for server in report.servers)
        yield _box("good", "Ready", f"{report.summary.holdings} holdings, {waiting} commands waiting")


def _problems(report: Report) -> Iterable[str]:
    if report.problems:
        yield "<h2>Problems</h2>"
    for problem in report.problems:
        yield (
            f'<div class="state {escape(problem.severity)}"><p><b class="{escape(problem.severity)}">'
            f"{escape(problem.severity)}</b> {escape(problem.subject)}: {escape(problem.text)}</p>"
            f"<p>{escape(problem.fix)}</p></div>"
        )


def _store(report: Report) -> Iterable[str]:
    store, customers = report.store, report.customers
    error = f": {escape(store.last_error)}" if store.last_error else ""
    yield f"<p>The store is <b>{escape(store.state)}</b>{error}. Its last answer: {_time(store.last_answer_at)}.</p>"
    sweep = f", a whole round took {customers.sweep_s:.0f} s" if customers.sweep_s is not None else ""
    yield (
        f"<p>{customers.known} customers, {customers.polled} read, {customers.failing} failing, "
        f"{customers.refused} refused, {customers.online} online{sweep}.</p>"
    )


def _server(server: ServerHealth) -> Sequence[str]:
    kind = SERVER_KINDS.get(server.state, "error")
    error = f'<p class="quiet">{escape(server.last_error)}</p>' if server.last_error else ""
    oldest = f", oldest {_age(server.oldest_s)}" if server.oldest_s is not None and server.queue else ""
    return (
        f'<b>{escape(server.name)}</b> <span class="quiet">{escape(server.game)}</span>',
        f'<b class="{kind}">{escape(server.state)}</b>{error}',
        "not known" if server.players is None else str(server.players),
        f"{server.queue}{oldest}",
        _time(server.last_reply_at),
    )


def _command(row: CommandRow) -> Sequence[str]:
    words = row.reply if row.reply is not None else row.reason
    said = f'<p class="quiet">{escape(words)}</p>' if words else ""
    return (
        str(row.id),
        _time(row.settled_at or row.created_at),
        escape(row.server),
        f"<code>{escape(row.text)}</code>{said}",
        f'<b class="{COMMAND_KINDS.get(row.state, "")}">{escape(row.state)}</b>',
    )


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML already. On a phone each row becomes a block and each cell carries its column's name."""
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>"
        + "".join(f'<td data-name="{escape(name)}">{cell}</td>' for name, cell in zip(names, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _box(kind: str, title: str, text: str) -> str:
    return f'<div class="state {kind}"><b class="{kind}">{escape(title)}</b>: {escape(text)}</div>'


def _time(at: datetime | None) -> str:
    if at is None:
        return "never"
    utc = at.astimezone(UTC)
    return f'<time datetime="{utc:%Y-%m-%dT%H:%M:%SZ}">{utc:%Y-%m-%d %H:%M:%S} UTC</time>'


def _age(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
