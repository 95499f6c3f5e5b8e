"""How far the sweep over all customers has come, and where it goes on after a restart. `enrolment` keeps one."""

from dataclasses import dataclass, field
from datetime import datetime

from ..ledger import Ledger, Unenrolled
from .feed_window import latest_flake


@dataclass(slots=True)
class Progress:
    """`bookmark` is its name in the ledger. `round_over`: everybody the store had was asked for once."""

    bookmark: str
    cursor: int = 0  # the last customer of the pages that are done
    round_over: bool = False
    left: Unenrolled = field(default_factory=Unenrolled)
    begun: bool = False

    async def begin(self, ledger: Ledger, now: datetime) -> int:
        """The customer to go on after: never one from the future, after whom nobody would come for long; then the sweep
        begins anew, and who has a token keeps it. `now` is the store's time."""
        if not self.begun:
            self.cursor, self.begun = int(await ledger.bookmark(self.bookmark) or 0), True
        if self.cursor > latest_flake(now):
            self.cursor = 0
        return self.cursor

    async def page(self, ledger: Ledger, ids: list[int], now: datetime) -> None:
        """The tokens of these customers are stored."""
        last = max((one for one in ids if one <= latest_flake(now)), default=0)
        if last > self.cursor:
            self.cursor = last
            await ledger.put_bookmark(self.bookmark, str(last))
