"""The digest of an inventory, so that perkd recognises an unchanged one without parsing its JSON. PURE.

`storefront.py` makes and compares it; the ledger stores it, only after `record` committed.

The digest is XXH3-128. It only has to tell bodies apart. It need not resist an attacker who writes the bodies, because
they could also send the old body again (docs/decisions/0015).
"""

from typing import NamedTuple

from xxhash import xxh3_128_digest

_VERSION = b"\x02"  # increase it when wire_items.py reads the same bytes differently: then every page counts as changed
_DIGEST = 16
_PAGE = 8 + _DIGEST
_ALONE = _VERSION + bytes(8)  # how the digest of an inventory of one page begins


class PageMark(NamedTuple):
    """One page: the id it was requested `after` (0: the first page) and the digest of its bytes."""

    after: int
    digest: bytes

    @classmethod
    def of(cls, after: int, body: bytes) -> "PageMark":
        return cls(after, xxh3_128_digest(body))


class Seen(NamedTuple):
    """The digest of a complete inventory: a version byte, then for each page in order its `after` (8 bytes) and its
    digest; 25 bytes for most customers. `etag` is kept only for an inventory of one page."""

    digest: bytes
    etag: str | None = None

    @classmethod
    def of(cls, pages: list[PageMark], etag: str | None) -> "Seen":
        digest = _VERSION + b"".join(page.after.to_bytes(8, "big") + page.digest for page in pages)
        return cls(digest, etag if len(pages) == 1 else None)

    def is_one_page_with(self, digest: bytes) -> bool:
        """Whether the inventory has one page, and its bytes have this digest."""
        return self.digest == _ALONE + digest

    @property
    def one_page(self) -> bool:
        return len(self.digest) == 1 + _PAGE and self.digest.startswith(_VERSION)

    @property
    def pages(self) -> list[PageMark]:
        """The pages; none when another version of perkd wrote the digest."""
        data = self.digest[1:]
        if self.digest[:1] != _VERSION or len(data) % _PAGE:
            return []
        starts = range(0, len(data), _PAGE)
        return [PageMark(int.from_bytes(data[at : at + 8], "big"), data[at + 8 : at + _PAGE]) for at in starts]
