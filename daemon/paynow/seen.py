"""What is remembered of an inventory, so that an equal one is recognised before any JSON. PURE.

`storefront.py` makes and compares it; the ledger keeps it as it is, and stores it only after `record` committed.

The digest is XXH3-128: it has to tell bodies apart, not to withstand whoever writes them, for he could as well send the
old body again (docs/decisions/0015).
"""

from typing import NamedTuple

from xxhash import xxh3_128_digest

_VERSION = (
    b"\x02"  # goes up whenever wire.py reads the same bytes to another meaning: then every page counts as changed
)
_DIGEST = 16
_PAGE = 8 + _DIGEST
_ALONE = _VERSION + bytes(8)  # how the digest of an inventory of one page begins


class PageMark(NamedTuple):
    """One page: the id it was asked `after` (0: the first page) and the digest of its bytes."""

    after: int
    digest: bytes

    @classmethod
    def of(cls, after: int, body: bytes) -> "PageMark":
        return cls(after, xxh3_128_digest(body))


class Seen(NamedTuple):
    """A complete inventory as it was read. `digest` is opaque: a version byte, then for each page in order its `after`
    (8 bytes) and its digest, so 25 bytes for most customers. `etag` is kept only for an inventory of one page."""

    digest: bytes
    etag: str | None = None

    @classmethod
    def of(cls, pages: list[PageMark], etag: str | None) -> "Seen":
        digest = _VERSION + b"".join(page.after.to_bytes(8, "big") + page.digest for page in pages)
        return cls(digest, etag if len(pages) == 1 else None)

    def is_just(self, digest: bytes) -> bool:
        """Whether it is an inventory of one page, whose bytes have this digest."""
        return self.digest == _ALONE + digest

    @property
    def one_page(self) -> bool:
        return len(self.digest) == 1 + _PAGE and self.digest.startswith(_VERSION)

    @property
    def pages(self) -> list[PageMark]:
        """The pages, or none when another version of perkd wrote the digest."""
        data = self.digest[1:]
        if self.digest[:1] != _VERSION or len(data) % _PAGE:
            return []
        starts = range(0, len(data), _PAGE)
        return [PageMark(int.from_bytes(data[at : at + 8], "big"), data[at + 8 : at + _PAGE]) for at in starts]
