"""The inventories of a store's customers, by API key: read, assign, revoke. `feed` and `perkd store` call this.

Assigning makes new items at each call and the API has no idempotency key, so nothing here repeats it: after an answer
that was lost, what the store made is found by reading (`assign`, `bulk.py`).
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

_BULK = {  # the path of bulk assignments, by the word for the inventory
    "delivery/items": "delivery/items",
    "command-delivery": "command-delivery",
    "command_delivery": "customers/bulk/command_delivery",
    "inventory": "customers/bulk/command_delivery",
}
PERMISSION = "customer_inventory_manage"
_SAME_END = timedelta(seconds=1)  # the store may keep fewer digits than it was sent


class AssignedUnknown(StoreError):
    """The answer to an assignment was lost and what the store made of it could not be found out either."""

    code = "assignment_unknown"
    may_have_happened = True


class ItemsApi:
    """Every call raises a StoreError and nothing else. `word` is the word of the paths for the inventory. `settle_s`:
    how long a store whose answer was lost may still be at work, before what it shows counts as all it made."""

    settle_s = 3.0

    def __init__(self, keyed: Keyed, word: str) -> None:
        self._keyed, self._word = keyed, word

    @property
    def lists_store(self) -> bool:
        """Whether there is a list of all items of the store: only today's paths have one."""
        return self._word == "delivery/items"

    async def of_customer(self, customer_id: str, *, active_only: bool = False) -> AsyncIterator[list[StoreItem]]:
        """What a customer owns, rising, a page at a time; every state, or only what is active. Raises NotFound."""
        rest = f"customers/{checked_id('customer', customer_id)}/{self._word}"
        more = [("activeOnly", "true")] if active_only else []  # the one camelCase name of the API
        try:
            if self._word in WITHOUT_PAGES:
                reply = await self._keyed.ask("GET", rest, permission=PERMISSION, query=more)
                found = self._keyed.read_list(reply, StoreItem, rest)
                if found:
                    yield sorted(found, key=lambda item: int(item.id))
                return
            async for page in self._pages(rest, more, after=0):
                yield page
        except NotFound as error:
            raise self._keyed.no_customer(customer_id, error) from None

    async def of_store(self, *, after: str, first: bool = False) -> AsyncIterator[list[StoreItem]]:
        """Every item of the store with an id above `after`, rising, a page at a time; `first`: before everybody else
        who waits for the rate."""
        async for page in self._pages("delivery/items", [], after=int(checked_id("after", after)), first=first):
            yield page

    async def newest(self) -> str:
        """The largest item id of the store; "0" when it has none. Ids from the future of the store's own clock are
        passed over: what is made from now on has smaller ones. Raises Unreadable when there are only such."""
        for most in (1, PAGE_LIMIT):
            ids = [item.id for item in await self.latest(most)]
            latest = self._keyed.exchange.store_now() + AHEAD
            sound = [one for one in ids if flake_time(one) <= latest]
            if sound or not ids:
                return max(sound, key=int, default="0")
        path = self._keyed.path("delivery/items")
        raise Unreadable(
            f"{path}: the ids of the newest items are from the future of the store's own clock, so what is made now "
            "could not be told from what was there before",
            path=path,
            status=200,
        )

    async def latest(self, most: int = PAGE_LIMIT) -> list[StoreItem]:
        """The newest items of the store, at most PAGE_LIMIT of them, newest first."""
        query = [("asc", "false"), ("limit", str(most))]
        reply = await self._keyed.ask("GET", "delivery/items", permission=PERMISSION, query=query)
        found = self._keyed.read_list(reply, StoreItem, "delivery/items")
        return sorted(found, key=lambda item: int(item.id), reverse=True)

    async def assign(self, customer_id: str, what: Assignment) -> list[StoreItem]:
        """The new items, one for each unit. Reads the inventory first; when the answer is lost it is read again, and
        what is new there is the answer. Raises NotFound, and AssignedUnknown when that cannot be told for sure."""
        rest = f"customers/{checked_id('customer', customer_id)}/{self._word}"
        before = {item.id async for page in self.of_customer(customer_id) for item in page}
        try:
            reply = await self._keyed.ask("POST", rest, permission=PERMISSION, body=what.body())
            items = self._keyed.read_list(reply, StoreItem, rest)
        except (Unreachable, ServerFault, Unreadable) as error:
            return await self._look_after(customer_id, what, before, error)
        if len({item.id for item in items} - before) == what.quantity:
            return items
        path = self._keyed.path(rest)
        said = f"{path} confirmed {len(items)} items where {what.quantity} were asked for"
        return await self._look_after(customer_id, what, before, Unreadable(said, path=path, status=reply.status))

    async def revoke(self, customer_id: str, item_id: str) -> None:
        """Takes the item back. Revoking twice is harmless. Raises NotFound, naming both."""
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
        """One bulk request of at most BULK_ITEMS items, for `bulk.py`. None: confirmed without a list, as the paths do
        that never promised one."""
        rest = _BULK[self._word]
        reply = await self._keyed.ask("POST", rest, permission=PERMISSION, body=[row.body() for row in rows])
        if not reply.body and self._word in WITHOUT_PAGES:
            return None
        return self._keyed.read_list(reply, StoreItem, rest)

    async def _look_after(
        self, customer_id: str, what: Assignment, before: set[str], lost: StoreError
    ) -> list[StoreItem]:
        new: list[StoreItem] = []
        for wait_s in (self.settle_s, None):
            try:
                owned = [item async for page in self.of_customer(customer_id) for item in page]
            except StoreError as error:
                raise AssignedUnknown(
                    f"whether the store assigned the product to customer {customer_id} is not known: {lost}. Reading "
                    f"the inventory failed too: {error}. Look at `perkd store inventory show {customer_id}` before "
                    "trying again"
                ) from None
            new = [item for item in owned if item.id not in before and item.order_id is None]
            made = [item for item in new if is_of(item, what) and not is_anothers(item, what)]
            if len(made) == what.quantity and all(item.product is not None for item in new):
                return made
            if wait_s is not None:
                await asyncio.sleep(wait_s)
        if new:
            raise AssignedUnknown(
                f"whether the store assigned the product is not known ({lost}): customer {customer_id} has {len(new)} "
                f"new items where {what.quantity} were asked for, {len(new) - len(made)} of them unlike what was asked "
                f"for or unreadable. Look at `perkd store inventory show {customer_id}` before trying again"
            )
        nothing = type(lost)(f"nothing was assigned: {lost}", path=lost.path, status=lost.status)
        nothing.may_have_happened = False  # that was found out
        raise nothing

    async def _pages(
        self, rest: str, more: Iterable[tuple[str, str]], *, after: int, first: bool = False
    ) -> AsyncIterator[list[StoreItem]]:
        async def page(after: int) -> list[StoreItem]:
            query = paged(after, PAGE_LIMIT, *more)
            reply = await self._keyed.ask("GET", rest, permission=PERMISSION, query=query, first=first)
            return self._keyed.read_list(reply, StoreItem, rest)

        async for found in pages(page, self._keyed.path(rest), after=after):
            yield found


def is_of(item: StoreItem, what: Assignment | BulkAssignment) -> bool:
    """Whether the item can be one that this assignment made: its product, its game server, no order."""
    if item.product is None or item.order_id is not None:
        return False
    product_id = what.product_id if isinstance(what, Assignment) else None
    same = item.product.id == product_id if product_id else item.product.version_id == what.product_version_id
    server = what.execute_on_gameserver_id is None or item.execute_on_gameserver_id == what.execute_on_gameserver_id
    return same and server


def is_anothers(item: StoreItem, what: Assignment) -> bool:
    """Whether it shows an end, hidden commands or variables this assignment did not ask for: somebody else's made it.
    What it does not show says nothing."""
    return (
        (item.override_expires_at is not None and not _same_end(item, what))
        or (item.skip_commands is not None and item.skip_commands != what.hidden)
        or (item.custom_variables not in ({}, what.custom_variables))
    )


def _same_end(item: StoreItem, what: Assignment | BulkAssignment) -> bool:
    ends_at, wanted = item.override_expires_at, what.override_expires_at
    return ends_at == wanted if ends_at is None or wanted is None else abs(ends_at - wanted) < _SAME_END


def is_just(item: StoreItem, what: BulkAssignment) -> bool:
    """Whether it has exactly the game server, the end and the commands that were asked for, too."""
    return (
        is_of(item, what)
        and _same_end(item, what)
        and item.execute_on_gameserver_id == what.execute_on_gameserver_id
        and bool(item.skip_commands) == what.hidden
    )
