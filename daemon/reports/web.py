"""Serves HTTP on loopback: the page, health, readiness, status, commands, metrics. GET only, without secrets.

`app` starts it before the loops; `health` makes the reports that it shows.
"""

import ipaddress
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CONTENT_TYPE_LATEST

from ..ledger import ReportsFacet
from ..runtime import Context
from .health import Health
from .listing import commands_page, commands_query
from .metrics import exposition
from .page import html

LAST_COMMANDS = 20
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "perkd",  # else aiohttp sends its version
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Web:
    """The routes; `application` is what a site serves."""

    def __init__(self, health: Health, ledger: ReportsFacet, context: Context, host: str) -> None:
        self._health, self._report, self._ledger = health, health.report, ledger
        self._pulse, self._counters = context.pulse, context.counters
        self._hosts = {host.lower(), "127.0.0.1", "::1", "localhost"}
        self.application = web.Application(middlewares=[self._guard])
        for path, handler in self.routes().items():
            self.application.router.add_get(path, handler)

    def routes(self) -> dict[str, Callable[[web.Request], Awaitable[web.Response]]]:
        return {
            "/": self.page,
            "/healthz": self.healthz,
            "/readyz": self.readyz,
            "/status": self.status,
            "/commands": self.commands,
            "/metrics": self.metrics,
        }

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuses unknown Host headers: no web page may read this through a name that points here (DNS rebinding)."""
        if _name(request.headers.get("Host", "")) not in self._hosts:
            return _json({"error": "perkd does not answer for this Host: use 127.0.0.1, ::1 or localhost"}, 403)
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = _json(
                {"error": f"{error.status} {error.reason}: the routes are {', '.join(self.routes())}"}, error.status
            )
            response.headers.update({k: v for k, v in error.headers.items() if k == "Allow"})
        response.headers.update(HEADERS)
        return response

    async def page(self, _request: web.Request) -> web.Response:
        text = html(await self._report(), await self._ledger.commands(limit=LAST_COMMANDS))
        return web.Response(text=text, content_type="text/html")

    async def metrics(self, _request: web.Request) -> web.Response:
        text = exposition(self._counters, await self._report())
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def healthz(self, _request: web.Request) -> web.Response:
        late = self._pulse.late()
        if not late:
            return _json({"ok": True})
        return _json({"ok": False, "late": {loop: round(age_s, 1) for loop, age_s in late.items()}}, 503)

    async def readyz(self, _request: web.Request) -> web.Response:
        reasons = self._health.not_ready()
        return _json({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    async def status(self, _request: web.Request) -> web.Response:
        return _json((await self._report()).to_json())

    async def commands(self, request: web.Request) -> web.Response:
        try:
            asked = commands_query(dict(request.query))
        except ValueError as error:
            return _json({"error": str(error)}, 400)
        return _json(await commands_page(self._ledger, asked))


def _name(host: str) -> str:
    """The Host header without its port, in the same form as the allowed names."""
    text = host.strip().lower()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def _json(value: dict[str, Any], status: int = 200) -> web.Response:
    text = json.dumps(value, ensure_ascii=False) + "\n"
    return web.Response(text=text, status=status, content_type="application/json")
