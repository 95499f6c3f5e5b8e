"""The customers of the emulated store, indexed by id, token, name and identity in a game.

`dashboard.py` and the routes of the Management API use it.
"""

import re
import secrets
from collections import defaultdict
from collections.abc import Iterator

from .goods import Customer

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Nonsense(ValueError):
    """A request that cannot be done; the message says why, and what exists or is accepted."""


def made_up(length: int) -> str:
    """A random secret of base58 characters."""
    return "".join(secrets.choice(_BASE58) for _ in range(length))


def dashed(uuid: str) -> str | None:
    """A Minecraft UUID in its usual form, from a text with or without dashes; None when it is not a UUID."""
    plain = uuid.replace("-", "").casefold()
    if not re.fullmatch("[0-9a-f]{32}", plain):
        return None
    return f"{plain[:8]}-{plain[8:12]}-{plain[12:16]}-{plain[16:20]}-{plain[20:]}"


class People:
    """`by_id` holds every customer in the order of ids. When two share a name or identity, the first one is found."""

    def __init__(self) -> None:
        self.by_id: dict[str, Customer] = {}
        self._by_token: dict[str, Customer] = {}
        self._by_identity: defaultdict[tuple[str, str], dict[str, Customer]] = defaultdict(dict)

    def add(self, customer: Customer) -> None:
        self.by_id[customer.id] = customer
        self._enter(customer)

    def changed(self, customer: Customer, was: list[tuple[str, str]]) -> None:
        """Updates the index after a name or identity changed; `was` is the result of `keys` before the change."""
        for key in was:
            self._by_identity[key].pop(customer.id, None)
        self._enter(customer)

    def add_token(self, customer: Customer) -> str:
        """Adds a token; the old ones remain valid, as at PayNow."""
        token = made_up(71)
        customer.tokens.append(token)
        self._by_token[token] = customer
        return token

    def invalidate_all(self) -> None:
        for customer in self.by_id.values():
            customer.tokens.clear()
        self._by_token.clear()

    def with_token(self, token: str | None) -> Customer | None:
        found = self._by_token.get(token or "")
        return found if found is not None and token in found.tokens else None

    def with_identity(self, kind: str, value: str) -> Customer | None:
        """`kind`: id, name (one that was set), steam_id, minecraft_uuid, xbox_xuid, minecraft_java_name,
        minecraft_bedrock_name.
        """
        if kind == "id":
            return self.by_id.get(value)
        if kind == "minecraft_uuid":
            value = dashed(value) or value
        return next(iter(self._by_identity.get((kind, value.casefold()), {}).values()), None)

    def find(self, key: str) -> Customer:
        """The customer with this id, name or token. Raises Nonsense."""
        found = self.by_id.get(key) or self.with_token(key) or self.with_identity("name", key)
        if found is None:
            names = [str(one.name or one.id) for one in self.by_id.values()]
            there = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
            raise Nonsense(f"unknown customer; existing: {there or 'none yet'}")
        return found

    @staticmethod
    def keys(customer: Customer) -> list[tuple[str, str]]:
        """The names and identities a customer is found by."""
        return list(_keys(customer))

    def _enter(self, customer: Customer) -> None:
        for key in _keys(customer):
            self._by_identity[key][customer.id] = customer


def _keys(customer: Customer) -> Iterator[tuple[str, str]]:
    known = {
        "name": customer.name,
        "steam_id": customer.steam_id,
        "minecraft_uuid": customer.minecraft_uuid and (dashed(customer.minecraft_uuid) or customer.minecraft_uuid),
        "xbox_xuid": customer.xbox_xuid,
    }
    if customer.minecraft_id is not None:
        known[f"minecraft_{customer.minecraft_platform}_name"] = customer.shown_name
    for kind, value in known.items():
        if value:
            yield kind, value.casefold()
