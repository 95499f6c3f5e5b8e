"""What a route of the emulated store gets and returns: a `Call` and a `Reply`.

Every route module uses them; `server.py` makes a `Call` from each request and an HTTP answer from each `Reply`.
"""

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Protocol, TypeVar

from multidict import MultiMapping

from .documents import Document, Documents
from .faults import Fault
from .goods import Customer, GameServer
from .shop import Shop

PAGE_LIMIT = 100  # the most entries of a page, and the default `limit` (the real default is not documented)
_FLAKE = re.compile(r"[0-9]{1,19}")


class Refused(Exception):
    """The request is refused with a PayNowError. `errors`: path → what is wrong there."""

    def __init__(self, status: int, message: str, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = dict(errors or {})


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of a route. `document` None: no body."""

    document: Document | list[Document] | None
    status: int = 200


NO_CONTENT = Reply(None, 204)


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `parts` are the named parts of the path. With an API key, `customer` and `gameserver` are None."""

    shop: Shop
    write: Documents
    parts: Mapping[str, str]
    query: MultiMapping[str]
    body: bytes
    faults: frozenset[Fault]
    show_commandless: bool = False
    customer: Customer | None = None
    gameserver: GameServer | None = None
    invalidate_all_exists: bool = False
    queue_twice: bool = False
    queue_everybody: bool = False
    now: datetime = field(kw_only=True)

    def flake(self, part: str) -> str:
        """The id in this part of the path. Raises Refused."""
        return as_flake(self.parts[part], part)

    def json(self) -> Any:  # noqa: ANN401 - whatever the client sent; the routes check it
        """The body as JSON; None for an empty body. Raises Refused."""
        if not self.body.strip():
            return None
        try:
            return json.loads(self.body)
        except ValueError:
            raise Refused(400, "The body is not JSON") from None

    def table(self) -> dict[str, Any]:
        """The body, which must be an object; an empty body is `{}`. Raises Refused."""
        body = self.json()
        if body is None:
            return {}
        if not isinstance(body, dict):
            raise Refused(400, "The body must be an object")
        return body

    def tables(self, most: int) -> list[dict[str, Any]]:
        """The body, which must be a list of at most `most` objects. Raises Refused."""
        body = self.json()
        if not isinstance(body, list) or not all(isinstance(entry, dict) for entry in body):
            raise Refused(400, "The body must be an array of objects")
        if len(body) > most:
            raise Refused(400, f"At most {most} entries, found {len(body)}")
        return body

    def says(self, name: str) -> bool:
        return self.query.get(name, "false").casefold() == "true"


Handler = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """One route. `login`: customer, key or gameserver. An API key needs `permissions`. `{name}` in `path` is a part."""

    method: str
    path: str
    handler: Handler
    login: str
    permissions: tuple[str, ...] = ()


class Numbered(Protocol):
    """Something with an id, which can be listed in pages."""

    @property
    def id(self) -> str: ...


_N = TypeVar("_N", bound=Numbered)


def page(call: Call, listed: Sequence[_N], keep: Callable[[_N], bool] = lambda _: True) -> list[_N]:
    """The requested page of `listed`, which must be in the order of ids. Raises Refused."""
    query, faults = call.query, call.faults
    try:
        limit = int(query.get("limit", PAGE_LIMIT))
        after, before = int(query.get("after", -1)), int(query.get("before", 1 << 63))
    except ValueError:
        raise Refused(400, "limit, after and before are numbers") from None
    if not 1 <= limit <= PAGE_LIMIT:
        raise Refused(400, f"limit must be 1 to {PAGE_LIMIT}", {"limit": f"must be 1 to {PAGE_LIMIT}"})
    if Fault.IGNORES_PAGING in faults:
        return [one for one in listed if keep(one)]
    first, end = 0, len(listed)
    if Fault.REPEATING not in faults:
        first = bisect_right(listed, after, key=_number)
        end = bisect_left(listed, before, key=_number)
    rising = call.says("asc") and Fault.DESCENDING not in faults
    places = range(first, end) if rising else range(end - 1, first - 1, -1)
    wanted = (listed[place] for place in places if keep(listed[place]))
    return list(wanted if Fault.IGNORES_LIMIT in faults else islice(wanted, limit))


def _number(one: Numbered) -> int:
    return int(one.id)


@contextmanager
def told_by_place(place: int) -> Iterator[None]:
    """Adds the place in the list to every Refused that is raised inside."""
    try:
        yield
    except Refused as error:
        errors = {f"[{place}].{path}": text for path, text in error.errors.items()} or {f"[{place}]": error.message}
        raise Refused(error.status, f"[{place}]: {error.message}", errors) from None


def as_flake(value: object, name: str) -> str:
    """Checks an id of a path or body. Raises Refused."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _FLAKE.fullmatch(text) or int(text) >= 1 << 63:
        raise Refused(400, f"cannot parse {name} as a flake id", {name: "is no flake id"})
    return str(int(text))


def as_moment(value: object, name: str) -> datetime | None:
    """Parses a time of a body; null is None. Raises Refused."""
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Refused(400, f"{name} must be an RFC 3339 time", {name: "is no RFC 3339 time"})
    return at


def as_texts(value: object, name: str) -> dict[str, str]:
    """Checks an object of strings; null is `{}`. Raises Refused."""
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise Refused(400, f"{name} must be an object of strings", {name: "is no object of strings"})
    return value
