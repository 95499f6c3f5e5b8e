"""Customers whose token the store refuses, and when each gets a new one. PURE.

`roll.py` keeps one, and `enrolment` takes from it. Customers who are on a server or bought something go first.
"""

import heapq
from collections.abc import Iterator
from datetime import datetime


class RefusedTokens:
    """Customers by their ids. Of several times for one customer the last one counts."""

    def __init__(self) -> None:
        self._at: dict[str, datetime] = {}
        self._order: list[tuple[datetime, str]] = []  # a heap; an entry that differs from `_at` is stale
        self._first: dict[str, None] = {}  # in the order of the `hurry` calls

    def put(self, customer_id: str, at: datetime) -> None:
        """The customer gets a new token at that time."""
        self._at[customer_id] = at
        heapq.heappush(self._order, (at, customer_id))

    def discard(self, customer_id: str) -> None:
        """The customer needs no new token."""
        self._at.pop(customer_id, None)

    def hurry(self, customer_id: str) -> None:
        """The customer goes first, unless it is too early for them."""
        if customer_id in self._at:
            self._first.setdefault(customer_id)

    def take(self, now: datetime) -> str | None:
        """Removes and returns the customer whose turn it is; None when no one is due."""
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
