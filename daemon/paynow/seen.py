"""The digest of an inventory, so that perkd recognises an unchanged one without parsing its JSON. PURE.

`storefront.py` makes and compares it; the ledger stores it, only after `record` committed (docs/decisions/0015).
"""

from dataclasses import dataclass
from hashlib import sha256

_VERSION = b"\x03"  # increase it when the same bytes are digested or read differently: every page counts as changed
_AFTER, _DIGEST = 8, 16
_PAGE = _AFTER + _DIGEST


@dataclass(frozen=True, slots=True)
class Seen:
    """The digest of an inventory, or of its first pages: a version byte, then for each page in order the id it was
    requested after (8 bytes, 0 for the first page) and the digest of its bytes; 25 bytes for most customers. `etag` is
    kept only for an inventory of one page."""

    digest: bytes = _VERSION
    etag: str | None = None

    def with_page(self, after: int, body: bytes, etag: str | None) -> "Seen":
        """These pages and one more, which was requested `after` that id."""
        page = after.to_bytes(_AFTER, "big") + sha256(body).digest()[:_DIGEST]
        return Seen(self.digest + page, None if self.pages else etag)

    @property
    def pages(self) -> int:
        """How many pages; 0 when another version of perkd wrote the digest."""
        pages, rest = divmod(len(self.digest) - len(_VERSION), _PAGE)
        return pages if self.digest.startswith(_VERSION) and not rest else 0

    def after(self, page: int) -> int:
        """The id that this page, from 0, was requested after."""
        at = len(_VERSION) + page * _PAGE
        return int.from_bytes(self.digest[at : at + _AFTER], "big")
