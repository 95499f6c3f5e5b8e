"""The content of the emulated store for the control interface: everything for `GET /`, or one item."""

from .documents import Document, Documents
from .goods import STORE_ID, Goods
from .server import Store

SWITCHES = frozenset(
    {"nulls", "etags", "show_commandless", "invalidate_all_exists", "queue_twice", "queue_everybody"}
)  # the names of `Store`'s true/false attributes that can be changed


def item_document(store: Store, item: Goods) -> Document:
    """The item as its customer sees it, and whether the customer's token lists it."""
    written = Documents(nulls=True, customers=store.customers).storefront_item(item)
    return written | {"skip_commands": item.skip_commands}


def overview(store: Store) -> Document:
    """Everything in the store, with its secrets, which work only here."""
    customers = [
        {
            "id": customer.id,
            "name": customer.name,
            "minecraft_uuid": customer.minecraft_uuid,
            "steam_id": customer.steam_id,
            "xbox_xuid": customer.xbox_xuid,
            "tokens": customer.tokens,
            "items": [item_document(store, item) for item in store.owned(customer.id)],
        }
        for customer in store.customers.values()
    ]
    products = [
        {
            "id": product.id,
            "slug": product.slug,
            "name": product.name,
            "version_id": product.version_id,
            "lasts_s": None if product.lasts is None else product.lasts.total_seconds(),
            "has_commands": product.has_commands,
            "commands": [
                {"stage": one.stage, "content": one.content, "online_only": one.online_only} for one in product.commands
            ],
        }
        for product in store.products.values()
    ]
    gameservers = [
        {"id": one.id, "name": one.name, "enabled": one.enabled, "token": one.token, "queue": len(one.queue)}
        for one in store.gameservers.values()
    ]
    on = [
        {
            "fault": one.fault,
            "customer": one.customer_id,
            "times": one.times,
            "path": one.path,
            "method": one.method,
        }
        for one in store.switches.on
    ]
    return {
        "store": {
            "url": store.url,
            "id": STORE_ID,
            "api_key": store.api_key,
            "permissions": sorted(store.permissions),
            "up": store.is_up,
            "requests": store.requests(),
            "faults": on,
            "switches": {name: getattr(store, name) for name in sorted(SWITCHES)},
            "per_s": store.allowance.per_s if store.allowance else 0,
        },
        "customers": customers,
        "products": products,
        "gameservers": gameservers,
    }
