"""Serves the operator's verbs over a unix socket, to everybody who may open the socket file. The command line uses it.

`app` starts it; `verbs` does the work. Answers are JSON; an error is `{"error": sentence, "code": word}`.
"""

import json
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from ..config import TokenEntry
from ..core.mistakes import ConfigError
from ..core.model import Secret, Server
from ..ledger import CommandRow, Ledger, LedgerCode, LedgerError, NotPossible
from ..paynow import StoreError, TokenRefused
from ..reports import Health, command_json, commands_page, commands_query, customers_page, customers_query, stamp
from .verbs import Verbs

MOST_BYTES = 64 * 1024


class Control:
    """The routes; `application` is what the socket serves."""

    def __init__(self, verbs: Verbs, ledger: Ledger, health: Health) -> None:
        self._verbs, self._ledger, self._health = verbs, ledger, health
        self.application = web.Application(middlewares=[_errors, self._note_changes], client_max_size=MOST_BYTES)
        self.application.router.add_routes(
            [
                web.get("/status", self.status),
                web.get("/commands", self.commands),
                web.get("/commands/{id:[0-9]+}", self.command),
                web.post("/commands/{id:[0-9]+}/{verb:retry|done|skip}", self.command_verb),
                web.get("/customers", self.customers),
                web.post("/customers", self.add_customer),
                web.post("/customers/import", self.import_customers),
                web.delete("/customers/{id:[0-9]+}", self.remove_customer),
                web.get("/servers", self.servers),
                web.post("/servers/{name}/probe", self.probe),
                web.get("/brake", self.brake),
                web.post("/brake/release", self.release_brake),
                web.post("/reload", self.reload),
            ]
        )

    async def status(self, _request: web.Request) -> web.Response:
        report = await self._health.report(fresh=True)  # a person asks, and acts on the answer
        return _json({**report.to_json(), "not_ready": report.not_ready, "late": dict(report.late)})

    @web.middleware
    async def _note_changes(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        finally:
            if request.method != "GET":
                self._health.changed()

    async def commands(self, request: web.Request) -> web.Response:
        return _json(await commands_page(self._ledger.reports, commands_query(dict(request.query)), _row))

    async def command(self, request: web.Request) -> web.Response:
        command_id = int(request.match_info["id"])
        row = await self._ledger.commands.get(command_id)
        if row is None:
            raise NotPossible(
                LedgerCode.NO_COMMAND, f"there is no command {command_id}: `perkd commands list` shows them"
            )
        return _json({**_detail(row), "events": await self._events(command_id)})

    async def command_verb(self, request: web.Request) -> web.Response:
        command_id, verb = int(request.match_info["id"]), request.match_info["verb"]
        act = {"retry": self._verbs.retry, "done": self._verbs.done, "skip": self._verbs.skip}[verb]
        return _json(_detail(await act(command_id)))

    async def customers(self, request: web.Request) -> web.Response:
        return _json(await customers_page(self._ledger.reports, customers_query(dict(request.query))))

    async def add_customer(self, request: web.Request) -> web.Response:
        profile, new = await self._verbs.add_customer(_entry(await _asked(request)))
        return _json({"customer_id": profile.customer_id, "name": profile.display_name, "new": new})

    async def import_customers(self, request: web.Request) -> web.Response:
        asked = await _asked(request)
        rows = asked.get("customers") if isinstance(asked, dict) else None
        if not isinstance(rows, list) or not rows:
            raise ValueError("expected an object with customers, a list of at least one")
        return _json(asdict(await self._verbs.import_customers([_entry(row) for row in rows])))

    async def servers(self, _request: web.Request) -> web.Response:
        """The addresses the daemon is connected to: no other program should connect to them."""
        return _json({"servers": [_held(server) for server in self._verbs.servers()]})

    async def probe(self, request: web.Request) -> web.Response:
        return _json(_dated(asdict(await self._verbs.probe(request.match_info["name"]))))

    async def remove_customer(self, request: web.Request) -> web.Response:
        revoke = request.query.get("revoke") == "true"
        planned = await self._verbs.remove_customer(request.match_info["id"], revoke=revoke)
        return _json({"customer_id": request.match_info["id"], "commands": planned})

    async def brake(self, _request: web.Request) -> web.Response:
        brake = (await self._health.report(fresh=True)).to_json()["brake"]
        return _json({"brake": brake})

    async def release_brake(self, _request: web.Request) -> web.Response:
        return _json({"released": await self._verbs.release_brake()})

    async def reload(self, _request: web.Request) -> web.Response:
        try:
            changes = await self._verbs.reload.now()
        except ConfigError as error:
            told = error.render(self._verbs.reload.path)
            mistakes = [asdict(mistake) for mistake in error.mistakes]
            said = f"the new config has mistakes, so perkd keeps the old one:\n{told}"
            return _json({"error": said, "code": ControlCode.CONFIG_MISTAKES, "mistakes": mistakes}, 422)
        path = self._verbs.reload.path
        return _json({"config": None if path is None else str(path), "changes": changes})

    async def _events(self, command_id: int) -> list[dict[str, Any]]:
        return [_dated(asdict(event)) for event in await self._ledger.reports.events(command_id=command_id)]


class ControlCode(StrEnum):
    """The code of an error that does not come from the ledger."""

    CONFIG_MISTAKES = "config_mistakes"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a word, no token
    STORE_FAILED = "store_failed"
    BAD_REQUEST = "bad_request"
    NO_ROUTE = "no_route"  # no such path, or not with this method


# The first that matches counts. A refused token is a normal answer: the store works. The ledger's errors have their
# own code.
ANSWER_OF: tuple[tuple[type[Exception], int, ControlCode | None], ...] = (
    (NotPossible, 409, None),
    (TokenRefused, 409, ControlCode.TOKEN_REFUSED),
    (StoreError, 502, ControlCode.STORE_FAILED),
    (LedgerError, 503, None),
    (ValueError, 400, ControlCode.BAD_REQUEST),
)


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except tuple(kind for kind, _, _ in ANSWER_OF) as error:
        status, code = next((status, code) for kind, status, code in ANSWER_OF if isinstance(error, kind))
        return _json({"error": str(error), "code": error.code if isinstance(error, LedgerError) else code}, status)
    except web.HTTPException as error:
        said = f"{error.status} {error.reason}: is this command the same version of perkd as the daemon?"
        return _json({"error": said, "code": ControlCode.NO_ROUTE}, error.status)


async def _asked(request: web.Request) -> object:
    try:
        return json.loads(await request.text())
    except ValueError:
        raise ValueError("expected JSON") from None  # what was sent may hold a token


def _entry(asked: object) -> TokenEntry:
    fields = asked if isinstance(asked, dict) else {}
    try:
        return TokenEntry(Secret(str(fields["token"])), name=str(fields["name"]), note=str(fields["note"]))
    except KeyError as error:
        raise ValueError("expected an object with token, name and note") from error


def _held(server: Server) -> dict[str, Any]:
    endpoint = server.endpoint
    return {
        "name": server.name,
        "game": server.game,
        "address": endpoint.address,
        "transport": endpoint.transport,
    }


def _row(row: CommandRow) -> dict[str, Any]:
    """A command as in the public list, and for `perkd brake` also what holds it back."""
    return {**command_json(row), "hold": row.hold}


def _detail(row: CommandRow) -> dict[str, Any]:
    more = {"generation": row.generation, "position": row.position, "hold": row.hold, "cause": row.cause}
    return {**command_json(row), **more, "repeatable": row.repeatable, "superseded": row.superseded}


def _dated(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: stamp(value) if isinstance(value, datetime) else value for key, value in fields.items()}


def _json(value: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(text=json.dumps(value, ensure_ascii=False), status=status, content_type="application/json")
