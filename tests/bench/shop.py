"""A store for the benchmark, in a process of its own: the least Python that speaks HTTP, so that the clients are what
is measured.

`tests/bench/customers.py` starts it and says over its standard input what changes. It prints its ports and ends with
its standard input. Every port serves the same customers, each with states of its own, so that clients do not disturb
each other; only the last port sends ETags and answers 304.
"""

import asyncio
import os
import sys
import time
from email.utils import formatdate
from functools import partial
from typing import Final

PORTS: Final = 4
FIRST_ITEM: Final = 1 << 57  # below it, customers; items of one customer follow each other
ADDED: Final = "2026-01-05T10:00:00.1234567Z"
ENDS: Final = "2036-01-05T10:00:00.1234567Z"
STORE_ID: Final = 94688451781206016


def item(number: int, place: int, state: str) -> str:
    """One element of the inventory as the store documents it, compact. Only the first item's state ever differs."""
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
    first = "used" if changed else "active"
    parts = (item(number, place, first if place == 0 else "active") for place in range(items))
    return f"[{','.join(parts)}]".encode()


class Shop:
    """The customers with their bodies, and which of the two each of them has on each port."""

    def __init__(self, customers: int, items: int) -> None:
        self._bodies = {
            token(number).encode(): tuple(inventory(number, items, changed=changed) for changed in (False, True))
            for number in range(customers)
        }
        self._turned = [dict.fromkeys(self._bodies, 0) for _ in range(PORTS)]
        self._second = 0
        self._date = b""

    def take(self, line: str) -> None:
        """`PORT N N …`: these customers' items change on that port."""
        port, *numbers = line.split()
        turned = self._turned[int(port)]
        for number in numbers:
            turned[token(int(number)).encode()] += 1

    def answer(self, port: int, request: bytes) -> bytes:
        if b"&after=" in request[: request.find(b"\r\n")]:
            return self._whole(b"[]")
        begin = request.find(b"Authorization: Customer ") + 24
        who = request[begin : request.find(b"\r\n", begin)]
        turned = self._turned[port][who]
        etag = b'"%b-%d"' % (who[:8], turned) if port == PORTS - 1 else b""
        if etag and b"If-None-Match: " + etag in request:
            return b"HTTP/1.1 304 Not Modified\r\nDate: %b\r\nETag: %b\r\n\r\n" % (self._now(), etag)
        return self._whole(self._bodies[who][turned % 2], b"ETag: %b\r\n" % etag if etag else b"")

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
    while line := await said.readline():
        shop.take(line.decode())
        print(flush=True)


if __name__ == "__main__":
    customers, items, cpu = map(int, sys.argv[1:])
    os.sched_setaffinity(0, {cpu})
    asyncio.run(serve(Shop(customers, items)))
