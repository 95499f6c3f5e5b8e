"""Problems with game servers: no connection, a refused password, a player list that cannot be read, commands for a
server that is not in the config.

`reports` collects them for every report.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from ..core.model import ServerState
from ..core.roster import Roster
from ..ledger import BeingSent
from ..runtime import Problem, ProblemCode, Severity
from .link import Link, LinkState

BLIND_AFTER = timedelta(minutes=5)  # or three rounds of reading who is online, if that is longer


def server_problems(
    states: Iterable[tuple[str, ServerState, str | None]],
    blind: Iterable[str],
    stuck: Iterable[BeingSent],
    now: datetime,
) -> Iterable[Problem]:
    """`states`: name, state and last error of every server; `blind`: the servers whose player list cannot be read;
    `stuck`: commands that are being sent for too long."""
    for name, state, error in states:
        yield from _of_state(name, state, error)
    yield from map(_blind, blind)
    for sent in stuck:
        yield _stuck(sent, (now - sent.since).total_seconds())


def is_blind(link: Link, roster: Roster, now: datetime) -> bool:
    """Whether the server has been up for long enough, and perkd could still not read who is online there."""
    if link.state is not LinkState.UP or link.connected_at is None or roster.known:
        return False
    return now - link.connected_at > max(BLIND_AFTER, 3 * link.server.presence)


def _of_state(name: str, state: ServerState, error: str | None) -> Iterable[Problem]:
    if state is ServerState.REFUSED:
        yield Problem(
            ProblemCode.SERVER_REFUSED,
            Severity.ERROR,
            name,
            error or "the server refused the password",
            "correct `password` in the config or on the game server, then `perkd reload`; after a changed credential, "
            "`systemctl restart perkd`",
        )
    elif state is ServerState.DOWN:
        fix = "nothing is lost: commands wait until the server answers. Start the server, or correct `address`"
        yield Problem(ProblemCode.SERVER_DOWN, Severity.WARNING, name, error or "no connection", fix)
    elif state is ServerState.ABSENT:
        yield Problem(
            ProblemCode.SERVER_ABSENT,
            Severity.WARNING,
            name,
            "commands wait for a server that is not in the config",
            "put the [[server]] back, or drop the commands with `perkd commands skip`",
        )


def _blind(server: str) -> Problem:
    return Problem(
        ProblemCode.ROSTER_UNKNOWN,
        Severity.WARNING,
        server,
        "the server is connected, but perkd cannot read its player list: commands that wait for a player are not sent",
        "`perkd check --connect` shows what is wrong with the answer; often a plugin replaced the list command",
    )


def _stuck(sent: BeingSent, age_s: float) -> Problem:
    return Problem(
        ProblemCode.COMMAND_STUCK,
        Severity.ERROR,
        sent.server,
        f"command {sent.id} (`{sent.text}`) has been on its way for {age_s:.0f} s, longer than perkd waits for an "
        "answer: nobody records how it ended, and later commands for the same holding wait",
        "check in the game whether it worked, then `systemctl restart perkd`: the command then counts as unknown, and "
        "`perkd commands done` or `retry` closes it. Please report this with the log",
    )
