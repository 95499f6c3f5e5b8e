"""A GET on aiohttp's own connections, without what its ClientSession does for others. `exchange.py` polls with it.

A poll is one GET with two headers, a hundred thousand times an hour. Cookies, redirects, proxies, traces and a timer
for each request cost more than the request; connecting, TLS, the pool and the parser are aiohttp's as they are
(docs/decisions/0011).
"""

import asyncio

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError, RawResponseMessage
from aiohttp.streams import StreamReader
from multidict import CIMultiDictProxy
from yarl import URL


class NotHttp(aiohttp.ClientError):
    """What came is no answer of HTTP."""


class Answer:
    """The head of an answer, and its body as it comes. `release` gives the connection back, if all of it came."""

    __slots__ = ("_connection", "content", "headers", "status")

    def __init__(self, message: RawResponseMessage, content: StreamReader, connection: Connection) -> None:
        self.status: int = message.code
        self.headers: CIMultiDictProxy[str] = message.headers
        self.content = content
        self._connection = connection

    @property
    def content_length(self) -> int | None:
        """As the head states it."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() else None

    def release(self) -> None:
        if self.content.is_eof():
            self._connection.release()
        else:
            self._connection.close()


class DirectGet:
    """GETs at one host with the same headers but for the caller's own."""

    def __init__(
        self, connector: aiohttp.BaseConnector, base: URL, headers: dict[str, str], timeout: aiohttp.ClientTimeout
    ) -> None:
        self._connector, self._timeout = connector, timeout
        self._to = ClientRequest("GET", base, loop=asyncio.get_running_loop())  # only says whom to connect to
        lines = {"Host": base.host_port_subcomponent or "", **headers}
        self._head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())

    async def get(self, target: str, authorization: str, etag: str | None) -> Answer:
        """`target` is path and query, checked; the texts are single words for a header. A kept connection the store
        closed meanwhile is replaced once. Raises aiohttp.ClientError, OSError or TimeoutError."""
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
        try:
            connection = await self._connector.connect(self._to, traces=[], timeout=self._timeout)
        except TimeoutError:
            raise aiohttp.ConnectionTimeoutError("connecting took too long") from None
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None:
            connection.close()
            raise aiohttp.ServerDisconnectedError
        try:
            protocol.set_response_params(read_until_eof=True, auto_decompress=False)
            transport.write(request)
            while True:
                message, content = await protocol.read()
                if not 100 <= message.code <= 199 or message.code == 101:
                    return Answer(message, content, connection)
        except HttpProcessingError as error:
            connection.close()
            raise NotHttp(error.message) from None
        except BaseException:
            connection.close()
            raise
