"""In which lane each request to the store waits: the feed's go before all others, enrolment has a share."""

from collections.abc import AsyncIterator

import pytest

from perkd.adapters.base import Secret
from perkd.daemon.paynow.management import Management
from perkd.daemon.paynow.transport.rate import Lane, Rate
from perkd.daemon.sandbox.store.goods import STORE_ID
from perkd.daemon.sandbox.store.server import Store
from tests import secretwatch
from tests.contract.stores import NOW, PATIENT, UNLIMITED, newcomer, running_store


class Heard(Rate):
    """A rate that remembers who waited where."""

    def __init__(self) -> None:
        super().__init__(UNLIMITED)
        self.lanes: list[Lane] = []

    async def turn(self, lane: Lane = Lane.QUEUE) -> float:
        self.lanes.append(lane)
        return await super().turn(lane)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with running_store() as running:
        yield running


async def test_the_feed_goes_first_and_enrolment_does_not(store: Store) -> None:
    newcomer(store, items=2)
    key = Secret(secretwatch.remember(store.api_key, "API key"))
    rate = Heard()
    async with Management.open(store.url, STORE_ID, key, rate=rate, timeouts=PATIENT, wall=lambda: NOW) as client:
        assert [len(page) async for page in client.items.of_store(after="0", first=True)] == [2]
        assert [len(page) async for page in client.customers.pages()] == [1]
        assert rate.lanes == [Lane.FIRST, Lane.SHARE]
        assert client.blocked_until() < rate.monotonic()
        rate.limited(sent_at=rate.monotonic(), retry_after_s=60.0)
        assert client.blocked_until() > rate.monotonic()
