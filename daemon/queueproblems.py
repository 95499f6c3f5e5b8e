"""What asks for a person about one game server's command queue at the store. PURE.

`activation` keeps a QueueState; its problems go into every report.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .model import Server
from .paynow.documents import Linked, PreviousLink
from .paynow.errors import one_line
from .problem import Problem
from .queuelines import TEXTS_SHOWN

SAID_AFTER = 3  # failures in a row: one hiccup asks for nobody
TEXT_SHOWN = 80
LATELY = timedelta(days=1)


@dataclass(slots=True)
class QueueState:
    """How it goes with one server's queue. `refused` is the store's word about the token, `error` what failed last."""

    server: str
    refused: str | None = None
    error: str | None = None
    failures: int = 0  # in a row
    shared_with: str | None = None  # who used the token before, lately
    other_id: str | None = None  # the token's game server, where it is not the config's
    left: Sequence[tuple[str, int]] = ()  # lines left alone: text and how often, most first
    sort: object = None  # of what failed last
    lasting: bool = False  # it will not pass by itself

    def refuse(self, why: str) -> bool:
        """The store refuses the token. True: that is news."""
        news, self.refused = self.refused is None, why
        return news

    def fail(self, why: str, sort: object, *, lasting: bool = False) -> bool:
        """Something else went wrong. True: that is news, whatever else its words say this time."""
        news = self.error is None or sort != self.sort
        self.error, self.sort, self.refused, self.lasting = why, sort, None, lasting
        self.failures += 1
        return news

    def succeed(self) -> None:
        self.refused = self.error = None
        self.failures = 0


def learn(state: QueueState, server: Server, linked: Linked, now: datetime) -> None:
    """What the store's answer to a link says of the token."""
    before, mine = linked.previously_linked, linked.gameserver
    state.shared_with = _name(before) if before is not None and _is_strange(before, server, now) else None
    state.other_id = mine.id if mine is not None and server.paynow_id and mine.id != server.paynow_id else None


def _is_strange(before: PreviousLink, server: Server, now: datetime) -> bool:
    other = (before.host_name, before.ip) != (server.name, server.endpoint.host)
    return other and (before.last_linked_at is None or now - before.last_linked_at < LATELY)


def _name(before: PreviousLink) -> str:
    words = (one_line(before.host_name, TEXT_SHOWN), one_line(before.ip, TEXT_SHOWN))
    return " at ".join(filter(None, words)) or "another program"


def find(state: QueueState) -> Iterable[Problem]:
    """One problem for each thing that is wrong; lines left alone one by one up to a bound."""
    name = state.server
    if state.refused is not None:
        yield Problem(
            "paynow_token_refused",
            "error",
            name,
            f"{state.refused}. Items bought for this server are not activated",
            "copy the token of this game server from the store's dashboard again, then `perkd reload`; a changed "
            "credential needs `systemctl restart perkd`. It is tried again every ten minutes",
        )
    elif state.error is not None and (state.lasting or state.failures >= SAID_AFTER):
        yield Problem(
            "queue_failing",
            "warning",
            name,
            f"its command queue at the store cannot be read or acknowledged: {state.error}",
            "nothing is lost: it is tried again, and what was acknowledged in vain is acknowledged again. Check the "
            "network and [store] api",
        )
    if state.shared_with is not None:
        yield Problem(
            "token_shared",
            "warning",
            name,
            f"this token was used by {state.shared_with} lately: two programs share one queue",
            "take the official plugin off this game server, or give perkd a game server of its own in the store's "
            "dashboard; if the other one is gone, this goes away within a day or at `perkd reload`",
        )
    if state.other_id is not None:
        yield Problem(
            "paynow_id_differs",
            "warning",
            name,
            f"its paynow_token belongs to the store's game server {state.other_id}, its `paynow_id` is another one",
            "correct `paynow_id`, or take the token of the game server it names",
        )
    yield from _left(name, state.left)


def _left(name: str, left: Sequence[tuple[str, int]]) -> Iterable[Problem]:
    fix = (
        "replace the command by the one word `perkd` in the store's dashboard and let a [[perk]] do its work; or set "
        "run_store_commands = true in this [[server]] so that perkd sends it"
    )
    shown = left if len(left) <= TEXTS_SHOWN else left[: TEXTS_SHOWN - 1]
    for text, count in shown:
        many = "once" if count == 1 else f"{count} times"
        yield Problem(
            "dashboard_command",
            "warning",
            f"{name}: {one_line(text, TEXT_SHOWN) or '(an empty line)'}",
            f"a product still has a command in the dashboard ({many} in the queue): risk of double delivery, and its "
            "items are not activated",
            fix,
        )
    if len(shown) < len(left):
        rest = left[len(shown) :]
        yield Problem(
            "dashboard_command",
            "warning",
            f"{name}: {len(rest)} other lines",
            f"products still have commands in the dashboard ({sum(count for _, count in rest)} in the queue): risk of "
            "double delivery, and their items are not activated",
            fix,
        )
