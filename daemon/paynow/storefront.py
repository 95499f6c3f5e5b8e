"""Reads with a customer's token who the customer is and everything they own. Polling calls this."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from perkd.adapters.base import Secret

from ..core.model import Inventory, Item, Profile
from .errors import Unreadable, WrongStore
from .own_items import read_items
from .paging import PAGE_LIMIT, WITHOUT_PAGES
from .seen import Seen
from .transport.address import checked_path
from .transport.exchange import Exchange, StoreAnswer, StoreDate, Timeouts
from .transport.rate import Rate
from .wire import NotAnAnswer, read_customer

FIRST_PAGE = f"asc=true&limit={PAGE_LIMIT}"
NOTHING = Seen()
CUSTOMER_PATH = "/v1/store/customer"
ITEMS_PATH = "/v1/store/customer/delivery/items"
MOST_PAGES = 1000
LARGEST_INVENTORY = 64 * 1024 * 1024  # bytes, all pages together


@dataclass(frozen=True, slots=True)
class Fresh:
    """A complete inventory that differs from the previous one. Store `seen` only after `record` committed."""

    inventory: Inventory
    seen: Seen


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The complete inventory is, byte for byte, the previous one. It was read at `read_at`."""

    read_at: datetime
    seen: Seen


class Storefront:
    """The Storefront API over one exchange. Every call raises a StoreError and nothing else."""

    def __init__(self, exchange: Exchange, items_path: str = ITEMS_PATH, store_id: str = "") -> None:
        self._exchange, self._store_id = exchange, store_id
        self._items_path = checked_path("[store] items_path", items_path)
        self._first = exchange.url(self._items_path, FIRST_PAGE)
        self._unpaged = self._items_path.rstrip("/").rpartition("/")[2] in WITHOUT_PAGES

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        api: str,
        items_path: str = ITEMS_PATH,
        *,
        rate: Rate,
        store_id: str = "",
        timeouts: Timeouts | None = None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> AsyncIterator["Storefront"]:
        """Opens a storefront with its own session, closed at the end of the block. Raises BadAddress before anything is
        sent."""
        checked_path("[store] items_path", items_path)
        async with Exchange.open(api, rate=rate, timeouts=timeouts, wall=wall) as exchange:
            yield cls(exchange, items_path, store_id)

    @property
    def last_date(self) -> StoreDate | None:
        """The `Date` of the store's latest good answer; None before the first one."""
        return self._exchange.last_date

    @property
    def last_answer_at(self) -> datetime | None:
        """When the latest good answer came, by the local clock."""
        return self._exchange.last_answer_at

    def limited_until(self, now: datetime) -> datetime | None:
        """Until when no request is sent because of a 429; None when there is no such pause."""
        return self._exchange.rate.limited_until(now)

    def blocked_until(self) -> float:
        """As `Rate.blocked_until`."""
        return self._exchange.rate.blocked_until()

    async def customer(self, token: Secret) -> Profile:
        """Who the token belongs to (`GET /v1/store/customer`). Raises WrongStore for a customer of another store than
        `store_id`."""
        answer = await self._exchange.get(self._exchange.url(CUSTOMER_PATH), token)
        if answer.status != 200:
            raise Unreadable(
                f"{CUSTOMER_PATH} answered 304 to an unconditional request", path=CUSTOMER_PATH, status=304
            )
        try:
            profile = read_customer(answer.body)
        except NotAnAnswer as error:
            raise Unreadable(
                f"{CUSTOMER_PATH} did not answer with a customer: {error}", path=CUSTOMER_PATH, status=200
            ) from None
        if self._store_id and profile.store_id and int(profile.store_id) != int(self._store_id):
            raise WrongStore(
                f"this token belongs to a customer of store {profile.store_id}, but [store] id is {self._store_id}: "
                "use a token of your store, or correct [store] id",
                path=CUSTOMER_PATH,
                status=200,
            )
        return profile

    async def inventory(
        self, token: Secret, customer_id: str, previous: Seen | None, now: datetime
    ) -> Fresh | Unchanged:
        """Reads everything the customer owns. `now` becomes `read_at`, the time when reading began.

        It reads pages in ascending order of ids, each after the largest id so far, until one is not full: the only
        scheme that the API documents without ambiguity. It parses no page as long as all equal those of `previous`. An
        ETag is used only for an inventory of one page, because the ETag of one page says nothing about the others.
        """
        known = previous if previous is not None and previous.pages else None
        etag = known.etag if known is not None else None  # kept for one page only
        answer, seen = await self._page(token, 0, NOTHING, etag)
        if answer.status == 304 and known is not None:
            return Unchanged(now, known)
        equal: list[bytes] = []  # pages that equal the known ones, not parsed yet: a later page may differ
        while known is not None and known.digest.startswith(seen.digest):
            if seen.digest == known.digest:
                return Unchanged(now, seen)
            equal.append(answer.body)
            answer, seen = await self._page(token, known.after(seen.pages), seen)
        reading = _Reading(customer_id, unpaged=self._unpaged)
        try:
            for body in equal:
                reading.add(body)
            while (after := reading.add(answer.body)) is not None:
                answer, seen = await self._page(token, after, seen)
        except NotAnAnswer as error:
            raise self._unreadable(f"did not answer with an inventory: {error}") from None
        return Fresh(Inventory(customer_id, now, reading.inventory()), seen)

    async def _page(self, token: Secret, after: int, seen: Seen, etag: str | None = None) -> tuple[StoreAnswer, Seen]:
        """The page after an id, and what is seen with it. With an `etag`, the answer may be a 304."""
        if seen.pages >= MOST_PAGES:
            raise self._unreadable(f"did not end after {MOST_PAGES} pages")
        url = self._first if not after else self._exchange.url(self._items_path, f"{FIRST_PAGE}&after={after}")
        answer = await self._exchange.get(url, token, etag)
        if answer.status == 304 and etag is None:
            raise self._unreadable("answered 304 to an unconditional request", 304)
        return answer, seen.with_page(after, answer.body, answer.etag)

    def _unreadable(self, what: str, status: int = 200) -> Unreadable:
        return Unreadable(f"{self._items_path} {what}", path=self._items_path, status=status)


class _Reading:
    """Puts the pages of one inventory together. Raises NotAnAnswer when they do not make a complete inventory.

    `unpaged`: an older path, which answers with everything at once and ignores the limit. More items than the limit, or
    the same items again, are the whole inventory then. Otherwise it is read like any other path, in case it has pages.
    """

    def __init__(self, customer_id: str, *, unpaged: bool = False) -> None:
        self._customer_id, self._unpaged = customer_id, unpaged
        self._items: dict[str, Item] = {}
        self._largest = 0  # id on a full page
        self._bytes = 0

    def add(self, body: bytes) -> int | None:
        """Adds one page; returns the id for the next request, None when this was the last page."""
        self._bytes += len(body)
        if self._bytes > LARGEST_INVENTORY:
            raise NotAnAnswer(f"more than {LARGEST_INVENTORY // 1024 // 1024} MiB in all pages")
        items = read_items(body, self._customer_id)
        ids = [item.id for item in items]
        if ids and self._items and self._items.keys() >= set(ids):
            if self._unpaged and self._items.keys() == set(ids):
                return None
            raise NotAnAnswer(
                "a page repeats items of earlier pages. This path may not support `after`; set [store] items_path to "
                f"{ITEMS_PATH}"
            )
        whole = len(items) < PAGE_LIMIT or (self._unpaged and len(items) > PAGE_LIMIT)
        if not whole and ids != sorted(ids, key=int):
            raise NotAnAnswer("a full page is not in ascending order, so perkd cannot tell which page is the last one")
        self._items.update(zip(ids, items, strict=True))  # of an item that comes twice, the later one counts
        if whole:
            return None
        self._largest = max(self._largest, int(ids[-1]))
        return self._largest

    def inventory(self) -> tuple[Item, ...]:
        return tuple(self._items[item_id] for item_id in sorted(self._items, key=int))
