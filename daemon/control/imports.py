"""Adds a list of customers' tokens; the store confirms each token first.

`verbs` calls it for `perkd customers import`, which sends the rest again until nothing is left.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ..config import TokenEntry
from ..ledger import RollFacet, TokenSource
from ..paynow import Limited, Rejected, StoreError, Storefront, TokenRefused
from ..polling import Polling

MOMENT_S = 2.0  # after this time perkd answers with what is done so far: the operator sees the progress


class ImportState(StrEnum):
    """The result for one token."""

    ADDED = "added"
    KNOWN = "known"  # perkd already reads its customer
    REFUSED = "refused"


@dataclass(slots=True)
class Imported:
    """One result for each of the first entries: `state` is an ImportState. The rest was not tried. `stopped`: why perkd
    cannot ask the store about the rest now; `wait_s`: how long to wait, if the store asked for a pause."""

    results: list[dict[str, Any]] = field(default_factory=list)
    stopped: str | None = None
    wait_s: float | None = None


async def import_tokens(
    entries: Sequence[TokenEntry], ledger: RollFacet, polling: Polling, store: Storefront, now: Callable[[], datetime]
) -> Imported:
    """Imports the first entries, for MOMENT_S. perkd does not ask the store about tokens that it already reads."""
    done, began = Imported(), time.monotonic()
    known = await ledger.with_tokens([entry.token for entry in entries])
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
        new, row = await ledger.add(entry, TokenSource.OPERATOR, profile, now())
        await polling.take_in(row)
        told = {"customer_id": profile.customer_id, "name": profile.display_name, "error": None}
        done.results.append({"state": ImportState.ADDED if new else ImportState.KNOWN, **told})
    return done
