"""Reads a list page by page in ascending order of ids. PURE but for `pages`.

`customers_api.py` and `items_api.py` read long lists through this. It uses the only scheme that the API documents
without ambiguity: `asc=true`, `limit`, and `after` the largest id so far, until a page is not full.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

from .errors import Unreadable

PAGE_LIMIT = 100  # the largest the API takes
WITHOUT_PAGES = frozenset(
    {"command_delivery", "inventory"}
)  # the paths of 2023 and 2025 end like this: all in one answer


class HasId(Protocol):
    @property
    def id(self) -> str: ...


D = TypeVar("D", bound=HasId)


def new_rows(page: list[D], after: int, path: str) -> tuple[list[D], int | None]:
    """The new rows of a page that was requested after the id `after`, in ascending order, each once; and the id for the
    next request, None when this was the last page. Rows at or below `after` came before. Raises Unreadable when a full
    page has no new row, because perkd would request it again and again."""
    fresh = {int(document.id): document for document in page if int(document.id) > after}
    rising = [fresh[key] for key in sorted(fresh)]
    if len(page) < PAGE_LIMIT:
        return rising, None
    if not rising:
        raise Unreadable(f"{path} repeats a page instead of sending the one after {after}", path=path, status=200)
    ids = [int(document.id) for document in page]
    if ids != sorted(ids):
        raise Unreadable(
            f"{path} sent a full page that is not in ascending order, so perkd cannot tell which page is the last one",
            path=path,
            status=200,
        )
    return rising, ids[-1]


async def pages(fetch: Callable[[int], Awaitable[list[D]]], path: str, *, after: int = 0) -> AsyncIterator[list[D]]:
    """Yields the new rows of each page; nothing for an empty list. `fetch` requests the page after an id. Rows that are
    added meanwhile come at the end. Raises as `fetch` and `new_rows` do."""
    follow: int | None = after
    while follow is not None:
        found, follow = new_rows(await fetch(follow), follow, path)
        if found:
            yield found
