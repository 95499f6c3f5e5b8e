"""Writes the answer of each fault, and the error documents of the store. `store/server.py` uses it."""

import asyncio
import gzip
import secrets
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from ..store.faults import Fault

Document = dict[str, Any]

_PAGE = b"<!DOCTYPE html>\n<html><head><title>Bad gateway</title></head><body><h1>502</h1></body></html>\n"
_TOO_BIG = 8 * 1024 * 1024 + 1


@dataclass(frozen=True, slots=True)
class Scene:
    """What a fault needs to write its answer: the request, the good answer, the time, the gate for slow answers."""

    request: web.Request
    status: int
    body: bytes
    now: datetime
    retry_after_s: int
    gate: asyncio.Event


def error(
    status: int, code: str, message: str, errors: Sequence[Mapping[str, str]] = (), retry_after: str | None = None
) -> web.Response:
    """A PayNowError as the API documents it."""
    document = {
        "status": status,
        "code": code,
        "message": message,
        "trace_id": secrets.token_hex(16),
        "errors": list(errors) or None,
    }
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return web.json_response(document, status=status, headers=headers)


async def play(fault: Fault, scene: Scene) -> web.StreamResponse:
    """Writes the answer of a fault that replaces the good answer."""
    return await _PLAYS[fault](scene)


def spoil(faults: AbstractSet[Fault], documents: list[Document]) -> None:
    """Changes good documents of a list in place, as the faults of DOCUMENT say."""
    if Fault.EXTRA_FIELDS in faults:
        for document in documents:
            document |= {"store": {"id": "1", "name": "new"}, "flags": [1, {"deep": None}], "removed_by": None}
    if Fault.FEW_FIELDS in faults:
        for document in documents:
            for key in set(document) - {"id", "product", "state", "attempt_id", "command"}:
                del document[key]
    if not documents:
        return
    first = documents[0]
    if Fault.UNKNOWN_STATE in faults and "state" in first:
        first["state"] = "pending_review"
    if Fault.BROKEN_ITEM in faults:
        rubbish = {"product": 7, "added_at": "yesterday", "expirable": "perhaps"}
        first |= rubbish if "product" in first else {key: [7] for key in first if key not in {"id", "attempt_id"}}
    if Fault.STRANGER in faults and "customer_id" in first:
        first["customer_id"] = "1"
    if Fault.NO_ID in faults:
        first.pop("attempt_id" if "attempt_id" in first else "id")


def _simple(status: int, body: bytes, content_type: str) -> Callable[[Scene], Awaitable[web.StreamResponse]]:
    async def answer(_scene: Scene) -> web.StreamResponse:
        return web.Response(status=status, body=body, content_type=content_type)

    return answer


def _error(status: int, code: str, message: str) -> Callable[[Scene], Awaitable[web.StreamResponse]]:
    async def answer(_scene: Scene) -> web.StreamResponse:
        return error(status, code, message)

    return answer


async def _bad_request(_scene: Scene) -> web.StreamResponse:
    document = {
        "status": 400,
        "code": "bad-request",
        "message": "Validation failed",
        "errors": [{"code": "invalid", "message": "not a flake", "path": "after", "validation": "flake"}],
    }
    return web.json_response(document, status=400)


async def _limited_seconds(scene: Scene) -> web.StreamResponse:
    return error(429, "too-many-requests", "Slow down", retry_after=str(scene.retry_after_s))


async def _limited_date(scene: Scene) -> web.StreamResponse:
    until = format_datetime(scene.now + timedelta(seconds=scene.retry_after_s), usegmt=True)
    return error(429, "too-many-requests", "Slow down", retry_after=until)


async def _truncated(scene: Scene) -> web.StreamResponse:
    return web.Response(body=scene.body[: max(1, len(scene.body) * 2 // 3)], content_type="application/json")


async def _slow(scene: Scene) -> web.StreamResponse:
    await scene.gate.wait()
    return web.Response(status=scene.status, body=scene.body, content_type="application/json")


async def _begin(scene: Scene) -> web.StreamResponse:
    """Sends half the body, with the Content-Length of the whole body."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(scene.body)
    await response.prepare(scene.request)
    await response.write(scene.body[: len(scene.body) // 2])
    return response


async def _stalled(scene: Scene) -> web.StreamResponse:
    response = await _begin(scene)
    await scene.gate.wait()
    await response.write(scene.body[len(scene.body) // 2 :])
    return response


async def _too_big(scene: Scene) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.enable_chunked_encoding()
    await response.prepare(scene.request)
    await response.write(b"[")
    for _ in range(_TOO_BIG // 65536 + 1):
        await response.write(b" " * 65536)
    await response.write(b"]")
    return response


async def _too_big_packed(_scene: Scene) -> web.StreamResponse:
    body = gzip.compress(b"[" + b" " * _TOO_BIG + b"]")
    return web.Response(body=body, content_type="application/json", headers={"Content-Encoding": "gzip"})


async def _too_big_stated(_scene: Scene) -> web.StreamResponse:
    return web.Response(body=b"[" + b" " * _TOO_BIG + b"]", content_type="application/json")


async def _short_length(scene: Scene) -> web.StreamResponse:
    """Writes directly to the connection, because aiohttp does not send more than the Content-Length."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    transport = scene.request.transport
    if isinstance(transport, asyncio.WriteTransport):
        transport.write(head % (len(scene.body) // 2) + scene.body)
        transport.close()
    return web.Response()


async def _reset(scene: Scene) -> web.StreamResponse:
    """Resets the TCP connection: closing with SO_LINGER 0 drops unsent data and sends a reset."""
    transport = scene.request.transport
    if transport is not None:
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    return web.Response()


async def _reset_midway(scene: Scene) -> web.StreamResponse:
    response = await _begin(scene)
    await _reset(scene)
    return response


async def _redirect(_scene: Scene) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": "https://elsewhere.example/login?next=here"})


async def _stray_304(_scene: Scene) -> web.StreamResponse:
    return web.Response(status=304, headers={"ETag": '"nobody-asked"'})


_PLAYS: dict[Fault, Callable[[Scene], Awaitable[web.StreamResponse]]] = {
    Fault.UNAUTHORIZED: _error(401, "unauthorized", "Invalid customer token"),
    Fault.FORBIDDEN: _error(403, "forbidden", "You may not do that"),
    Fault.NOT_FOUND: _error(404, "not-found", "There is nothing here"),
    Fault.BAD_REQUEST: _bad_request,
    Fault.LIMITED: _error(429, "too-many-requests", "Slow down"),
    Fault.LIMITED_SECONDS: _limited_seconds,
    Fault.LIMITED_DATE: _limited_date,
    Fault.SERVER_ERROR: _error(500, "internal-error", "Something\r\nwent \x1b[31mwrong"),
    Fault.BAD_GATEWAY: _simple(502, _PAGE, "text/html"),
    Fault.WEB_PAGE: _simple(200, b"\n" + _PAGE, "text/html"),
    Fault.EMPTY: _simple(200, b"", "application/json"),
    Fault.NO_CONTENT: _simple(204, b"", "application/json"),
    Fault.TRUNCATED: _truncated,
    Fault.WRONG_TYPE: _simple(200, b"42", "application/json"),
    Fault.SLOW: _slow,
    Fault.STALLED: _stalled,
    Fault.TOO_BIG: _too_big,
    Fault.TOO_BIG_PACKED: _too_big_packed,
    Fault.TOO_BIG_STATED: _too_big_stated,
    Fault.SHORT_LENGTH: _short_length,
    Fault.RESET: _reset,
    Fault.RESET_MIDWAY: _reset_midway,
    Fault.REDIRECT: _redirect,
    Fault.STRAY_304: _stray_304,
    Fault.ANSWER_LOST: _reset,
    Fault.ERROR_AFTER: _error(500, "internal-error", "Something went wrong afterwards"),
}
