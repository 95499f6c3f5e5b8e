"""The inventories of a store's customers, by API key: read, assign, revoke. `enrolment` and `perkd store` call this.

Each assignment makes new items and the API has no idempotency key, so perkd never repeats one. When an answer is lost,
perkd reads the inventory to find out what the store made (`assign`, `bulk.py`).
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta

from ..core.store_ids import AHEAD, flake_time
from .documents import StoreItem
from .errors import NotFound, ServerFault, StoreError, Unreachable, Unreadable
from .keyed import Keyed, paged
from .paging import PAGE_LIMIT, WITHOUT_PAGES, pages
from .requests import Assignment, BulkAssignment, checked_id
from .transport.rate import Lane

_BULK = {  # the path of bulk assignments, by the word for the inventory in paths
    "delivery/items": "delivery/items",
    "command-delivery": "command-delivery",
    "command_delivery": "customers/bulk/command_delivery",
    "inventory": "customers/bulk/command_delivery",
}
PERMISSION = "customer_inventory_manage"
_SAME_END = timedelta(seconds=1)  # the store may keep fewer digits than perkd sent


class AssignedUnknown(StoreError):
    """The answer to an assignment was lost, and perkd could not find out what the store made."""

    code = "assignment_unknown"
    may_have_happened = True


class ItemsApi:
    """Every call raises a StoreError and nothing else. `word` is the word for the inventory in paths. `settle_s`: how
    long the store may still be at work after a lost answer; then what it shows counts as everything it made."""

    settle_s = 3.0

    def __init__(self, keyed: Keyed, word: str) -> None:
        self._keyed, self._word = keyed, word

    @property
    def lists_store(self) -> bool:
        """Whether the API has a list of all items of the store: only today's paths have one."""
        return self._word == "delivery/items"

    async def of_customer(self, customer_id: str, *, active_only: bool = False) -> AsyncIterator[list[StoreItem]]:
        """Yields a customer's items in ascending order of ids, page by page; in every state, or only active ones.
        Raises NotFound."""
        rest = f"customers/{checked_id('customer', customer_id)}/{self._word}"
        more = [("activeOnly", "true")] if active_only else []  # the one camelCase name of the API
        with self._keyed.about(customer_id):
            if self._word in WITHOUT_PAGES:
                answer = await self._keyed.ask("GET", rest, permission=PERMISSION, query=more)
                found = self._keyed.read_list(answer, StoreItem, rest)
                if found:
                    yield sorted(found, key=lambda item: int(item.id))
                return
            async for page in self._pages(rest, more, after=0):
                yield page

    async def of_store(self, *, after: str, first: bool = False) -> AsyncIterator[list[StoreItem]]:
        """Yields every item of the store with an id above `after`, in ascending order, page by page. `first`: its
        requests go before all others that wait for the rate limit."""
        lane = Lane.FIRST if first else Lane.SHARE
        async for page in self._pages("delivery/items", [], after=int(checked_id("after", after)), lane=lane):
            yield page

    async def newest(self) -> str:
        """The largest item id of the store; "0" when it has no items. Ids that are later than the store's own clock do
        not count, because new items get smaller ones. Raises Unreadable when all are later."""
        for most in (1, PAGE_LIMIT):
            ids = [item.id for item in await self.latest(most)]
            latest = self._keyed.exchange.store_now() + AHEAD
            sound = [one for one in ids if flake_time(one) <= latest]
            if sound or not ids:
                return max(sound, key=int, default="0")
        path = self._keyed.path("delivery/items")
        raise Unreadable(
            f"{path}: the ids of the newest items are later than the store's own clock, so perkd could not tell new "
            "items from old ones",
            path=path,
            status=200,
        )

    async def latest(self, most: int = PAGE_LIMIT) -> list[StoreItem]:
        """The newest items of the store, at most PAGE_LIMIT of them, newest first."""
        query = [("asc", "false"), ("limit", str(most))]
        answer = await self._keyed.ask("GET", "delivery/items", permission=PERMISSION, query=query)
        found = self._keyed.read_list(answer, StoreItem, "delivery/items")
        return sorted(found, key=lambda item: int(item.id), reverse=True)

    async def assign(self, customer_id: str, what: Assignment) -> list[StoreItem]:
        """Assigns a product and returns the new items, one for each unit. It reads the inventory first. When the answer
        is lost it reads the inventory again and returns what is new. Raises NotFound, and AssignedUnknown when the
        result is not certain."""
        rest = f"customers/{checked_id('customer', customer_id)}/{self._word}"
        before = {item.id async for page in self.of_customer(customer_id) for item in page}
        try:
            answer = await self._keyed.ask("POST", rest, permission=PERMISSION, body=what.body())
            items = self._keyed.read_list(answer, StoreItem, rest)
        except (Unreachable, ServerFault, Unreadable) as error:
            return await self._find_assigned(customer_id, what, before, error)
        if len({item.id for item in items} - before) == what.quantity:
            return items
        path = self._keyed.path(rest)
        problem = f"{path} confirmed {len(items)} items where {what.quantity} were requested"
        lost = Unreadable(problem, path=path, status=answer.status)
        return await self._find_assigned(customer_id, what, before, lost)

    async def revoke(self, customer_id: str, item_id: str) -> None:
        """Revokes the item. Doing it twice is harmless. Raises NotFound, which names customer and item."""
        rest = f"customers/{checked_id('customer', customer_id)}/{self._word}/{checked_id('item', item_id)}"
        try:
            await self._keyed.ask("DELETE", rest, permission=PERMISSION)
        except NotFound as error:
            raise NotFound(
                f"customer {customer_id} has no item {item_id}: `perkd store inventory show {customer_id}` lists them",
                path=error.path,
                status=error.status,
            ) from None

    async def assign_piece(self, rows: list[BulkAssignment]) -> list[StoreItem] | None:
        """Sends one bulk request of at most BULK_ITEMS items, for `bulk.py`. None: the store confirmed it without a
        list, as the older paths may."""
        rest = _BULK[self._word]
        answer = await self._keyed.ask("POST", rest, permission=PERMISSION, body=[row.body() for row in rows])
        if not answer.body and self._word in WITHOUT_PAGES:
            return None
        return self._keyed.read_list(answer, StoreItem, rest)

    async def _find_assigned(
        self, customer_id: str, what: Assignment, before: set[str], lost: StoreError
    ) -> list[StoreItem]:
        new: list[StoreItem] = []
        for wait_s in (self.settle_s, None):
            try:
                owned = [item async for page in self.of_customer(customer_id) for item in page]
            except StoreError as error:
                raise AssignedUnknown(
                    f"perkd does not know whether the store assigned the product to customer {customer_id}: {lost}. "
                    f"Reading the inventory failed, too: {error}. Check `perkd store inventory show {customer_id}` "
                    "before you try again"
                ) from None
            new = [item for item in owned if item.id not in before and item.order_id is None]
            made = [item for item in new if matches(item, what) and not shows_other_values(item, what)]
            if len(made) == what.quantity and all(item.product is not None for item in new):
                return made
            if wait_s is not None:
                await asyncio.sleep(wait_s)
        if new:
            raise AssignedUnknown(
                f"perkd does not know whether the store assigned the product ({lost}): customer {customer_id} has "
                f"{len(new)} new items where {what.quantity} were requested, {len(new) - len(made)} of them do not "
                f"match the request or cannot be read. Check `perkd store inventory show {customer_id}` before you "
                "try again"
            )
        nothing = type(lost)(f"nothing was assigned: {lost}", path=lost.path, status=lost.status)
        nothing.may_have_happened = False  # the inventory shows that it did not
        raise nothing

    async def _pages(
        self, rest: str, more: Iterable[tuple[str, str]], *, after: int, lane: Lane = Lane.SHARE
    ) -> AsyncIterator[list[StoreItem]]:
        async def page(after: int) -> list[StoreItem]:
            query = paged(after, PAGE_LIMIT, *more)
            answer = await self._keyed.ask("GET", rest, permission=PERMISSION, query=query, lane=lane)
            return self._keyed.read_list(answer, StoreItem, rest)

        async for found in pages(page, self._keyed.path(rest), after=after):
            yield found


def matches(item: StoreItem, what: Assignment | BulkAssignment) -> bool:
    """Whether this assignment can have made the item: same product, same game server, no order."""
    if item.product is None or item.order_id is not None:
        return False
    product_id = what.product_id if isinstance(what, Assignment) else None
    same = item.product.id == product_id if product_id else item.product.version_id == what.product_version_id
    server = what.execute_on_gameserver_id is None or item.execute_on_gameserver_id == what.execute_on_gameserver_id
    return same and server


def shows_other_values(item: StoreItem, what: Assignment) -> bool:
    """Whether the item has an end, hidden commands or variables that this assignment did not ask for: then another
    assignment made it. A field that the item does not show proves nothing."""
    return (
        (item.override_expires_at is not None and not _same_end(item, what))
        or (item.skip_commands is not None and item.skip_commands != what.hidden)
        or (item.custom_variables not in ({}, what.custom_variables))
    )


def _same_end(item: StoreItem, what: Assignment | BulkAssignment) -> bool:
    ends_at, wanted = item.override_expires_at, what.override_expires_at
    return ends_at == wanted if ends_at is None or wanted is None else abs(ends_at - wanted) < _SAME_END


def matches_exactly(item: StoreItem, what: BulkAssignment) -> bool:
    """As `matches`; game server, end and hidden commands must be equal, too."""
    return (
        matches(item, what)
        and _same_end(item, what)
        and item.execute_on_gameserver_id == what.execute_on_gameserver_id
        and bool(item.skip_commands) == what.hidden
    )
