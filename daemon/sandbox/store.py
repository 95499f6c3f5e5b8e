"""An emulated PayNow store on loopback: the storefront routes a customer's token can use, with every fault as a switch.

`perkd demo`, `perkd sandbox` and the tests start it. Its tokens are made up and worth nothing elsewhere.
"""

import asyncio
import hashlib
import json
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from aiohttp import web

from . import tricks
from .faults import DOCUMENT, Fault, Switches
from .goods import Customer
from .shop import Shop

# Today's path, the deprecated one, and two of earlier years; the last two never knew pages.
PAGED_PATHS = frozenset({"/v1/store/customer/delivery/items", "/v1/store/customer/command-delivery"})
WHOLE_PATHS = frozenset({"/v1/store/customer/inventory", "/v1/store/customer/command_delivery"})
CUSTOMER_PATH = "/v1/store/customer"
PAGE_LIMIT = 100  # the most a page holds, and how many when `limit` is absent (the real default is not documented)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request the store answered. `token` is the head of the token's SHA-256; `conditional` says If-None-Match."""

    path: str
    query: str
    token: str
    conditional: bool
    agent: str
    status: int


class Store(Shop):
    """The shop on HTTP. Switches: `etags` (answer If-None-Match), `nulls` (write empty fields as null or leave them
    out), `show_commandless` (list items of products without commands), and `fault` / `heal`.

    `before_answer` is called with the path of each request that has a token: a story can change the shop between pages.
    """

    def __init__(
        self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC), sweeper_lag: timedelta | None = None
    ) -> None:
        super().__init__(now=now, sweeper_lag=sweeper_lag)
        self.etags = False
        self.nulls = True
        self.show_commandless = False
        self.retry_after_s = 7
        self.before_answer: Callable[[str], None] | None = None
        self.asked: deque[Asked] = deque(maxlen=10_000)
        self.counts: Counter[tuple[str, str]] = Counter()  # (path, head of the token's SHA-256) → requests
        self.switches = Switches()
        self._gate = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self, port: int = 0) -> None:
        """Listens on 127.0.0.1; 0 takes a free port."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
        self._port = runner.addresses[0][1]
        self._runner = runner

    async def stop(self) -> None:
        """Closes everything, slow answers too. `start(port)` brings the store back."""
        self.release()
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def down(self) -> None:
        """Connections are refused until `up`."""
        await self.stop()

    async def up(self) -> None:
        if self._runner is None:
            await self.start(self._port)

    @property
    def is_up(self) -> bool:
        return self._runner is not None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def fault(self, fault: Fault, customer: str | None = None, times: int | None = None) -> None:
        """Turns a fault on: for everybody or one customer, until `heal` or for the next `times` answers."""
        if fault in {Fault.SLOW, Fault.STALLED}:
            self._gate.clear()
        self.switches.turn_on(fault, None if customer is None else self.customer(customer).id, times)

    def heal(self, fault: Fault | None = None, customer: str | None = None) -> None:
        """Turns matching faults off (all, by default). Answers already held back stay so until `release`."""
        self.switches.turn_off(fault, None if customer is None else self.customer(customer).id)

    def release(self) -> None:
        """Lets slow and stalled answers go on."""
        self._gate.set()

    def requests(self, path: str | None = None) -> int:
        """How many requests came, for one path or in all."""
        return sum(count for (asked, _), count in self.counts.items() if path in {None, asked})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/")
        token = _token(request.headers.get("Authorization", ""))
        head = hashlib.sha256((token or "").encode("utf-8", "surrogateescape")).hexdigest()[:12]
        self.counts[path, head] += 1
        response = await self._respond(request, path, token)
        conditional = "If-None-Match" in request.headers
        agent = request.headers.get("User-Agent", "")
        self.asked.append(Asked(path, request.query_string, head, conditional, agent, response.status))
        if not response.prepared:
            response.headers["Date"] = format_datetime(self.now().astimezone(UTC), usegmt=True)
        return response

    async def _respond(self, request: web.Request, path: str, token: str | None) -> web.StreamResponse:
        if path == "/v1":
            return web.Response(text="PayNow API", content_type="text/html")
        if path not in PAGED_PATHS | WHOLE_PATHS | {CUSTOMER_PATH}:
            return tricks.error(404, "not-found", "No such route")
        if request.method != "GET":
            return tricks.error(405, "method-not-allowed", "Only GET is served here")
        customer = next((one for one in self.customers.values() if token in one.tokens), None)
        if self.before_answer is not None and customer is not None:
            self.before_answer(path)
        faults = self.switches.take(customer.id if customer else None)
        if customer is None:
            text = "Malformed authentication header" if token is None else "Invalid customer token"
            good: web.Response = tricks.error(401, "unauthorized", text)
        elif path == CUSTOMER_PATH:
            good = self._customer(customer, faults)
        else:
            good = self._inventory(customer, request, faults, paged=path in PAGED_PATHS)
        if replacing := faults - DOCUMENT:
            body = good.body if isinstance(good.body, bytes) else b""
            scene = tricks.Scene(request, body, self.now(), self.retry_after_s, self._gate)
            return await tricks.play(replacing.pop(), scene)
        return self._conditional(request, good)

    def _customer(self, customer: Customer, faults: set[Fault]) -> web.Response:
        document = customer.document(nulls=self.nulls)
        if Fault.EXTRA_FIELDS in faults:
            document["store"] = {"id": "1"}
        return _json(document)

    def _inventory(self, customer: Customer, request: web.Request, faults: set[Fault], *, paged: bool) -> web.Response:
        query = request.query
        try:
            limit = int(query.get("limit", PAGE_LIMIT))
            after, before = int(query.get("after", -1)), int(query.get("before", 1 << 63))
        except ValueError:
            return tricks.error(400, "bad-request", "limit, after and before are numbers")
        if not 1 <= limit <= PAGE_LIMIT:
            return tricks.error(400, "bad-request", f"limit must be 1 to {PAGE_LIMIT}")
        rising = query.get("asc", "false").casefold() == "true" and Fault.DESCENDING not in faults
        listed = [one for one in self.owned(customer.id) if one.product.has_commands or self.show_commandless]
        if paged and Fault.IGNORES_PAGING not in faults:
            if Fault.REPEATING not in faults:
                listed = [one for one in listed if after < int(one.id) < before]
            if not rising:
                listed.reverse()
            if Fault.IGNORES_LIMIT not in faults:
                listed = listed[:limit]
        documents = [one.document(nulls=self.nulls) for one in listed]
        tricks.spoil(faults, documents)
        return _json(documents)

    def _conditional(self, request: web.Request, good: web.Response) -> web.Response:
        if not self.etags or good.status != 200 or not isinstance(good.body, bytes):
            return good
        etag = f'"{hashlib.sha256(good.body).hexdigest()[:32]}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        good.headers["ETag"] = etag
        return good


def _token(authorization: str) -> str | None:
    """The token of `Customer TOKEN` (the word in any case); None for anything else, the empty value included."""
    login, _, token = authorization.partition(" ")
    return token if login.casefold() == "customer" and token else None


def _json(document: object) -> web.Response:
    return web.Response(body=json.dumps(document, separators=(",", ":")).encode(), content_type="application/json")
