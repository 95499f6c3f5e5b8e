"""The connections to the store. `exchange.py` opens them."""

from weakref import WeakSet

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

KEEP_S = 600.0  # a connection that was not used for so long is closed: what stands in between may have forgotten it


class Connections(aiohttp.TCPConnector):
    """Keeps connections alive, and never reuses one on which data came without a request: aiohttp would take that data
    for the answer to the next request, which may be another customer's."""

    def __init__(self) -> None:
        super().__init__(limit=0, keepalive_timeout=KEEP_S)  # polling limits the number of requests
        self._used: WeakSet[object] = WeakSet()  # the protocols of connections that have had a request

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the name is aiohttp's
    ) -> Connection:
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            assert protocol is not None  # noqa: S101 - only a connection that was given back has none
            if protocol not in self._used or not protocol.should_close:
                self._used.add(protocol)
                return connection
            connection.close()
