"""Shared by every test run: hypothesis profiles, the check that no secret is printed or logged, and the check that
all traffic between perkd and the emulated stores follows PayNow's API description.

pytest loads it; tests use the fixture `secret`.
"""

import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from perkd.daemon.sandbox.overheard import LISTENERS
from tests import order, secretwatch, storewatch
from tests.unmeasured import unmeasured

# A slow machine must not fail a test, so there is no limit on the time for examples.
_COMMON: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "print_blob": True,
    "suppress_health_check": [HealthCheck.too_slow],
}
settings.register_profile("the same examples each time", derandomize=True, **_COMMON)
settings.register_profile("examples of a seed", derandomize=False, **_COMMON)

_records = secretwatch.RecordCollector()


@pytest.fixture
def secret() -> Callable[[str], str]:
    """`secret("rcon password")` makes a unique secret that must never be printed or logged."""
    return secretwatch.mint


@pytest.fixture(autouse=True)
def the_store_and_perkd_speak_as_described(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test whose traffic breaks the description. Set up first, so it checks after the store has stopped."""
    yield
    lies = request.node.get_closest_marker("store_lies") is not None
    mistakes = [one.text for one in storewatch.watch.take() if not (lies and one.by_store)]
    assert mistakes == []


@pytest.fixture(autouse=True)
def nothing_is_loaded_under_two_names() -> Iterator[None]:
    """Fails a test that imported `daemon` or `adapters` without `perkd.`: each class would exist twice."""
    yield
    assert not {"daemon", "adapters"} & sys.modules.keys()


def pytest_configure(config: pytest.Config) -> None:
    """Without a seed every run has the same examples, so a new failure comes from the change under test."""
    seed = config.getoption("--hypothesis-seed")
    settings.load_profile("the same examples each time" if seed is None else "examples of a seed")


def pytest_sessionstart() -> None:
    if storewatch.FOLDER is not None:
        LISTENERS.append(storewatch.watch.hear)
    # A background job of a shell ignores SIGINT, as do its child processes; some tests send SIGINT to theirs.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    logging.getLogger().addHandler(_records)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order.arrange(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def pytest_collection_finish() -> None:
    """Freezes all objects that exist now, so that the many calls of `gc.collect` in tests are fast."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Runs tests marked `volume` without coverage, which would only make them several times slower."""
    if item.get_closest_marker("volume") is None:
        yield
        return
    with unmeasured():
        yield


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when != "teardown":
        return  # the teardown report repeats the sections of the earlier phases
    for title, text in report.sections:
        secretwatch.watch.inspect(f"{report.nodeid} ({title})", text)
    secretwatch.watch.inspect(f"{report.nodeid} (log record)", _records.take())


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist, called before the main process ends its session
def pytest_testnodedown(node: Any) -> None:
    """Adds what a worker found. A worker that crashed has already failed the run."""
    seen = getattr(node, "workeroutput", {})
    secretwatch.watch.leaks.extend(leak for leak in seen.get("leaks", ()) if leak not in secretwatch.watch.leaks)
    storewatch.watch.answers += seen.get("answers", 0)
    storewatch.watch.requests += seen.get("requests", 0)


def pytest_sessionfinish(session: pytest.Session) -> None:
    logging.getLogger().removeHandler(_records)
    if hasattr(session.config, "workeroutput"):  # this is a worker; the main process adds up the results
        watched = {"answers": storewatch.watch.answers, "requests": storewatch.watch.requests}
        session.config.workeroutput |= {"leaks": secretwatch.watch.leaks, **watched}
    elif secretwatch.watch.leaks and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.line(storewatch.watch.summary())
    if secretwatch.watch.leaks:
        terminalreporter.section("a secret was printed or logged", red=True, bold=True)
        for leak in secretwatch.watch.leaks:
            terminalreporter.line(f"SECRET OUT {leak}")
