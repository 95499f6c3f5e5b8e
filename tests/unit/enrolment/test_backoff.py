"""The kind of a failed request with the API key, and how long the loop waits after it."""

import pytest

from perkd.daemon.enrolment.backoff import AGAIN, LIMITED_S, RARELY_S, FailureKind, KeyBackoff, NobodyEnrolled, kind_of
from perkd.daemon.paynow.errors import (
    BadAddress,
    BadInput,
    Limited,
    NotFound,
    NotPermitted,
    Rejected,
    ServerFault,
    StoreError,
    TokenRefused,
    Unreachable,
    Unreadable,
)

LIMITED = Limited("slower", path="/x", status=429, retry_after_s=7.0)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TokenRefused("no", status=401), FailureKind.KEY),
        (TokenRefused("never sent"), FailureKind.KEY),
        (NotPermitted("no", path="/x", status=403, permission="customer_update"), FailureKind.PERMISSION),
        (NotFound("no", status=404), FailureKind.ABSENT),
        (BadAddress("no", status=404), FailureKind.ADDRESS),
        (Rejected("no", status=400), FailureKind.REQUEST),
        (BadInput("no"), FailureKind.REQUEST),
        (ServerFault("no", status=500), FailureKind.STORE),
        (Unreachable("no"), FailureKind.STORE),
        (Unreadable("no"), FailureKind.STORE),
        (LIMITED, FailureKind.LIMITED),
        (NobodyEnrolled("no", status=404), FailureKind.EACH),
    ],
)
def test_each_failure_has_its_kind(error: StoreError, kind: FailureKind) -> None:
    assert kind_of(error) is kind


def test_an_unreachable_store_is_tried_less_and_less_often() -> None:
    backoff = KeyBackoff()
    waits = [backoff.failed(Unreachable("gone")) for _ in range(40)]
    assert waits[:4] == [5.0, 10.0, 20.0, 40.0]
    assert max(waits) == AGAIN.longest_s == waits[-1]


def test_failures_of_single_customers_do_not_make_the_tries_rare() -> None:
    assert KeyBackoff().failed(NobodyEnrolled("no", status=404)) < AGAIN.longest_s


def test_a_person_needs_to_know_of_the_second_failure_not_of_the_first() -> None:
    backoff = KeyBackoff()
    assert not backoff.lasting
    backoff.failed(ServerFault("no"))
    assert (backoff.lasting, backoff.kind, backoff.error) == (False, FailureKind.STORE, "no")
    backoff.failed(ServerFault("no again"))
    assert (backoff.lasting, backoff.error) == (True, "no again")
    backoff.succeeded()
    assert (backoff.lasting, backoff.kind, backoff.error) == (False, None, "")


@pytest.mark.parametrize("error", [TokenRefused("no", status=401), TokenRefused("no", status=403), NotFound("no")])
def test_a_failure_that_only_a_person_can_fix_is_reported_at_once_and_tried_rarely(error: StoreError) -> None:
    backoff = KeyBackoff()
    assert backoff.failed(error) == RARELY_S
    assert backoff.lasting


def test_a_429_does_not_count_as_a_failure() -> None:
    backoff = KeyBackoff()
    assert backoff.failed(LIMITED) == LIMITED_S
    assert (backoff.lasting, backoff.kind) == (False, None)
