"""Decides whether one item counts for one perk at one moment, that is, whether it is "live". PURE.

`lasting` asks this for every item; the rules are the design's "live" and laws 3, 4, 5 and 11, in that order.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .changes import KnownItem, Support
from .model import ITEM_STATES, Cause, ItemState, Perk, Reason

ABSENT_AFTER = timedelta(minutes=10)  # law 3: missing this long, in complete lists only
RENEWED_HOLDS = timedelta(minutes=10)  # law 11: the successor has this long to appear
GRACE = timedelta(hours=1)  # law 4: while no inventory can be read
GRACE_SUBSCRIPTION = timedelta(hours=24)
LAST = datetime.max.replace(tzinfo=UTC)  # the store (.NET) writes it for "for ever"; no later time exists

REASONS = {reason.value: reason for reason in (Reason.ADMIN, Reason.REFUND, Reason.CHARGEBACK, Reason.EXPIRED)}


@dataclass(frozen=True, slots=True)
class Moment:
    """When a comparison happens and what it can rely on. `read_at` None: no inventory, only time has passed."""

    now: datetime
    read_at: datetime | None
    clock_ok: bool = True  # False: the local clock is in doubt, so known ends and missing items wait


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether an item counts. `live` None: unknown, so nothing changes. `recheck_at`: from then on a read may change
    the answer (it may be in the past); `deadline_at`: when time alone changes it."""

    live: bool | None
    reason: Reason | None = None
    cause: Cause = Cause.FORETOLD
    ends_at: datetime | None = None
    recheck_at: datetime | None = None
    deadline_at: datetime | None = None


def standing(  # noqa: PLR0911 - one return for each rule, in the order in which they hold
    known: KnownItem, perk: Perk, support: Support | None, moment: Moment
) -> Standing:
    """Whether the item counts for a lasting perk. `support`: its earlier place behind the holding, if it had one."""
    item = known.item
    if item.revoked:
        return Standing(live=False, reason=REASONS.get(item.revoke_reason or "", Reason.REVOKED), cause=Cause.STATED)
    if item.state not in ITEM_STATES:
        return Standing(live=None)
    if known.missing_since is not None:
        gone_at = known.missing_since + ABSENT_AFTER
        if moment.clock_ok and moment.read_at is not None and moment.read_at >= gone_at:
            return Standing(live=False, reason=Reason.ABSENT, cause=Cause.ABSENT)
        if not item.expirable or _own_end(known, perk, support) is None:
            return Standing(live=None, recheck_at=gone_at)
    if not item.expirable:
        return Standing(live=True)
    if item.state == ItemState.USED:
        return Standing(live=False, reason=Reason.EXPIRED)
    if item.state == ItemState.USABLE and perk.lasts is None:
        # Its time has not started, so it does not start a perk; but this never ends a perk that it gave before.
        return Standing(live=None)
    return _by_end(known, perk, support, moment)


def _own_end(known: KnownItem, perk: Perk, support: Support | None) -> datetime | None:
    """When the item's time is over, as far as perkd knows; None: no end."""
    item = known.item
    if item.ends_at is None and item.state == ItemState.USABLE:
        started = support.started_at if support else None
        return started + perk.lasts if started and perk.lasts else None
    if item.ends_at is not None and item.state == ItemState.RENEWED and known.renewed_at:
        return max(item.ends_at, known.renewed_at + RENEWED_HOLDS)
    return item.ends_at


def _by_end(known: KnownItem, perk: Perk, support: Support | None, moment: Moment) -> Standing:
    ends_at = _own_end(known, perk, support)
    absent_at = known.missing_since + ABSENT_AFTER if known.missing_since else None
    if ends_at is None and known.item.state == ItemState.USABLE:
        # With `lasts`, the time starts with the delivery, which this module does not see: check again at every read.
        # `recheck_at` is in the past, so that waiting for a delivery makes no customer due sooner.
        return Standing(live=True, recheck_at=support.joined_at if support else moment.now)
    if ends_at is None:
        return Standing(live=True)
    recheck_at = min(filter(None, (ends_at, absent_at)))
    deadline_at = ends_at + min(_grace(known, perk), LAST - ends_at)
    if moment.now < ends_at:
        # A missing item changes nothing: it starts no perk, and ends none before its time.
        return Standing(
            live=None if absent_at else True, ends_at=ends_at, recheck_at=recheck_at, deadline_at=deadline_at
        )
    read_after = moment.read_at is not None and moment.read_at >= ends_at
    if moment.clock_ok and (read_after or moment.now >= deadline_at):
        return Standing(live=False, reason=Reason.EXPIRED, ends_at=ends_at)
    return Standing(live=None, ends_at=ends_at, recheck_at=recheck_at, deadline_at=deadline_at)


def _grace(known: KnownItem, perk: Perk) -> timedelta:
    if perk.grace is not None:
        return perk.grace
    return GRACE_SUBSCRIPTION if known.item.subscription_id else GRACE
