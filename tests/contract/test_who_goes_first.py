"""Of all requests to the store only the feed's go before those who wait."""

from collections.abc import AsyncIterator

import pytest

from adapters.base import Secret
from daemon.paynow.management import Management
from daemon.paynow.rate import Rate
from daemon.sandbox.goods import STORE_ID
from daemon.sandbox.store import Store
from tests import secretwatch
from tests.contract.stores import NOW, PATIENT, UNLIMITED, newcomer, running_store


class Heard(Rate):
    """A rate that remembers who asked to go first."""

    def __init__(self) -> None:
        super().__init__(UNLIMITED)
        self.first: list[bool] = []

    async def turn(self, *, first: bool = False) -> float:
        self.first.append(first)
        return await super().turn(first=first)


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
        assert rate.first == [True, False]
        assert not client.limited
        rate.limited(sent_at=rate.monotonic(), retry_after_s=60.0)
        assert client.limited
