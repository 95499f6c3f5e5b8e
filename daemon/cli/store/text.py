"""Shows customers, items and products of the store, as text and as JSON. The verbs of `perkd store` call it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from ..output import many, printable, say, say_json, table

if TYPE_CHECKING:
    from ...paynow import Customer, Product, StoreItem


def plain(document: BaseModel) -> dict[str, Any]:
    """A document as JSON fields, with the names of the API."""
    return document.model_dump(mode="json")


def list_json(name: str, documents: Iterable[BaseModel], **more: object) -> None:
    """Prints the documents as JSON under `name`, and the fields in `more` beside them."""
    say_json({name: [plain(document) for document in documents], **more})


def name_of(customer: "Customer") -> str:
    """The customer's name as the dashboard shows it: the name in the store, else the one on the platform, else ""."""
    profiles = (customer.profile, customer.minecraft, customer.steam)
    return next(filter(None, (customer.name, *(profile.name for profile in profiles if profile))), "")


def identities(customer: "Customer") -> list[tuple[str, str]]:
    """Field and value of each game identity the customer has, with the field names of the API."""
    pairs = [
        ("steam_id", customer.steam_id),
        ("minecraft_uuid", customer.minecraft_uuid),
        ("xbox_xuid", customer.xbox_xuid),
    ]
    return [(field, str(value)) for field, value in pairs if value]


def customers_table(customers: "Iterable[Customer]") -> None:
    head = ("customer", "name", "created", "identities")
    rows = [
        (
            customer.id,
            name_of(customer) or "–",
            when(customer.created_at),
            ", ".join(f"{field} {value}" for field, value in identities(customer)) or "none",
        )
        for customer in customers
    ]
    table(head, rows, below=("identities", "created"), named=("created",))


def customer_details(customer: "Customer") -> None:
    facts = [
        ("customer", customer.id),
        ("name", customer.name or "–"),
        ("profile", _profile(customer)),
        *identities(customer),
        ("minecraft_platform", customer.minecraft_platform or "–"),
        ("created", when(customer.created_at)),
        ("updated", when(customer.updated_at)),
        *((f"metadata {key}", value) for key, value in sorted(customer.metadata.items())),
    ]
    _show(facts)


def _profile(customer: "Customer") -> str:
    profile = customer.profile
    return f"{profile.name or '–'} ({profile.platform or 'platform unknown'})" if profile else "–"


def items_table(items: "Iterable[StoreItem]") -> None:
    head = ("item", "product", "state", "added", "ends", "more")
    table(head, [_item(item) for item in items], below=("more", "added", "ends"), named=("added", "ends"))


def _item(item: "StoreItem") -> tuple[str, ...]:
    product = item.product
    slug = (product.slug or product.name or product.id) if product else "–"
    more = (
        _from(item),
        "gift" if item.gift else "",
        f"on game server {item.execute_on_gameserver_id}" if item.execute_on_gameserver_id else "",
        f"subscription {item.subscription_id}" if item.subscription_id else "",
        "without commands" if item.skip_commands else "",
        f"revoked {when(item.revoked_at)}: {item.revoke_reason or 'no reason given'}" if item.revoked_at else "",
    )
    ends = item.override_expires_at or item.expires_at
    return item.id, slug, item.state, when(item.added_at), when(ends), ", ".join(filter(None, more))


def _from(item: "StoreItem") -> str:
    """Where the item came from, if the store says it. Of an item that cannot be read, only the id is known."""
    if item.order_id:
        return f"order {item.order_id}"
    if item.product is None:
        return "unreadable"
    return "assigned" if item.added_by else ""


def products_table(products: "Iterable[Product]") -> None:
    """Prints the products. `assign --product` takes the first column, the CSV of assign-bulk the version."""
    table(("product", "slug", "name", "more"), [_product(product) for product in products], below=("more",))


def _product(product: "Product") -> tuple[str, ...]:
    value, unit = product.remove_after_time_value, product.remove_after_time_scale
    expires = f"expires after {many(value, unit)}" if unit in {"day", "week", "month"} else "expires"
    stages = Counter(command.stage for command in product.commands)
    more = (
        f"version {product.version_id or 'unknown'}",
        expires if product.remove_after_enabled else "never expires",
        "commands: "
        + (", ".join(f"{stage} {count}" for stage, count in stages.items()) or "NONE (hidden from tokens)"),
    )
    return product.id, product.slug, product.name, "; ".join(more)


def when(at: datetime | None, *, none: str = "–") -> str:
    """A time as text: UTC, whole seconds."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else none


def _show(facts: Sequence[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in facts)
    for name, text in facts:
        say(f"{printable(name):<{width}}  {printable(text)}")
