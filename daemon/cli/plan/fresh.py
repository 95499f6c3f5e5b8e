"""Reads every customer's inventory from the store once, at the configured pace, for `perkd plan --fresh`."""

import asyncio
from dataclasses import dataclass, field

from ...config import Settings
from ...core.model import Secret
from ...ledger import Polled
from ...paynow import Fresh, Limited, Rate, StoreError, Storefront
from ...polling import Sighting, identify, is_to_identify
from ..output import many
from ..progress import progress
from .rehearsal import Rehearsal

TRIES = 5  # when the store asks for a slower pace


@dataclass(slots=True)
class Reading:
    """The result: how many customers were read, and why the others were not."""

    read: int = 0
    code: str = ""  # of the first failure
    failed: list[tuple[str, str]] = field(default_factory=list)  # (customer, why)


async def read_all(rehearsal: Rehearsal, settings: Settings) -> Reading:
    """Reads every customer and records it in the rehearsal. A customer who cannot be read stays as last read."""
    everybody = await rehearsal.everybody()
    asked = [(row, row.token) for row in everybody if row.token is not None]
    reading = Reading()
    gate = asyncio.Semaphore(settings.poll.concurrency)
    told = f"asked about {{done}} of {many(len(asked), 'customer')}"
    with progress(len(asked), "asking the store", told) as step:
        async with Storefront.open(
            settings.store.api, settings.store.items_path, rate=Rate(settings.poll.rate)
        ) as store:

            async def one(row: Polled, token: Secret) -> None:
                async with gate:
                    try:
                        customer_id, inventory = await _patiently(store, rehearsal, row, token)
                    except StoreError as error:
                        reading.code = reading.code or error.code
                        reading.failed.append((row.label, str(error)))
                    else:
                        read_at = inventory.inventory.read_at
                        await rehearsal.look(customer_id, Sighting(read_at=read_at, inventory=inventory.inventory))
                        reading.read += 1
                    step(1)

            async with asyncio.TaskGroup() as group:
                for row, token in asked:
                    group.create_task(one(row, token))
    for row in everybody:
        if row.token is None and row.customer_id is not None:
            await rehearsal.look(row.customer_id, None)
    return reading


async def _patiently(store: Storefront, rehearsal: Rehearsal, row: Polled, token: Secret) -> tuple[str, Fresh]:
    """The customer's id and inventory. When the store asks for a slower pace, it is asked again at that pace."""
    for tries_left in reversed(range(TRIES)):
        try:
            return await _ask(store, rehearsal, row, token)
        except Limited:
            if not tries_left:
                raise
    raise AssertionError("the loop returns or raises")


async def _ask(store: Storefront, rehearsal: Rehearsal, row: Polled, token: Secret) -> tuple[str, Fresh]:
    now, customer_id = rehearsal.now(), row.customer_id
    if customer_id is None or is_to_identify(row, now):
        customer_id = (await identify(row.token_id, token, store, rehearsal.ledger.roll, now)).customer_id
    answer = await store.inventory(token, customer_id, None, now)
    assert isinstance(answer, Fresh)  # noqa: S101 - nothing was known before, so nothing can be unchanged
    return customer_id, answer
