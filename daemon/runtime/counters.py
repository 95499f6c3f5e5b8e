"""What the loops count since the start, as Prometheus metrics. `reports/metrics.py` adds it to each scrape."""

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
    """How asking the store for a token ended."""

    MADE = "made"
    REPLACED = "replaced"  # the store no longer accepted the old one
    REFUSED = "refused"


class QueueLine(StrEnum):
    """What perkd does with a new line of a command queue."""

    PERKD = "perkd"  # it is for perkd: acknowledge it
    COMMAND = "command"  # it is a command of the store: send it
    BLOCKED = "blocked"  # it is a command of the store that is not sent without the operator
    LEFT = "left"  # leave it in the queue


class Acknowledgement(StrEnum):
    """How acknowledging a line at the store ended."""

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"


class Counters:
    """Counts that only the loops know and a restart may forget. Everything else comes from the report."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.polls: dict[PollResult, int] = {}  # customers read, by how it ended
        self.registry.register(_Polls(self.polls))
        self.enrolments = Counter(
            "perkd_enrolments", "Tokens that perkd asked for, by result.", ("result",), registry=self.registry
        )
        self.feed_items = Counter(
            "perkd_feed_items", "New items in the list of the whole store.", registry=self.registry
        )
        self.replies = Histogram(
            "perkd_reply_seconds",
            "From a command's bytes to its whole reply.",
            ("server",),
            buckets=REPLY_S,
            registry=self.registry,
        )
        self.settled = Counter(
            "perkd_commands_settled",
            "Commands sent, by their state afterwards.",
            ("server", "state"),
            registry=self.registry,
        )
        self.queue_lines = Counter(
            "perkd_queue_lines",
            "New lines in the store's command queues, by kind: perkd, command, blocked, left.",
            ("server", "kind"),
            registry=self.registry,
        )
        self.acknowledgements = Counter(
            "perkd_acknowledgements",
            "Acknowledgements sent to the store, by result.",
            ("server", "result"),
            registry=self.registry,
        )

    def polled(self, result: PollResult) -> None:
        """One customer was read."""
        self.polls[result] = self.polls.get(result, 0) + 1


class _Polls(Collector):
    """Plain numbers instead of a Counter, because the polling loop counts every poll."""

    def __init__(self, polls: Mapping[PollResult, int]) -> None:
        self._polls = polls

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily("perkd_polls", "Customers read, by result.", labels=("result",))
        for result, count in self._polls.items():
            family.add_metric((result,), count)
        yield family
