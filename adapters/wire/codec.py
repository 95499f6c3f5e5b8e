"""Source RCON bytes to packets and back. PURE: no I/O, no asyncio.

`adapters/wire/rcon.py` and the tests use it; the emulated game servers do not, so that a mistake here cannot hide.

A packet is `int32 size | int32 id | int32 type | body | NUL | NUL`, little-endian; `size` counts what follows it
(Valve's "Source RCON Protocol" page). Minecraft and the Source family share the layout, not the rules around it.
"""

import struct
from typing import Final, NamedTuple

AUTH: Final = 3  # a client's login
EXECUTE: Final = 2  # a client's command; from a server the same number answers a login
ANSWER: Final = 0

SIZE_LEAST: Final = 10
SIZE_MOST: Final = 4 * 1024 * 1024  # no server says so; more than this is a broken stream, not an answer

_HEAD = struct.Struct("<iii")
_SIZE = struct.Struct("<i")
_END = b"\0\0"


class Packet(NamedTuple):
    """One packet as it came. `body` is without its two closing NULs."""

    id: int
    type: int
    body: bytes

    @property
    def text(self) -> str:
        """The body as text. Bytes that are no UTF-8 become U+FFFD: a broken character must not cost the verdict."""
        return self.body.decode("utf-8", "replace")


class ProtocolError(Exception):
    """The bytes are not RCON. `packets` are the whole ones that came before the fault, in the same read."""

    def __init__(self, message: str, packets: tuple[Packet, ...] = ()) -> None:
        super().__init__(message)
        self.packets = packets


class RequestError(ValueError):
    """A body that cannot be one packet's; the message does not repeat it."""


def encode(packet_id: int, packet_type: int, body: str, most: int = SIZE_MOST) -> bytes:
    """The packet's bytes. Raises RequestError when the body holds a NUL (the server would stop reading there) or has
    more than `most` bytes."""
    try:
        data = body.encode()
    except UnicodeEncodeError as error:
        raise RequestError(
            f"it holds half of a character (at position {error.start}) and cannot be sent as UTF-8"
        ) from None
    if 0 in data:
        raise RequestError("it holds a NUL character, where the server would stop reading")
    if len(data) > most:
        raise RequestError(f"it has {len(data)} bytes, this server takes at most {most}")
    return _HEAD.pack(len(data) + SIZE_LEAST, packet_id, packet_type) + data + _END


class Decoder:
    """Turns a stream of bytes into packets, however the network cut it. After a ProtocolError it only repeats that."""

    __slots__ = ("_error", "_rest")

    def __init__(self) -> None:
        self._rest = bytearray()
        self._error: str | None = None

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that are complete now, in order. Raises ProtocolError at a length outside 10 bytes to 4 MiB
        (before any of it is kept) or at a packet that does not end in two NULs."""
        if self._error is not None:
            raise ProtocolError(self._error)
        if not self._rest and len(data) >= SIZE_LEAST + 4:
            size, packet_id, packet_type = _HEAD.unpack_from(data)
            if size == len(data) - 4 <= SIZE_MOST and data[-2:] == _END:  # almost always: one whole packet
                return [Packet(packet_id, packet_type, data[12:-2])]
        stream: bytes | bytearray = data
        if self._rest:
            self._rest += data
            stream = self._rest
        packets: list[Packet] = []
        start, end = 0, len(stream)
        while end - start >= 4:
            (size,) = _SIZE.unpack_from(stream, start)
            if not SIZE_LEAST <= size <= SIZE_MOST:
                raise self._broken(
                    f"a packet says it has {size} bytes, possible are {SIZE_LEAST} to {SIZE_MOST}", packets
                )
            stop = start + 4 + size
            if stop > end:
                break
            if stream[stop - 2 : stop] != _END:
                raise self._broken("a packet does not end in two NUL bytes", packets)
            _, packet_id, packet_type = _HEAD.unpack_from(stream, start)
            packets.append(Packet(packet_id, packet_type, bytes(stream[start + 12 : stop - 2])))
            start = stop
        if stream is self._rest:
            del self._rest[:start]
        elif start < end:
            self._rest += stream[start:]
        return packets

    def _broken(self, message: str, packets: list[Packet]) -> ProtocolError:
        self._error = message
        self._rest.clear()
        return ProtocolError(message, tuple(packets))
