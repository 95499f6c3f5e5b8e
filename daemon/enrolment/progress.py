"""How far the round over all customers has come, and where it continues after a restart. `loop.py` keeps one."""

from dataclasses import dataclass, field
from datetime import datetime

from ..ledger import Ledger, Unenrolled
from .feed_window import latest_flake


@dataclass(slots=True)
class Progress:
    """`bookmark` is its name in the ledger. `round_over`: all customers of the store had their turn once."""

    bookmark: str
    cursor: int = 0  # the last customer of the pages that are done
    round_over: bool = False
    left: Unenrolled = field(default_factory=Unenrolled)
    begun: bool = False

    async def begin(self, ledger: Ledger, now: datetime) -> int:
        """The customer after whom to continue. If the stored id is later than `now`, the store's time, the round begins
        from the start; customers who have a token keep it."""
        if not self.begun:
            self.cursor, self.begun = int(await ledger.bookmark(self.bookmark) or 0), True
        if self.cursor > latest_flake(now):
            self.cursor = 0
        return self.cursor

    async def page(self, ledger: Ledger, ids: list[int], now: datetime) -> None:
        """Records that the tokens of these customers are stored."""
        last = max((one for one in ids if one <= latest_flake(now)), default=0)
        if last > self.cursor:
            self.cursor = last
            await ledger.put_bookmark(self.bookmark, str(last))
