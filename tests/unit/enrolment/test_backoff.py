"""What a failure of a request with the API key means, and for how long nothing is asked then."""

import pytest

from perkd.daemon.enrolment.backoff import LIMITED_S, LONGEST_S, RARELY_S, Kind, NobodyEnrolled, Patience, kind_of
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
        (TokenRefused("no", status=401), Kind.KEY),
        (TokenRefused("never sent"), Kind.KEY),
        (NotPermitted("no", path="/x", status=403, permission="customer_update"), Kind.PERMISSION),
        (NotFound("no", status=404), Kind.ABSENT),
        (BadAddress("no", status=404), Kind.ADDRESS),
        (Rejected("no", status=400), Kind.REQUEST),
        (BadInput("no"), Kind.REQUEST),
        (ServerFault("no", status=500), Kind.STORE),
        (Unreachable("no"), Kind.STORE),
        (Unreadable("no"), Kind.STORE),
        (LIMITED, Kind.LIMITED),
        (NobodyEnrolled("no", status=404), Kind.EACH),
    ],
)
def test_whom_a_failure_is_about(error: StoreError, kind: Kind) -> None:
    assert kind_of(error) is kind


def test_a_store_that_cannot_be_reached_is_asked_less_and_less_often() -> None:
    patience = Patience()
    waits = [patience.failed(Unreachable("gone")) for _ in range(40)]
    assert waits[:4] == [5.0, 10.0, 20.0, 40.0]
    assert max(waits) == LONGEST_S == waits[-1]


def test_customers_who_get_no_token_for_their_own_reasons_are_no_reason_to_ask_rarely() -> None:
    assert Patience().failed(NobodyEnrolled("no", status=404)) < LONGEST_S


def test_one_hiccup_asks_for_nobody_and_the_second_does() -> None:
    patience = Patience()
    assert not patience.lasting
    patience.failed(ServerFault("no"))
    assert (patience.lasting, patience.kind, patience.error) == (False, Kind.STORE, "no")
    patience.failed(ServerFault("no again"))
    assert (patience.lasting, patience.error) == (True, "no again")
    patience.succeeded()
    assert (patience.lasting, patience.kind, patience.error) == (False, None, "")


@pytest.mark.parametrize("error", [TokenRefused("no", status=401), TokenRefused("no", status=403), NotFound("no")])
def test_what_only_a_person_can_change_is_said_at_once_and_asked_rarely(error: StoreError) -> None:
    patience = Patience()
    assert patience.failed(error) == RARELY_S
    assert patience.lasting


def test_a_store_that_asks_for_a_slower_pace_is_no_failure_of_its_own() -> None:
    patience = Patience()
    assert patience.failed(LIMITED) == LIMITED_S
    assert (patience.lasting, patience.kind) == (False, None)
