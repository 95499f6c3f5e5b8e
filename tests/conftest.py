"""What every test run shares: hypothesis profiles, the watch that no secret is printed or logged, and the one that
what perkd and the emulated stores say to each other is what PayNow's description provides for.

pytest loads it; tests use the fixture `secret`.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from perkd.daemon.sandbox.overheard import LISTENERS
from tests import secretwatch, storewatch

settings.register_profile("perkd", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "perkd"))

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


def pytest_sessionstart() -> None:
    if storewatch.FOLDER is not None:
        LISTENERS.append(storewatch.watch.hear)
    # A shell's background job ignores Ctrl-C, and every process started from it: some tests send it to theirs.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    logging.getLogger().addHandler(_records)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when != "teardown":
        return  # the teardown report repeats the sections of the phases before it
    for title, text in report.sections:
        secretwatch.watch.inspect(f"{report.nodeid} ({title})", text)
    secretwatch.watch.inspect(f"{report.nodeid} (log record)", _records.take())


def pytest_sessionfinish(session: pytest.Session) -> None:
    logging.getLogger().removeHandler(_records)
    if secretwatch.watch.leaks and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.line(storewatch.watch.summary())
    if secretwatch.watch.leaks:
        terminalreporter.section("a secret was printed or logged", red=True, bold=True)
        for leak in secretwatch.watch.leaks:
            terminalreporter.line(f"SECRET OUT {leak}")
