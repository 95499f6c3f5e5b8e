"""The shop behind the emulated store: every verb a story needs, on an injected clock. `store.py` puts it on HTTP."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from .goods import Customer, Flakes, Goods, Product

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Nonsense(ValueError):
    """A verb was asked of something that is not there or cannot do it; the message says what is there."""


class Shop:
    """Customers, products and items with their life: usable → active → used, revoked at any time, renewed.

    `now` is the shop's clock. The real store ends expired items by a sweeper that comes up to a minute late: with
    `sweeper_lag` items end by themselves that long after their end, without it only `expire` and `sweep` end them.
    """

    def __init__(
        self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC), sweeper_lag: timedelta | None = None
    ) -> None:
        self.now = now
        self.sweeper_lag = sweeper_lag
        self.products: dict[str, Product] = {}
        self.customers: dict[str, Customer] = {}
        self.items: dict[str, Goods] = {}
        self._flakes = Flakes()

    # Customers and products

    def add_customer(
        self,
        name: str | None,
        minecraft_uuid: str | None = None,
        *,
        steam_id: str | None = None,
        xbox_xuid: str | None = None,
        offline: bool = False,
    ) -> str:
        """A new customer; returns his first token."""
        now = self.now()
        customer = Customer(self._flakes.make(now), name, now, minecraft_uuid, steam_id, xbox_xuid, offline)
        self.customers[customer.id] = customer
        return self.add_token(customer.id)

    def add_token(self, customer: str) -> str:
        """One more token for a customer; the old ones stay valid, as they do at PayNow."""
        token = "".join(secrets.choice(_BASE58) for _ in range(71))
        self.customer(customer).tokens.append(token)
        return token

    def invalidate_tokens(self, customer: str) -> None:
        self.customer(customer).tokens.clear()

    def add_product(
        self, slug: str, *, name: str = "", lasts: timedelta | None = None, has_commands: bool = True
    ) -> Product:
        """Puts a product on sale. `lasts`: its items expire that long after they are activated."""
        now = self.now()
        product = Product(
            self._flakes.make(now), slug, name or slug.replace("-", " ").title(), self._flakes.make(now), lasts
        )
        product.has_commands = has_commands
        self.products[product.id] = product
        return product

    def edit_product(self, product: str) -> None:
        """A change in the dashboard: later items carry a new version, earlier ones keep theirs."""
        self.product(product).version_id = self._flakes.make(self.now())

    # An item's life

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
        """New usable items, one for each unit. With `gift` somebody else paid."""
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
                subscription_id=subscription_id,
                gameserver_id=gameserver_id,
                quantity_index=index,
            )
            for index in range(1, quantity + 1)
        ]
        self.items.update((item.id, item) for item in bought)
        return bought

    def activate(self, item: str) -> None:
        """The item's command was acknowledged: an expirable item's clock starts, any other is used up."""
        goods, now = self.item(item), self.now()
        if goods.state != "usable":
            raise Nonsense(f"item {goods.id} is {goods.state}; only a usable item can be activated")
        goods.active_at = now
        if goods.product.lasts is None:
            goods.state, goods.removed_at = "used", now
        else:
            goods.state, goods.expires_at = "active", now + goods.product.lasts

    def expire(self, item: str, *, swept: bool = True) -> None:
        """The item's time is over now. `swept` false: the store's sweeper has not noticed, the state stays."""
        goods, now = self.item(item), self.now()
        if goods.product.lasts is None or goods.state == "revoked":
            raise Nonsense(f"item {goods.id} of {goods.product.slug} ({goods.state}) cannot expire; revoke it instead")
        goods.active_at = goods.active_at or now
        goods.override_expires_at = None
        goods.expires_at = min(goods.expires_at or now, now)
        if swept:
            goods.state, goods.removed_at = "used", now

    def renew(self, item: str, *, successor: bool = True) -> Goods:
        """A subscription went on: the old item is `renewed` and an active one follows, or the same item lasts longer.

        Which of the two PayNow does is not documented. Returns the item that lasts now.
        """
        goods, now = self.item(item), self.now()
        if goods.product.lasts is None or goods.state not in {"active", "renewed", "used"}:
            raise Nonsense(
                f"item {goods.id} of {goods.product.slug} ({goods.state}) cannot be renewed; activate it first"
            )
        starts = max(goods.ends_at or now, now)
        if not successor:
            goods.state, goods.removed_at, goods.override_expires_at = "active", None, None
            goods.expires_at = starts + goods.product.lasts
            return goods
        [follower] = self.purchase(goods.customer_id, goods.product.id, gift=goods.gift)
        goods.subscription_id = follower.subscription_id = goods.subscription_id or self._flakes.make(now)
        follower.state, follower.active_at, follower.expires_at = "active", now, starts + goods.product.lasts
        goods.state = "renewed"
        return follower

    def revoke(self, item: str, reason: str | None = "admin") -> None:
        """Taken back: `admin`, `refund`, `chargeback`, any other word, or no reason at all."""
        goods = self.item(item)
        if goods.state == "revoked":
            raise Nonsense(f"item {goods.id} is revoked already; restore it first")
        goods.state_before_revoke = goods.state
        goods.state, goods.revoked_at, goods.revoke_reason = "revoked", self.now(), reason

    def forget(self, item: str) -> None:
        """The item is in no answer any more, without a word why."""
        self.item(item).forgotten = True

    def restore(self, item: str) -> None:
        """Undoes `forget` and `revoke`: the item is back as it was."""
        goods = self.item(item)
        if not goods.forgotten and goods.state != "revoked":
            raise Nonsense(f"item {goods.id} is {goods.state} and listed: there is nothing to restore")
        goods.forgotten = False
        if goods.state == "revoked":
            goods.state, goods.revoked_at, goods.revoke_reason = goods.state_before_revoke, None, None

    def sweep(self, lag: timedelta = timedelta(0)) -> None:
        """What the store's sweeper does: every active item whose end is `lag` past becomes used."""
        now = self.now()
        for goods in self.items.values():
            if goods.state == "active" and goods.ends_at is not None and goods.ends_at + lag <= now:
                goods.state, goods.removed_at = "used", goods.ends_at + lag

    # Finding things

    def customer(self, key: str) -> Customer:
        """By id, name or token."""
        found = self.customers.get(key)
        found = found or next((one for one in self.customers.values() if one.name == key or key in one.tokens), None)
        if found is None:
            there = ", ".join(str(one.name or one.id) for one in self.customers.values())
            raise Nonsense(f"no such customer; there are: {there or 'none yet'}")
        return found

    def product(self, key: str) -> Product:
        """By id or slug."""
        found = self.products.get(key) or next((one for one in self.products.values() if one.slug == key), None)
        if found is None:
            there = ", ".join(one.slug for one in self.products.values())
            raise Nonsense(f"no such product; there are: {there or 'none yet'}")
        return found

    def item(self, key: str) -> Goods:
        found = self.items.get(key)
        if found is None:
            raise Nonsense(f"no such item; there are {len(self.items)}, listed by GET /")
        return found

    def owned(self, customer: str) -> list[Goods]:
        """What a customer owns, forgotten items left out, by id."""
        if self.sweeper_lag is not None:
            self.sweep(self.sweeper_lag)
        owner = self.customer(customer).id
        owned = [goods for goods in self.items.values() if goods.customer_id == owner and not goods.forgotten]
        return sorted(owned, key=lambda goods: int(goods.id))
