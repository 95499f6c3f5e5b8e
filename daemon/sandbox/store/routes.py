"""All routes of the emulated store; finds the one for a request. `server.py` uses it."""

import re
from collections.abc import Mapping

from .api import (
    catalogue,
    customers,
    game_server,
    items,
    storefront,
)
from .calls import Route

ROUTES: tuple[Route, ...] = (
    *storefront.ROUTES,
    *game_server.ROUTES,
    *customers.ROUTES,
    *items.ROUTES,
    *catalogue.ROUTES,
)


class Routes:
    """Finds a route. A fixed part of a path is preferred to a part in braces."""

    def __init__(self) -> None:
        self._fixed: dict[str, dict[str, Route]] = {}
        self._open: list[tuple[re.Pattern[str], dict[str, Route]]] = []
        by_path: dict[str, dict[str, Route]] = {}
        for route in ROUTES:
            by_path.setdefault(route.path, {})[route.method] = route
        for path in sorted(by_path, key=lambda path: path.replace("{", "\x7f")):  # {customerId} after /lookup
            if "{" in path:
                self._open.append((re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), by_path[path]))
            else:
                self._fixed[path] = by_path[path]

    def find(self, path: str) -> tuple[Mapping[str, Route], dict[str, str]]:
        """The routes of a path by method, empty for an unknown path, and the named parts of the path."""
        if path in self._fixed:
            return self._fixed[path], {}
        for pattern, routes in self._open:
            if match := pattern.fullmatch(path):
                return routes, match.groupdict()
        return {}, {}
