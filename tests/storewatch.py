"""Every request to an emulated store in any test, and every answer, held against PayNow's published description.

tests/conftest.py feeds it and fails the test whose traffic does not fit. Of requests only perkd's own are judged: tests
send wrong ones on purpose. It sees the stores of the tests' own process, not those of a `perkd sandbox` they start.
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

# With these the answer is none of PayNow's, and is meant not to be.
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
# What no route answered is an error document all the same: as this one's.
ANY_ROUTE = ("key", "GET", "/v1/stores/{storeId}/customers")


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something the description does not allow: in an answer of the store, or in a request of perkd."""

    text: str
    by_store: bool


class Watch:
    """What was heard since the last `take`; the same twice counts once."""

    def __init__(self) -> None:
        self.answers = self.requests = 0
        self._heard: dict[int, Overheard] = {}

    def hear(self, heard: Overheard) -> None:
        """Judging waits until the test is over: it takes time, and the store has the test's loop."""
        self._heard[hash(heard)] = heard

    def take(self) -> list[Mistake]:
        heard, self._heard = list(self._heard.values()), {}
        with unmeasured():  # judging runs nothing of perkd
            return [mistake for one in heard for mistake in self._judged(one)]

    def summary(self) -> str:
        """One line for the end of a run."""
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
    """What of the answer the description does not allow."""
    route = heard.route
    login, method, path = (route.login, route.method, route.path) if route is not None else ANY_ROUTE
    if heard.answer is None:
        return ["written past whoever listens"]
    return description(login, nulls=heard.nulls).answer(method, path, heard.status, heard.answer)


def asked(heard: Overheard, route: Route) -> list[str]:
    """What of the request the description does not provide for. Optional fields that are references may be null: it is
    how perkd empties one, as the product's first documents have it."""
    pieces = re.fullmatch(re.sub(r"\{\w+\}", "([^/]+)", route.path), heard.path)
    sent = Sent(list(pieces.groups()) if pieces else [], heard.query, heard.content_type, heard.body)
    found = description(route.login, nulls=True).request(route.method, route.path, sent)
    return found if heard.login == WORDS[route.login] else [*found, f"the word {heard.login!r} before the secret"]


@cache
def description(login: str, *, nulls: bool) -> Description:
    assert FOLDER is not None, UNSET
    return Description(FOLDER / FILES[login], nulls=nulls)


watch = Watch()
