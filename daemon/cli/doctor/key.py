"""Asks the store with the API key: every product, and the newest items of the store. Reads only.

`doctor.py` calls it; `products.py` decides what the answers mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ...config import Settings
from ...core.model import Item
from ...paynow import Limited, Management, NotPermitted, Product, Rate, StoreError, StoreItem, TokenRefused, Unreachable
from ..output import many
from .products import Finding, FindingCode, Owned, Severity, look_at, not_mapped


class KeyState(StrEnum):
    """The result for the API key."""

    OK = "ok"
    NO_KEY = "no_key"
    NOT_CHECKED = "not_checked"  # it cannot be read here
    NOT_ASKED = "not_asked"  # the store was not well before
    REFUSED = "refused"
    NOT_PERMITTED = "not_permitted"
    LIMITED = "limited"
    FAILING = "failing"
    UNREACHABLE = "unreachable"


# A key that lacks a permission still works for the rest, so the check does not fail.
WELL = frozenset(
    {KeyState.OK, KeyState.NO_KEY, KeyState.NOT_CHECKED, KeyState.NOT_ASKED, KeyState.NOT_PERMITTED},
)


@dataclass(slots=True)
class KeyResult:
    """The result for the API key. `products` and `items`: how many were read; items None: none could be read."""

    state: KeyState = KeyState.OK
    error: str | None = None
    products: int = 0
    items: int | None = None
    warnings: list[str] = field(default_factory=list)
    found: list[Finding] = field(default_factory=list)

    @property
    def well(self) -> bool:
        return self.state in WELL and not any(one.severity is Severity.ERROR for one in self.found)


async def ask_with_key(found: Settings) -> tuple[KeyResult, list[Product], list[StoreItem]]:
    """Reads the products, and the newest items if the store has a list of them: one request each."""
    key = found.store.api_key
    if key is None:
        return KeyResult(KeyState.NO_KEY), [], []
    if not key.reveal():
        return KeyResult(KeyState.NOT_CHECKED), [], []
    result = KeyResult()
    products: list[Product] = []
    newest: list[StoreItem] = []
    async with Management.open(
        found.store.api, found.store.id, key, items_word=found.store.management_items, rate=Rate(found.poll.rate)
    ) as store:
        try:
            products = await store.products()
            result.products = len(products)
        except StoreError as error:
            result.state, result.error = _state(error), str(error)
            if not isinstance(error, NotPermitted):
                return result, [], []
        if store.items.lists_store:
            try:
                newest = await store.items.latest()
                result.items = len(newest)
            except StoreError as error:
                result.warnings.append(f"the newest items of the store could not be read: {error}")
    return result, products, newest


def judge(result: KeyResult, found: Settings, products: Sequence[Product], newest: Sequence[StoreItem]) -> None:
    """Adds what was found about the products, and which owned products no perk names."""
    if result.state is KeyState.OK:
        result.found += look_at(products, found.perks, found.servers)
    owned = [
        Owned(item.product.id, item.product.slug or "", item.owner_id)
        for item in newest
        if item.product is not None and item.state != "revoked"
    ]
    names = {product.id: product.name for product in products}
    where = f"of the newest {many(len(newest), 'item')} of the store"
    result.found += not_mapped(owned, found.perks, names, where)


def judge_sample(result: KeyResult, found: Settings, seen: Sequence[Item], customers: int) -> None:
    """Adds owned products that no perk names, from inventories of customers. Skips those that `judge` already added."""
    known = {one.product for one in result.found if one.code is FindingCode.NOT_MAPPED}
    owned = [
        Owned(item.product_id, item.slug, item.customer_id) for item in seen if item.product_id and not item.revoked
    ]
    where = f"in {many(customers, 'inventory', 'inventories')} read"
    result.found += [one for one in not_mapped(owned, found.perks, {}, where) if one.product not in known]


def _state(error: StoreError) -> KeyState:
    states: tuple[tuple[type[StoreError], KeyState], ...] = (
        (NotPermitted, KeyState.NOT_PERMITTED),
        (TokenRefused, KeyState.REFUSED),
        (Limited, KeyState.LIMITED),
        (Unreachable, KeyState.UNREACHABLE),
    )
    return next((state for kind, state in states if isinstance(error, kind)), KeyState.FAILING)
