"""How long a whole round takes when customers come and go meanwhile."""

from collections.abc import Iterable

from hypothesis import given, strategies as st

from perkd.daemon.polling.progress import Failures, Sweep


class Timed:
    """A sweep over a clock that the test moves."""

    def __init__(self, *expected: int) -> None:
        self.at = 0.0
        self.sweep = Sweep(lambda: self.at)
        for token_id in expected:
            self.sweep.join(token_id)

    def after(self, seconds: float, asked: Iterable[int]) -> float | None:
        self.at += seconds
        for token_id in asked:
            self.sweep.asked(token_id)
        return self.sweep.last_s


def test_a_round_ends_when_every_customer_was_polled() -> None:
    timed = Timed(1, 2, 3)
    assert timed.after(5.0, [1, 2, 1]) is None
    assert timed.after(2.0, [3]) == 7.0
    assert timed.after(1.0, [3, 2]) == 7.0
    assert timed.after(1.0, [1]) == 2.0


def test_a_round_does_not_wait_for_customers_who_left() -> None:
    timed = Timed(1, 2)
    timed.after(1.0, [1])
    timed.sweep.leave(2)
    timed.sweep.leave(2)
    assert timed.sweep.last_s == 1.0
    timed.sweep.leave(1)
    assert timed.after(5.0, []) == 1.0


def test_a_round_waits_for_customers_who_come_meanwhile() -> None:
    timed = Timed(1, 2)
    timed.after(1.0, [1])
    timed.sweep.join(9)
    assert timed.after(1.0, [2]) is None
    assert timed.after(1.0, [9]) == 3.0
    assert timed.after(1.0, [1, 2, 9, 12]) == 1.0  # who was not expected is of the round from then on
    assert timed.after(2.0, [1, 2, 9]) == 2.0
    assert timed.after(3.0, [1, 2, 9]) == 2.0
    assert timed.after(1.0, [12]) == 4.0


def test_without_customers_there_is_no_round() -> None:
    assert Timed().sweep.last_s is None


@given(
    st.lists(st.tuples(st.sampled_from(["asked", "leave"]), st.integers(0, 5)), max_size=40), st.sets(st.integers(0, 5))
)
def test_a_round_ends_exactly_when_no_customer_is_left(script: list[tuple[str, int]], expected: set[int]) -> None:
    timed = Timed(*expected)
    everybody, left = set(expected), set(expected)
    for what, token_id in script:
        timed.at += 1.0
        before = timed.sweep.last_s, timed.sweep._since
        getattr(timed.sweep, what)(token_id)
        left.discard(token_id)
        (everybody.add if what == "asked" else everybody.discard)(token_id)
        ended = bool(everybody) and not left
        assert ((timed.sweep.last_s, timed.sweep._since) != before) is ended
        left = set(everybody) if ended else left


def test_the_store_is_unreachable_when_several_or_all_customers_could_not_be_read() -> None:
    failures = Failures()
    failures.failed(1, "no answer")
    assert (failures.unreachable(5), failures.unreachable(1), failures.unreachable(0)) == (None,) + ("no answer",) * 2
    failures.failed(1, "no answer")
    failures.failed(2, "refused")
    assert (failures.unreachable(3), failures.unreachable(2)) == (None, "refused")
    failures.failed(3, "refused")
    assert failures.unreachable(1000) == "refused"
    failures.answered()
    assert failures.unreachable(1) is None


def test_a_store_that_refuses_tokens_is_not_unreachable() -> None:
    failures = Failures()
    for token_id in (1, 2, 3):
        failures.failed(token_id, "no answer")
    failures.discard(1)
    assert (failures.unreachable(1000), failures.unreachable(2)) == (None, "no answer")
    for token_id in (2, 3, 4):
        failures.discard(token_id)
    assert failures.unreachable(0) is None
