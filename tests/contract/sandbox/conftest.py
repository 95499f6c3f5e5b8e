"""An emulated store and whoever asks it, on a port of aiohttp's fixture."""

from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient, AiohttpServer

from perkd.daemon.sandbox.store.server import Store
from tests import secretwatch
from tests.contract.emulated import Caller
from tests.contract.stores import NOW


@pytest.fixture
def store() -> Store:
    """A store that sells one product, its clock at NOW."""
    store = Store(now=lambda: NOW)
    secretwatch.remember(store.api_key, "an API key")
    store.add_product("rank")
    return store


@pytest.fixture
async def client(store: Store, aiohttp_client: AiohttpClient, aiohttp_server: AiohttpServer) -> TestClient[Any, Any]:
    return await aiohttp_client(await aiohttp_server(store.application(), access_log=None))


@pytest.fixture
def caller(store: Store, client: TestClient[Any, Any]) -> Caller:
    return Caller(store, client)
