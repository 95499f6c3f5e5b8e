"""The customers of a store and their tokens, by API key. `enrolment` and `perkd store` call this."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from perkd.adapters.base import Secret

from .documents import Customer, Minted
from .errors import BadAddress, BadInput, NotFound
from .keyed import Keyed, chunks, paged
from .paging import PAGE_LIMIT, pages
from .requests import BULK_CUSTOMERS, LOOKUPS, CustomerFields, checked_id, checked_lookup, checked_text

__all__ = ["LOOKUPS", "CustomersApi"]


class CustomersApi:
    """Every call raises a StoreError and nothing else."""

    def __init__(self, keyed: Keyed) -> None:
        self._keyed = keyed

    async def pages(
        self, *, search: str = "", ids: Iterable[str] = (), after: str = "0"
    ) -> AsyncIterator[list[Customer]]:
        """Yields all customers with an id above `after`, in ascending order, page by page. `search` is the store's own
        search."""
        more = [("search", checked_text("the search", search))] if search else []
        more += [("customer_id", checked_id("customer", one)) for one in ids]

        async def page(after: int) -> list[Customer]:
            answer = await self._keyed.ask(
                "GET", "customers", permission="customer_read", query=paged(after, PAGE_LIMIT, *more)
            )
            return self._keyed.read_list(answer, Customer, "customers")

        async for found in pages(page, self._keyed.path("customers"), after=int(checked_id("after", after))):
            yield found

    async def show(self, customer_id: str) -> Customer:
        """One customer. Raises NotFound, which names the customer."""
        rest = f"customers/{checked_id('customer', customer_id)}"
        with self._keyed.about(customer_id):
            answer = await self._keyed.ask("GET", rest, permission="customer_read")
        return self._keyed.read(answer, Customer, rest)

    async def lookup(self, by: Mapping[str, str]) -> Customer | None:
        """The customer with these values, keys from LOOKUPS; None when the store has no such customer (404). Raises
        BadInput, and NotFound when this address does not have the store."""
        rest, query = "customers/lookup", checked_lookup(by)
        try:
            answer = await self._keyed.ask("GET", rest, permission="customer_read", query=query)
        except NotFound:
            if (
                not self._keyed.met
            ):  # a wrong address answers 404 to everything, but the list of customers always exists
                await self._keyed.ask("GET", "customers", permission="customer_read", query=paged(0, 1))
            return None
        return self._keyed.read(answer, Customer, rest)

    async def create(self, fields: CustomerFields) -> Customer:
        """Creates a customer. It does not repeat the request when the answer is lost."""
        answer = await self._keyed.ask("POST", "customers", permission="customer_create", body=fields.body())
        return self._keyed.read(answer, Customer, "customers")

    async def create_many(self, customers: Sequence[CustomerFields]) -> AsyncIterator[list[Customer]]:
        """Creates customers, as many at once as the API takes; yields each piece when the store has confirmed it."""
        for piece in chunks(list(customers), BULK_CUSTOMERS):
            answer = await self._keyed.ask(
                "POST", "customers/bulk", permission="customer_create", body=[fields.body() for fields in piece]
            )
            yield self._keyed.read_list(answer, Customer, "customers/bulk")

    async def update(self, customer_id: str, fields: CustomerFields) -> Customer:
        """Changes exactly the given fields. Raises BadInput when there is none, and NotFound."""
        if not fields.body():
            raise BadInput("nothing to change: name at least one field")
        rest = f"customers/{checked_id('customer', customer_id)}"
        with self._keyed.about(customer_id):
            answer = await self._keyed.ask("PATCH", rest, permission="customer_update", body=fields.body())
        return self._keyed.read(answer, Customer, rest)

    async def mint(self, customer_id: str) -> Secret:
        """Makes a new token for the customer; their other tokens stay valid. Raises NotFound."""
        rest = f"customers/{checked_id('customer', customer_id)}/tokens"
        with self._keyed.about(customer_id):
            answer = await self._keyed.ask("POST", rest, permission="customer_update")
        return Secret(self._keyed.read(answer, Minted, rest).token)

    async def invalidate(self, customer_id: str) -> None:
        """Invalidates every token of the customer, also perkd's. Raises NotFound."""
        rest = f"customers/{checked_id('customer', customer_id)}/tokens"
        with self._keyed.about(customer_id):
            await self._keyed.ask("DELETE", rest, permission="customer_update")

    async def invalidate_all(self) -> None:
        """Invalidates every token of every customer of the store. Raises NotFound when the API no longer has this: the
        documentation of 2025 had it, descriptions of the API since August 2025 do not."""
        try:
            await self._keyed.ask("DELETE", "customers/tokens", permission="store_update and customer_update")
        except (NotFound, BadAddress) as error:  # whoever answers 404: no current description has this path
            raise NotFound(
                "the store no longer offers this (404): PayNow's documentation of 2025 had it, today's does not. "
                "Invalidate the tokens of single customers instead; if that also fails, check [store] id and "
                "[store] api",
                path=error.path,
                status=error.status,
            ) from None
