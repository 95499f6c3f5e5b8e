"""Checks every request to an emulated store in any test, and every answer, against PayNow's API description.

tests/conftest.py starts it and fails a test whose traffic has mistakes. It checks only perkd's own requests, because
tests send wrong ones on purpose. It does not see the store of a `perkd sandbox` that a test starts.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from perkd.daemon.sandbox.overheard import Overheard
from perkd.daemon.sandbox.store.calls import Route
from perkd.daemon.sandbox.store.faults import Fault
from tests.openapi import FILES, WORDS, Description, Sent
from tests.unmeasured import unmeasured

VARIABLE = "PERKD_PAYNOW_OPENAPI"
FOLDER = Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None
UNSET = f"set {VARIABLE} to a folder with PayNow's {', '.join(FILES.values())} (github.com/paynow-gg/openapi)"

# With these faults the answer is wrong on purpose.
LIES = frozenset(
    {
        Fault.BAD_GATEWAY,
        Fault.WEB_PAGE,
        Fault.EMPTY,
        Fault.NO_CONTENT,
        Fault.TRUNCATED,
        Fault.WRONG_TYPE,
        Fault.TOO_BIG,
        Fault.TOO_BIG_PACKED,
        Fault.TOO_BIG_STATED,
        Fault.SHORT_LENGTH,
        Fault.STALLED,
        Fault.RESET,
        Fault.RESET_MIDWAY,
        Fault.ANSWER_LOST,
        Fault.REDIRECT,
        Fault.STRAY_304,
        Fault.UNKNOWN_STATE,
        Fault.EXTRA_FIELDS,
        Fault.FEW_FIELDS,
        Fault.BROKEN_ITEM,
        Fault.NO_ID,
    }
)
# Without a route the answer must be an error document, like that of this route.
ANY_ROUTE = ("key", "GET", "/v1/stores/{storeId}/customers")


@dataclass(frozen=True, slots=True)
class Mistake:
    """A difference from the description, in an answer of the store or a request of perkd."""

    text: str
    by_store: bool


class Watch:
    """The traffic since the last `take`; equal requests count once."""

    def __init__(self) -> None:
        self.answers = self.requests = 0
        self._heard: dict[int, Overheard] = {}

    def hear(self, heard: Overheard) -> None:
        """Keeps the traffic. `take` checks it after the test, because checking is slow and blocks the loop."""
        self._heard[hash(heard)] = heard

    def take(self) -> list[Mistake]:
        heard, self._heard = list(self._heard.values()), {}
        with unmeasured():  # checking runs no code of perkd
            return [mistake for one in heard for mistake in self._judged(one)]

    def summary(self) -> str:
        """One line for the summary of a run."""
        if FOLDER is None:
            return f"emulated store: NOT held against PayNow's description: {UNSET}"
        counts = f"{self.answers} answers and {self.requests} requests of perkd"
        return f"emulated store: {counts} held against PayNow's description"

    def _judged(self, heard: Overheard) -> Iterator[Mistake]:
        what = f"{heard.method} {heard.path} ({heard.status})"
        is_document = heard.path != "/v1" and heard.status != 304  # the ping is HTML; 304 is HTTP's own
        if is_document and not heard.faults & LIES:
            self.answers += 1
            yield from (Mistake(f"{what}, the answer: {text}", by_store=True) for text in answered(heard))
        if heard.route is not None and heard.agent.startswith("perkd/"):
            self.requests += 1
            yield from (Mistake(f"{what}, the request: {text}", by_store=False) for text in asked(heard, heard.route))


def answered(heard: Overheard) -> list[str]:
    """The mistakes in the answer."""
    route = heard.route
    login, method, path = (route.login, route.method, route.path) if route is not None else ANY_ROUTE
    if heard.answer is None:
        return ["written past whoever listens"]
    return description(login, nulls=heard.nulls).answer(method, path, heard.status, heard.answer)


def asked(heard: Overheard, route: Route) -> list[str]:
    """The mistakes in the request. Optional fields that are references may be null: perkd empties a field that way, as
    PayNow's first documents describe."""
    pieces = re.fullmatch(re.sub(r"\{\w+\}", "([^/]+)", route.path), heard.path)
    sent = Sent(list(pieces.groups()) if pieces else [], heard.query, heard.content_type, heard.body)
    found = description(route.login, nulls=True).request(route.method, route.path, sent)
    return found if heard.login == WORDS[route.login] else [*found, f"the word {heard.login!r} before the secret"]


@cache
def description(login: str, *, nulls: bool) -> Description:
    assert FOLDER is not None, UNSET
    return Description(FOLDER / FILES[login], nulls=nulls)


watch = Watch()
