"""How many customers there are of each kind: kept, because counting 100,000 for each report would stop everything else.

`roll.py` keeps one; `reports` and `enrolment` read it.
"""

from datetime import datetime

from .watch import Watch


class Counts:
    """Counts only customers with a token. `since` is when the daemon started."""

    def __init__(self, since: datetime) -> None:
        self.known = 0  # all of them; the others are parts of it
        self.polled = 0  # read since the start
        self.unidentified = 0  # whose customer is not known yet, though nothing failed
        self.refused: dict[int, Watch] = {}  # by token
        self.failing: dict[int, Watch] = {}
        self._since = since

    def is_polled(self, watch: Watch) -> bool:
        """Whether the customer was read since the start."""
        return watch.read_at is not None and watch.read_at >= self._since

    def add(self, watch: Watch, by: int = 1) -> None:
        """Counts the customer wherever they belong; with `by` -1 takes them out."""
        if watch.token is None:
            return
        self.known += by
        self.polled += by if self.is_polled(watch) else 0
        self.unidentified += by if watch.customer_id is None and not watch.failures else 0
        among = self.refused if watch.refused else self.failing if watch.failures else {}
        if by > 0:
            among[watch.token_id] = watch
        else:
            among.pop(watch.token_id, None)
