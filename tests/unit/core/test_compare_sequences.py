"""`compare` with any sequence of purchases, ends, renewals, missing items, failures, clock jumps and new names."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from perkd.daemon.core.changes import Changes, HoldingKey, HoldingState, Known, Support, Turn
from perkd.daemon.core.entitlements import compare
from perkd.daemon.core.liveness import ABSENT_AFTER, Moment
from perkd.daemon.core.model import ITEM_STATES, Cause, Inventory, Item, PerkKind, Who
from tests.books import Books
from tests.builders import BLAKE, DAY, HOUR, MINUTE, NOW, catalogue, kit, perk, specs, who

VIP = perk(grant=specs("rank {name} vip"), servers=("survival", "lobby"))
SOLD = catalogue(
    VIP,
    perk("gold", effect="vip", products=("gold", "vip"), grace=3 * HOUR),
    perk("trial", products=("trial",), lasts=5 * HOUR),
    kit(servers=("survival", "lobby")),
)
PRODUCTS = {"vip": "7", "gold": "9", "trial": "11", "kit": "8"}
WHOS = (who(), who("NewAlex"), who("Blake", BLAKE), who(player=None), who(name=None))
STATES = st.sampled_from(["usable", "active", "active", "used", "revoked", "renewed", "frozen"])
SPANS = st.sampled_from([timedelta(seconds=30), 9 * MINUTE, 11 * MINUTE, HOUR, 5 * HOUR, DAY, 9 * DAY])
CUSTOMERS = st.sampled_from(["1", "2"])
PICK = st.integers(0, 1_000)


@dataclass(slots=True)
class Shop:
    """What the store would answer about one customer now."""

    items: dict[str, Item]
    hidden: set[str]  # ids the store leaves out of its lists
    who: Who
    read_who: Who  # as perkd last read them

    def inventory(self, customer_id: str, now: datetime) -> Inventory:
        return Inventory(customer_id, now, tuple(one for one in self.items.values() if one.id not in self.hidden))


class Sequences(RuleBasedStateMachine):
    @initialize()
    def open_shop(self) -> None:
        self.now, self.clock_ok, self.sold = NOW, True, SOLD
        self.books = Books()
        self.shops = {one: Shop({}, set(), WHOS[0], WHOS[0]) for one in ("1", "2")}
        for customer in self.shops:  # two customers who are one player, each with an item behind the same holding
            self.buy(customer, "vip", "active", DAY, subscribed=False, old=False, then_read=True)

    # What happens at the store

    @rule(
        customer=CUSTOMERS,
        slug=st.sampled_from(sorted(PRODUCTS)),
        state=STATES,
        span=st.none() | SPANS,
        subscribed=st.booleans(),
        old=st.booleans(),
        then_read=st.booleans(),
    )
    def buy(
        self, customer: str, slug: str, state: str, span: timedelta | None, subscribed: bool, old: bool, then_read: bool
    ) -> None:
        shop = self.shops[customer]
        item_id = f"{customer}{len(shop.items):02}"
        shop.items[item_id] = Item(
            id=item_id,
            customer_id=customer,
            product_id=PRODUCTS[slug],
            slug=slug,
            product_name=slug,
            state=state,
            expirable=span is not None or state == "usable",
            gift=False,
            added_at=NOW - 30 * DAY if old else self.now,
            ends_at=self.now + span if span and state != "usable" else None,
            subscription_id="5" if subscribed else None,
        )
        self._read_if(customer, then_read)

    def _some(self, customer: str, pick: int) -> Item | None:
        items = list(self.shops[customer].items.values())
        return items[pick % len(items)] if items else None

    def _read_if(self, customer: str, then_read: bool) -> None:
        if then_read:
            self.read(customer, sent=True)

    @rule(customer=CUSTOMERS, pick=PICK, state=STATES, span=st.none() | SPANS, then_read=st.booleans())
    def change(self, customer: str, pick: int, state: str, span: timedelta | None, then_read: bool) -> None:
        if one := self._some(customer, pick):
            ends_at = self.now + span if span and one.expirable else one.ends_at
            by_time = self.now if state == "revoked" and span else None  # the state may lag behind the revocation
            state = one.state if by_time else state
            self.shops[customer].items[one.id] = one._replace(state=state, ends_at=ends_at, revoked_at=by_time)
            self._read_if(customer, then_read)

    @rule(customer=CUSTOMERS, pick=PICK, then_read=st.booleans())
    def vanish_or_come_back(self, customer: str, pick: int, then_read: bool) -> None:
        if one := self._some(customer, pick):
            self.shops[customer].hidden ^= {one.id}
            self._read_if(customer, then_read)

    @rule(customer=CUSTOMERS, somebody=st.sampled_from(WHOS), then_read=st.booleans())
    def become(self, customer: str, somebody: Who, then_read: bool) -> None:
        self.shops[customer].who = somebody
        self._read_if(customer, then_read)

    # What happens here

    @rule(span=SPANS)
    def wait(self, span: timedelta) -> None:
        self.now += span

    @rule(span=SPANS, back=st.booleans())
    def jump(self, span: timedelta, back: bool) -> None:
        self.now += -span if back else span
        self.clock_ok = False

    @precondition(lambda self: not self.clock_ok)
    @rule()
    def confirm_the_clock(self) -> None:
        self.clock_ok = True

    @rule(retired=st.booleans())
    def configure(self, retired: bool) -> None:
        perks = {name: one for name, one in SOLD.perks.items() if name != "gold" or not retired}
        self.sold = replace(SOLD, perks=perks, retired={"gold": SOLD.perks["gold"]} if retired else {})

    @rule(customer=CUSTOMERS, sent=st.booleans())
    def read(self, customer: str, sent: bool) -> None:
        shop = self.shops[customer]
        shop.read_who = shop.who
        inventory = shop.inventory(customer, self.now)
        voided = self._look(customer, inventory, sent=sent)
        again = self._compare(customer, inventory)
        if not again.empty:
            self._check_second_look(again, voided)
            self._look(customer, inventory, sent=sent)
            assert self._compare(customer, inventory).empty
        self._check_what_is_held(customer)

    @rule(customer=CUSTOMERS, sent=st.booleans())
    def fail(self, customer: str, sent: bool) -> None:
        before = self._known(customer)
        changes = self._compare(customer, None)
        self._look(customer, None, sent=sent)
        for change in changes.holdings:
            assert change.turn in (Turn.END, Turn.KEEP), "time alone opens nothing"
            assert change.turn is Turn.KEEP or change.cause is Cause.FORETOLD
            for support in change.supports:
                if not support.live:
                    self._check_grace(before, support)
        assert self._compare(customer, None).empty

    # The checks

    def _known(self, customer: str) -> Known:
        players = {somebody.player for somebody in self._whos(customer).values() if somebody.player}
        return self.books.known(customer, players)

    def _whos(self, customer: str) -> dict[str, Who]:
        return dict.fromkeys(self.sold.servers, self.shops[customer].read_who)

    def _compare(self, customer: str, inventory: Inventory | None) -> Changes:
        moment = Moment(self.now, inventory.read_at if inventory else None, self.clock_ok)
        return compare(self._known(customer), inventory, moment, self.sold, self._whos(customer))

    def _look(self, customer: str, inventory: Inventory | None, *, sent: bool) -> set[HoldingKey]:
        before = self._known(customer)
        changes = self._compare(customer, inventory)
        self._check_removals(before, changes)
        voided = self.books.record(changes, self._whos(customer), self.now, sent=sent)
        self._check_told()
        return voided

    def _check_second_look(self, again: Changes, voided: set[HoldingKey]) -> None:
        """Two things are known only at the second look: perkd's own clock started with the delivery, so its end
        is remembered; and where a removal was voided the player holds the perk under the name of that earlier grant."""
        assert not again.items
        assert not again.notes
        for change in again.holdings:
            assert change.turn is Turn.KEEP or (change.turn is Turn.REGRANT and change.key in voided)
            assert all(support.started_at for support in change.supports)

    def _check_removals(self, before: Known, changes: Changes) -> None:
        """An unreadable item, a missing identity and a clock in doubt take nothing away."""
        items = {**before.items, **{one.item.id: one for one in changes.items}}
        left = [change.turn is Turn.END and change.cause is Cause.IDENTITY for change in changes.holdings]
        assert left == sorted(left, reverse=True), "who the player was comes first"
        order = [change.turn in (Turn.END, Turn.REGRANT) for change in changes.holdings[sum(left) :]]
        assert order == sorted(order), "grants before removals"
        for change in changes.holdings:
            if change.turn is not Turn.END or change.cause is Cause.IDENTITY:
                continue
            one = items[change.item_id]
            assert one.item.revoked or one.item.state in ITEM_STATES
            assert self.clock_ok or one.item.revoked or one.item.state == "used"
            if change.cause is Cause.ABSENT:
                assert one.missing_since is not None
                assert self.now - one.missing_since >= ABSENT_AFTER

    def _check_grace(self, before: Known, left: Support) -> None:
        """Without an inventory an item stops counting when its end and the grace after it are over."""
        one = before.items[left.item_id].item
        grace = SOLD.perks[left.perk].grace or (DAY if one.subscription_id else HOUR)
        behind = [support for holding in before.holdings for support in holding.supports if support.item_id == one.id]
        own = [support.started_at + 5 * HOUR for support in behind if support.started_at]
        assert self.clock_ok
        assert min(filter(None, (one.ends_at, *own))) + grace <= self.now

    def _check_told(self) -> None:
        """Each game got grant and revoke in turn for every lasting holding, and one grant for every once-item."""
        last: dict[object, str] = {}
        given: set[tuple[str, str]] = set()
        for what, key in self.books.told:
            if key.item_id and what == "grant":
                assert (key.item_id, key.server) not in given, "a once-item was given twice"
                given.add((key.item_id, key.server))
            assert last.get(key, "revoke") != what, (what, key)
            last[key] = what

    def _check_what_is_held(self, customer: str) -> None:
        """After a complete read: a lasting holding is held exactly while an item counts for it, and what is beyond
        doubt counts."""
        for holding in self.books.holdings.values():
            if holding.kind is PerkKind.LASTING:
                assert (holding.state is HoldingState.HELD) is bool(holding.live)
        counted = {
            support.item_id for holding in self.books.holdings.values() for support in holding.supports if support.live
        }
        for one in self.shops[customer].inventory(customer, self.now).items:
            if one.slug == "kit" or not self.clock_ok or one.slug not in self.sold.perks:
                continue
            says = _beyond_doubt(one, self.now)
            if says is not None:
                assert (one.id in counted) is says, one


def _beyond_doubt(one: Item, now: datetime) -> bool | None:
    """Whether an item in a list counts, if one line of the design answers that; None if it takes more."""
    if one.revoked:
        return False
    if one.state not in ITEM_STATES:
        return None
    if not one.expirable:
        return True
    if one.state == "used":
        return False
    if one.state == "active":
        return one.ends_at is None or now < one.ends_at
    return True if one.state == "renewed" and one.ends_at and now < one.ends_at else None


TestSequences = pytest.mark.volume(Sequences.TestCase)
TestSequences.settings = settings(max_examples=150, stateful_step_count=30)
