"""A GET on aiohttp's connections without aiohttp's ClientSession, which is slower. `exchange.py` polls with it.

A poll is one GET with two headers, a hundred thousand times an hour. In a ClientSession, cookies, redirects, proxies,
traces, a timer, a parser and a place in the pool cost more than the request itself. Connecting, TLS and parsing are
still aiohttp's (docs/decisions/0011).
"""

import asyncio
from collections.abc import Callable

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError, RawResponseMessage
from aiohttp.streams import StreamReader
from multidict import CIMultiDictProxy
from yarl import URL

KEEP_S = 600.0  # a connection that was not used for so long is closed


class NotHttp(aiohttp.ClientError):
    """The answer is not HTTP."""


class Answer:
    """The head of an answer, and its body as a stream. `release` keeps the connection if the whole body arrived."""

    __slots__ = ("_connection", "_keep", "content", "headers", "status")

    def __init__(
        self,
        message: RawResponseMessage,
        content: StreamReader,
        connection: Connection,
        keep: Callable[[Connection], None],
    ) -> None:
        self.status: int = message.code
        self.headers: CIMultiDictProxy[str] = message.headers
        self.content = content
        self._connection: Connection | None = connection
        self._keep = keep

    @property
    def content_length(self) -> int | None:
        """The length in the head; None when it has none."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() else None

    def release(self) -> None:
        connection, self._connection = self._connection, None  # a second `release` must not keep it twice
        if connection is None:
            return
        if self.content.is_eof():
            self._keep(connection)
        else:
            connection.close()


class DirectGet:
    """Sends GET requests to one host, all with the same headers. Call `close` at the end."""

    def __init__(
        self, connector: aiohttp.BaseConnector, base: URL, headers: dict[str, str], timeout: aiohttp.ClientTimeout
    ) -> None:
        self._connector, self._timeout = connector, timeout
        self._kept: list[tuple[float, Connection]] = []  # with the time of its last use; the latest one is last
        self._loop = asyncio.get_running_loop()
        self._to = ClientRequest("GET", base, loop=self._loop)  # the connector reads the address from it
        lines = {"Host": base.host_port_subcomponent or "", **headers}
        self._head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())

    async def get(self, target: str, authorization: str, etag: str | None) -> Answer:
        """Sends one GET. `target` is a checked path with its query; the other texts must be valid in a header. If the
        store closed the kept connection meanwhile, one new connection is tried. Raises aiohttp.ClientError, OSError or
        TimeoutError."""
        head = f"GET {target} HTTP/1.1\r\n{self._head}Authorization: {authorization}\r\n"
        tag = f"If-None-Match: {etag}\r\n" if etag else ""
        request = f"{head}{tag}\r\n".encode("ascii")
        try:
            return await self._once(request)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            return await self._once(request)

    async def _once(self, request: bytes) -> Answer:
        connection = self._take_kept() or await self._connect()
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None:
            connection.close()
            raise aiohttp.ServerDisconnectedError
        try:
            transport.write(request)
            while True:
                message, content = await protocol.read()
                if not 100 <= message.code <= 199 or message.code == 101:
                    return Answer(message, content, connection, self._keep)
        except HttpProcessingError as error:
            connection.close()
            raise NotHttp(error.message) from None
        except BaseException:
            connection.close()
            raise

    async def _connect(self) -> Connection:
        try:
            connection = await self._connector.connect(self._to, traces=[], timeout=self._timeout)
        except TimeoutError:
            raise aiohttp.ConnectionTimeoutError("connecting took too long") from None
        if connection.protocol is not None:
            connection.protocol.set_response_params(read_until_eof=True, auto_decompress=False)
        return connection

    def _keep(self, connection: Connection) -> None:
        self._kept.append((self._loop.time(), connection))

    def _take_kept(self) -> Connection | None:
        """The connection that was used last. One that the store closed, or on which it sent data without a request, is
        closed: perkd would take that data for the answer to the next request."""
        while self._kept:
            used_s, connection = self._kept.pop()
            protocol, rested_s = connection.protocol, self._loop.time() - used_s
            if protocol is not None and protocol.is_connected() and not protocol.should_close and rested_s < KEEP_S:
                return connection
            connection.close()
        return None

    def close(self) -> None:
        """Closes the connections that wait for a request."""
        while self._kept:
            self._kept.pop()[1].close()
