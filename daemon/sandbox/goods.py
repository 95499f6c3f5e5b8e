"""What the emulated store sells and keeps: products, customers, items, and how each is written as JSON.

`shop.py` changes these, `store.py` serves them. The shapes are those of PayNow's storefront-api.json of August 2026.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

EPOCH = datetime(2022, 2, 22, 22, 22, 22, tzinfo=UTC)  # of PayNow's flakes
FRACTION_DIGITS = (6, 0, 9, 4, 7, 5)  # real answers mix them, so these do
STORE_ID = "94688451781206016"


class Flakes:
    """Makes ids: 41 bits of milliseconds, 10 of node, 12 of counter; each larger than the one before."""

    def __init__(self) -> None:
        self._last = 0

    def make(self, at: datetime, node: int = 2) -> str:
        ms = (at - EPOCH) // timedelta(milliseconds=1)
        self._last = max(self._last + 1, ms << 22 | node << 12)
        return str(self._last)


def stamp(at: datetime | None, digits: int) -> str | None:
    """An RFC 3339 time with `digits` digits of fraction: shorter ones are cut off, longer ones made up."""
    if at is None:
        return None
    fraction = f"{at.microsecond:06d}258"[:digits]
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S") + (f".{fraction}" if fraction else "") + "Z"


@dataclass(slots=True)
class Product:
    """Something on sale. `lasts` None: its items never expire. Without commands its items are hidden from customers."""

    id: str
    slug: str
    name: str
    version_id: str
    lasts: timedelta | None = None
    has_commands: bool = True


@dataclass(slots=True)
class Customer:
    """A customer of the emulated store; `tokens` are made up and worth nothing elsewhere."""

    id: str
    name: str | None
    created_at: datetime
    minecraft_uuid: str | None = None
    steam_id: str | None = None
    xbox_xuid: str | None = None
    offline: bool = False  # an offline-mode Minecraft store: the name is the identity
    tokens: list[str] = field(default_factory=list)

    def document(self, *, nulls: bool) -> dict[str, object]:
        """What `GET /v1/store/customer` answers; `nulls` false leaves empty fields out."""
        game_id = self.minecraft_uuid or (self.name if self.offline else None)
        minecraft = {"id": game_id, "name": self.name, "avatar_url": None} if game_id else None
        steam = {"id": self.steam_id, "name": self.name, "avatar_url": "https://avatars.example/a.jpg"}
        if minecraft is not None:
            profile = {**minecraft, "platform": "minecraft_offline" if self.offline else "minecraft"}
        else:
            profile = {**steam, "platform": "steam"}
        return trim(
            {
                "id": self.id,
                "store_id": STORE_ID,
                "profile": profile if profile["id"] else None,
                "steam_id": self.steam_id,
                "steam": steam if self.steam_id else None,
                "minecraft_uuid": self.minecraft_uuid,
                "minecraft": minecraft,
                "xbox_xuid": self.xbox_xuid,
                "minecraft_platform": "java" if self.minecraft_uuid else "unknown",
                "name": self.name,
                "created_at": stamp(self.created_at, 6),
                "updated_at": None,
                "metadata": {},
            },
            nulls=nulls,
        )


@dataclass(slots=True)
class Goods:
    """One inventory item: one unit of one product, in one customer's hands."""

    id: str
    customer_id: str
    product: Product
    version_id: str
    added_at: datetime
    state: str = "usable"
    gift: bool = False
    order_id: str | None = None
    order_line_id: str | None = None
    subscription_id: str | None = None
    gameserver_id: str | None = None
    quantity_index: int | None = None
    active_at: datetime | None = None
    expires_at: datetime | None = None
    override_expires_at: datetime | None = None
    removed_at: datetime | None = None
    revoked_at: datetime | None = None
    revoke_reason: str | None = None
    forgotten: bool = False  # left out of every answer, as if it had never been
    state_before_revoke: str = "usable"

    @property
    def ends_at(self) -> datetime | None:
        return self.override_expires_at or self.expires_at

    def document(self, *, nulls: bool) -> dict[str, object]:
        """The item as the storefront writes it; equal as long as the item is."""

        def at(time: datetime | None, place: int) -> str | None:
            return stamp(time, FRACTION_DIGITS[((int(self.id) >> 22) + int(self.id) + place) % len(FRACTION_DIGITS)])

        return trim(
            {
                "id": self.id,
                "store_id": STORE_ID,
                "customer_id": self.customer_id,
                "order_id": self.order_id,
                "order_line_id": self.order_line_id,
                "subscription_id": self.subscription_id,
                "execute_on_gameserver_id": self.gameserver_id,
                "quantity_index": self.quantity_index,
                "product": {
                    "id": self.product.id,
                    "version_id": self.version_id,
                    "slug": self.product.slug,
                    "name": self.product.name,
                },
                "state": self.state,
                "expirable": self.product.lasts is not None,
                "gift": self.gift,
                "added_at": at(self.added_at, 0),
                "active_at": at(self.active_at, 1),
                "expires_at": at(self.expires_at, 2),
                "override_expires_at": at(self.override_expires_at, 3),
                "removed_at": at(self.removed_at, 4),
                "revoked_at": at(self.revoked_at, 5),
                "revoke_reason": self.revoke_reason,
            },
            nulls=nulls,
        )


def trim(document: dict[str, object], *, nulls: bool) -> dict[str, object]:
    """The document with its nulls, or without: the API does both."""
    return document if nulls else {key: value for key, value in document.items() if value is not None}
