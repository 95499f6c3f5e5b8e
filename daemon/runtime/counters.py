"""What the loops count since the start, in Prometheus' own types. `reports/metrics.py` adds it to each scrape."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

REPLY_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class PollResult(StrEnum):
    """How reading one customer ended."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    REFUSED = "refused"  # the token


class EnrolmentResult(StrEnum):
    """What became of asking for a token."""

    MADE = "made"
    REPLACED = "replaced"  # the store took the old one no more
    REFUSED = "refused"


class QueueLine(StrEnum):
    """What a new line of a command queue is."""

    PERKD = "perkd"  # for perkd itself
    COMMAND = "command"  # of the store, to be sent
    BLOCKED = "blocked"  # of the store, and not sent by itself
    LEFT = "left"  # left alone


class Acknowledgement(StrEnum):
    """How telling the store of a line ended."""

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"


class Counters:
    """What only the loops see, and a restart may forget. Everything else comes from the report."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.polls: dict[PollResult, int] = {}  # customers read, by how it ended
        self.registry.register(_Polls(self.polls))
        self.enrolments = Counter(
            "perkd_enrolments", "Tokens asked for, by how it ended.", ("result",), registry=self.registry
        )
        self.feed_items = Counter("perkd_feed_items", "New items the store-wide list showed.", registry=self.registry)
        self.replies = Histogram(
            "perkd_reply_seconds",
            "From a command's bytes to its whole reply.",
            ("server",),
            buckets=REPLY_S,
            registry=self.registry,
        )
        self.settled = Counter(
            "perkd_commands_settled",
            "Commands sent, by the state they ended in.",
            ("server", "state"),
            registry=self.registry,
        )
        self.queue_lines = Counter(
            "perkd_queue_lines",
            "New lines of the store's command queues, by what they are: perkd, command, blocked, left.",
            ("server", "kind"),
            registry=self.registry,
        )
        self.acknowledgements = Counter(
            "perkd_acknowledgements",
            "Lines the store was told of, by how it ended.",
            ("server", "result"),
            registry=self.registry,
        )

    def polled(self, result: PollResult) -> None:
        """One customer was read."""
        self.polls[result] = self.polls.get(result, 0) + 1


class _Polls(Collector):
    """Counted in plain numbers by the one loop that does, because that is done for every poll."""

    def __init__(self, polls: Mapping[PollResult, int]) -> None:
        self._polls = polls

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily("perkd_polls", "Customers read, by how it ended.", labels=("result",))
        for result, count in self._polls.items():
            family.add_metric((result,), count)
        yield family
