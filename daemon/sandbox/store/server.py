"""An emulated PayNow store on loopback: the parts of three APIs that perkd uses, with every fault as a switch.

`perkd demo`, `perkd sandbox` and the tests start it. Its tokens and its API key are random and work only here.
"""

import asyncio
import hashlib
import json
import logging
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import ceil

from aiohttp import web

from ..games import tricks
from ..overheard import LISTENERS, Overheard
from ..ports import Port
from .admission import Login, admit, login
from .allowance import Allowance
from .calls import Call, Refused, Reply, Route
from .documents import Documents
from .faults import DOCUMENT, UNDONE, Fault, Switch, Switches
from .people import made_up
from .routes import Routes
from .shop import Shop

log = logging.getLogger("perkd.sandbox")

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
_CODES = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    429: "too-many-requests",
    500: "internal-error",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that was answered. `token`: start of the secret's SHA-256; `conditional`: it had If-None-Match."""

    path: str
    query: str
    token: str
    conditional: bool
    agent: str
    status: int
    method: str = "GET"


class Store(Shop):
    """The shop on HTTP. Switches: `etags` (answer If-None-Match), `nulls` (write empty fields as null or leave them
    out), `show_commandless` (list items of products without commands), `permissions` (of `api_key`),
    `invalidate_all_exists`, `queue_twice` (each attempt twice in one answer), `queue_everybody` (a game server
    that reports who is online also gets the commands for other players, at the end), and `fault` / `heal`.

    `allowance` is the rate limit (None: no limit).

    `before_answer` is called with the path of each request that has a valid secret, so that a test can change the shop
    between pages.
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
        self.allowance: Allowance | None = None
        self.before_answer: Callable[[str], None] | None = None
        self.asked: deque[Asked] = deque(maxlen=10_000)
        self.counts: Counter[tuple[str, str]] = Counter()  # (path, start of the secret's SHA-256) → requests
        self._methods: Counter[tuple[str, str]] = Counter()  # (path, method) → requests
        self.switches = Switches()
        self._routes = Routes()
        self._gate = asyncio.Event()
        self._port = Port()
        self._runner: web.AppRunner | None = None

    def application(self) -> web.Application:
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def start(self, port: int = 0) -> None:
        """Listens on 127.0.0.1; 0 takes a free port."""
        if port not in {0, self._port.number}:
            self._port.let_go()
            self._port = Port(number=port)
        runner = web.AppRunner(self.application(), access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        await web.SockSite(runner, self._port.open()).start()
        self._runner = runner

    async def stop(self) -> None:
        """Closes everything, also answers that are held back."""
        await self._close()
        self._port.let_go()

    async def down(self) -> None:
        """Refuses connections until `up`."""
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
        """Turns matching faults off, by default all. Answers that are held back wait until `release`."""
        self.switches.turn_off(fault, None if customer is None else self.customer(customer).id, path)

    def release(self) -> None:
        """Sends the answers that are held back."""
        self._gate.set()

    def requests(self, path: str | None = None, method: str | None = None) -> int:
        """The number of requests, in all or for one path or method."""
        return sum(count for (at, by), count in self._methods.items() if path in {None, at} and method in {None, by})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/")
        word, _, secret = request.headers.get("Authorization", "").partition(" ")
        head = hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()[:12]
        self.counts[path, head] += 1
        self._methods[path, request.method] += 1
        routes, parts = self._routes.find(path)
        route, body, faults = routes.get(request.method), await request.read(), frozenset[Fault]()
        response: web.StreamResponse
        if path == "/v1":
            response = web.Response(text="PayNow API", content_type="text/html")
        elif route is None:
            response = _error(Refused(405, "This path has other methods") if routes else Refused(404, "No such route"))
        elif self.allowance is not None and (wait_s := self.allowance.wait_s(self.now())):
            response = tricks.error(429, _CODES[429], "Slow down", retry_after=str(ceil(wait_s)))
        else:
            who = login(word, secret, self.people, self.attempts, self.api_key)
            try:
                faults = self._begin(path, route, who)
                response = await self._respond(request, route, parts, body, who, faults)
            except OSError:
                raise  # the client is gone
            except Exception:  # reported to listeners, so that a bug here does not pass as a fault of the store
                log.exception("the emulated store itself failed at %s", path)
                response = web.Response(status=500, text="a fault in the emulated store itself")
        conditional = "If-None-Match" in request.headers
        agent, query, status = request.headers.get("User-Agent", ""), request.query_string, response.status
        self.asked.append(Asked(path, query, head, conditional, agent, status, request.method))
        if LISTENERS:
            kind = request.headers.get("Content-Type", "")
            answer = (response.body or b"") if isinstance(response, web.Response) else None
            said = answer if isinstance(answer, bytes) else None
            heard = Overheard(
                request.method, path, query, route, word, agent, kind, body, status, said, faults, self.nulls
            )
            for listener in LISTENERS:
                listener(heard)
        if not response.prepared:
            response.headers["Date"] = format_datetime(self.now().astimezone(UTC), usegmt=True)
        return response

    def _begin(self, path: str, route: Route, who: Login) -> frozenset[Fault]:
        """Calls `before_answer`, then returns the faults for the answer to this request."""
        if self.before_answer is not None and who.good and who.sort == route.login:
            self.before_answer(path)
        self.sweep_by_itself()
        return frozenset(self.switches.take(who.customer.id if who.customer else None, route.method, path))

    async def _respond(
        self,
        request: web.Request,
        route: Route,
        parts: dict[str, str],
        body: bytes,
        who: Login,
        faults: frozenset[Fault],
    ) -> web.StreamResponse:
        replacing = next(iter(faults - DOCUMENT), None)
        try:
            if replacing in UNDONE:
                good = web.Response(body=b"", content_type="application/json")
            else:
                admit(route, who, parts, self.permissions)
                good = _http(route.handler(self._call(request, parts, body, who, faults)), faults)
        except Refused as refused:
            good = _error(refused)
        if replacing is not None:
            read = good.body if isinstance(good.body, bytes) else b""
            scene = tricks.Scene(request, good.status, read, self.now(), self.retry_after_s, self._gate)
            return await tricks.play(replacing, scene)
        return self._conditional(request, good)

    def _call(
        self, request: web.Request, parts: dict[str, str], body: bytes, who: Login, faults: frozenset[Fault]
    ) -> Call:
        return Call(
            self,
            self.write,
            parts,
            request.query,
            body,
            faults,
            show_commandless=self.show_commandless,
            customer=who.customer,
            gameserver=who.gameserver,
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


def _http(reply: Reply, faults: frozenset[Fault]) -> web.Response:
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
