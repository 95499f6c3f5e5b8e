"""The Management API over one exchange: what an owner's API key can do. `enrolment` and `perkd store` use it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from perkd.adapters.base import Secret

from .customers_api import CustomersApi
from .documents import Product
from .items_api import ItemsApi
from .keyed import Keyed
from .requests import checked_id
from .transport.exchange import Exchange, StoreDate, Timeouts
from .transport.rate import Rate


class Management:
    """`customers` and `items` have the requests. Every call raises a StoreError and nothing else."""

    def __init__(self, exchange: Exchange, store_id: str, key: Secret, items_word: str = "delivery/items") -> None:
        self.store_id = checked_id("[store] id", store_id)
        self._exchange = exchange
        self._keyed = Keyed(exchange, store_id, key)
        self.customers = CustomersApi(self._keyed)
        self.items = ItemsApi(self._keyed, items_word)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        api: str,
        store_id: str,
        key: Secret,
        *,
        items_word: str = "delivery/items",
        rate: Rate,
        timeouts: Timeouts | None = None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> AsyncIterator["Management"]:
        """Opens a client with its own session, closed at the end of the block. Raises BadAddress or BadInput before
        anything is sent. `items_word` is the word for the inventory in paths (`[store] management_items`)."""
        async with Exchange.open(api, rate=rate, timeouts=timeouts, wall=wall) as exchange:
            yield cls(exchange, store_id, key, items_word)

    @property
    def last_date(self) -> StoreDate | None:
        """The `Date` of the store's latest good answer; None before the first one."""
        return self._exchange.last_date

    def now(self) -> datetime:
        """The store's own time; before its first answer, this machine's time."""
        return self._exchange.store_now()

    def blocked_until(self) -> float:
        """As `Rate.blocked_until`."""
        return self._exchange.rate.blocked_until()

    async def products(self) -> list[Product]:
        """All products, also hidden ones, with the commands that the store queues for them. One request: the API has no
        pages here."""
        answer = await self._keyed.ask("GET", "products", permission="product_read")
        return self._keyed.read_list(answer, Product, "products")
