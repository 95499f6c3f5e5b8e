"""Whoever asks it with a key or a game server's token, for the tests of the store."""

from typing import Any

from aiohttp.test_utils import TestClient

from perkd.daemon.sandbox.store.goods import STORE_ID, GameServer
from perkd.daemon.sandbox.store.server import Store
from tests import secretwatch

QUEUE = "/v1/delivery/command-queue"


class Caller:
    """Sends requests to the store and reads its answers."""

    def __init__(self, store: Store, client: TestClient[Any, Any]) -> None:
        self.store = store
        self._client = client

    async def key(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """With the API key; `path` goes on from the store's."""
        return await self.send(method, f"/v1/stores/{STORE_ID}{path}", f"APIKey {self.store.api_key}", body)

    async def good(self, method: str, path: str, body: object = None) -> Any:
        status, answer = await self.key(method, path, body)
        assert status < 300, answer
        return answer

    async def server(self, server: GameServer, method: str, path: str, body: object = None) -> tuple[int, Any]:
        return await self.send(method, path, f"Gameserver {secretwatch.remember(server.token)}", body)

    async def queued(self, server: GameServer, online: object = None) -> list[str]:
        """The commands a plugin gets: all, or with the players it says it has."""
        status, answer = await self.server(server, "GET" if online is None else "POST", QUEUE, online)
        assert status == 200, answer
        return [one["command"] for one in answer]

    async def customer(self, token: str) -> list[dict[str, Any]]:
        """What a customer's token lists."""
        _, items = await self.send("GET", "/v1/store/customer/delivery/items?asc=true", f"Customer {token}")
        assert isinstance(items, list)
        return items

    async def send(self, method: str, path: str, authorization: str, body: object = None) -> tuple[int, Any]:
        headers = {"Authorization": authorization}
        async with self._client.request(method, path, headers=headers, json=body) as response:
            return response.status, await response.json() if await response.read() else None
