"""A store, or what stands in front of it, that repeats a request's token in its answer: the token gets no further."""

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from perkd.adapters.base import Secret
from perkd.daemon.paynow.errors import StoreError
from perkd.daemon.paynow.game_server import GameServerApi, Online
from perkd.daemon.paynow.management import Management
from perkd.daemon.paynow.storefront import Storefront
from perkd.daemon.paynow.transport.exchange import Exchange
from perkd.daemon.paynow.transport.rate import Rate
from perkd.daemon.sandbox.store.goods import STORE_ID
from tests import secretwatch
from tests.contract.stores import UNLIMITED, everything_said, one_handler

STATUSES = (301, 400, 401, 403, 404, 408, 409, 410, 418, 422, 429, 500, 503)
Ask = Callable[[str, Secret], Awaitable[object]]


async def as_customer(url: str, token: Secret) -> object:
    async with Storefront.open(url, rate=Rate(UNLIMITED)) as store:
        return await store.customer(token)


async def as_owner(url: str, key: Secret) -> object:
    async with Management.open(url, STORE_ID, key, rate=Rate(UNLIMITED)) as store:
        return await store.products()


async def as_game_server(url: str, token: Secret) -> object:
    async with Exchange.open(url, rate=Rate(UNLIMITED)) as exchange:
        return await GameServerApi(exchange, token).queue(Online())


@asynccontextmanager
async def repeating(status: int, *, escaped: bool) -> AsyncIterator[str]:
    """A server that refuses with what it was sent, in every field of an error document, and far into a long text."""

    async def handler(request: web.Request) -> web.Response:
        said = request.headers["Authorization"]
        error = {"code": said, "message": "x" * 190 + said, "path": [said, 1], "validation": said}
        document = {"status": status, "code": said, "message": f"who is {said}?", "trace_id": said, "errors": [error]}
        text = json.dumps(document)
        if escaped:  # JSON may write any character by its number
            text = text.replace(said, "".join(f"\\u{ord(char):04x}" for char in said))
        return web.Response(
            status=status, text=text, content_type="application/json", headers={"Location": f"https://b.example/{said}"}
        )

    async with one_handler(handler) as url:
        yield url


@pytest.mark.parametrize("ask", [as_customer, as_owner, as_game_server])
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("escaped", [False, True])
async def test_a_token_the_store_repeats_is_in_no_error_and_no_log(
    ask: Ask, status: int, escaped: bool, caplog: pytest.LogCaptureFixture
) -> None:
    token = secretwatch.mint("a token")
    secretwatch.remember(token[:20], "the beginning of a token")
    async with repeating(status, escaped=escaped) as url:
        with caplog.at_level(logging.DEBUG), pytest.raises(StoreError) as caught:
            await ask(url, Secret(token))
    assert [leak for said in everything_said(caught.value) for leak in secretwatch.found_in(said)] == []
    assert secretwatch.found_in(caplog.text) == []
    if status not in {301, 429}:
        assert "who is" in str(caught.value), "the rest of what the store says is told"
