"""Who a customer is to a holding, what a perk sells, and whether a value the grant used has changed. PURE.

`lasting` and `onceitems` share these.
"""

from collections.abc import Mapping

from .model import Item, Perk, Who

NOBODY = Who(player=None)


def player_of(customer_id: str, who: Who) -> str:
    """The player a holding is kept under; a customer without an identity in the game stands in for himself."""
    return who.player or f"customer:{customer_id}"


def sells(perk: Perk, item: Item, slugs: Mapping[str, str]) -> bool:
    """Whether the item is a product of the perk. A slug stays with the product id it was first seen with."""
    if item.product_id in perk.products or any(slugs.get(slug) == item.product_id for slug in perk.products):
        return True
    return item.slug in perk.products and slugs.get(item.slug, item.product_id) == item.product_id


def differs(perk: Perk, stored: Mapping[str, str], who: Who) -> bool:
    """Whether a variable of the perk's grant has another value now than the one stored at the grant (law 12)."""
    used = {variable for spec in perk.grant for variable in spec.run.variables}
    return any(who.values[name] != stored.get(name) for name in used & set(who.values))
