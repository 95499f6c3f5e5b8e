"""Pages of a list in ascending order of ids: what a page adds, and which id to ask after next. PURE but for `pages`.

`customersapi.py` and `itemsapi.py` read every long list through this. The scheme is the only one the API documents
without ambiguity: `asc=true`, `limit`, `after` the largest id so far, until a page is short.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

from .errors import Unreadable

PAGE_LIMIT = 100  # the largest the API takes
WITHOUT_PAGES = frozenset({"command_delivery", "inventory"})  # the paths of 2023 and 2025 end so: all in one answer


class HasId(Protocol):
    @property
    def id(self) -> str: ...


D = TypeVar("D", bound=HasId)


def news(page: list[D], after: int, path: str) -> tuple[list[D], int | None]:
    """Of one page asked for after an id: what is new in it, rising, each once; and the id to ask after next, None when
    this was the last page. Rows at or below `after` came before. Raises Unreadable when a full page brings nothing
    new: it would be asked for for ever."""
    fresh = {int(document.id): document for document in page if int(document.id) > after}
    rising = [fresh[key] for key in sorted(fresh)]
    if len(page) < PAGE_LIMIT:
        return rising, None
    if not rising:
        raise Unreadable(f"{path} repeats a page instead of going on after {after}", path=path, status=200)
    ids = [int(document.id) for document in page]
    if ids != sorted(ids):
        raise Unreadable(
            f"{path} sent a full page that is not in ascending order: nobody can tell which page is the last one",
            path=path,
            status=200,
        )
    return rising, ids[-1]


async def pages(fetch: Callable[[int], Awaitable[list[D]]], path: str, *, after: int = 0) -> AsyncIterator[list[D]]:
    """Every page's news, as they come; an empty list gives none. `fetch` asks for the page after an id. What is added
    meanwhile comes at the end. Raises as `fetch` and `news` do."""
    follow: int | None = after
    while follow is not None:
        found, follow = news(await fetch(follow), follow, path)
        if found:
            yield found
