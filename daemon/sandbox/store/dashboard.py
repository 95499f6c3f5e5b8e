"""What an owner sets up in the dashboard of the emulated store: customers, tokens, products, game servers.

`shop.py` adds the items.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from .attempts import Attempts
from .goods import Customer, Flakes, GameServer, Product, ProductCommand
from .people import Nonsense, People

STAGES = frozenset({"on_purchase", "on_expire", "on_refund", "on_renew", "on_chargeback"})


class Dashboard:
    """Everything in the dashboard, found by id or by name. `now` is the store's clock."""

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.now = now
        self.products: dict[str, Product] = {}
        self.versions: dict[str, Product] = {}  # every version of every product
        self.people = People()
        self._flakes = Flakes()
        self.attempts = Attempts(self._flakes)

    @property
    def customers(self) -> dict[str, Customer]:
        return self.people.by_id

    @property
    def gameservers(self) -> dict[str, GameServer]:
        return self.attempts.servers

    def new_id(self) -> str:
        return self._flakes.make(self.now())

    def add_customer(
        self,
        name: str | None,
        minecraft_uuid: str | None = None,
        *,
        steam_id: str | None = None,
        xbox_xuid: str | None = None,
        offline: bool = False,
        profile_name: str | None = None,
    ) -> str:
        """Adds a customer and returns their first token. `profile_name`: the name at Mojang or Steam, if another."""
        now = self.now()
        customer = Customer(
            self._flakes.make(now), name, now, minecraft_uuid, steam_id, xbox_xuid, offline, profile_name
        )
        self.people.add(customer)
        return self.people.add_token(customer)

    def add_token(self, customer: str) -> str:
        """Adds a token for a customer; the old ones remain valid, as at PayNow."""
        return self.people.add_token(self.customer(customer))

    def invalidate_tokens(self, customer: str) -> None:
        self.customer(customer).tokens.clear()

    def add_product(
        self,
        slug: str,
        *,
        name: str = "",
        lasts: timedelta | None = None,
        has_commands: bool = True,
        commands: Iterable[ProductCommand] = (),
        gameserver_ids: Iterable[str] = (),
        single_game_server: bool = False,
    ) -> Product:
        """Puts a product on sale. `lasts`: its items expire that long after they are activated.

        Without `commands`, `has_commands` says whether the product has a command that is never queued.
        """
        commands, gameserver_ids = tuple(commands), tuple(gameserver_ids)
        for stage in {command.stage for command in commands} - STAGES:
            raise Nonsense(f"unknown stage {stage!r}; choose from: {', '.join(sorted(STAGES))}")
        for key in {*gameserver_ids, *(key for command in commands for key in command.gameserver_ids)}:
            self.gameserver(key)
        now = self.now()
        product = Product(
            self._flakes.make(now),
            slug,
            name or slug.replace("-", " ").title(),
            self._flakes.make(now),
            now,
            lasts,
            has_commands or bool(commands),
            commands,
            gameserver_ids,
            single_game_server,
        )
        self.products[product.id] = product
        self.versions[product.version_id] = product
        return product

    def edit_product(self, product: str) -> None:
        """Edits a product: later items have a new version, earlier items keep the old one."""
        edited = self.product(product)
        edited.version_id = self._flakes.make(self.now())
        self.versions[edited.version_id] = edited

    def add_gameserver(self, name: str, *, enabled: bool = True) -> GameServer:
        """Adds a game server with a token for its plugin."""
        return self.attempts.add_server(name, self.now(), enabled=enabled)

    def reset_gameserver_token(self, gameserver: str) -> str:
        """Makes a new token and returns it; the old one is refused from now on."""
        return self.attempts.reset_token(self.gameserver(gameserver), self.now())

    # Finding things

    def customer(self, key: str) -> Customer:
        """The customer with this id, name or token. Raises Nonsense."""
        return self.people.find(key)

    def product(self, key: str) -> Product:
        """The product with this id or slug. Raises Nonsense."""
        found = self.products.get(key) or next((one for one in self.products.values() if one.slug == key), None)
        if found is None:
            there = ", ".join(one.slug for one in self.products.values())
            raise Nonsense(f"unknown product; existing: {there or 'none yet'}")
        return found

    def gameserver(self, key: str) -> GameServer:
        """The game server with this id or name. Raises Nonsense."""
        return self.attempts.server(key)
