"""The roll: whatever happens to its customers, each is found, and counted as if all were counted anew."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from perkd.daemon.core.model import Profile, Secret
from perkd.daemon.ledger.rows import Polled
from perkd.daemon.polling.roll import Roll
from perkd.daemon.polling.schedule import Rank
from perkd.daemon.polling.watch import Watch
from perkd.daemon.runtime.clock import Clock
from tests.builders import HOUR, NOW

CUSTOMERS, PLAYERS = ("11", "12", "13"), ("ann", "ben", "cleo")


def made(is_online: Callable[[str], bool] = lambda _: False) -> Roll:
    return Roll(Clock(lambda: NOW, lambda: 0.0), lambda profile: profile.values.values(), is_online)


def row(token_id: int = 1, customer_id: str | None = "11", *, player: str = "ann", **facts: Any) -> Polled:
    facts = {"token": Secret(f"made-up {token_id}"), "label": f"token {token_id}", **facts}
    return Polled(token_id=token_id, customer_id=customer_id, identity=f'{{"name": "{player}"}}', **facts)


def taken(roll: Roll) -> list[int]:
    """The tokens that are due, in their order."""
    roll.schedule.drain(float("1e9"))
    return list(iter(roll.schedule.take, None))


def test_a_new_token_replaces_the_others_of_its_customer_and_is_due_at_once() -> None:
    roll = made()
    old = roll.take(row(5))
    new = roll.take(row(3))  # stored again: its id is older
    assert (list(roll), roll.of("11"), roll.behind(["ann"])) == ([new], new, [new])
    assert (old in roll, roll.by_token(5), taken(roll)) == (False, None, [3])


def test_a_customer_who_is_polled_so_already_continues_without_being_due() -> None:
    roll = made()
    watch = roll.take(row())
    assert taken(roll) == [1]
    assert roll.take(row(player="ben")) is watch
    assert (taken(roll), roll.customer_of("ann"), roll.customer_of("ben")) == ([], "11", None)
    roll.take(row(player="ben"), anew=True)
    assert (taken(roll), roll.customer_of("ann"), roll.customer_of("ben")) == ([], None, "11")


def test_a_token_whose_customer_the_ledger_learned_meanwhile_is_that_customers() -> None:
    roll = made()
    roll.take(row(customer_id=None))
    assert (roll.unidentified, roll.of("11")) == (1, None)
    roll.take(row())
    assert (roll.unidentified, roll.of("11"), len(roll)) == (0, roll.by_token(1), 1)


def test_the_first_poll_of_ends_goes_before_that_of_new_customers_and_of_known_ones() -> None:
    roll = made()
    roll.take(row(1, "11", read_at=NOW - HOUR))
    roll.take(row(2, "12"))
    roll.take(row(3, "13", recheck_at=NOW))
    roll.take(row(4, "14"), Rank.ASKED)
    roll.schedule.drain(0.0)
    assert [roll.schedule.take() for _ in range(3)] == [4, 3, 2]


def test_of_several_tokens_of_one_customer_only_the_newest_stays() -> None:
    roll = made()
    watches = [roll.take(row(token_id, None)) for token_id in (1, 2, 3)]
    for token_id, stays in ((2, [1, 2, 3]), (1, [2, 3]), (3, [3])):
        roll.identified(watches[token_id - 1], Profile("11", "9", {"name": "ann"}), NOW)
        assert [watch.token_id for watch in roll] == stays
    assert roll.of("11") is watches[2]


def test_a_removed_customer_whose_ends_still_come_is_looked_at_but_has_no_token() -> None:
    roll = made()
    roll.take(row())
    roll.take(row(token=None, deadline_at=NOW + HOUR))
    assert (roll.known, len(roll), roll.of("11"), roll.customer_of("ann")) == (0, 1, None, "11")
    roll.drop_customer("11")
    roll.drop_customer("11")
    assert (len(roll), roll.customer_of("ann")) == (0, None)


def test_a_refused_customer_waits_once_for_a_new_token_until_they_are_dropped() -> None:
    roll = made()
    roll.refuse(roll.take(row(2, None)), "401", replace=True)
    roll.refuse(roll.take(row(3, "13")), "400", replace=False)
    assert not roll.news.is_set()
    watch = roll.take(row())
    roll.refuse(watch, "401", replace=True)
    assert roll.news.is_set()
    assert roll.to_replace.take(NOW) == "11"
    roll.to_replace.put("11", NOW + HOUR)
    roll.refuse(watch, "401", replace=True)
    assert roll.to_replace.take(NOW) is None
    roll.drop(watch)
    assert len(roll.to_replace) == 0


def test_a_dropped_customer_no_longer_makes_the_store_look_unreachable() -> None:
    roll = made()
    watches = [roll.take(row(token_id, str(token_id))) for token_id in range(1, 6)]
    for watch in watches[:3]:
        roll.failed(watch, "no answer")
    assert roll.unreachable == "no answer"
    roll.drop(watches[0])
    assert roll.unreachable is None
    roll.failed(watches[0], "no answer")  # its poll was under way
    assert roll.unreachable is None


class Anything(RuleBasedStateMachine):
    """Any order of events. Also of customers who are dropped: their poll may be under way."""

    watches = Bundle("watches")

    @initialize()
    def begin(self) -> None:
        self.online: set[str] = set()
        self.roll = made(self.online.__contains__)

    @rule(
        target=watches,
        token_id=st.integers(1, 5),
        customer_id=st.none() | st.sampled_from(CUSTOMERS),
        player=st.sampled_from(PLAYERS),
        removed=st.booleans(),
        read_at=st.sampled_from((None, NOW - HOUR, NOW)),
        anew=st.booleans(),
    )
    def take(
        self, token_id: int, *, customer_id: str | None, player: str, removed: bool, anew: bool, **facts: Any
    ) -> Watch:
        facts |= {"token": None} if removed and customer_id is not None else {}
        return self.roll.take(row(token_id, customer_id, player=player, **facts), anew=anew)

    @rule(watch=watches)
    def drop(self, watch: Watch) -> None:
        self.roll.drop(watch)
        assert watch not in self.roll

    @rule(customer_id=st.sampled_from(CUSTOMERS))
    def drop_customer(self, customer_id: str) -> None:
        self.roll.drop_customer(customer_id)
        assert self.roll.of(customer_id) is None

    @rule(watch=watches, customer_id=st.sampled_from(CUSTOMERS), player=st.sampled_from(PLAYERS))
    def identified(self, watch: Watch, customer_id: str, player: str) -> None:
        self.roll.identified(watch, Profile(customer_id, "9", {"name": player}), NOW)

    @rule(watch=watches, what=st.sampled_from(("answered", "failed", "refuse", "crashed", "was_read")))
    def polled(self, watch: Watch, what: str) -> None:
        said = {"failed": ("no answer",), "refuse": ("401",), "crashed": ("a fault",), "was_read": (NOW,)}
        more = {"replace": True} if what == "refuse" else {}
        getattr(self.roll, what)(watch, *said.get(what, ()), **more)

    @rule(player=st.sampled_from(PLAYERS))
    def joins(self, player: str) -> None:
        self.online.add(player)
        assert all(watch.token and not watch.refused for watch in self.roll.joined([player]))

    @rule(watch=watches, player=st.sampled_from(PLAYERS))
    def leaves(self, watch: Watch, player: str) -> None:
        self.online.discard(player)
        self.roll.look(watch)

    @invariant()
    def everybody_is_counted(self) -> None:
        roll, everybody = self.roll, list(self.roll)
        readable = [watch for watch in everybody if watch.token is not None]
        assert (len(roll), roll.known) == (len(everybody), len(readable))
        assert roll.polled == sum(watch.read_at is not None and watch.read_at >= NOW for watch in readable)
        assert roll.unidentified == sum(watch.customer_id is None and not watch.failures for watch in readable)
        refused = {watch.token_id: watch for watch in readable if watch.refused}
        failing = {watch.token_id: watch for watch in readable if watch.failures and not watch.refused}
        assert (roll.refused, roll.failing) == (refused, failing)
        assert roll.sweep._everybody == len(readable) - len(refused)
        assert roll._failures._who <= {watch.token_id for watch in everybody}

    @invariant()
    def everybody_is_found(self) -> None:
        roll = self.roll
        by_customer = {watch.customer_id: watch for watch in roll if watch.customer_id is not None}
        assert len(by_customer) == sum(watch.customer_id is not None for watch in roll)
        assert roll._of_customer == by_customer
        for player in PLAYERS:
            behind = [watch for watch in roll if player in watch.players]
            assert roll.behind([player]) == sorted(behind, key=lambda watch: watch.token_id)
            assert roll.knows(player) == bool(behind)
        assert all(roll.by_token(watch.token_id) is watch and watch.token_id in roll.schedule for watch in roll)
        assert len(roll.schedule) == len(roll)


TestAnything = Anything.TestCase
