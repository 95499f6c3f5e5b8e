"""Reads the items of a customer, as the customer's own token shows them. `storefront.py` calls this for every page that
changed."""

from typing import Annotated, Final

from pydantic import ConfigDict

from ..core.model import Item
from ..core.store_ids import flake_time
from .documents import Cosmetic, Customer, ItemProduct, OptionalFlake, ShownFlag, ShownFlake, StatedTime, StoreItem
from .reading import read_page
from .wire import NotAnAnswer, Text

# The state of an item that perkd could not read: it is not a known state, so it changes nothing.
UNREADABLE: Final = "unreadable"


class OwnProduct(ItemProduct):
    slug: Text = None
    name: Text = None


class OwnItem(StoreItem):
    """A StoreItem where what decides about perks must be readable, and what only fills a variable need not be.

    Strict: a number in place of a text is an error, so that perkd never guesses a meaning.
    """

    model_config = ConfigDict(strict=True)
    customer: Annotated[Customer | None, Cosmetic] = None
    order_id: ShownFlake = None
    subscription_id: OptionalFlake = None
    product: OwnProduct | None = None
    added_at: StatedTime = None
    expires_at: StatedTime = None
    override_expires_at: StatedTime = None
    revoked_at: StatedTime = None
    revoke_reason: Text = None
    skip_commands: ShownFlag = None


def read_items(body: bytes, customer_id: str) -> list[Item]:
    """Every item of one page, in the page's order. A broken item that has an id becomes UNREADABLE.

    Raises NotAnAnswer when the page is not a JSON array, an item has no usable id, or an item is another customer's.
    """
    return [_meaning(item, customer_id) for item in read_page(body, OwnItem)]


def _meaning(item: OwnItem, customer_id: str) -> Item:
    if item.owner_id not in {"", customer_id}:  # a cache in between mixed up the answers
        raise NotAnAnswer(
            f"item {item.id} belongs to customer {item.owner_id}, not to {customer_id} whose token was used"
        )
    product, ends_at = item.product, item.override_expires_at or item.expires_at
    if product is None or not item.state:
        return Item(
            id=item.id,
            customer_id=customer_id,
            product_id="",
            slug="",
            product_name="",
            state=UNREADABLE,
            expirable=False,
            gift=False,
            added_at=flake_time(item.id),
            ends_at=None,
        )
    return Item(
        id=item.id,
        customer_id=customer_id,
        product_id=product.id,
        slug=product.slug or "",
        product_name=product.name or "",
        state=item.state,
        expirable=ends_at is not None if item.expirable is None else item.expirable,
        gift=item.gift or False,
        added_at=item.added_at or flake_time(item.id),
        ends_at=ends_at,
        revoked_at=item.revoked_at,
        revoke_reason=item.revoke_reason,
        order_id=item.order_id,
        subscription_id=item.subscription_id,
        gameserver_id=item.execute_on_gameserver_id,
        quantity_index=item.quantity_index,
    )
