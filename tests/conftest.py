"""What every test run shares: hypothesis profiles, the watch that no secret is printed or logged, and the one that
what perkd and the emulated stores say to each other is what PayNow's description provides for.

pytest loads it; tests use the fixture `secret`.
"""

import gc
import logging
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from perkd.daemon.sandbox.overheard import LISTENERS
from tests import secretwatch, storewatch
from tests.unmeasured import unmeasured

# How fast a machine draws its examples is no property of perkd: a busy one must not fail a test by it.
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
    """`secret("rcon password")` mints a unique secret that must never be printed or logged."""
    return secretwatch.mint


@pytest.fixture(autouse=True)
def the_store_and_perkd_speak_as_described(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails the test in which one of them did not. It is set up first, so the store is gone when it looks."""
    yield
    lies = request.node.get_closest_marker("store_lies") is not None
    mistakes = [one.text for one in storewatch.watch.take() if not (lies and one.by_store)]
    assert mistakes == []


@pytest.fixture(autouse=True)
def nothing_is_loaded_under_two_names() -> Iterator[None]:
    """Fails the test that imported `daemon` or `adapters` past the package `perkd`: each class would exist twice."""
    yield
    assert not {"daemon", "adapters"} & sys.modules.keys()


def pytest_configure(config: pytest.Config) -> None:
    """Without a seed every run draws the same examples, in CI or not: a failure is one of the change at hand."""
    seed = config.getoption("--hypothesis-seed")
    settings.load_profile("the same examples each time" if seed is None else "examples of a seed")


def pytest_sessionstart() -> None:
    if storewatch.FOLDER is not None:
        LISTENERS.append(storewatch.watch.hear)
    # A shell's background job ignores Ctrl-C, and every process started from it: some tests send it to theirs.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    logging.getLogger().addHandler(_records)


def pytest_collection_finish() -> None:
    """What exists by now stays: `gc.collect`, which many tests call, does not walk through all of it each time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A test of volume runs without coverage, which would make it take several times as long and find nothing new."""
    if item.get_closest_marker("volume") is None:
        yield
        return
    with unmeasured():
        yield


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when != "teardown":
        return  # the teardown report repeats the sections of the phases before it
    for title, text in report.sections:
        secretwatch.watch.inspect(f"{report.nodeid} ({title})", text)
    secretwatch.watch.inspect(f"{report.nodeid} (log record)", _records.take())


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist, before the session of the process that deals out the tests ends
def pytest_testnodedown(node: Any) -> None:
    """Takes over what a worker saw. One that died before it could say so has failed the run already."""
    seen = getattr(node, "workeroutput", {})
    secretwatch.watch.leaks.extend(leak for leak in seen.get("leaks", ()) if leak not in secretwatch.watch.leaks)
    storewatch.watch.answers += seen.get("answers", 0)
    storewatch.watch.requests += seen.get("requests", 0)


def pytest_sessionfinish(session: pytest.Session) -> None:
    logging.getLogger().removeHandler(_records)
    if hasattr(session.config, "workeroutput"):  # this process is a worker: another one sums up
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
