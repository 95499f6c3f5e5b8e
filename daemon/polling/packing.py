"""Packs a customer's texts into one bytes object and ids into numbers, to save memory with 100,000 customers. PURE.

`watch.py` keeps the packed values, `players.py` searches by the keys.
"""

import re
from struct import Struct
from typing import Final

Key = int | str  # a player: a UUID as a number, a SteamID64 as a negative number, any other name as text
Keys = Key | tuple[Key, ...]

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,19}")
_LENGTHS: Final = Struct("<HHH")  # of the token, the label and the ETag; the digest is the rest
_NONE: Final = 0xFFFF
_MOST: Final = 0xFFFE
NO_TOKEN: Final = b"\xff\xff"  # how packed texts without a token begin


def pack(token: str | None, label: str, etag: str | None, digest: bytes | None) -> bytes:
    """Packs all four. Raises ValueError for a token that is too long for any header."""
    parts = [b"" if token is None else token.encode(), label.encode()[:_MOST], (etag or "").encode()[:_MOST]]
    if len(parts[0]) > _MOST:
        raise ValueError(f"a token of {len(parts[0])} bytes")
    head = _LENGTHS.pack(_NONE if token is None else len(parts[0]), len(parts[1]), len(parts[2]))
    return b"".join((head, *parts, digest or b""))


def unpack(packed: bytes) -> tuple[str | None, str, str | None, bytes | None]:
    """Token, label, ETag and digest."""
    token, label, etag = _LENGTHS.unpack_from(packed)
    label_at = 6 if token == _NONE else 6 + token
    etag_at = label_at + label
    digest_at = etag_at + etag
    return (
        None if token == _NONE else packed[6:label_at].decode(),
        packed[label_at:etag_at].decode(errors="replace"),
        packed[etag_at:digest_at].decode() if etag else None,
        packed[digest_at:] or None,
    )


def unpack_seen(packed: bytes) -> tuple[bytes | None, str | None]:
    """Digest and ETag."""
    token, label, etag = _LENGTHS.unpack_from(packed)
    at = 6 + label if token == _NONE else 6 + token + label
    return packed[at + etag :] or None, packed[at : at + etag].decode() if etag else None


def unpack_token(packed: bytes) -> str | None:
    if packed[:2] == NO_TOKEN:
        return None
    return packed[6 : 6 + (packed[0] | packed[1] << 8)].decode()


def key_of(player: str) -> Key:
    """The key of a player. Different players have different keys."""
    if _UUID.fullmatch(player):
        return int(player.replace("-", ""), 16)
    if _NUMBER.fullmatch(player):
        return -int(player)
    return player


def player_of(key: Key) -> str:
    """The player of a key."""
    if isinstance(key, str):
        return key
    if key < 0:
        return str(-key)
    digits = "%032x" % key  # noqa: UP031 - the fastest way, done for each poll
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class Newest:
    """Customer → the token in use. Customers are the store's ids, kept as numbers."""

    def __init__(self) -> None:
        self._token_ids: dict[int, int] = {}

    def get(self, customer_id: str) -> int | None:
        return self._token_ids.get(int(customer_id))

    def put(self, customer_id: str, token_id: int) -> int | None:
        """As `put_number`."""
        return self.put_number(int(customer_id), token_id)

    def put_number(self, number: int, token_id: int) -> int | None:
        """Keeps the newest token. Returns the other one, `token_id` or the one kept before; None: there is no other."""
        other = self._token_ids.setdefault(number, token_id)
        if other == token_id:
            return None
        self._token_ids[number] = max(other, token_id)
        return min(other, token_id)
