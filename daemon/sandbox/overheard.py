"""One request to the emulated store with its answer, for whoever wants to hold both against PayNow's description.

`server.py` tells LISTENERS of each; the tests listen (tests/storewatch.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from .store.calls import Route
from .store.faults import Fault


@dataclass(frozen=True, slots=True)
class Overheard:
    """`route` None: nobody serves this path by this method. `login` is the word before the secret, which is left out.
    `answer` None: it was written past the place where it could have been heard. Bodies may hold secrets."""

    method: str
    path: str
    query: str
    route: Route | None
    login: str
    agent: str
    content_type: str
    body: bytes = field(repr=False)
    status: int
    answer: bytes | None = field(repr=False)
    faults: frozenset[Fault]
    nulls: bool


LISTENERS: list[Callable[[Overheard], None]] = []  # to every store of this process
