"""The problems of a game server's command queue at the store that need a person. PURE.

`loop.py` keeps a QueueState; its problems go into every report.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..core.model import Server
from ..core.queue_lines import TEXTS_SHOWN
from ..paynow import Linked, PreviousLink, one_line
from ..runtime import Problem, ProblemCode, Severity

SAID_AFTER = 3  # failures in a row; fewer may pass by themselves
TEXT_SHOWN = 80
IDS_SHOWN = 5


@dataclass(slots=True)
class QueueState:
    """The state of one server's queue. `refused`: why the store refuses the token; `error`: the last other failure."""

    server: str
    refused: str | None = None
    error: str | None = None
    failures: int = 0  # in a row
    too_long: bool = False  # the latest failure: the queue is longer than perkd reads
    link_error: str | None = None  # why the latest link failed, unless the token was refused
    shared_with: str | None = None  # who used the token before perkd
    shared_at: datetime | None = None  # and when
    unreadable: Sequence[str] = ()  # attempts of the latest answer that are ignored
    nobody: Sequence[str] = ()  # attempts that wait for a player, but have no player id of this game
    removed: Sequence[str] = ()  # customers whose lines stay in the queue, because an operator removed them
    unread: Sequence[str] = ()  # players whose items were activated, but whose inventory perkd does not read
    other_id: str | None = None  # the token's game server, when it is not the one in the config
    left: Sequence[tuple[str, int]] = ()  # ignored lines: text and how often, most frequent first
    sort: object = None  # the kind of the latest failure
    lasting: bool = False  # it will not pass by itself

    def refuse(self, why: str) -> bool:
        """The store refuses the token. Returns whether this is new."""
        news, self.refused = self.refused is None, why
        return news

    def fail(self, why: str, sort: object, *, lasting: bool = False, too_long: bool = False) -> bool:
        """Something else failed. Returns whether this kind of failure is new, even if its message differs."""
        news = self.error is None or sort != self.sort
        self.error, self.sort, self.refused, self.lasting = why, sort, None, lasting
        self.too_long = too_long
        self.failures += 1
        return news

    def succeed(self) -> None:
        self.refused = self.error = None
        self.failures, self.too_long = 0, False


def host_name(server: str, ledger_id: str) -> str:
    """perkd's name when it links. It contains the ledger's id, so that two daemons with one config see each other."""
    return f"{server} {_mark(ledger_id)}"


def learn(state: QueueState, server: Server, linked: Linked, ledger_id: str) -> None:
    """Takes over what the store's answer to a link says about the token. Another program that used it before may still
    use it, even if that was long ago: an official plugin links only when its server starts."""
    before, mine = linked.previously_linked, linked.gameserver
    foreign = before is not None and not (before.host_name or "").endswith(_mark(ledger_id))
    state.link_error = None
    state.shared_with = _name(before) if before is not None and foreign else None
    state.shared_at = before.last_linked_at if before is not None and foreign else None
    state.other_id = mine.id if mine is not None and server.paynow_id and mine.id != server.paynow_id else None


def _mark(ledger_id: str) -> str:
    return f"(perkd {ledger_id[:8]})"


def _name(before: PreviousLink) -> str:
    words = (one_line(before.host_name, TEXT_SHOWN), one_line(before.ip, TEXT_SHOWN))
    return " at ".join(filter(None, words)) or "another program"


def find(state: QueueState) -> Iterable[Problem]:
    """One problem for each thing that is wrong, and one for each ignored command up to a bound."""
    name = state.server
    if state.refused is not None:
        yield Problem(
            ProblemCode.PAYNOW_TOKEN_REFUSED,
            Severity.ERROR,
            name,
            f"{state.refused}. Items bought for this server are not activated",
            "copy the token of this game server from the store's dashboard again, then `perkd reload`; a changed "
            "credential needs `systemctl restart perkd`. perkd tries again every ten minutes",
        )
    elif state.error is not None and (state.lasting or state.failures >= SAID_AFTER):
        yield Problem(
            ProblemCode.QUEUE_FAILING,
            Severity.WARNING,
            name,
            f"perkd cannot read or acknowledge its command queue at the store: {state.error}",
            _TOO_LONG if state.too_long else _FAILING,
        )
    if state.link_error is not None and state.refused is None:
        yield Problem(
            ProblemCode.LINK_FAILING,
            Severity.WARNING,
            name,
            f"perkd could not tell the store that it uses this token: {state.link_error}",
            "perkd still reads the queue, but cannot see if another program uses the token, too. perkd tries again "
            "every ten minutes and at `perkd reload`",
        )
    if state.shared_with is not None:
        when = f"on {state.shared_at:%Y-%m-%d %H:%M} UTC" if state.shared_at is not None else "at an unknown time"
        yield Problem(
            ProblemCode.TOKEN_SHARED,
            Severity.WARNING,
            name,
            f"{state.shared_with} used this token before perkd, {when}: if both run, two programs share one queue",
            "remove the official plugin from this game server, or make a separate game server for perkd in the "
            "store's dashboard. If the other program no longer runs, this message disappears within a day or at "
            "`perkd reload`",
        )
    if state.other_id is not None:
        yield Problem(
            ProblemCode.PAYNOW_ID_DIFFERS,
            Severity.WARNING,
            name,
            f"its paynow_token belongs to game server {state.other_id} of the store, but its paynow_id names another",
            "correct paynow_id, or use the token of the game server that it names",
        )
    if state.unreadable:
        yield Problem(
            ProblemCode.QUEUE_UNREADABLE,
            Severity.WARNING,
            name,
            f"perkd cannot read these lines of its queue and ignores them: {_ids(state.unreadable)}",
            "perkd sends and acknowledges nothing for them. Check them in the store's dashboard, and look for a newer "
            "perkd",
        )
    if state.nobody:
        yield Problem(
            ProblemCode.QUEUE_NOBODY,
            Severity.WARNING,
            name,
            f"`perkd` lines wait for their player to be online, but have no player id of this game: "
            f"{_ids(state.nobody)}. Their items are not activated",
            "add the customer's identity for this game in the store's dashboard, or change the command there so that "
            "the player need not be online",
        )
    if state.removed:
        yield Problem(
            ProblemCode.QUEUE_CUSTOMER_REMOVED,
            Severity.INFO,
            name,
            f"`perkd` lines of {_some(state.removed)} stay in its queue, because an operator removed these customers: "
            "perkd does not acknowledge the lines, so the time of the items has not started",
            "add the customer again (`perkd customers add`), or revoke the item in the store",
        )
    if state.unread:
        yield Problem(
            ProblemCode.QUEUE_CUSTOMER_UNREAD,
            Severity.WARNING,
            name,
            f"perkd acknowledged `perkd` lines of {_some(state.unread)}, so the time of these items runs, but perkd "
            "knows no customer who is this player and gives nothing for the items",
            'add the customer (`perkd customers add`; with [store] api_key, enrol = "all" finds all customers), and '
            'add their identity for this game in the store\'s dashboard. With enrol = "online", set the command in '
            "the dashboard to wait until the player is online",
        )
    yield from _left(name, state.left)


_FAILING = (
    "nothing is lost: perkd tries again, and repeats acknowledgements that failed. Check the network and [store] api"
)
_TOO_LONG = (
    "too many lines wait for this game server, so perkd reads none of them: in the store's dashboard, remove lines "
    "that you do not need from its queue, and remove commands that no program acknowledges from the products"
)


def _ids(attempt_ids: Sequence[str]) -> str:
    return f"attempt{'s' if len(attempt_ids) > 1 else ''} {_some(attempt_ids)}"


def _some(names: Sequence[str]) -> str:
    more = len(names) - IDS_SHOWN
    return ", ".join(names[:IDS_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _left(name: str, left: Sequence[tuple[str, int]]) -> Iterable[Problem]:
    fix = (
        "in the store's dashboard, replace the command by the one word `perkd`, and write a [[perk]] that does its "
        "work. Or set run_store_commands = true in this [[server]]: then perkd sends commands that are queued from "
        "then on, and blocks those that wait already, for you to decide"
    )
    shown = left if len(left) <= TEXTS_SHOWN else left[: TEXTS_SHOWN - 1]
    for text, count in shown:
        many = "once" if count == 1 else f"{count} times"
        yield Problem(
            ProblemCode.DASHBOARD_COMMAND,
            Severity.WARNING,
            f"{name}: {one_line(text, TEXT_SHOWN) or '(an empty line)'}",
            f"a product still has this command in the dashboard ({many} in the queue). Its items are not activated, "
            "and if another program runs it, they may be delivered twice",
            fix,
        )
    if len(shown) < len(left):
        rest = left[len(shown) :]
        yield Problem(
            ProblemCode.DASHBOARD_COMMAND,
            Severity.WARNING,
            f"{name}: {len(rest)} other lines",
            f"products still have commands in the dashboard ({sum(count for _, count in rest)} in the queue). Their "
            "items are not activated, and if another program runs the commands, they may be delivered twice",
            fix,
        )
