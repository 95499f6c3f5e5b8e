"""A facet: what one side of the daemon may ask of the ledger, with the statements behind it.

Each method gets the connection as its first argument `db` and runs in the ledger's thread; callers `await` it without
that argument. The mark of the method says how it runs.
"""

import functools
import sqlite3
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from .sqlite.engine import Engine

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound="Facet")
Method = Callable[Concatenate[F, sqlite3.Connection, P], T]
Asked = Callable[Concatenate[F, P], Coroutine[Any, Any, T]]


class Facet:
    """`writer` runs what writes, in order; `reader` has a connection of its own: reports never delay a command."""

    def __init__(self, writer: Engine, reader: Engine) -> None:
        self._writer, self._reader = writer, reader


def write(work: Method[F, P, T]) -> Asked[F, P, T]:
    """One transaction, on disk when it returns. Raises LedgerFailed when it cannot be."""

    @functools.wraps(work)
    async def run(self: F, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._writer.run(lambda db: work(self, db, *args, **kwargs))

    return run


def read(work: Method[F, P, T]) -> Asked[F, P, T]:
    """Reads between the writes: it sees every one that came before it."""

    @functools.wraps(work)
    async def run(self: F, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._writer.read(lambda db: work(self, db, *args, **kwargs))

    return run


def report(work: Method[F, P, T]) -> Asked[F, P, T]:
    """Reads beside the writes, on the second connection. It may take long."""

    @functools.wraps(work)
    async def run(self: F, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._reader.read(lambda db: work(self, db, *args, **kwargs))

    return run
