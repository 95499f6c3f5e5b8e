"""Polls go over kept connections, one request at a time on each; one that is no good any more is never asked over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from perkd.adapters.base import Secret
from perkd.daemon.paynow.errors import Unreadable
from perkd.daemon.paynow.storefront import Storefront
from perkd.daemon.paynow.transport import connections
from perkd.daemon.paynow.transport.exchange import Timeouts
from perkd.daemon.paynow.transport.rate import Rate
from tests.contract.stores import UNLIMITED

HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "


def answer(customer_id: int, head: str = HEAD) -> bytes:
    body = f'{{"id": "{customer_id}", "store_id": "1"}}'
    return f"{head}{len(body)}\r\n\r\n{body}".encode()


class Counter:
    """A store that names its n-th request's customer n. `connections`: how many requests came over each.
    `after_answer` is sent with every answer; `ends`: the connection is ended after so many answers."""

    def __init__(self) -> None:
        self.connections: list[int] = []
        self.after_answer = b""
        self.writer: asyncio.StreamWriter | None = None  # of the latest connection
        self.head = HEAD
        self.ends: int | None = None
        self.ended = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.connections)
        self.connections.append(0)
        self.writer = writer
        try:
            while self.connections[number] != self.ends:
                await reader.readuntil(b"\r\n\r\n")
                self.connections[number] += 1
                writer.write(answer(sum(self.connections), self.head) + self.after_answer)
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass  # the client has enough
        finally:
            writer.close()
            self.ended.set()


@asynccontextmanager
async def counting() -> AsyncIterator[tuple[Counter, Storefront]]:
    store = Counter()
    server = await asyncio.start_server(store.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    timeouts = Timeouts(connect_s=60.0, total_s=60.0)
    url = f"http://127.0.0.1:{port}"
    async with server, Storefront.open(url, rate=Rate(UNLIMITED), timeouts=timeouts) as client:
        yield store, client


async def ask(client: Storefront) -> int:
    return int((await client.customer(Secret("token-for-nobody"))).customer_id)


async def test_one_connection_after_another_request_is_enough() -> None:
    async with counting() as (store, client):
        assert [await ask(client) for _ in range(5)] == [1, 2, 3, 4, 5]
        assert store.connections == [5]


async def test_requests_at_a_time_have_a_connection_each_and_those_are_kept() -> None:
    async with counting() as (store, client):
        assert sorted(await asyncio.gather(*(ask(client) for _ in range(4)))) == [1, 2, 3, 4]
        assert store.connections == [1, 1, 1, 1]
        assert sorted(await asyncio.gather(*(ask(client) for _ in range(4)))) == [5, 6, 7, 8]
        assert store.connections == [2, 2, 2, 2]


async def test_an_unrequested_answer_is_never_taken_for_that_to_the_next_request() -> None:
    """It would show one customer's items as another's."""
    async with counting() as (store, client):
        store.after_answer = answer(999)
        assert [await ask(client) for _ in range(3)] == [1, 2, 3]
        assert store.connections == [1, 1, 1]


async def test_an_unrequested_answer_that_comes_while_a_connection_rests_is_not_taken_either() -> None:
    async with counting() as (store, client):
        for number in range(1, 4):
            assert await ask(client) == number
            assert store.writer is not None
            store.writer.write(answer(999))
            for _ in range(5):  # until it is read
                await asyncio.sleep(0)
        assert store.connections == [1, 1, 1]


async def test_line_breaks_after_an_answer_are_passed_over() -> None:
    async with counting() as (store, client):
        store.after_answer = b"\r\n"
        assert [await ask(client) for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("rest", [b"{}", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Le"])
async def test_what_comes_after_an_answer_is_at_most_an_error_and_the_next_request_is_well(rest: bytes) -> None:
    async with counting() as (store, client):
        store.after_answer = rest
        for _ in range(2):
            with suppress(Unreadable):
                assert await ask(client) == sum(store.connections)
        store.after_answer = b""
        with suppress(Unreadable):
            await ask(client)  # may be over the connection that has it
        assert await ask(client) == sum(store.connections)


async def test_a_connection_the_store_says_it_will_end_is_not_used_again() -> None:
    async with counting() as (store, client):
        store.head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: "
        assert [await ask(client) for _ in range(3)] == [1, 2, 3]
        assert store.connections == [1, 1, 1]


async def test_a_kept_connection_that_the_store_ended_is_replaced() -> None:
    async with counting() as (store, client):
        store.ends = 1
        assert await ask(client) == 1
        await store.ended.wait()
        assert await ask(client) == 2
        assert store.connections == [1, 1]


async def test_a_connection_that_was_idle_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in between may have forgotten it without a word."""
    monkeypatch.setattr(connections, "KEEP_S", 0.0)
    async with counting() as (store, client):
        assert await ask(client) == 1
        assert await ask(client) == 2
        assert store.connections == [1, 1]


async def test_a_cancelled_request_takes_its_connection_with_it() -> None:
    """Its answer may still come."""
    async with counting() as (store, client):
        assert await ask(client) == 1
        asked = asyncio.create_task(ask(client))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert await ask(client) >= 2
        assert len(store.connections) == 2
