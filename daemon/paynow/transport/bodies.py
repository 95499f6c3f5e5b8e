"""Reads the body of an answer: unpacks it, with a bound on its size.

`exchange.py` calls this.
"""

import asyncio
import zlib
from contextlib import suppress
from typing import Final

import aiohttp

from ..errors import Unreadable
from . import failures

LARGEST_BODY: Final = 8 * 1024 * 1024  # bytes, after unpacking
LARGEST_REFUSAL: Final = 64 * 1024
REFUSAL_S: Final = 15.0


async def whole_body(response: aiohttp.ClientResponse, path: str) -> bytes:
    """The body of a good answer, unpacked. Raises TooLarge, Unreadable and what aiohttp raises."""
    length = response.content_length
    if length is not None and length <= LARGEST_BODY:  # it cannot be longer than it says
        packed = await response.read()
    else:
        await _read_into(body := bytearray(), response, LARGEST_BODY)
        packed = bytes(body)
    if len(packed) > LARGEST_BODY:
        raise failures.too_large(path)
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    return packed if coding == "identity" else _unpacked(packed, coding, path)


async def _read_into(body: bytearray, response: aiohttp.ClientResponse, most: int) -> None:
    """Adds the body as it came; of one that is longer than `most` bytes, only the beginning, but more than `most`."""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most:
            break


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


async def some_body(response: aiohttp.ClientResponse) -> bytes:
    """The body of an error answer, as much of it as can be read: the status alone is enough."""
    body = bytearray()
    with suppress(aiohttp.ClientError, TimeoutError, OSError):
        async with asyncio.timeout(REFUSAL_S):
            await _read_into(body, response, LARGEST_REFUSAL)
    if response.headers.get("Content-Encoding", "identity").strip().lower() == "identity":
        return bytes(body)
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(body, LARGEST_REFUSAL)
    except zlib.error:
        return b""
