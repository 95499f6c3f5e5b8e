"""Asks the store who a token belongs to: before the first poll, and once a day.

`poll.py` calls this, and `perkd plan --fresh` does the same with a copy of the ledger.
"""

from datetime import datetime, timedelta
from typing import Protocol

from ..core.model import Profile, Secret
from ..ledger import RollFacet
from ..paynow import Storefront

PROFILE_AGAIN = timedelta(days=1)


class Identified(Protocol):
    """What is known of who somebody is: a Watch, or a row of the ledger."""

    @property
    def customer_id(self) -> str | None: ...
    @property
    def profile_at(self) -> datetime | None: ...
    @property
    def incomplete(self) -> bool: ...


def is_to_identify(who: Identified, now: datetime) -> bool:
    """Whether to ask the store who it is: for the first time, for a missing value, or after a day."""
    read_at = who.profile_at
    return who.customer_id is None or read_at is None or who.incomplete or now - read_at > PROFILE_AGAIN


async def identify(token_id: int, token: Secret, store: Storefront, ledger: RollFacet, now: datetime) -> Profile:
    """Asks the store, and stores the answer before anybody uses it. Raises StoreError or LedgerError; then nothing has
    changed."""
    profile = await store.customer(token)
    await ledger.identify(token_id, profile, now)
    return profile
