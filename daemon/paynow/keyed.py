"""Sends one request with the owner's API key and returns its answer as typed documents.

`customers_api.py` and `items_api.py` use it; `management.py` makes it.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel

from perkd.adapters.base import Secret

from .errors import BadInput, NotFound, NotPermitted, Rejected, TokenRefused
from .reading import read_list, read_one
from .transport.exchange import Exchange, StoreAnswer
from .transport.failures import Meanings
from .transport.rate import Lane

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

_REFUSED = (
    TokenRefused,
    (
        "the store does not know the API key {where}: copy it again from the store's dashboard into the place that "
        "[store] api_key names, or make a new one in the dashboard"
    ),
)
_FORBIDDEN = (TokenRefused, "the API key is not allowed to do this {where}")
_NOTHING = (NotFound, "the store has nothing at this path {where}: check the id, [store] id and [store] api")
_INVALID = (Rejected, "the store rejected a value {where}: correct the value that it names")
_MEANINGS = Meanings(
    "APIKey",
    "API key",
    {400: _INVALID, 401: _REFUSED, 403: _FORBIDDEN, 404: _NOTHING, 409: _INVALID, 410: _NOTHING, 422: _INVALID},
)
_DELETE = replace(_MEANINGS, body_optional=True)


class Keyed:
    """Requests below `/v1/stores/{store_id}`. Every call raises a StoreError and nothing else."""

    def __init__(self, exchange: Exchange, store_id: str, key: Secret) -> None:
        self.exchange, self.store_id = exchange, store_id
        self._key = key
        self.met = False  # whether a request of this store succeeded: then address and store id are right

    def path(self, rest: str) -> str:
        return f"/v1/stores/{self.store_id}/{rest}"

    async def ask(
        self,
        method: str,
        rest: str,
        *,
        permission: str,
        query: list[tuple[str, str]] | None = None,
        body: object = None,
        lane: Lane = Lane.SHARE,
    ) -> StoreAnswer:
        """Sends one request. `rest` is the path below the store, made of checked words and ids; `permission` is what
        the key's role needs, as PayNow's documentation names it. Raises NotPermitted
        on a 403."""
        url = self.exchange.url(self.path(rest))
        if query:
            url = url.with_query(query)
        document = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        meanings = _DELETE if method == "DELETE" else _MEANINGS
        try:
            answer = await self.exchange.call(method, url, self._key, meanings, document, lane=lane)
        except TokenRefused as refused:
            if refused.status != 403:
                raise
            what = f"permissions {permission}" if " and " in permission else f"permission {permission}"
            message = (
                f"{refused}. Give the key's role the {what} in the store's dashboard, and check that the key belongs "
                f"to store {self.store_id} ([store] id)"
            )
            raise NotPermitted(message, path=refused.path, status=403, permission=permission) from None
        self.met = True
        return answer

    @contextmanager
    def about(self, customer_id: str) -> Iterator[None]:
        """A NotFound on this customer's path, raised in this block, names the customer."""
        try:
            yield
        except NotFound as error:
            raise NotFound(
                f"store {self.store_id} has no customer {customer_id}: check the id, [store] id and [store] api",
                path=error.path,
                status=error.status,
            ) from None

    def read(self, answer: StoreAnswer, kind: type[M], rest: str) -> M:
        """As `read_one`."""
        return read_one(answer, kind, self.path(rest))

    def read_list(self, answer: StoreAnswer, kind: type[M], rest: str) -> list[M]:
        """As `reading.read_list`."""
        return read_list(answer, kind, self.path(rest))


def paged(after: int, limit: int, *more: tuple[str, str]) -> list[tuple[str, str]]:
    """The query of one page in ascending order."""
    query = [("asc", "true"), ("limit", str(limit)), *more]
    return [*query, ("after", str(after))] if after else query


def chunks(rows: list[T], most: int) -> list[list[T]]:
    """The rows in pieces of at most `most`. Raises BadInput when there are no rows."""
    if not rows:
        raise BadInput("there is nothing to send")
    return [rows[at : at + most] for at in range(0, len(rows), most)]
