"""One request with the owner's API key: its address, what its refusals mean, and its answer as typed documents.

`customersapi.py`, `itemsapi.py` and `productsapi.py` go through this; `management.py` makes one for a process.
"""

import json
from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel

from perkd.adapters.base import Secret

from .errors import BadInput, NotFound, NotPermitted, Rejected, TokenRefused
from .reading import read_list, read_one
from .transport.exchange import Exchange, Reply
from .transport.failures import Words

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

_LOGIN = "APIKey"
_REFUSED = (
    TokenRefused,
    (
        "the store does not know the API key {where}: copy it again from the store's dashboard into the place [store] "
        "api_key names, or make a new one there"
    ),
)
_FORBIDDEN = (TokenRefused, "the API key may not do that {where}")
_NOTHING = (NotFound, "the store has nothing there {where}: check the id, [store] id and [store] api")
_NOT_SO = (Rejected, "the store does not accept what it was sent {where}: correct the value it names")
_WORDS = Words(
    "API key",
    {400: _NOT_SO, 401: _REFUSED, 403: _FORBIDDEN, 404: _NOTHING, 409: _NOT_SO, 410: _NOTHING, 422: _NOT_SO},
)
_DELETE = replace(_WORDS, bodiless=True)


class Keyed:
    """Requests below `/v1/stores/{store_id}`. Every call raises a StoreError and nothing else."""

    def __init__(self, exchange: Exchange, store_id: str, key: Secret) -> None:
        self.exchange, self.store_id = exchange, store_id
        self._key = key
        self.met = False  # something was there below the address of this store

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
        first: bool = False,
    ) -> Reply:
        """`rest` is the path below the store, made of checked words and ids; `permission` what the key's role needs, as
        PayNow's documentation names it; `first` goes before the others in the rate. Raises NotPermitted on a 403."""
        url = self.exchange.url(self.path(rest))
        if query:
            url = url.with_query(query)
        document = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        words = _DELETE if method == "DELETE" else _WORDS
        try:
            reply = await self.exchange.call(method, url, _LOGIN, self._key, words, document, first=first)
        except TokenRefused as refused:
            if refused.status != 403:
                raise
            what = f"permissions {permission}" if " and " in permission else f"permission {permission}"
            message = (
                f"{refused}. Give the key's role the {what} in the store's dashboard, and check that the key is one of "
                f"store {self.store_id} ([store] id)"
            )
            raise NotPermitted(message, path=refused.path, status=403, permission=permission) from None
        self.met = True
        return reply

    def no_customer(self, customer_id: str, error: NotFound) -> NotFound:
        """What a 404 on one customer's path says."""
        return NotFound(
            f"store {self.store_id} has no customer {customer_id}: check the id, [store] id and [store] api",
            path=error.path,
            status=error.status,
        )

    def read(self, reply: Reply, kind: type[M], rest: str) -> M:
        """As `read_one`."""
        return read_one(reply, kind, self.path(rest))

    def read_list(self, reply: Reply, kind: type[M], rest: str) -> list[M]:
        """As `reading.read_list`."""
        return read_list(reply, kind, self.path(rest))


def paged(after: int, limit: int, *more: tuple[str, str]) -> list[tuple[str, str]]:
    """The query of one page in ascending order."""
    query = [("asc", "true"), ("limit", str(limit)), *more]
    return [*query, ("after", str(after))] if after else query


def chunks(rows: list[T], most: int) -> list[list[T]]:
    """The rows in pieces the API takes. Raises BadInput when there is none."""
    if not rows:
        raise BadInput("there is nothing to send")
    return [rows[at : at + most] for at in range(0, len(rows), most)]
