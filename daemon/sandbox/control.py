"""The control interface of the sandbox: change the store and the game servers by JSON requests on loopback.

`world.py` starts it; `perkd sandbox` prints its address. Every answer is JSON. A wrong request gets a 400, and `error`
says what is accepted. A customer is named by id, name or token, a product by id or slug, a game server of the
dashboard by id or name. `verbs.py` lists all requests.
"""

import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Protocol

from aiohttp import web

from .store.allowance import Allowance
from .store.bodies import (
    Assign,
    Expire,
    FaultOn,
    NewCustomer,
    NewGameServer,
    NewProduct,
    Nothing,
    Purchase,
    Renew,
    Revoke,
    Switched,
    read,
)
from .store.faults import MEANING, Fault
from .store.goods import Assignment, Goods, ProductCommand
from .store.overview import SWITCHES, item_document, overview
from .store.people import Nonsense
from .store.server import PERMISSIONS, Store
from .verbs import VERBS


class Switchable(Protocol):
    """The part of a game server that this interface uses."""

    @property
    def address(self) -> str: ...
    async def up(self) -> None: ...
    async def down(self) -> None: ...


class Control:
    """The control interface of one store and its game servers, by name. It expects every server to be up."""

    def __init__(self, store: Store, servers: Mapping[str, Switchable]) -> None:
        self._store = store
        self._servers = servers
        self._down: set[str] = set()
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self, port: int = 0) -> None:
        """Listens on 127.0.0.1; 0 takes a free port."""
        app = web.Application(middlewares=[_guarded], client_max_size=65536)
        app.add_routes(self.routes())
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self._port = runner.addresses[0][1]
        self._runner = runner

    def routes(self) -> list[web.RouteDef]:
        """All routes; `verbs.py` describes them."""
        return [
            web.get("/", self._everything),
            web.patch("/store", self._switch),
            web.post("/customers", self._add_customer),
            web.post("/customers/{customer}/tokens", self._add_token),
            web.delete("/customers/{customer}/tokens", self._invalidate),
            web.post("/gameservers", self._add_gameserver),
            web.post("/gameservers/{gameserver}/{verb}", self._gameserver),
            web.post("/products", self._add_product),
            web.post("/products/{product}/edit", self._edit_product),
            web.post("/purchases", self._purchase),
            web.post("/assignments", self._assign),
            web.post("/items/{item}/{verb}", self._item),
            web.post("/servers/{server}/{verb}", self._server),
            web.post("/faults", self._fault),
            web.delete("/faults", self._heal),
        ]

    async def stop(self) -> None:
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def _everything(self, _request: web.Request) -> web.Response:
        servers = [
            {"name": name, "address": server.address, "up": name not in self._down}
            for name, server in self._servers.items()
        ]
        return web.json_response({**overview(self._store), "servers": servers, "faults": MEANING, "verbs": VERBS})

    async def _switch(self, request: web.Request) -> web.Response:
        body, store = await read(request, Switched), self._store
        if unknown := set(body.permissions or ()) - PERMISSIONS:
            raise Nonsense(f"unknown permission {min(unknown)!r}; choose from: {', '.join(sorted(PERMISSIONS))}")
        if body.permissions is not None:
            store.permissions = set(body.permissions)
        for name in SWITCHES & body.model_fields_set:
            setattr(store, name, getattr(body, name))
        if body.per_s is not None:
            store.allowance = Allowance(body.per_s, body.burst) if body.per_s else None
        return web.json_response(overview(store)["store"])

    async def _add_customer(self, request: web.Request) -> web.Response:
        body = await read(request, NewCustomer)
        token = self._store.add_customer(
            body.name,
            body.minecraft_uuid,
            steam_id=body.steam_id,
            xbox_xuid=body.xbox_xuid,
            offline=body.offline,
        )
        return web.json_response({"id": self._store.customer(token).id, "token": token})

    async def _add_token(self, request: web.Request) -> web.Response:
        return web.json_response({"token": self._store.add_token(request.match_info["customer"])})

    async def _invalidate(self, request: web.Request) -> web.Response:
        self._store.invalidate_tokens(request.match_info["customer"])
        return web.json_response({})

    async def _add_product(self, request: web.Request) -> web.Response:
        body = await read(request, NewProduct)
        lasts = None if body.lasts_s is None else timedelta(seconds=body.lasts_s)
        commands = [
            ProductCommand(one.stage, one.content, one.online_only, self._gameserver_ids(one.gameservers))
            for one in body.commands
        ]
        product = self._store.add_product(
            body.slug,
            name=body.name,
            lasts=lasts,
            has_commands=body.has_commands,
            commands=commands,
            gameserver_ids=self._gameserver_ids(body.gameservers),
            single_game_server=body.single_game_server,
        )
        return web.json_response({"id": product.id})

    async def _edit_product(self, request: web.Request) -> web.Response:
        key = request.match_info["product"]
        self._store.edit_product(key)
        return web.json_response({"version_id": self._store.product(key).version_id})

    def _gameserver_ids(self, keys: list[str]) -> tuple[str, ...]:
        return tuple(self._store.gameserver(key).id for key in keys)

    async def _add_gameserver(self, request: web.Request) -> web.Response:
        body = await read(request, NewGameServer)
        server = self._store.add_gameserver(body.name, enabled=body.enabled)
        return web.json_response({"id": server.id, "token": server.token})

    async def _gameserver(self, request: web.Request) -> web.Response:
        key, verb = request.match_info["gameserver"], request.match_info["verb"]
        if verb == "token":
            return web.json_response({"token": self._store.reset_gameserver_token(key)})
        if verb not in {"enable", "disable"}:
            raise Nonsense(f"unknown verb {verb!r}; choose from: token, enable, disable")
        server = self._store.gameserver(key)
        server.enabled = verb == "enable"
        return web.json_response({"name": server.name, "enabled": server.enabled})

    async def _assign(self, request: web.Request) -> web.Response:
        body = await read(request, Assign)
        ends_at = None if body.ends_in_s is None else self._store.now() + timedelta(seconds=body.ends_in_s)
        how = Assignment(
            body.quantity,
            override_expires_at=ends_at,
            gameserver_id=body.gameserver_id,
            skip_commands=body.skip_commands,
        )
        given = self._store.assign(body.customer, body.product, how)
        return web.json_response([item_document(self._store, item) for item in given])

    async def _purchase(self, request: web.Request) -> web.Response:
        body = await read(request, Purchase)
        bought = self._store.purchase(
            body.customer,
            body.product,
            quantity=body.quantity,
            gift=body.gift,
            subscription=body.subscription,
            gameserver_id=body.gameserver_id,
        )
        for item in bought if body.activate else ():
            self._store.activate(item.id)
        return web.json_response([item_document(self._store, item) for item in bought])

    async def _item(self, request: web.Request) -> web.Response:
        key, verb, store = request.match_info["item"], request.match_info["verb"], self._store
        item: Goods = store.item(key)
        if verb == "expire":
            store.expire(key, swept=(await read(request, Expire)).swept)
        elif verb == "renew":
            item = store.renew(key, successor=(await read(request, Renew)).successor)
        elif verb == "revoke":
            store.revoke(key, (await read(request, Revoke)).reason)
        elif verb in {"activate", "forget", "restore"}:
            await read(request, Nothing)
            {"activate": store.activate, "forget": store.forget, "restore": store.restore}[verb](key)
        else:
            raise Nonsense(f"unknown verb {verb!r}; choose from: activate, expire, renew, revoke, forget, restore")
        return web.json_response(item_document(self._store, item))

    async def _server(self, request: web.Request) -> web.Response:
        name, verb = request.match_info["server"], request.match_info["verb"]
        if verb not in {"up", "down"}:
            raise Nonsense(f"unknown verb {verb!r}; choose from: up, down")
        if name == "store":
            await (self._store.up() if verb == "up" else self._store.down())
        elif (server := self._servers.get(name)) is None:
            raise Nonsense(f"unknown server {name!r}; choose from: {', '.join([*self._servers, 'store'])}")
        elif verb == "down" and name not in self._down:
            await server.down()
            self._down.add(name)
        elif verb == "up" and name in self._down:
            await server.up()
            self._down.discard(name)
        return web.json_response({"name": name, "up": verb == "up"})

    async def _fault(self, request: web.Request) -> web.Response:
        body = await read(request, FaultOn)
        if body.fault not in set(Fault):
            raise Nonsense(f"unknown fault {body.fault!r}; choose from: {', '.join(Fault)}")
        self._store.fault(Fault(body.fault), body.customer, body.times, path=body.path, method=body.method)
        return web.json_response({"fault": body.fault, "meaning": MEANING[Fault(body.fault)]})

    async def _heal(self, _request: web.Request) -> web.Response:
        self._store.heal()
        self._store.release()
        return web.json_response({})


@web.middleware
async def _guarded(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Serves only tools on this machine. Refuses web pages: those that use DNS rebinding or post across sites."""
    if not _is_loopback(request.host):
        return _error(403, "send the request to 127.0.0.1, ::1 or localhost; other host names are refused")
    if "Origin" in request.headers:
        return _error(403, "requests from web pages are refused; use a tool such as curl")
    try:
        return await handler(request)
    except Nonsense as error:
        return _error(400, str(error))
    except web.HTTPException as error:
        return _error(error.status, f"{request.method} {request.path}: {error.reason}; GET / lists all requests")


def _error(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)


def _is_loopback(host: str) -> bool:
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
