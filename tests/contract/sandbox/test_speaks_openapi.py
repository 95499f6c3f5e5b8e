"""Sends good and bad requests to every route of an emulated store that contains something of every kind.

tests/storewatch.py checks each answer against PayNow's API description, as in all other tests.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient, AiohttpServer

from perkd.daemon.sandbox.store.calls import Route
from perkd.daemon.sandbox.store.documents import FRACTION_DIGITS
from perkd.daemon.sandbox.store.goods import STORE_ID, ProductCommand
from perkd.daemon.sandbox.store.routes import ROUTES
from perkd.daemon.sandbox.store.server import Store
from tests import secretwatch, storewatch

pytestmark = pytest.mark.skipif(storewatch.FOLDER is None, reason=storewatch.UNSET)

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
UUID = "f84c6a79-0a4e-45e0-879b-cd49ebd4c4e2"


class Asker:
    """Sends requests to a store that contains something of every kind."""

    def __init__(self, store: Store, client: TestClient[Any, Any]) -> None:
        self.store = store
        self._client = client
        self.server = store.add_gameserver("survival")
        self.unlinked = store.add_gameserver("creative", enabled=False)
        commands = [ProductCommand(stage, f"{stage} {{customer.name}}") for stage in ("on_purchase", "on_expire")]
        self.product = store.add_product("vip", lasts=timedelta(days=30), commands=commands)
        store.add_product("flash", lasts=timedelta(hours=1), gameserver_ids=[self.server.id], single_game_server=True)
        store.add_product("rank", has_commands=False)
        for token in (*self._people(store), self.server.token, self.unlinked.token, store.api_key):
            secretwatch.remember(token)
        self.token = store.customer("Ann").tokens[0]
        self._items(store)
        self.seen_digits: set[int] = set()

    def _people(self, store: Store) -> list[str]:
        return [
            store.add_customer("Ann", UUID, steam_id="76561197960287930"),
            store.add_customer("Bob", steam_id="76561197960287931"),
            store.add_customer("Cleo", offline=True),
            store.add_customer("Dan", xbox_xuid="2533274790395904"),
            store.add_customer(None, "069a79f4-44e9-4726-a5be-fca90e38aaf5"),
            store.add_customer(None),
        ]

    def _items(self, store: Store) -> None:
        for product in ("vip", "flash", "rank"):
            bought = store.purchase("Ann", product, quantity=8, subscription=product == "vip")
            for item in bought[1:]:
                store.activate(item.id)
            store.revoke(bought[0].id, None)
            store.revoke(bought[1].id, "chargeback")
            if product != "rank":
                store.expire(bought[2].id)
                store.renew(bought[3].id)
        self.order_id = bought[0].order_id
        self.queued = store.purchase("Ann", "vip", gift=True, gameserver_id=self.server.id)[0]

    def path(self, route: Route) -> str:
        item = self.store.assign("Ann", "vip")[0]
        return route.path.format(
            storeId=STORE_ID,
            customerId=self.store.customer("Ann").id,
            gameServerId=self.server.id,
            productId=self.product.id,
            orderId=self.order_id,
            deliveryItemId=item.id,
            attemptId=item.attempts[0].id,
        )

    def body(self, route: Route) -> object:
        attempt = self.store.assign("Ann", "vip")[0].attempts[0].id
        version = self.product.version_id
        bodies: dict[str, object] = {
            "create": {"name": "Eve", "metadata": {"a": "b"}},
            "create_many": [{"name": "Fay"}, {"steam_id": 76561197960287932}],
            "update": {"metadata": {"vip": "yes"}},
            "assign": {
                "product_id": self.product.id,
                "quantity": 2,
                "override_expires_at": "2026-04-01T00:00:00Z",
                "custom_variables": {"colour": "red"},
            },
            "assign_many": [{"customer_id": self.store.customer("Bob").id, "product_version_id": version}],
            "unqueue": {"attempt_ids": [attempt]},
            "resend": {},
            "link": {"ip": "127.0.0.1", "hostname": "here", "platform": "minecraft", "version": "1.0"},
            "queued_for_players": {"steam_ids": [76561197960287930], "minecraft_uuids": [UUID.replace("-", "")]},
            "acknowledge": [{"attempt_id": attempt}],
            "events": [
                {
                    "event": "player_join",
                    "timestamp": "2026-03-01T12:00:00.1234567Z",
                    "player_join": {"ip_address": "127.0.0.1", "minecraft_name": "Ann"},
                }
            ],
        }
        bodies["assign_many_silently"] = bodies["assign_many"]
        return bodies.get(route.handler.__name__)

    async def ask(
        self, route: Route, path: str, query: str = "", body: object = None, secret: str | None = None
    ) -> tuple[int, bytes]:
        """Sends a request; returns status and body."""
        words = {
            "customer": ("Customer", self.token),
            "key": ("APIKey", self.store.api_key),
            "gameserver": ("Gameserver", self.server.token),
        }
        word, good = words[route.login]
        headers = {"Authorization": f"{word} {good if secret is None else secret}"}
        async with self._client.request(route.method, path + query, headers=headers, json=body) as response:
            content = await response.read()
        self.seen_digits |= {len(digits) for digits in re.findall(rb"T\d\d:\d\d:\d\d(?:\.(\d+))?Z", content)}
        return response.status, content


@pytest.fixture(params=[True, False])
async def asker(request: pytest.FixtureRequest, aiohttp_client: AiohttpClient, aiohttp_server: AiohttpServer) -> Asker:
    """Who asks a store that writes empty fields as null, or leaves them out."""
    store = Store(now=lambda: NOW)
    store.nulls = request.param
    store.invalidate_all_exists = True
    store.show_commandless = True
    return Asker(store, await aiohttp_client(await aiohttp_server(store.application(), access_log=None)))


def query_of(route: Route) -> str:
    return "?minecraft_uuid=" + UUID if route.path.endswith("/lookup") else ""


async def test_every_route_answers_as_described(asker: Asker) -> None:
    for _ in range(2):  # the second time the server is linked
        for route in ROUTES:
            asker.token = secretwatch.remember(asker.store.add_token("Ann"))
            status, _ = await asker.ask(route, asker.path(route), query_of(route), asker.body(route))
            if (route.handler.__name__, status) != ("create_many", 400):  # the second time the SteamID is in use
                assert status in {200, 201, 204}, f"{route.method} {route.path}: {status}"
    assert asker.seen_digits == set(FRACTION_DIGITS)


async def test_every_refusal_is_an_error_document(asker: Asker) -> None:
    for route in ROUTES:
        path, body = asker.path(route), asker.body(route)
        assert (await asker.ask(route, path, secret="nobody", body=body))[0] == 401
        if route.login != "key":
            continue
        assert (await asker.ask(route, path.replace(STORE_ID, "1"), body=body))[0] == 403
        for permission in route.permissions:
            asker.store.permissions.remove(permission)
            status, content = await asker.ask(route, path, body=body)
            assert (status, permission.encode() in content) == (403, True)
            asker.store.permissions.add(permission)
        for nobody, refused in (("7", 404), ("x", 400)):
            pieces = re.findall(r"\{(\w+)\}", route.path)[1:]
            missing = route.path.format(storeId=STORE_ID, **dict.fromkeys(pieces, nobody))
            if pieces:
                assert (await asker.ask(route, missing, body=body))[0] == refused
        if body is not None:
            assert (await asker.ask(route, path, body="text"))[0] == 400
