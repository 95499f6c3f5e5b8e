"""Customers whose token the store does not take, and when each gets a new one. PURE.

`enrolment` keeps one. Who is on a server, or bought something, goes before the others.
"""

import heapq
from collections.abc import Iterator
from datetime import datetime


class Refused:
    """Customers by their ids. Of several times for one the last counts."""

    def __init__(self) -> None:
        self._at: dict[str, datetime] = {}
        self._order: list[tuple[datetime, str]] = []  # a heap; what `_at` does not say is stale
        self._first: dict[str, None] = {}  # in the order they were hurried

    def put(self, customer_id: str, at: datetime) -> None:
        """He gets a new token then."""
        self._at[customer_id] = at
        heapq.heappush(self._order, (at, customer_id))

    def hurry(self, customer_id: str) -> None:
        """He is the next one, unless it is too early for him."""
        if customer_id in self._at:
            self._first.setdefault(customer_id)

    def take(self, now: datetime) -> str | None:
        """Whose turn it is now; he is not in it any more."""
        for customer_id in self._due(now):
            del self._at[customer_id]
            return customer_id
        return None

    def _due(self, now: datetime) -> Iterator[str]:
        while self._first:
            customer_id = next(iter(self._first))
            del self._first[customer_id]
            if (due := self._at.get(customer_id)) is not None and due <= now:
                yield customer_id
        while self._order and self._order[0][0] <= now:
            at, customer_id = heapq.heappop(self._order)
            if self._at.get(customer_id) == at:
                yield customer_id

    def __contains__(self, customer_id: str) -> bool:
        return customer_id in self._at

    def __len__(self) -> int:
        return len(self._at)
