"""Who a token belongs to, as the store says today. `polling` asks before the first reading, and once a day.

What is learned is in the ledger before it counts.
"""

import logging
from datetime import datetime

from ..core.model import Profile, Secret
from ..ledger import Ledger
from ..paynow import Storefront
from .watch import Watch

log = logging.getLogger("perkd.polling")


async def identify(watch: Watch, token: Secret, store: Storefront, ledger: Ledger, now: datetime) -> Profile:
    """Asks, and takes the answer over into `watch`. Raises a StoreError or LedgerError; then nothing has changed."""
    profile = await store.customer(token)
    await ledger.identify(watch.token_id, profile, now)
    if watch.customer_id is None:
        told = {"action": "customer_identified", "customer_id": profile.customer_id}
        log.info("%s is customer %s", watch.label, profile.customer_id, extra=told)
    watch.customer_id, watch.profile_at, watch.label = profile.customer_id, now, profile.display_name
    watch.recheck_at = now  # a new name or id matters though the inventory is the same
    return profile
