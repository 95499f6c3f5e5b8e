"""Takes a list of customers' tokens over, each confirmed by the store first.

`verbs` calls it for `perkd customers import`, which sends the rest again until nothing is left.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ..config import TokenEntry
from ..ledger import Ledger, TokenSource
from ..paynow import Limited, Rejected, StoreError, Storefront, TokenRefused

MOMENT_S = 2.0  # after this long an answer goes out with what is done: somebody watches the progress


class ImportState(StrEnum):
    """What became of one token."""

    ADDED = "added"
    KNOWN = "known"  # its customer is read already
    REFUSED = "refused"


@dataclass(slots=True)
class Imported:
    """What became of the first entries, one result for each: `state` is an ImportState. The rest was not
    tried. `stopped` says why the store cannot be asked for it; `wait_s` for how long, when the store asked for that."""

    results: list[dict[str, Any]] = field(default_factory=list)
    stopped: str | None = None
    wait_s: float | None = None


async def import_tokens(
    entries: Sequence[TokenEntry], ledger: Ledger, store: Storefront, now: Callable[[], datetime]
) -> Imported:
    """The first entries, until a moment is over. One that is polled already is not asked for again."""
    done, began = Imported(), time.monotonic()
    known = {row.token: row for row in await ledger.polled() if row.token is not None}
    for entry in entries:
        if done.results and time.monotonic() - began > MOMENT_S:
            break
        row = known.get(entry.token)
        if row is not None:
            done.results.append(
                {"state": ImportState.KNOWN, "customer_id": row.customer_id, "name": row.label, "error": None}
            )
            continue
        if (until := store.limited_until(now())) is not None:
            done.wait_s = (until - now()).total_seconds()
            done.stopped = "the store asked for a slower pace"
            break
        try:
            profile = await store.customer(entry.token)
        except (TokenRefused, Rejected) as error:
            done.results.append({"state": ImportState.REFUSED, "customer_id": None, "name": None, "error": str(error)})
            continue
        except Limited as error:
            until = store.limited_until(now())
            done.stopped, done.wait_s = str(error), (until - now()).total_seconds() if until else 0.0
            break
        except StoreError as error:
            done.stopped = str(error)
            break
        new = await ledger.add_token(entry, TokenSource.OPERATOR, profile, now())
        told = {"customer_id": profile.customer_id, "name": profile.display_name, "error": None}
        done.results.append({"state": ImportState.ADDED if new else ImportState.KNOWN, **told})
    return done
