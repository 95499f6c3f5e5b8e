"""A store for the benchmark, in a process of its own: the least Python that speaks HTTP, so that the clients are what
is measured.

`tests/bench/customers.py` starts it. It prints its ports and ends with its standard input; for each line on that it
prints how many inventories each port was asked for. Every port serves the same customers, each with states of its own,
so that clients do not disturb each other; only the last port sends ETags and answers 304. At the ports of CHANGING
every hundredth customer who is asked for has changed since the last time.
"""

import asyncio
import os
import sys
import time
from collections import Counter
from email.utils import formatdate
from functools import lru_cache, partial
from typing import Final

PORTS: Final = 5
CHANGING: Final = (1, 2)
CHANGES_EVERY: Final = 100
FIRST_ITEM: Final = 1 << 57  # below it, customers; items of one customer follow each other
ADDED: Final = "2026-01-05T10:00:00.1234567Z"
ENDS: Final = "2036-01-05T10:00:00.1234567Z"
STORE_ID: Final = 94688451781206016


def item(number: int, place: int, state: str) -> str:
    """One element of the inventory as the store documents it, compact. Only the last item's state ever differs."""
    item_id = FIRST_ITEM + number * 1000 + place
    return (
        f'{{"id":"{item_id}","store_id":"{STORE_ID}","customer_id":"{customer_id(number)}",'
        f'"order_id":"{item_id - 7}","order_line_id":"{item_id - 5}","subscription_id":null,"state":"{state}",'
        f'"expirable":true,"gift":false,"quantity_index":0,"execute_on_gameserver_id":"{gameserver_id(number)}","added_at":"{ADDED}",'
        f'"active_at":"{ADDED}","expires_at":"{ENDS}","override_expires_at":null,"revoked_at":null,'
        f'"revoke_reason":null,"product":{{"id":"{700 + place}","slug":"product-{place}","name":"Product {place}",'
        f'"image_url":null,"sort_order":{place}}}}}'
    )


def customer_id(number: int) -> int:
    return 411486491630370816 + number


def gameserver_id(number: int) -> int:
    """The one of four that the customer bought for."""
    return 900 + number % 4


def token(number: int) -> str:
    """As long as those in the store's documentation."""
    return f"{number:08d}{'x' * 63}"


def inventory(number: int, items: int, *, changed: bool) -> bytes:
    """The first page: all items, where they fit on it."""
    last = "used" if changed else "active"
    parts = (item(number, place, last if place == items - 1 else "active") for place in range(items))
    return f"[{','.join(parts)}]".encode()


def customer(number: int) -> bytes:
    return f'{{"id":"{customer_id(number)}","store_id":"{STORE_ID}","name":"Player{number:06d}"}}'.encode()


class Shop:
    """Any number of customers, and which of two bodies each of them has on each port."""

    def __init__(self, items: int) -> None:
        self._body = lru_cache(10_000)(lambda number, changed: inventory(number, items, changed=changed))
        self._turned: list[Counter[int]] = [Counter() for _ in range(PORTS)]
        self.asked = [0] * PORTS
        self._second = 0
        self._date = b""

    def answer(self, port: int, request: bytes) -> bytes:
        path = request[: request.find(b"\r\n")]
        if b"&after=" in path:
            return self._whole(b"[]")
        begin = request.find(b"Authorization: Customer ") + 24
        who = request[begin : begin + 8]
        number = int(who)
        if b"/items" not in path:
            return self._whole(customer(number))
        self.asked[port] += 1
        if port in CHANGING and self.asked[port] % CHANGES_EVERY == 0:
            self._turned[port][number] += 1
        turned = self._turned[port][number]
        etag = b'"%b-%d"' % (who, turned) if port == PORTS - 1 else b""
        if etag and b"If-None-Match: " + etag in request:
            return b"HTTP/1.1 304 Not Modified\r\nDate: %b\r\nETag: %b\r\n\r\n" % (self._now(), etag)
        return self._whole(self._body(number, turned % 2 == 1), b"ETag: %b\r\n" % etag if etag else b"")

    def _whole(self, body: bytes, more: bytes = b"") -> bytes:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: %b\r\n%bContent-Length: %d\r\n\r\n"
        return head % (self._now(), more, len(body)) + body

    def _now(self) -> bytes:
        second = int(time.time())
        if second != self._second:
            self._second, self._date = second, formatdate(second, usegmt=True).encode()
        return self._date


class Connection(asyncio.Protocol):
    """One kept connection; whoever asks waits for the answer, so what came up to an empty line is one request."""

    def __init__(self, shop: Shop, port: int) -> None:
        self._shop, self._port = shop, port
        self._pending = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while (end := self._pending.find(b"\r\n\r\n")) >= 0:
            request, self._pending = self._pending[: end + 2], self._pending[end + 4 :]
            self._transport.write(self._shop.answer(self._port, request))


async def serve(shop: Shop) -> None:
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(partial(Connection, shop, port), "127.0.0.1", 0) for port in range(PORTS)]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    said = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(said), sys.stdin)
    while await said.readline():
        print(*shop.asked, flush=True)


if __name__ == "__main__":
    items, cpu = map(int, sys.argv[1:])
    os.sched_setaffinity(0, {cpu})
    asyncio.run(serve(Shop(items)))
