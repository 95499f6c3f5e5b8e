"""Whose token is replaced when: by time, but first whoever is on a server or bought something."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st

from perkd.daemon.enrolment.refused_tokens import Refused

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def all_of(refused: Refused, now: datetime) -> list[str]:
    taken = []
    while (one := refused.take(now)) is not None:
        taken.append(one)
    return taken


def of(**minutes: int) -> Refused:
    refused = Refused()
    for customer_id, minute in minutes.items():
        refused.put(customer_id, at(minute))
    return refused


def test_who_has_waited_longest_is_the_first_and_nobody_comes_before_his_time() -> None:
    refused = of(late=3, soon=1, later=9)
    assert all_of(refused, at(5)) == ["soon", "late"]
    assert ("later" in refused, len(refused)) == (True, 1)


def test_who_is_hurried_goes_before_all_others_once() -> None:
    refused = of(a=0, b=1, c=2)
    for one in ("c", "b", "c"):
        refused.hurry(one)
    assert all_of(refused, at(5)) == ["c", "b", "a"]
    assert len(refused) == 0


def test_hurry_makes_nobody_due_before_his_time() -> None:
    refused = of(a=60)
    refused.hurry("a")
    assert refused.take(at(59)) is None
    assert refused.take(at(60)) == "a"


def test_who_is_not_in_it_is_not_hurried() -> None:
    refused = of(a=0)
    refused.hurry("b")
    assert all_of(refused, at(5)) == ["a"]


def test_the_last_time_that_was_said_counts() -> None:
    refused = of(a=0)
    refused.put("a", at(60))
    assert refused.take(at(5)) is None
    assert all_of(refused, at(60)) == ["a"]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.sampled_from("abc"), st.integers(0, 9)),
            st.tuples(st.just("hurry"), st.sampled_from("abc"), st.just(0)),
            st.tuples(st.just("take"), st.just(""), st.integers(0, 9)),
        )
    )
)
def test_nobody_is_lost_and_nobody_comes_twice(steps: list[tuple[str, str, int]]) -> None:
    refused, expected = Refused(), dict[str, datetime]()
    for step, customer_id, minute in steps:
        if step == "put":
            refused.put(customer_id, at(minute))
            expected[customer_id] = at(minute)
        elif step == "hurry":
            refused.hurry(customer_id)
        elif (taken := refused.take(at(minute))) is not None:
            assert expected.pop(taken) <= at(minute)
        else:
            assert all(due > at(minute) for due in expected.values())
        assert len(refused) == len(expected)
