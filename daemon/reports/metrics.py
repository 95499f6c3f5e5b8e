"""Prometheus metrics: each scrape shows one report, and what the loops counted since the start.

`web` serves `exposition`. Names follow the conventions: base units, `_total` for counters, `_timestamp_seconds` for
times.
"""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from ..core.model import ServerState
from ..runtime import Counters, Severity
from .status import Report, StoreState


def exposition(counters: Counters, report: Report) -> bytes:
    """The whole text of `/metrics`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_FromReport(report))
    return generate_latest(registry) + generate_latest(counters.registry)


class _FromReport(Collector):
    """The report's numbers as gauges."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def collect(self) -> Iterable[Metric]:
        report = self._report
        yield InfoMetricFamily("perkd_build", "The running version.", {"version": report.version})
        yield _gauge("perkd_start_timestamp_seconds", "When perkd started.", report.started_at.timestamp())
        yield _gauge("perkd_ready", "1 when /readyz answers 200.", not report.not_ready)
        yield from _store(report)
        yield from _servers(report)
        yield _by("perkd_commands", "Commands in the ledger, by state.", "state", report.summary.commands.items())
        yield _gauge("perkd_holdings", "Holdings held now.", report.summary.holdings)
        yield _gauge("perkd_brake_on", "1 while a mass removal waits for the operator.", report.brake.on_at is not None)
        yield _gauge("perkd_brake_blocked_commands", "Commands the brake holds back.", report.brake.blocked)
        severities = dict.fromkeys(Severity, 0)
        for problem in report.problems:
            severities[problem.severity] += 1
        yield _by("perkd_problems", "Problems shown on the status page, by severity.", "severity", severities.items())
        yield _by(
            "perkd_loop_late_seconds",
            "Seconds since the last pass of each loop that is late.",
            "loop",
            report.late.items(),
        )


def _store(report: Report) -> Iterable[Metric]:
    customers, store = report.customers, report.store
    yield _gauge("perkd_store_up", "1 while the store answers.", store.state in (StoreState.OK, StoreState.SLOW))
    yield _gauge("perkd_store_limited", "1 while the store asks for a slower pace.", store.limited_until is not None)
    if store.last_answer_at is not None:
        yield _gauge(
            "perkd_store_last_answer_timestamp_seconds",
            "The store's latest good answer.",
            store.last_answer_at.timestamp(),
        )
    counts = {
        "known": customers.known,
        "polled": customers.polled,
        "failing": customers.failing,
        "refused": customers.refused,
    }
    yield _by("perkd_customers", "Customers, by kind: known, polled, failing, refused.", "kind", counts.items())
    yield _gauge("perkd_customers_online", "Customers who are on a server now.", customers.online)
    if customers.sweep_s is not None:
        yield _gauge("perkd_sweep_seconds", "How long the last round over all customers took.", customers.sweep_s)


def _servers(report: Report) -> Iterable[Metric]:
    servers = report.servers
    yield _by(
        "perkd_server_up", "1 while the link is up.", "server", ((s.name, s.state is ServerState.UP) for s in servers)
    )
    yield _by(
        "perkd_server_refused",
        "1 when the password is refused.",
        "server",
        ((s.name, s.state is ServerState.REFUSED) for s in servers),
    )
    yield _by(
        "perkd_server_queue_commands",
        "Commands waiting for this server.",
        "server",
        ((s.name, s.queue) for s in servers),
    )
    yield _by(
        "perkd_server_oldest_command_seconds",
        "Age of the oldest waiting command.",
        "server",
        ((s.name, s.oldest_s) for s in servers if s.oldest_s is not None),
    )
    yield _by(
        "perkd_server_players",
        "Players online, for servers where perkd knows it.",
        "server",
        ((s.name, s.players) for s in servers if s.players is not None),
    )
    yield _by(
        "perkd_server_last_reply_timestamp_seconds",
        "The server's latest reply.",
        "server",
        ((s.name, s.last_reply_at.timestamp()) for s in servers if s.last_reply_at is not None),
    )


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _by(name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for key, value in values:
        family.add_metric((key,), float(value))
    return family
