"""When each refused token is replaced: by time, but customers who are online or bought something go first."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st

from perkd.daemon.polling.refused_tokens import RefusedTokens

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def all_of(refused: RefusedTokens, now: datetime) -> list[str]:
    taken = []
    while (one := refused.take(now)) is not None:
        taken.append(one)
    return taken


def of(**minutes: int) -> RefusedTokens:
    refused = RefusedTokens()
    for customer_id, minute in minutes.items():
        refused.put(customer_id, at(minute))
    return refused


def test_who_waits_longest_is_first_and_no_one_comes_too_early() -> None:
    refused = of(late=3, soon=1, later=9)
    assert all_of(refused, at(5)) == ["soon", "late"]
    assert ("later" in refused, len(refused)) == (True, 1)


def test_hurry_puts_a_customer_before_all_others_once() -> None:
    refused = of(a=0, b=1, c=2)
    for one in ("c", "b", "c"):
        refused.hurry(one)
    assert all_of(refused, at(5)) == ["c", "b", "a"]
    assert len(refused) == 0


def test_hurry_makes_no_one_due_too_early() -> None:
    refused = of(a=60)
    refused.hurry("a")
    assert refused.take(at(59)) is None
    assert refused.take(at(60)) == "a"


def test_hurry_ignores_customers_that_are_not_in_it() -> None:
    refused = of(a=0)
    refused.hurry("b")
    assert all_of(refused, at(5)) == ["a"]


def test_a_customer_who_needs_no_new_token_is_not_taken() -> None:
    refused = of(a=0, b=1)
    refused.discard("a")
    refused.discard("c")
    assert all_of(refused, at(5)) == ["b"]


def test_of_several_times_the_last_one_counts() -> None:
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
def test_no_customer_is_lost_or_returned_twice(steps: list[tuple[str, str, int]]) -> None:
    refused, expected = RefusedTokens(), dict[str, datetime]()
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
