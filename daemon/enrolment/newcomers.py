"""Runs enrolment and the feed, the two loops that need an API key. `app` makes one; without a key it does nothing."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, Self

from perkd.adapters.base import Adapter, Player

from ..config import Settings
from ..core.model import Enrol
from ..ledger import Ledger
from ..paynow import Exchange, Management
from ..polling import Polling
from ..runtime import Context, Loop, Problem
from . import problems
from .feed import Feed
from .loop import Enrolment

log = logging.getLogger("perkd")


class Newcomers:
    """`enrolment` is None when the config turns it off, `feed` when the store's API has no list of all items."""

    def __init__(self, enrolment: Enrolment | None, feed: Feed | None, loaded: asyncio.Event | None = None) -> None:
        self.enrolment, self.feed, self._loaded = enrolment, feed, loaded or asyncio.Event()

    @classmethod
    def of(
        cls,
        settings: Settings,
        exchange: Exchange,
        ledger: Ledger,
        polling: Polling,
        context: Context,
        *,
        present: Callable[[], Iterable[tuple[Adapter, Player]]],
    ) -> Self:
        """Makes the loops that the config asks for. With `enrol = "off"` perkd never makes a token."""
        key = settings.store.api_key
        if key is None:
            return cls(None, None)
        store = Management(exchange, settings.store.id, key, settings.store.management_items)
        enrolment = feed = None
        if settings.customers.enrol is not Enrol.OFF:
            mode = settings.customers.enrol
            enrolment = Enrolment(mode, store, ledger, polling, context, present=present)
        if store.items.lists_store:
            feed = Feed(store, ledger, polling, enrolment, context)
        else:
            log.info(
                "[store] management_items = %r has no list of all items: perkd sees purchases when it polls a customer",
                settings.store.management_items,
                extra={"action": "no_feed"},
            )
        return cls(enrolment, feed, polling.loaded)

    def loops(self) -> dict[str, Coroutine[Any, Any, None]]:
        """The loops to run, by their names."""
        return {one.loop.name: self._run(one.loop) for one in (self.enrolment, self.feed) if one is not None}

    async def _run(self, loop: Loop) -> None:
        """Begins when everybody with a token is on the roll: who is not there yet looks like a new customer."""
        await self._loaded.wait()
        await loop.run()

    def reloaded(self) -> None:
        """The operator reloaded the config: tries again at once what failed."""
        if self.enrolment is not None:
            self.enrolment.again()
        if self.feed is not None:
            self.feed.loop.again()

    def problems(self) -> Iterator[Problem]:
        """What of enrolment and the feed needs a person."""
        return problems.find(self.enrolment, self.feed)
