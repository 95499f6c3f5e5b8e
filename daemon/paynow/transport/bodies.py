"""The bytes of an answer: unpacked within bounds, and as much of a refusal as comes.

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
    """Undoes gzip or deflate, never making more than LARGEST_BODY bytes and one."""
    if coding not in {"gzip", "x-gzip", "deflate"}:
        raise Unreadable(f"{path} answered in a coding perkd did not ask for ({coding[:20]!r})", path=path, status=200)
    raw_deflate = coding == "deflate" and (packed[:1] or b"\0")[0] & 0x0F != 8  # some servers leave zlib's header out
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS if raw_deflate else zlib.MAX_WBITS | 32)
    try:
        body = unpacker.decompress(packed, LARGEST_BODY + 1)
    except zlib.error:
        raise Unreadable(f"{path} answered with a broken {coding} body", path=path, status=200) from None
    if len(body) > LARGEST_BODY:
        raise failures.too_large(path)
    if not unpacker.eof:
        raise Unreadable(f"{path} answered with a {coding} body that stops early", path=path, status=200)
    return body


async def some_body(response: Response, patience_s: float) -> bytes:
    """What the body of a refusal says, as far as it comes: the status alone is enough."""
    body = bytearray()
    try:
        async with asyncio.timeout(patience_s):
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
