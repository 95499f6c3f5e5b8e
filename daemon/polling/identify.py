"""Asks the store who a token belongs to: before the first poll, and once a day. `loop.py` calls this.

The answer is in the ledger before perkd uses it.
"""

import logging
from datetime import datetime

from ..core.model import Profile, Secret
from ..ledger import Ledger
from ..paynow import Storefront
from .watch import Watch

log = logging.getLogger("perkd.polling")


async def identify(watch: Watch, token: Secret, store: Storefront, ledger: Ledger, now: datetime) -> Profile:
    """Asks the store and puts the answer into `watch`. Raises StoreError or LedgerError; then nothing has changed."""
    profile = await store.customer(token)
    await ledger.roll.identify(watch.token_id, profile, now)
    if watch.customer_id is None:
        facts = {"action": "customer_identified", "customer_id": profile.customer_id}
        log.info("%s is customer %s", watch.label, profile.customer_id, extra=facts)
    watch.customer_id, watch.profile_at, watch.label = profile.customer_id, now, profile.display_name
    watch.recheck_at = now  # a new name or id matters even if the inventory is the same
    return profile
