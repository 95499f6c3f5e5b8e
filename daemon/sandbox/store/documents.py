"""Writes the JSON documents of the emulated store, as PayNow's API description of August 2026 defines them.

The routes and `overview.py` use one `Documents` each. The same data always gives the same document.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from .goods import STORE_ID, Actor, CommandAttempt, Customer, GameServer, Goods

Document = dict[str, object]

FRACTION_DIGITS = (6, 0, 9, 4, 7, 5)  # real answers mix these lengths
_AVATAR = "https://avatars.example/a.jpg"


def stamp(at: datetime | None, digits: int) -> str | None:
    """An RFC 3339 time with `digits` digits of fraction: cut off, or filled with made-up digits."""
    if at is None:
        return None
    fraction = f"{at.microsecond:06d}258"[:digits]
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S") + (f".{fraction}" if fraction else "") + "Z"


def digits_for(flake: str, place: int) -> int:
    """How many fraction digits a time has; this differs from one id and field to the next."""
    return FRACTION_DIGITS[((int(flake) >> 22) + int(flake) + place) % len(FRACTION_DIGITS)]


def trim(document: Document, *, nulls: bool) -> Document:
    """The document with or without its null fields: the real API does both."""
    return document if nulls else {key: value for key, value in document.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Documents:
    """Writes documents; `nulls` false leaves empty fields out."""

    nulls: bool
    customers: Mapping[str, Customer]

    def customer(self, customer: Customer) -> Document:
        """CustomerDto, the same for both APIs."""
        name = customer.shown_name
        game_id = customer.minecraft_id
        minecraft = {"id": game_id, "name": name, "avatar_url": _AVATAR} if game_id else None
        steam = {"id": customer.steam_id, "name": name, "avatar_url": _AVATAR} if customer.steam_id else None
        if name is None and not self.nulls:  # PayNow's description has no profile without a name
            minecraft = steam = None
        profile = None
        if minecraft is not None:
            profile = {**minecraft, "platform": "minecraft_offline" if customer.offline else "minecraft"}
        elif steam is not None:
            profile = {**steam, "platform": "steam"}
        return trim(
            {
                "id": customer.id,
                "store_id": STORE_ID,
                "profile": profile,
                "steam_id": customer.steam_id,
                "steam": steam,
                "minecraft_uuid": customer.minecraft_uuid,
                "minecraft": minecraft,
                "xbox_xuid": customer.xbox_xuid,
                "minecraft_platform": customer.minecraft_platform,
                "name": customer.name,
                "created_at": stamp(customer.created_at, digits_for(customer.id, 0)),
                "updated_at": stamp(customer.updated_at, digits_for(customer.id, 1)),
                "metadata": dict(customer.metadata),
            },
            nulls=self.nulls,
        )

    def storefront_item(self, goods: Goods) -> Document:
        """StorefrontDeliveryItemDto: an item as a customer's token reads it."""

        def at(time: datetime | None, place: int) -> str | None:
            return stamp(time, digits_for(goods.id, place))

        return trim(
            {
                "id": goods.id,
                "store_id": STORE_ID,
                "customer_id": goods.customer_id,
                "order_id": goods.order_id,
                "order_line_id": goods.order_line_id,
                "subscription_id": goods.subscription_id,
                "execute_on_gameserver_id": goods.gameserver_id,
                "quantity_index": goods.quantity_index,
                "product": {
                    "id": goods.product.id,
                    "version_id": goods.version_id,
                    "slug": goods.product.slug,
                    "name": goods.product.name,
                },
                "state": goods.state,
                "expirable": goods.expirable,
                "gift": goods.gift,
                "added_at": at(goods.added_at, 0),
                "active_at": at(goods.active_at, 1),
                "expires_at": at(goods.expires_at, 2),
                "override_expires_at": at(goods.override_expires_at, 3),
                "removed_at": at(goods.removed_at, 4),
                "revoked_at": at(goods.revoked_at, 5),
                "revoke_reason": goods.revoke_reason,
            },
            nulls=self.nulls,
        )

    def item(self, goods: Goods) -> Document:
        """DeliveryItemDto: an item as an API key reads it."""
        buyer = self.customers.get(goods.order_customer_id or "")
        more: Document = {
            "customer": self.customer(self.customers[goods.customer_id]),
            "order_customer_id": goods.order_customer_id,
            "order_customer": self.customer(buyer) if buyer else None,
            "checkout_id": None,
            "checkout_line_id": None,
            "trial_id": None,
            "added_by": self.actor(goods.added_by),
            "revoked_by": self.actor(goods.revoked_by),
            "command_attempts": [self.attempt(attempt) for attempt in goods.attempts],
            "skip_commands": goods.skip_commands,
            "custom_variables": dict(goods.custom_variables),
        }
        return self.storefront_item(goods) | trim(more, nulls=self.nulls)

    def actor(self, actor: Actor | None) -> Document | None:
        return None if actor is None else trim({"type": actor.type, "id": actor.id}, nulls=self.nulls)

    def attempt(self, attempt: CommandAttempt) -> Document:
        """CommandAttemptDto."""
        return trim(
            {
                "id": attempt.id,
                "store_id": STORE_ID,
                "inventory_item_id": attempt.item.id,
                "gameserver_id": attempt.gameserver_id,
                "steam_id": attempt.customer.steam_id,
                "minecraft_uuid": attempt.customer.minecraft_uuid,
                "customer_name": attempt.customer.shown_name,
                "customer_id": attempt.customer.id,
                "command_stage": attempt.stage,
                "command": attempt.command,
                "online_only": attempt.online_only,
                "rerun": attempt.rerun,
                "queued_at": stamp(attempt.queued_at, digits_for(attempt.id, 0)),
                "executed_at": stamp(attempt.executed_at, digits_for(attempt.id, 1)),
                "executed_by_ip": attempt.executed_by_ip,
                "unqueued_at": stamp(attempt.unqueued_at, digits_for(attempt.id, 2)),
            },
            nulls=self.nulls,
        )

    def queued(self, attempt: CommandAttempt) -> Document:
        """QueuedCommandDto: a command as a game server reads it, without stage, product and item."""
        return trim(
            {
                "attempt_id": attempt.id,
                "steam_id": attempt.customer.steam_id,
                "minecraft_uuid": attempt.customer.minecraft_uuid,
                "customer_name": attempt.customer.shown_name,
                "command": attempt.command,
                "online_only": attempt.online_only,
                "queued_at": stamp(attempt.queued_at, digits_for(attempt.id, 0)),
            },
            nulls=self.nulls,
        )

    def gameserver(self, server: GameServer) -> Document:
        """GameServerDto. It contains the token, so keep it secret."""
        owner = self.actor(Actor("user", STORE_ID))
        link: Document | None = None
        if server.link is not None or not self.nulls:  # PayNow's description has no server that was never linked
            link = {
                **(server.link or {"ip": "", "hostname": "", "platform": "", "version": ""}),
                "saved_at": stamp(server.linked_at or server.created_at, digits_for(server.id, 0)),
                "last_fetched_commands_at": stamp(server.last_fetched_at, digits_for(server.id, 1)),
                "last_fetched_commands_from_ip": server.link["ip"] if server.link and server.last_fetched_at else None,
            }
        document: Document = {
            "id": server.id,
            "store_id": STORE_ID,
            "name": server.name,
            "enabled": server.enabled,
            "token": server.token,
            "token_reset_at": stamp(server.token_reset_at, digits_for(server.id, 2)),
            "linked_to": None if link is None else trim(link, nulls=self.nulls),
            "created_at": stamp(server.created_at, digits_for(server.id, 3)),
            "created_by": owner,
            "updated_at": None,
            "updated_by": owner,
        }
        return trim(document, nulls=self.nulls)
