"""One request to the emulated store with its answer, so that tests can compare both with PayNow's API description.

`store/server.py` passes each to LISTENERS; tests/storewatch.py listens.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from .store.calls import Route
from .store.faults import Fault


@dataclass(frozen=True, slots=True)
class Overheard:
    """`route` None: no route has this path and method. `login` is the word before the secret; the secret is left out.
    `answer` None: a fault wrote the answer directly to the connection. Bodies may hold secrets."""

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


LISTENERS: list[Callable[[Overheard], None]] = []  # called for every store of this process
