"""The storefront client on a bad network: down, not HTTP, not TLS, odd bodies, cancelled requests."""

import asyncio
import gzip
import ssl
from pathlib import Path

import pytest
from aiohttp import web

from perkd.adapters.base import Secret
from perkd.daemon.paynow.errors import Limited, ServerFault, TokenRefused, Unreachable, Unreadable
from perkd.daemon.paynow.storefront import Storefront
from perkd.daemon.paynow.transport.rate import Rate
from perkd.daemon.sandbox.store.faults import Fault
from tests.contract.stores import NOW, UNLIMITED, client_of, everything_said, newcomer, one_handler, read, running_store


async def test_a_store_that_is_down_is_unreachable_and_back_when_it_is_up() -> None:
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=1)
        await read(client, token, customer_id)
        await store.down()
        assert not store.is_up
        with pytest.raises(Unreachable, match=r" 127\.0\.0\.1:[0-9]+ \(connection refused, "):
            await read(client, token, customer_id)
        await store.up()
        assert len((await read(client, token, customer_id)).inventory.items) == 1


async def test_what_does_not_speak_http_is_unreadable() -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    token = Secret("token-for-nobody")
    async with server, Storefront.open(f"http://127.0.0.1:{port}", rate=Rate(UNLIMITED)) as client:
        with pytest.raises(Unreadable, match="HTTP") as caught:
            await client.customer(token)
    assert not [text for text in everything_said(caught.value) if "token-for-nobody" in text]


async def test_https_to_a_server_without_tls_is_unreachable_and_says_so() -> None:
    async with (
        running_store() as store,
        Storefront.open(store.url.replace("http:", "https:"), rate=Rate(UNLIMITED)) as client,
    ):
        with pytest.raises(Unreachable, match="TLS"):
            await client.customer(Secret("token-for-nobody"))
    assert store.requests() == 0


async def test_a_certificate_nobody_vouches_for_is_refused_before_anything_is_sent() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).parents[2] / "data" / "self-signed.pem")
    asked = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(1))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with server, Storefront.open(f"https://127.0.0.1:{port}", rate=Rate(UNLIMITED)) as client:
        with pytest.raises(Unreachable, match="TLS"):
            await client.customer(Secret("token-for-nobody"))
    assert not asked


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store)
        assert (await client.customer(token)).customer_id == customer_id


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Encoding": "br"}, b"[]"),
        ({"Content-Encoding": "gzip"}, b"[]"),
        ({"Content-Encoding": "gzip"}, b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"),
        ({}, b"\r\n  <?xml version='1.0'?>"),
    ],
)
async def test_a_body_in_an_unknown_encoding_is_unreadable(headers: dict[str, str], body: bytes) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, headers=headers)

    async with one_handler(answer) as url, Storefront.open(url, rate=Rate(UNLIMITED)) as client:
        with pytest.raises(Unreadable):
            await read(client, Secret("anything"), "1")


async def test_an_error_with_an_endless_body_is_still_told_by_its_status() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=503)
        await response.prepare(request)
        for _ in range(64):
            await response.write(b"x" * 65536)
        return response

    async with one_handler(answer) as url, Storefront.open(url, rate=Rate(UNLIMITED)) as client:
        with pytest.raises(ServerFault) as caught:
            await read(client, Secret("anything"), "1")
    assert caught.value.status == 503


async def test_a_cancelled_request_leaves_the_client_usable() -> None:
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=1)
        asked = asyncio.Event()
        store.before_answer = lambda _path: asked.set()
        store.fault(Fault.SLOW, times=1)
        task = asyncio.create_task(client.inventory(token, customer_id, None, NOW))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len((await read(client, token, customer_id)).inventory.items) == 1


async def test_a_packed_refusal_is_read_and_a_broken_one_gives_its_status() -> None:
    said = "closed for the night"
    bodies = [gzip.compress(f'{{"message":"{said}"}}'.encode()), b"no gzip"]

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=503, body=bodies.pop(0), headers={"Content-Encoding": "gzip"})

    async with one_handler(answer) as url, Storefront.open(url, rate=Rate(UNLIMITED)) as client:
        with pytest.raises(ServerFault, match=said):
            await read(client, Secret("anything"), "1")
        with pytest.raises(ServerFault) as caught:
            await read(client, Secret("anything"), "1")
    assert caught.value.status == 503
    assert str(caught.value).endswith(f"(503 on {caught.value.path})")


async def test_a_refusal_with_a_cut_body_gives_its_status() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=403)
        response.content_length = 100
        await response.prepare(request)
        await response.write(b'{"message":')
        assert request.transport is not None
        request.transport.close()
        return response

    async with one_handler(answer) as url, Storefront.open(url, rate=Rate(UNLIMITED)) as client:
        with pytest.raises(TokenRefused) as caught:
            await read(client, Secret("anything"), "1")
    assert caught.value.status == 403


@pytest.mark.parametrize("target", ["http://[broken", "", "/elsewhere", "https://x.example/\u202e?token=abc"])
async def test_of_a_redirect_the_message_has_only_the_host(target: str) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": target})

    async with one_handler(answer) as url, Storefront.open(url, rate=Rate(UNLIMITED)) as client:
        with pytest.raises(Unreadable, match="307") as caught:
            await read(client, Secret("anything"), "1")
    assert "token=" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "headers",
    [
        {"Date": "soon"},
        {"Date": "x" * 100},
        {"Date": "Sun, 01 Mar 2026 12:00:00 GMT", "Age": "60"},
        {"Date": "Fri, 31 Dec 9999 23:59:59 -1200"},
        {"Date": "Sun, 01 Mar 2026 12:00:00 +99999999999999999999"},
    ],
)
async def test_a_date_that_is_none_or_comes_from_a_cache_is_not_the_stores_clock(headers: dict[str, str]) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.json_response([], headers=headers)

    async with one_handler(answer) as url, Storefront.open(url, rate=Rate(UNLIMITED)) as client:
        await read(client, Secret("anything"), "1")
        assert client.last_date is None


@pytest.mark.parametrize("text", ["soon", "-5", "1.5", "", "Sun, 99 Foo 2026 12:00:00 GMT"])
async def test_a_retry_after_that_says_nothing_is_as_if_it_were_not_there(text: str) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": text})

    async with one_handler(answer) as url, Storefront.open(url, rate=Rate(UNLIMITED)) as client:
        with pytest.raises(Limited) as caught:
            await read(client, Secret("anything"), "1")
    assert caught.value.retry_after_s is None


async def test_a_304_in_the_middle_of_the_pages_is_unreadable() -> None:
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=150)
        store.before_answer = lambda _path: store.fault(Fault.STRAY_304) if store.requests() == 2 else None
        with pytest.raises(Unreadable, match="unconditional"):
            await read(client, token, customer_id)
