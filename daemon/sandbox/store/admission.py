"""Checks who sends a request to the emulated store and what they may do. `server.py` calls this for each request."""

from collections.abc import Mapping, Set as AbstractSet
from dataclasses import dataclass

from .attempts import Attempts
from .calls import Refused, Route
from .goods import STORE_ID, Customer, GameServer
from .people import People

_LOGINS = {
    "customer": "customer",
    "apikey": "key",
    "gameserver": "gameserver",
}  # word, casefolded → kind of login
_WHOSE = {"customer": "customer token", "key": "API key", "gameserver": "game server token"}


@dataclass(frozen=True, slots=True)
class Login:
    """The kind of a secret, and its owner when the secret is valid."""

    sort: str | None
    good: bool = False
    customer: Customer | None = None
    gameserver: GameServer | None = None


def login(word: str, secret: str, people: People, attempts: Attempts, api_key: str) -> Login:
    """Finds the login of a request. The word before the secret may have any case."""
    sort = _LOGINS.get(word.casefold()) if secret else None
    if sort == "customer":
        customer = people.with_token(secret)
        return Login(sort, customer is not None, customer=customer)
    if sort == "gameserver":
        gameserver = attempts.with_token(secret)
        return Login(sort, gameserver is not None, gameserver=gameserver)
    return Login(sort, sort == "key" and secret == api_key)


def admit(route: Route, who: Login, parts: Mapping[str, str], permissions: AbstractSet[str]) -> None:
    """Raises Refused when the login does not permit this request."""
    if who.sort != route.login:
        raise Refused(401, f"Malformed authentication header: a {_WHOSE[route.login]} is needed")
    if not who.good:
        raise Refused(401, f"Invalid {_WHOSE[route.login]}")
    if who.gameserver is not None and not who.gameserver.enabled:
        raise Refused(403, f"Game server {who.gameserver.id} is disabled")
    store_id = parts.get("storeId", STORE_ID)
    if store_id != STORE_ID:
        raise Refused(403, f"This API key belongs to store {STORE_ID}, not to {store_id[:40]}")
    for permission in route.permissions:
        if permission not in permissions:
            raise Refused(403, f"The API key lacks the permission {permission}")
