"""The shop behind the emulated store: buys, activates, ends and revokes items. `server.py` serves it over HTTP."""

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush

from .dashboard import Dashboard
from .goods import Actor, Assignment, Goods, GoodsState
from .people import Nonsense

_ONE = Assignment()
_SOMEBODY = Actor("user")


class Shop(Dashboard):
    """The dashboard and its items: usable → active → used; they can be renewed, and revoked at any time.

    The sweeper of the real store ends expired items up to a minute late. With `sweeper_lag`, items become used that
    long after their end; without it, only `expire` and `sweep` do that.

    The commands of a product are queued for its game servers when an item is added, expires, is revoked or is renewed.
    When the purchase commands are acknowledged, the item is activated.
    """

    def __init__(
        self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC), sweeper_lag: timedelta | None = None
    ) -> None:
        super().__init__(now=now)
        self.sweeper_lag = sweeper_lag
        self.items: dict[str, Goods] = {}
        self._owned: defaultdict[str, list[Goods]] = defaultdict(list)  # by customer, in the order of ids
        self._ends: list[tuple[datetime, str]] = []  # a heap of (end, item id); some entries are out of date

    def purchase(
        self,
        customer: str,
        product: str,
        *,
        quantity: int = 1,
        gift: bool = False,
        subscription: bool = False,
        gameserver_id: str | None = None,
    ) -> list[Goods]:
        """Adds usable items, one for each unit. With `gift`, somebody else paid for them."""
        if not 1 <= quantity <= 1000:
            raise Nonsense(f"quantity must be 1 to 1000, found {quantity}")
        owner, sold, now = self.customer(customer), self.product(product), self.now()
        order_id, line_id = self._flakes.make(now), self._flakes.make(now)
        subscription_id = self._flakes.make(now) if subscription else None
        bought = [
            Goods(
                id=self._flakes.make(now),
                customer_id=owner.id,
                product=sold,
                version_id=sold.version_id,
                added_at=now,
                gift=gift,
                order_id=order_id,
                order_line_id=line_id,
                order_customer_id=None if gift else owner.id,
                subscription_id=subscription_id,
                gameserver_id=gameserver_id,
                quantity_index=index,
            )
            for index in range(1, quantity + 1)
        ]
        return self._deliver(bought)

    def assign(self, customer: str, product: str, how: Assignment = _ONE, *, by: Actor = _SOMEBODY) -> list[Goods]:
        """Adds usable items without a purchase: they have no order, and `added_by` says who gave them."""
        owner, given, now = self.customer(customer), self.product(product), self.now()
        added = [
            Goods(
                id=self._flakes.make(now),
                customer_id=owner.id,
                product=given,
                version_id=how.version_id or given.version_id,
                added_at=now,
                gameserver_id=how.gameserver_id,
                override_expires_at=how.override_expires_at,
                added_by=by,
                skip_commands=how.skip_commands,
                custom_variables=dict(how.custom_variables),
            )
            for _ in range(how.quantity)
        ]
        return self._deliver(added)

    def activate(self, item: str) -> None:
        """Activates an item, as after its command is acknowledged. An item that never expires becomes used at once."""
        goods, now = self.item(item), self.now()
        if goods.state != GoodsState.USABLE:
            raise Nonsense(f"item {goods.id} is {goods.state}; only a usable item can be activated")
        goods.active_at = now
        if not goods.expirable:
            goods.state, goods.removed_at = GoodsState.USED, now
            return
        goods.state = GoodsState.ACTIVE
        if goods.product.lasts is not None:
            goods.expires_at = now + goods.product.lasts
        self._note_end(goods)

    def expire(self, item: str, *, swept: bool = True) -> None:
        """Ends the item now. With `swept` false its state remains, as before the sweeper has run."""
        goods, now = self.item(item), self.now()
        if not goods.expirable or goods.state == GoodsState.REVOKED:
            raise Nonsense(f"item {goods.id} of {goods.product.slug} ({goods.state}) cannot expire; revoke it instead")
        goods.active_at = goods.active_at or now
        if goods.product.lasts is None:
            goods.override_expires_at = now
        else:
            goods.override_expires_at, goods.expires_at = None, min(goods.expires_at or now, now)
        if swept:
            self._end(goods, now)
        else:
            self._note_end(goods)

    def renew(self, item: str, *, successor: bool = True) -> Goods:
        """Renews a subscription. `successor`: the item becomes `renewed` and a new active item follows it; without, the
        same item lasts longer. PayNow does not document which of the two it does. Returns the item that is active now.
        """
        goods, now = self.item(item), self.now()
        if goods.product.lasts is None or goods.state not in {GoodsState.ACTIVE, GoodsState.RENEWED, GoodsState.USED}:
            raise Nonsense(
                f"item {goods.id} of {goods.product.slug} ({goods.state}) cannot be renewed; activate it first"
            )
        starts = max(goods.ends_at or now, now)
        goods.subscription_id = goods.subscription_id or self._flakes.make(now)
        lasting = goods if not successor else self._successor(goods, now)
        lasting.state, lasting.ended = GoodsState.ACTIVE, False
        lasting.removed_at = lasting.override_expires_at = None
        lasting.expires_at = starts + goods.product.lasts
        self._note_end(lasting)
        if successor:
            goods.state = GoodsState.RENEWED
        self._queue("on_renew", lasting)
        return lasting

    def revoke(self, item: str, reason: str | None = "admin", *, by: Actor | None = None) -> None:
        """Revokes an item. `reason`: `admin`, `refund`, `chargeback`, any other word, or None."""
        goods = self.item(item)
        if goods.state == GoodsState.REVOKED:
            raise Nonsense(f"item {goods.id} is revoked already; restore it first")
        goods.state_before_revoke = goods.state
        goods.state, goods.revoked_at, goods.revoke_reason = GoodsState.REVOKED, self.now(), reason
        goods.revoked_by = by or Actor("internal")
        if reason in {"refund", "chargeback"}:
            self._queue(f"on_{reason}", goods)
        else:  # by hand: PayNow runs the on_expire commands
            self._run_end(goods)

    def forget(self, item: str) -> None:
        """Leaves the item out of every answer from now on."""
        self.item(item).forgotten = True

    def restore(self, item: str) -> None:
        """Undoes `forget` and `revoke`: the item is back as it was."""
        goods = self.item(item)
        if not goods.forgotten and goods.state != GoodsState.REVOKED:
            raise Nonsense(f"item {goods.id} is {goods.state} and listed: there is nothing to restore")
        goods.forgotten = False
        if goods.state == GoodsState.REVOKED:
            goods.state, goods.revoked_at, goods.revoke_reason = goods.state_before_revoke, None, None
            goods.revoked_by, goods.ended = None, goods.expirable and goods.state == GoodsState.USED
            self._note_end(goods)

    def acknowledge(self, gameserver: str, attempt_id: str) -> bool:
        """Acknowledges a command. The last one of a purchase activates the item. False: it was not in the queue."""
        attempt = self.attempts.acknowledge(self.gameserver(gameserver), attempt_id, self.now())
        if attempt is None:
            return False
        goods = attempt.item
        if attempt.stage == "on_purchase" and goods.state == GoodsState.USABLE and goods.is_carried_out:
            self.activate(goods.id)
        return True

    def sweep(self, lag: timedelta = timedelta(0)) -> None:
        """Runs the sweeper: every active item that ended at least `lag` ago becomes used."""
        now = self.now()
        while self._ends and self._ends[0][0] + lag <= now:
            ends_at, item_id = heappop(self._ends)
            goods = self.items[item_id]
            if goods.state == GoodsState.ACTIVE and goods.ends_at == ends_at:
                self._end(goods, ends_at + lag)

    def sweep_by_itself(self) -> None:
        """Runs the sweeper when the shop has a `sweeper_lag`."""
        if self.sweeper_lag is not None:
            self.sweep(self.sweeper_lag)

    def item(self, key: str) -> Goods:
        found = self.items.get(key)
        if found is None:
            raise Nonsense(f"unknown item; GET / lists all {len(self.items)}")
        return found

    def owned(self, customer: str) -> list[Goods]:
        """The items of a customer without the forgotten ones, in the order of ids."""
        self.sweep_by_itself()
        return [goods for goods in self._owned[self.customer(customer).id] if not goods.forgotten]

    def _deliver(self, added: list[Goods]) -> list[Goods]:
        for goods in self._put(added):
            self._queue("on_purchase", goods)
        return added

    def _put(self, added: list[Goods]) -> list[Goods]:
        for goods in added:
            self.items[goods.id] = goods
            self._owned[goods.customer_id].append(goods)
        return added

    def _queue(self, stage: str, goods: Goods) -> None:
        self.attempts.queue(stage, goods, self.customers[goods.customer_id], self.now())

    def _note_end(self, goods: Goods) -> None:
        if goods.state == GoodsState.ACTIVE and goods.ends_at is not None:
            heappush(self._ends, (goods.ends_at, goods.id))

    def _end(self, goods: Goods, at: datetime) -> None:
        goods.state, goods.removed_at = GoodsState.USED, at
        self._run_end(goods)

    def _run_end(self, goods: Goods) -> None:
        """Queues the on_expire commands, once each time the item ends."""
        if not goods.ended:
            goods.ended = True
            self._queue("on_expire", goods)

    def _successor(self, goods: Goods, now: datetime) -> Goods:
        [follower] = self._put(
            [
                Goods(
                    id=self._flakes.make(now),
                    customer_id=goods.customer_id,
                    product=goods.product,
                    version_id=goods.product.version_id,
                    added_at=now,
                    gift=goods.gift,
                    order_id=self._flakes.make(now),
                    order_line_id=self._flakes.make(now),
                    order_customer_id=goods.order_customer_id,
                    subscription_id=goods.subscription_id,
                    gameserver_id=goods.gameserver_id,
                    quantity_index=1,
                    active_at=now,
                )
            ]
        )
        return follower
