"""Reads the body of an answer: unpacks it, with a bound on its size.

`exchange.py` calls this.
"""

import asyncio
import zlib
from typing import Final

import aiohttp

from ..errors import Unreadable
from . import failures
from .direct_get import Answer

LARGEST_BODY: Final = 8 * 1024 * 1024  # bytes, after unpacking
LARGEST_REFUSAL: Final = 64 * 1024

Response = aiohttp.ClientResponse | Answer


def plain(packed: bytes, coding: str, path: str) -> bytes:
    coding = coding.strip().lower()
    return packed if coding == "identity" else _unpacked(packed, coding, path)


def _unpacked(packed: bytes, coding: str, path: str) -> bytes:
    """Unpacks gzip or deflate, to at most LARGEST_BODY + 1 bytes."""
    if coding not in {"gzip", "x-gzip", "deflate"}:
        raise Unreadable(
            f"{path} answered in an encoding that perkd does not know ({coding[:20]!r})", path=path, status=200
        )
    raw_deflate = coding == "deflate" and (packed[:1] or b"\0")[0] & 0x0F != 8  # some servers leave zlib's header out
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS if raw_deflate else zlib.MAX_WBITS | 32)
    try:
        body = unpacker.decompress(packed, LARGEST_BODY + 1)
    except zlib.error:
        raise Unreadable(f"{path} answered with broken {coding} data", path=path, status=200) from None
    if len(body) > LARGEST_BODY:
        raise failures.too_large(path)
    if not unpacker.eof:
        raise Unreadable(f"{path} answered with {coding} data that ends too early", path=path, status=200)
    return body


async def some_body(response: Response, limit_s: float) -> bytes:
    """The body of an error answer, as much of it as arrives in time: the status alone is enough."""
    body = bytearray()
    try:
        async with asyncio.timeout(limit_s):
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > LARGEST_REFUSAL:
                    break
    except (aiohttp.ClientError, TimeoutError, OSError):
        return bytes(body)
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding == "identity":
        return bytes(body)
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(bytes(body), LARGEST_REFUSAL)
    except zlib.error:
        return b""
