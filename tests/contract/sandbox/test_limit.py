"""perkd and a store with a lower rate limit than perkd is configured for, on a clock that only sleeping moves."""

import pytest

from perkd.daemon.paynow.errors import Limited
from perkd.daemon.sandbox.store.allowance import Allowance
from perkd.daemon.sandbox.store.server import Store
from tests.clock import Hands
from tests.contract.stores import client_of, newcomer, read, running_store

READS = 100
CONFIGURED = 5.0  # requests a second in perkd's config


async def reads(store: Store, allowed_per_s: float, burst: int) -> tuple[int, float]:
    """Reads one inventory until READS reads succeeded. Returns how many requests were refused and how many seconds it
    took."""
    clock, refused = Hands(), 0
    store.now = clock.now
    token, customer_id = newcomer(store, items=2)
    store.allowance = Allowance(allowed_per_s, burst)
    async with client_of(store, rate=clock.rate(CONFIGURED)) as client:
        done = 0
        while done < READS:
            try:
                fresh = await read(client, token, customer_id)
            except Limited:
                refused += 1
            else:
                assert len(fresh.inventory.items) == 2
                done += 1
    return refused, clock.ahead_s


@pytest.mark.parametrize("allowed", [5.0, 10.0])
async def test_a_store_that_allows_as_much_refuses_nothing(allowed: float) -> None:
    async with running_store() as store:
        refused, took_s = await reads(store, allowed, burst=10)
    assert (refused, took_s <= READS / CONFIGURED) == (0, True)


@pytest.mark.parametrize("allowed", [0.5, 2.0, 4.5])
async def test_a_store_that_allows_less_is_read_all_the_same_with_few_refusals(allowed: float) -> None:
    async with running_store() as store:
        refused, took_s = await reads(store, allowed, burst=2)
    assert 0 < refused < READS / 2
    assert took_s < 1.5 * READS / allowed
