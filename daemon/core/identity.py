"""Under which player a holding is kept, which items a perk covers, and whether an identity changed. PURE.

`lasting` and `once_items` share these.
"""

from collections.abc import Iterable, Mapping

from .model import CommandSpec, Item, Perk, Who

NOBODY = Who(player=None)


def player_of(customer_id: str, who: Who) -> str:
    """The player in a holding's key; for a customer without an identity in the game, `customer:ID`."""
    return who.player or f"customer:{customer_id}"


def sells(perk: Perk, item: Item, slugs: Mapping[str, str]) -> bool:
    """Whether the item is one of the perk's products. A slug belongs to the product id it was first seen with."""
    if item.product_id in perk.products or any(slugs.get(slug) == item.product_id for slug in perk.products):
        return True
    return item.slug in perk.products and slugs.get(item.slug, item.product_id) == item.product_id


def differs(perk: Perk, stored: Mapping[str, str], who: Who) -> bool:
    """Whether a variable of the perk's grant now has another value than at the grant (law 12)."""
    return any(who.values[name] != stored.get(name) for name in _used(perk.grant) & set(who.values))


def learned(perk: Perk, stored: Mapping[str, str], who: Who) -> Mapping[str, str] | None:
    """The identity for a later removal: values that the grant used stay as they were, all others are the current ones.
    None if this changes no variable of `revoke` and `revoke_on`."""
    granted = _used(perk.grant)
    now = {**stored, **{name: value for name, value in who.values.items() if name not in granted}}
    removal = _used((*perk.revoke, *(spec for specs in perk.revoke_on.values() for spec in specs)))
    return now if any(now.get(name) != stored.get(name) for name in removal) else None


def _used(specs: Iterable[CommandSpec]) -> set[str]:
    return {variable for spec in specs for variable in spec.run.variables}
