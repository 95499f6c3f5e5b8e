"""What asks for a person about one game server's command queue at the store. PURE.

`activation` keeps a QueueState; its problems go into every report.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..core.model import Server
from ..core.queue_lines import TEXTS_SHOWN
from ..paynow import Linked, PreviousLink, one_line
from ..runtime import Problem, ProblemCode, Severity

SAID_AFTER = 3  # failures in a row: one hiccup asks for nobody
TEXT_SHOWN = 80
IDS_SHOWN = 5


@dataclass(slots=True)
class QueueState:
    """How it goes with one server's queue. `refused` is the store's word about the token, `error` what failed last."""

    server: str
    refused: str | None = None
    error: str | None = None
    failures: int = 0  # in a row
    too_long: bool = False  # what failed last is that the queue is longer than perkd reads
    link_error: str | None = None  # why the latest link failed, other than for the token
    shared_with: str | None = None  # who used the token before perkd
    shared_at: datetime | None = None  # and when
    unreadable: Sequence[str] = ()  # attempts of the latest answer that are ignored
    nobody: Sequence[str] = ()  # perkd's attempts that wait for a player this game cannot know
    removed: Sequence[str] = ()  # whose lines for perkd stay in the queue, because an operator removed them
    unread: Sequence[str] = ()  # whose items were activated though perkd does not read what they own
    other_id: str | None = None  # the token's game server, where it is not the config's
    left: Sequence[tuple[str, int]] = ()  # lines left alone: text and how often, most first
    sort: object = None  # of what failed last
    lasting: bool = False  # it will not pass by itself

    def refuse(self, why: str) -> bool:
        """The store refuses the token. True: that is news."""
        news, self.refused = self.refused is None, why
        return news

    def fail(self, why: str, sort: object, *, lasting: bool = False, too_long: bool = False) -> bool:
        """Something else went wrong. True: that is news, whatever else its words say this time."""
        news = self.error is None or sort != self.sort
        self.error, self.sort, self.refused, self.lasting = why, sort, None, lasting
        self.too_long = too_long
        self.failures += 1
        return news

    def succeed(self) -> None:
        self.refused = self.error = None
        self.failures, self.too_long = 0, False


def host_name(server: str, ledger_id: str) -> str:
    """What perkd calls itself when it links: by its ledger, so that two of them with one config see each other."""
    return f"{server} {_mark(ledger_id)}"


def learn(state: QueueState, server: Server, linked: Linked, ledger_id: str) -> None:
    """What the store's answer to a link says of the token. Whoever else used it last may still use it, however long ago
    that was: an official plugin links only when its server starts."""
    before, mine = linked.previously_linked, linked.gameserver
    strange = before is not None and not (before.host_name or "").endswith(_mark(ledger_id))
    state.link_error = None
    state.shared_with = _name(before) if before is not None and strange else None
    state.shared_at = before.last_linked_at if before is not None and strange else None
    state.other_id = mine.id if mine is not None and server.paynow_id and mine.id != server.paynow_id else None


def _mark(ledger_id: str) -> str:
    return f"(perkd {ledger_id[:8]})"


def _name(before: PreviousLink) -> str:
    words = (one_line(before.host_name, TEXT_SHOWN), one_line(before.ip, TEXT_SHOWN))
    return " at ".join(filter(None, words)) or "another program"


def find(state: QueueState) -> Iterable[Problem]:
    """One problem for each thing that is wrong; lines left alone one by one up to a bound."""
    name = state.server
    if state.refused is not None:
        yield Problem(
            ProblemCode.PAYNOW_TOKEN_REFUSED,
            Severity.ERROR,
            name,
            f"{state.refused}. Items bought for this server are not activated",
            "copy the token of this game server from the store's dashboard again, then `perkd reload`; a changed "
            "credential needs `systemctl restart perkd`. It is tried again every ten minutes",
        )
    elif state.error is not None and (state.lasting or state.failures >= SAID_AFTER):
        yield Problem(
            ProblemCode.QUEUE_FAILING,
            Severity.WARNING,
            name,
            f"its command queue at the store cannot be read or acknowledged: {state.error}",
            _TOO_LONG if state.too_long else _FAILING,
        )
    if state.link_error is not None and state.refused is None:
        yield Problem(
            ProblemCode.LINK_FAILING,
            Severity.WARNING,
            name,
            f"the store was not told that perkd uses this token: {state.link_error}",
            "its queue is read all the same, but nobody would see that another program uses the token, too. It is "
            "tried again every ten minutes and at `perkd reload`",
        )
    if state.shared_with is not None:
        when = f"on {state.shared_at:%Y-%m-%d %H:%M} UTC" if state.shared_at is not None else "at an unknown time"
        yield Problem(
            ProblemCode.TOKEN_SHARED,
            Severity.WARNING,
            name,
            f"before perkd, this token was used by {state.shared_with}, {when}: while both run, two programs share one "
            "queue",
            "take the official plugin off this game server, or give perkd a game server of its own in the store's "
            "dashboard; if the other one is gone, this goes away within a day or at `perkd reload`",
        )
    if state.other_id is not None:
        yield Problem(
            ProblemCode.PAYNOW_ID_DIFFERS,
            Severity.WARNING,
            name,
            f"its paynow_token belongs to the store's game server {state.other_id}, its `paynow_id` is another one",
            "correct `paynow_id`, or take the token of the game server it names",
        )
    if state.unreadable:
        yield Problem(
            ProblemCode.QUEUE_UNREADABLE,
            Severity.WARNING,
            name,
            f"lines of its queue cannot be read and are ignored until they can: {_ids(state.unreadable)}",
            "nothing is sent or acknowledged for them; look for them in the store's dashboard, and for a newer perkd",
        )
    if state.nobody:
        yield Problem(
            ProblemCode.QUEUE_NOBODY,
            Severity.WARNING,
            name,
            f"`perkd` lines wait for a player this game cannot know: {_ids(state.nobody)}; their items are not "
            "activated",
            "complete the customer's identity for this game in the store's dashboard, or let the command run without "
            "its player being online",
        )
    if state.removed:
        yield Problem(
            ProblemCode.QUEUE_CUSTOMER_REMOVED,
            Severity.INFO,
            name,
            f"`perkd` lines of {_some(state.removed)} stay in its queue, because an operator removed who they are for: "
            "nothing is acknowledged, so the time of these items has not started",
            "add the customer again (`perkd customers add`), or take the item away in the store",
        )
    if state.unread:
        yield Problem(
            ProblemCode.QUEUE_CUSTOMER_UNREAD,
            Severity.WARNING,
            name,
            f"`perkd` lines of {_some(state.unread)} were acknowledged, so the time of what they bought runs, but "
            "perkd reads no customer who is that player here and gives nothing for it",
            'add the customer (`perkd customers add`; with [store] api_key, enrol = "all" finds everybody), and '
            "complete his identity for this game in the store's dashboard. Where only players who join are enrolled, "
            "let the command wait for its player to be online",
        )
    yield from _left(name, state.left)


_FAILING = (
    "nothing is lost: it is tried again, and what was acknowledged in vain is acknowledged again. Check the network "
    "and [store] api"
)
_TOO_LONG = (
    "too many lines wait for this game server, so none is read: take those nobody needs out of its queue in the "
    "store's dashboard, and take commands that nothing acknowledges off the products"
)


def _ids(attempt_ids: Sequence[str]) -> str:
    return f"attempt{'s' if len(attempt_ids) > 1 else ''} {_some(attempt_ids)}"


def _some(names: Sequence[str]) -> str:
    more = len(names) - IDS_SHOWN
    return ", ".join(names[:IDS_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _left(name: str, left: Sequence[tuple[str, int]]) -> Iterable[Problem]:
    fix = (
        "replace the command by the one word `perkd` in the store's dashboard and let a [[perk]] do its work; or set "
        "run_store_commands = true in this [[server]] so that perkd sends what is queued from then on; what waits "
        "already is blocked for you to look at"
    )
    shown = left if len(left) <= TEXTS_SHOWN else left[: TEXTS_SHOWN - 1]
    for text, count in shown:
        many = "once" if count == 1 else f"{count} times"
        yield Problem(
            ProblemCode.DASHBOARD_COMMAND,
            Severity.WARNING,
            f"{name}: {one_line(text, TEXT_SHOWN) or '(an empty line)'}",
            f"a product still has a command in the dashboard ({many} in the queue): risk of double delivery, and its "
            "items are not activated",
            fix,
        )
    if len(shown) < len(left):
        rest = left[len(shown) :]
        yield Problem(
            ProblemCode.DASHBOARD_COMMAND,
            Severity.WARNING,
            f"{name}: {len(rest)} other lines",
            f"products still have commands in the dashboard ({sum(count for _, count in rest)} in the queue): risk of "
            "double delivery, and their items are not activated",
            fix,
        )
