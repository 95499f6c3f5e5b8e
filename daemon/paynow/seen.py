"""The digest of an inventory, so that perkd recognises an unchanged one without parsing its JSON. PURE.

`storefront.py` makes and compares it; the ledger stores it, only after `record` committed (docs/decisions/0015).
"""

from dataclasses import dataclass
from hashlib import sha256

_VERSION = b"\x03"  # increase it when the same bytes are digested or read differently: every page counts as changed
_DIGEST = 16
_PAGE = 8 + _DIGEST


@dataclass(frozen=True, slots=True)
class PageMark:
    """One page: the id it was requested `after` (0: the first page) and the digest of its bytes."""

    after: int
    digest: bytes

    @classmethod
    def of(cls, after: int, body: bytes) -> "PageMark":
        return cls(after, sha256(body).digest()[:_DIGEST])


@dataclass(frozen=True, slots=True)
class Seen:
    """The digest of a complete inventory: a version byte, then for each page in order its `after` (8 bytes) and its
    digest; 25 bytes for most customers. `etag` is kept only for an inventory of one page."""

    digest: bytes
    etag: str | None = None

    @classmethod
    def of(cls, pages: list[PageMark], etag: str | None) -> "Seen":
        digest = _VERSION + b"".join(page.after.to_bytes(8, "big") + page.digest for page in pages)
        return cls(digest, etag if len(pages) == 1 else None)

    @property
    def pages(self) -> list[PageMark]:
        """The pages; none when another version of perkd wrote the digest."""
        data = self.digest[1:]
        if self.digest[:1] != _VERSION or len(data) % _PAGE:
            return []
        starts = range(0, len(data), _PAGE)
        return [PageMark(int.from_bytes(data[at : at + 8], "big"), data[at + 8 : at + _PAGE]) for at in starts]
