"""An emulated PayNow store on loopback: the three APIs perkd needs of it, with every fault as a switch.

`perkd demo`, `perkd sandbox` and the tests start it. Its tokens and its key are made up and worth nothing elsewhere.
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
from .calls import Call, Refused, Reply, Route
from .documents import Documents
from .faults import DOCUMENT, UNDONE, Fault, Switch, Switches
from .goods import STORE_ID, Customer, GameServer
from .people import made_up
from .ports import Port
from .routes import Routes
from .shop import Shop

PERMISSIONS = frozenset(
    {
        "customer_create",
        "customer_read",
        "customer_update",
        "customer_inventory_manage",
        "store_update",
        "product_read",
        "gameserver_read",
    }
)
_LOGINS = {"customer": "customer", "apikey": "key", "gameserver": "gameserver"}  # the word, casefolded → whose it is
_WHOSE = {"customer": "customer token", "key": "API key", "gameserver": "game server token"}
_CODES = {400: "bad-request", 401: "unauthorized", 403: "forbidden", 404: "not-found", 405: "method-not-allowed"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request the store answered. `token` is the head of the secret's SHA-256; `conditional` says If-None-Match."""

    path: str
    query: str
    token: str
    conditional: bool
    agent: str
    status: int
    method: str = "GET"


@dataclass(frozen=True, slots=True)
class _Login:
    """Who asks: what sort of secret, and whose when it is a good one."""

    sort: str | None
    good: bool = False
    customer: Customer | None = None
    gameserver: GameServer | None = None


class Store(Shop):
    """The shop on HTTP. Switches: `etags` (answer If-None-Match), `nulls` (write empty fields as null or leave them
    out), `show_commandless` (list items of products without commands), `permissions` (of `api_key`),
    `invalidate_all_exists`, `queue_twice` (each attempt twice in one answer), `queue_everybody` (a game server
    that says who is online gets what waits for others, too, last), and `fault` / `heal`.

    `before_answer` is called with the path of each request that has a good secret: a story can change the shop between
    pages.
    """

    def __init__(
        self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC), sweeper_lag: timedelta | None = None
    ) -> None:
        super().__init__(now=now, sweeper_lag=sweeper_lag)
        self.api_key = f"pnapi_v1_{made_up(44)}"
        self.permissions: set[str] = set(PERMISSIONS)
        self.invalidate_all_exists = False
        self.queue_twice = False
        self.queue_everybody = False
        self.etags = False
        self.nulls = True
        self.show_commandless = False
        self.retry_after_s = 7
        self.before_answer: Callable[[str], None] | None = None
        self.asked: deque[Asked] = deque(maxlen=10_000)
        self.counts: Counter[tuple[str, str]] = Counter()  # (path, head of the secret's SHA-256) → requests
        self._methods: Counter[tuple[str, str]] = Counter()  # (path, method) → requests
        self.switches = Switches()
        self._routes = Routes()
        self._gate = asyncio.Event()
        self._port = Port()
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> None:
        """Listens on 127.0.0.1; 0 takes a free port."""
        if port not in {0, self._port.number}:
            self._port.let_go()
            self._port = Port(number=port)
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        await web.SockSite(runner, self._port.open()).start()
        self._runner = runner

    async def stop(self) -> None:
        """Closes everything, slow answers too."""
        await self._close()
        self._port.let_go()

    async def down(self) -> None:
        """Connections are refused until `up`."""
        if self._runner is not None:
            await self._close()
            self._port.keep()

    async def up(self) -> None:
        if self._runner is None:
            await self.start()

    async def _close(self) -> None:
        self.release()
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    @property
    def is_up(self) -> bool:
        return self._runner is not None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port.number}"

    @property
    def write(self) -> Documents:
        return Documents(self.nulls, self.customers)

    def fault(
        self,
        fault: Fault,
        customer: str | None = None,
        times: int | None = None,
        *,
        path: str | None = None,
        method: str | None = None,
    ) -> None:
        """Turns a fault on until `heal` or for the next `times` answers: for every request, or those with a token of
        `customer`, or whose path begins with `path`, or of one `method`.
        """
        if fault in {Fault.SLOW, Fault.STALLED}:
            self._gate.clear()
        customer_id = None if customer is None else self.customer(customer).id
        self.switches.turn_on(Switch(fault, customer_id, times, path, method))

    def heal(self, fault: Fault | None = None, customer: str | None = None, *, path: str | None = None) -> None:
        """Turns matching faults off (all, by default). Answers already held back stay so until `release`."""
        self.switches.turn_off(fault, None if customer is None else self.customer(customer).id, path)

    def release(self) -> None:
        """Lets slow and stalled answers go on."""
        self._gate.set()

    def requests(self, path: str | None = None, method: str | None = None) -> int:
        """How many requests came, for one path or method or in all."""
        return sum(count for (at, by), count in self._methods.items() if path in {None, at} and method in {None, by})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/")
        word, _, secret = request.headers.get("Authorization", "").partition(" ")
        head = hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()[:12]
        self.counts[path, head] += 1
        self._methods[path, request.method] += 1
        response = await self._respond(request, path, self._login(word, secret))
        conditional = "If-None-Match" in request.headers
        agent = request.headers.get("User-Agent", "")
        self.asked.append(Asked(path, request.query_string, head, conditional, agent, response.status, request.method))
        if not response.prepared:
            response.headers["Date"] = format_datetime(self.now().astimezone(UTC), usegmt=True)
        return response

    def _login(self, word: str, secret: str) -> _Login:
        """The word may have any case."""
        sort = _LOGINS.get(word.casefold()) if secret else None
        if sort == "customer":
            customer = self.people.with_token(secret)
            return _Login(sort, customer is not None, customer=customer)
        if sort == "gameserver":
            gameserver = self.attempts.with_token(secret)
            return _Login(sort, gameserver is not None, gameserver=gameserver)
        return _Login(sort, sort == "key" and secret == self.api_key)

    async def _respond(self, request: web.Request, path: str, login: _Login) -> web.StreamResponse:
        if path == "/v1":
            return web.Response(text="PayNow API", content_type="text/html")
        routes, parts = self._routes.find(path)
        route = routes.get(request.method)
        if route is None:
            status, text = (405, "This path has other methods") if routes else (404, "No such route")
            return tricks.error(status, _CODES[status], text)
        body = await request.read()
        is_known = login.good and login.sort == route.login
        if self.before_answer is not None and is_known:
            self.before_answer(path)
        self.sweep_by_itself()
        customer_id = login.customer.id if login.customer else None
        faults = self.switches.take(customer_id, request.method, path)
        replacing = next(iter(faults - DOCUMENT), None)
        try:
            if replacing in UNDONE:
                good = web.Response(body=b"", content_type="application/json")
            else:
                _admit(route, login, parts, self.permissions)
                good = _http(route.handler(self._call(request, parts, body, login, frozenset(faults))), faults)
        except Refused as refused:
            good = _error(refused)
        if replacing is not None:
            read = good.body if isinstance(good.body, bytes) else b""
            scene = tricks.Scene(request, good.status, read, self.now(), self.retry_after_s, self._gate)
            return await tricks.play(replacing, scene)
        return self._conditional(request, good)

    def _call(
        self, request: web.Request, parts: dict[str, str], body: bytes, login: _Login, faults: frozenset[Fault]
    ) -> Call:
        return Call(
            self,
            self.write,
            parts,
            request.query,
            body,
            faults,
            show_commandless=self.show_commandless,
            customer=login.customer,
            gameserver=login.gameserver,
            invalidate_all_exists=self.invalidate_all_exists,
            queue_twice=self.queue_twice,
            queue_everybody=self.queue_everybody,
            now=self.now(),
        )

    def _conditional(self, request: web.Request, good: web.Response) -> web.Response:
        if not self.etags or request.method != "GET" or good.status != 200 or not isinstance(good.body, bytes):
            return good
        etag = f'"{hashlib.sha256(good.body).hexdigest()[:32]}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        good.headers["ETag"] = etag
        return good


def _admit(route: Route, login: _Login, parts: dict[str, str], permissions: set[str]) -> None:
    """Raises Refused when whoever asks may not."""
    if login.sort != route.login:
        raise Refused(401, f"Malformed authentication header: a {_WHOSE[route.login]} is needed")
    if not login.good:
        raise Refused(401, f"Invalid {_WHOSE[route.login]}")
    if login.gameserver is not None and not login.gameserver.enabled:
        raise Refused(403, f"Game server {login.gameserver.id} is disabled")
    store_id = parts.get("storeId", STORE_ID)
    if store_id != STORE_ID:
        raise Refused(403, f"This API key belongs to store {STORE_ID}, not to {store_id[:40]}")
    for permission in route.permissions:
        if permission not in permissions:
            raise Refused(403, f"The API key lacks the permission {permission}")


def _http(reply: Reply, faults: set[Fault]) -> web.Response:
    if reply.document is None:
        return web.Response(status=reply.status)
    if isinstance(reply.document, list):
        tricks.spoil(faults, reply.document)
    body = json.dumps(reply.document, separators=(",", ":")).encode()
    return web.Response(status=reply.status, body=body, content_type="application/json")


def _error(refused: Refused) -> web.Response:
    errors = [
        {"code": "invalid", "message": text, "path": path, "validation": "valid"}
        for path, text in refused.errors.items()
    ]
    return tricks.error(refused.status, _CODES[refused.status], refused.message, errors)
