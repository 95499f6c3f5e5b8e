"""Tries a sample of the tokens at the store: whose token is it, and what can it see? `check --connect` calls it.

Reads only, one token after the other, at the configured pace.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from ...config import Settings, TokenEntry
from ...core.model import Item, Perk, Secret
from ...paynow import Fresh, Limited, Rate, StoreError, Storefront, TokenRefused, Unreachable
from ..output import many

SAMPLE = 20
SLOW_S = 2.0  # a slower answer gets a warning
FAILURES_MOST = 3  # in a row, then it stops: the other tokens would fail in the same way
NO_TOKEN = Secret("perkd-check")  # belongs to nobody: a store that refuses it can be reached


class StoreState(StrEnum):
    """How the store is, as far as perkd asked it."""

    OK = "ok"
    LIMITED = "limited"
    FAILING = "failing"
    UNREACHABLE = "unreachable"


@dataclass(slots=True)
class TokenResult:
    """The result for one token. `customer_id` None: its customer is not known; `items` None: its inventory is not."""

    where: str  # its place in the tokens file and its name there; never the token
    customer_id: str | None = None
    name: str | None = None
    items: int | None = None
    error: str | None = None
    refused: bool = False


@dataclass(slots=True)
class StoreResult:
    """The result for the store."""

    api: str
    listed: int  # tokens in the file
    tokens: list[TokenResult] = field(default_factory=list)
    state: StoreState = StoreState.OK
    error: str | None = None
    slowest_s: float = 0.0
    warnings: list[str] = field(default_factory=list)
    not_asked: int = 0  # of the sample

    @property
    def reached(self) -> bool:
        return self.state is not StoreState.UNREACHABLE or any(
            token.customer_id or token.refused for token in self.tokens
        )

    @property
    def read(self) -> int:
        """How many inventories were read."""
        return sum(token.items is not None for token in self.tokens)

    @property
    def well(self) -> bool:
        return self.state is StoreState.OK and not any(token.error for token in self.tokens)


def sample(entries: Sequence[TokenEntry]) -> list[TokenEntry]:
    """At most SAMPLE entries, spread over the list, so that old and new customers are in it."""
    count = min(SAMPLE, len(entries))
    return [entries[number * len(entries) // count] for number in range(count)]


async def ask_store(
    found: Settings, asked: Sequence[TokenEntry], step: Callable[[int], None], *, knock: bool
) -> tuple[StoreResult, list[Item]]:
    """Asks for each token in `asked`. If there is none, `knock` asks whether the store answers at all. Returns the
    result and the items of the inventories."""
    result = StoreResult(api=found.store.api, listed=len(found.customers.tokens or ()))
    seen: list[Item] = []
    async with Storefront.open(
        found.store.api, found.store.items_path, rate=Rate(found.poll.rate), store_id=found.store.id
    ) as store:
        if not asked and knock:
            await _knock(store, result)
        failed = 0
        for number, entry in enumerate(asked, 1):
            token = TokenResult(entry.where)
            result.tokens.append(token)
            error = await _ask(store, entry.token, token, result, seen)
            step(1)
            failed = failed + 1 if error is not None and not token.refused else 0
            if isinstance(error, Limited | Unreachable) or failed >= FAILURES_MOST:
                assert error is not None  # noqa: S101 - a failed token has an error
                result.state, result.error, result.not_asked = _state(error), str(error), len(asked) - number
                break
    if result.slowest_s > SLOW_S:
        result.warnings.append(f"the store is slow: its slowest answer took {result.slowest_s:.1f} s")
    return result, seen


async def _knock(store: Storefront, result: StoreResult) -> None:
    began = time.monotonic()
    try:
        await store.customer(NO_TOKEN)
    except TokenRefused:
        result.slowest_s = time.monotonic() - began
    except StoreError as error:
        result.state, result.error = _state(error), str(error)


def _state(error: StoreError) -> StoreState:
    if isinstance(error, Limited):
        return StoreState.LIMITED
    return StoreState.UNREACHABLE if isinstance(error, Unreachable) else StoreState.FAILING


async def _ask(
    store: Storefront, token: Secret, outcome: TokenResult, result: StoreResult, seen: list[Item]
) -> StoreError | None:
    """Fills `outcome`. Returns the error, or None."""
    began = time.monotonic()
    try:
        profile = await store.customer(token)
        outcome.customer_id, outcome.name = profile.customer_id, profile.display_name
        result.slowest_s, began = max(result.slowest_s, time.monotonic() - began), time.monotonic()
        answer = await store.inventory(token, profile.customer_id, None, datetime.now(UTC))
    except StoreError as error:
        outcome.error, outcome.refused = str(error), isinstance(error, TokenRefused)
        return error
    result.slowest_s = max(result.slowest_s, time.monotonic() - began)
    assert isinstance(answer, Fresh)  # noqa: S101 - nothing was known before, so nothing can be unchanged
    outcome.items = len(answer.inventory.items)
    seen += answer.inventory.items
    return None


def never_seen(result: StoreResult, perks: Iterable[Perk], seen: Iterable[Item]) -> Iterable[str]:
    """A warning for each perk with a product that no customer of the sample has; for a check without an API key."""
    if not result.read:
        return
    where = f"{result.read} of {many(result.listed, 'customer')}"
    there = {word for item in seen for word in (item.slug, item.product_id)}
    for perk in perks:
        missing = [product for product in perk.products if product not in there]
        if missing:
            yield (
                f'perk "{perk.name}": no inventory that was read ({where}) has {", ".join(missing)}. Perhaps none of '
                "these customers bought it, or the store has another slug or id for it, or it has no command in the "
                "store's dashboard: then its items are hidden from perkd"
            )
