"""Whether an item is live: in every state of the store, with and without an end, with and without perkd's own clock."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perkd.daemon.core.changes import Support
from perkd.daemon.core.liveness import Moment, Standing, standing
from perkd.daemon.core.model import Cause, Item, Perk, Reason
from tests.builders import DAY, HOUR, MINUTE, NOW, item, known_item, perk, permanent, read, support, time_passed

LASTS = perk(lasts=30 * DAY)
END = NOW - MINUTE  # an end that has just passed


def live(stated: Item, **changes: Any) -> bool | None:
    return judged(stated, **changes).live


def judged(
    stated: Item, *, moment: Moment | None = None, by: Perk | None = None, behind: Support | None = None, **changes: Any
) -> Standing:
    """Whether an item counts for vip, read now; `changes` are what the ledger noticed about it."""
    return standing(known_item(stated, **changes), by or perk(), behind, moment or read())


@pytest.mark.parametrize("state", ["usable", "active", "used", "renewed"])
def test_an_item_that_cannot_expire_is_live_in_every_state_but_revoked(state: str) -> None:
    assert live(permanent(state=state)) is True


@pytest.mark.parametrize(
    ("state", "expected"), [("usable", None), ("active", True), ("used", False), ("renewed", True)]
)
def test_an_item_that_can_expire_is_live_in_active_and_renewed_until_its_end(state: str, expected: bool | None) -> None:
    assert live(item(state=state)) is expected


@pytest.mark.parametrize("state", ["active", "renewed"])
def test_an_item_that_can_expire_but_states_no_end_is_live(state: str) -> None:
    found = judged(item(state=state, ends_at=None))
    assert found == Standing(live=True)


@pytest.mark.parametrize("expirable", [True, False])
@pytest.mark.parametrize("state", ["revoked", "active", "usable", "used", "renewed", "frozen"])
def test_a_time_of_revocation_is_never_live_whatever_the_state_says(state: str, expirable: bool) -> None:
    found = judged(item(state=state, expirable=expirable, revoked_at=NOW - HOUR))
    assert (found.live, found.cause, found.reason) == (False, Cause.STATED, Reason.REVOKED)


def test_the_state_revoked_needs_no_time() -> None:
    assert live(permanent(state="revoked")) is False


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("admin", Reason.ADMIN),
        ("refund", Reason.REFUND),
        ("chargeback", Reason.CHARGEBACK),
        ("expired", Reason.EXPIRED),
        ("moonlight", Reason.REVOKED),
        ("", Reason.REVOKED),
        (None, Reason.REVOKED),
    ],
)
def test_an_unknown_or_absent_reason_is_a_plain_revocation(word: str | None, reason: Reason) -> None:
    assert judged(item(state="revoked", revoke_reason=word)).reason is reason


@pytest.mark.parametrize("stated", [item(state="frozen"), permanent(state="frozen"), item(state="frozen", ends_at=END)])
def test_an_unknown_state_changes_nothing(stated: Item) -> None:
    assert judged(stated) == Standing(live=None)


def test_a_revocation_counts_even_if_the_clock_is_in_doubt() -> None:
    assert live(item(state="revoked"), moment=read(clock_ok=False)) is False


# --- law 3: absence -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stated", [item(), permanent()])
@pytest.mark.parametrize("since", [timedelta(0), 9 * MINUTE])
def test_an_item_that_just_went_missing_stays_as_it_was(stated: Item, since: timedelta) -> None:
    found = judged(stated, missing_since=NOW - since)
    assert found.live is None
    assert found.recheck_at == NOW - since + 10 * MINUTE


@pytest.mark.parametrize("stated", [item(), permanent()])
@pytest.mark.parametrize("since", [10 * MINUTE, 3 * DAY])
def test_an_item_missing_for_ten_minutes_in_complete_lists_is_gone_by_absence(stated: Item, since: timedelta) -> None:
    found = judged(stated, missing_since=NOW - since)
    assert (found.live, found.cause, found.reason) == (False, Cause.ABSENT, Reason.ABSENT)


def test_ten_minutes_without_a_list_prove_no_absence() -> None:
    found = judged(permanent(), moment=time_passed(), missing_since=NOW - HOUR)
    assert (found.live, found.recheck_at) == (None, NOW - HOUR + 10 * MINUTE)


@pytest.mark.parametrize("stated", [item(), permanent()])
def test_ten_minutes_of_a_clock_in_doubt_prove_no_absence(stated: Item) -> None:
    assert live(stated, moment=read(clock_ok=False), missing_since=NOW - HOUR) is None


def test_a_missing_item_still_ends_at_its_own_end() -> None:
    found = judged(item(ends_at=END), missing_since=NOW - 2 * MINUTE)
    assert (found.live, found.cause, found.reason) == (False, Cause.FORETOLD, Reason.EXPIRED)


def test_a_missing_item_whose_end_comes_first_is_looked_at_then() -> None:
    found = judged(item(ends_at=NOW + 3 * MINUTE), missing_since=NOW)
    assert (found.recheck_at, found.deadline_at) == (NOW + 3 * MINUTE, NOW + 3 * MINUTE + HOUR)


def test_a_missing_item_without_an_end_waits_for_its_absence_only() -> None:
    found = judged(item(ends_at=None), missing_since=NOW)
    assert found == Standing(live=None, recheck_at=NOW + 10 * MINUTE)


# --- law 4: foretold ends -------------------------------------------------------------------------------------------


def test_a_known_end_takes_effect_at_the_first_complete_inventory_after_it() -> None:
    found = judged(item(ends_at=END))
    assert found == Standing(live=False, reason=Reason.EXPIRED, cause=Cause.FORETOLD, ends_at=END)


def test_an_end_at_this_very_moment_is_over() -> None:
    assert live(item(ends_at=NOW)) is False


def test_until_its_end_an_item_has_times_to_look_again_and_to_decide_by_time_alone() -> None:
    end = NOW + DAY
    found = judged(item(ends_at=end))
    assert found == Standing(live=True, ends_at=end, recheck_at=end, deadline_at=end + HOUR)


def test_an_end_at_the_end_of_the_calendar_is_an_end_like_any_other() -> None:
    """The store (.NET) writes this date for "for ever": no grace fits after it."""
    for_ever = datetime.max.replace(tzinfo=UTC)
    found = judged(item(ends_at=for_ever, subscription_id="5"))
    assert found == Standing(live=True, ends_at=for_ever, recheck_at=for_ever, deadline_at=for_ever)


def test_an_inventory_read_before_the_end_does_not_end_it() -> None:
    before = Moment(NOW, END - MINUTE)
    assert live(item(ends_at=END), moment=before) is None


@pytest.mark.parametrize(
    ("subscription", "own_grace", "grace"),
    [
        (None, None, HOUR),
        ("5", None, DAY),
        (None, 3 * HOUR, 3 * HOUR),
        ("5", 3 * HOUR, 3 * HOUR),
        ("5", timedelta(0), timedelta(0)),
    ],
)
def test_without_an_inventory_an_end_waits_for_its_grace(
    subscription: str | None, own_grace: timedelta | None, grace: timedelta
) -> None:
    stated, by = item(ends_at=NOW, subscription_id=subscription), perk(grace=own_grace)
    assert live(stated, by=by, moment=time_passed(NOW + grace)) is False
    if grace:
        found = judged(stated, by=by, moment=time_passed(NOW + grace - timedelta(seconds=1)))
        assert found == Standing(live=None, ends_at=NOW, recheck_at=NOW, deadline_at=NOW + grace)


@pytest.mark.parametrize("moment", [read(clock_ok=False), time_passed(clock_ok=False)])
def test_no_known_end_takes_effect_while_the_clock_is_in_doubt(moment: Moment) -> None:
    found = judged(item(ends_at=NOW - 2 * DAY), moment=moment)
    assert (found.live, found.deadline_at) == (None, NOW - 2 * DAY + HOUR)


def test_used_is_the_stores_word_and_needs_no_clock() -> None:
    assert judged(item(state="used"), moment=read(clock_ok=False)) == Standing(live=False, reason=Reason.EXPIRED)


# --- law 11: renewals -----------------------------------------------------------------------------------------------


def renewed(ends_at: datetime, seen_at: datetime | None) -> Standing:
    return judged(item(state="renewed", ends_at=ends_at), seen_live=True, renewed_at=seen_at)


def test_a_renewed_item_holds_ten_minutes_from_the_first_sight_as_renewed() -> None:
    found = renewed(END, NOW - 4 * MINUTE)
    assert (found.live, found.ends_at) == (True, NOW + 6 * MINUTE)


def test_a_renewed_item_holds_until_its_own_end_when_that_is_later() -> None:
    found = renewed(NOW + DAY, NOW)
    assert (found.live, found.ends_at) == (True, NOW + DAY)


def test_a_renewed_item_whose_ten_minutes_are_over_has_ended() -> None:
    assert renewed(END, NOW - 10 * MINUTE).live is False


def test_a_renewed_item_that_never_counted_has_its_own_end_only() -> None:
    assert renewed(END, None).live is False


# --- perkd's own clock ----------------------------------------------------------------------------------------------


def test_an_item_that_waits_for_activation_counts_if_the_perk_has_its_own_clock() -> None:
    found = judged(item(state="usable", ends_at=None), by=LASTS)
    assert found == Standing(live=True, recheck_at=NOW)


def test_until_the_clock_has_started_every_read_looks_again_and_no_customer_is_due_sooner() -> None:
    joined = NOW - 3 * HOUR
    found = judged(item(state="usable", ends_at=None), by=LASTS, behind=support(joined_at=joined, ends_at=None))
    assert found == Standing(live=True, recheck_at=joined)


def test_perkds_own_clock_counts_from_the_delivery() -> None:
    started = NOW - DAY
    found = judged(item(state="usable", ends_at=None), by=LASTS, behind=support(started_at=started))
    assert (found.live, found.ends_at) == (True, started + 30 * DAY)


def test_perkds_own_clock_runs_out_like_any_known_end() -> None:
    stated, behind = item(state="usable", ends_at=None), support(started_at=NOW - 30 * DAY)
    assert live(stated, by=LASTS, behind=behind) is False
    assert live(stated, by=LASTS, behind=behind, moment=time_passed()) is None


def test_an_end_the_store_states_wins_over_perkds_own_clock() -> None:
    friday = NOW + 2 * DAY
    found = judged(item(state="usable", ends_at=friday), by=LASTS, behind=support(started_at=NOW))
    assert found.ends_at == friday


def test_a_missing_item_whose_own_clock_has_not_started_stays_as_it_was() -> None:
    found = judged(item(state="usable", ends_at=None), by=LASTS, behind=support(), missing_since=NOW)
    assert found == Standing(live=None, recheck_at=NOW + 10 * MINUTE)
