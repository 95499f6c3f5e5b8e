"""Runs every check of the repository in order and prints its time; stops at the first that fails.

`make test` runs `python -m tests.run`, `make lint` runs `python -m tests.run lint`; CI runs the first through .ci/run.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

from tests import matrix, order

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent  # ruff, mypy and lint-imports of the same environment

# Seconds each suite may take. More prints a warning but does not fail: the machine may just be busy.
BUDGET_S = {"unit": 60, "contract": 120, "flow": 280, "repo": 60}

WORKERS = 2  # test processes for a suite, on any number of cores; time limits were chosen for this number

ENDING_S = 30.0  # time for an interrupted suite to end its processes: pytest-xdist waits up to 10 s for a worker

FLOOR = 90  # percent of lines and branches, all files together


class StageError(Exception):
    """A stage ended with an exit code other than 0."""


@dataclass(slots=True)
class Counts:
    """The number of tests of all suites together, by result."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    warnings: list[str] = field(default_factory=list)

    def add(self, report: Path) -> None:
        """Adds one suite from its JUnit file; without a file adds nothing."""
        if not report.exists():
            return
        for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314 - written by pytest a moment ago
            tests, failed, errors, skipped = (
                int(suite.get(k, "0")) for k in ("tests", "failures", "errors", "skipped")
            )
            self.failed += failed + errors
            self.skipped += skipped
            self.passed += tests - failed - errors - skipped

    def line(self, seconds: float) -> str:
        failed = f"{self.failed} failed, " if self.failed else ""
        return f"{failed}{self.passed} passed, {self.skipped} skipped in {seconds:.1f}s"


def stage(name: str, run: list[str], env: dict[str, str] | None = None, budget_s: int = 0) -> float:
    """Runs the command of one stage and returns its seconds. Raises StageError."""
    print(f"\n==> {name}", flush=True)
    started = time.monotonic()
    process = subprocess.Popen(run, cwd=ROOT, env=env)
    try:
        code = process.wait()
    finally:
        end(process)
    seconds = time.monotonic() - started
    print(f"    {name}: {seconds:.1f}s{f' of {budget_s}s' if budget_s else ''}", flush=True)
    if code:
        raise StageError(f"{name} (exit {code})")
    return seconds


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process that still runs after an interruption. Ctrl-C on a terminal already reached it, so it first gets
    time to end the processes of its tests. Then it gets SIGINT, and at last SIGKILL."""
    for tell in (None, signal.SIGINT, signal.SIGKILL):
        if tell is not None and process.poll() is None:
            process.send_signal(tell)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(ENDING_S)


def lint() -> None:
    stage("ruff check", [str(BIN / "ruff"), "check", "."])
    stage("ruff format", [str(BIN / "ruff"), "format", "--check", "."])
    stage("mypy", [str(BIN / "mypy")])
    stage("lint-imports", [str(BIN / "lint-imports"), "--no-logo"])


def suites(counts: Counts, parts: Path, seed: int | None, *, weigh: bool) -> None:
    """Runs pytest folder by folder under coverage, measuring also its workers and the processes the tests start."""
    cells = parts / "matrix.jsonl"
    env = {**os.environ, "COVERAGE_FILE": str(parts / ".coverage"), matrix.FILE: str(cells)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of short processes would each compile perkd again
    weights = dict[str, float]()
    for name, budget_s in BUDGET_S.items():
        report = parts / f"{name}.xml"
        try:
            seconds = stage(f"pytest {name}", pytest(name, report, seed), env, budget_s)
        finally:
            counts.add(report)
        if name != "repo":  # whose tests share what they build
            weights |= order.weights(report)
        if name == "contract":
            print(f"\nWhat each oddity of a game server comes to:\n\n{matrix.table(cells)}", flush=True)
        if seconds > budget_s:
            counts.warnings.append(f"WARNING pytest {name} took {seconds:.0f}s, its budget is {budget_s}s")
            print(counts.warnings[-1], flush=True)
    if weigh:
        order.FILE.write_text(json.dumps(weights, indent=1, sort_keys=True) + "\n", "utf-8")


def pytest(suite: str, report: Path, seed: int | None) -> list[str]:
    """The command that runs one suite. Each worker begins with long tests; one that is done takes tests from the
    other one."""
    return [
        *(sys.executable, "-m", "coverage", "run", "-m", "pytest", "-q"),
        *("-n", str(WORKERS), "--dist=worksteal", "-p", matrix.__name__, f"--junitxml={report}"),
        *([f"--hypothesis-seed={seed}"] if seed is not None else []),
        f"tests/{suite}",
    ]


def deciding() -> list[str]:
    """The pure files, in which every branch must be tested. The import contract `pure` lists them."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    [modules] = [contract["source_modules"] for contract in contracts if contract["id"] == "pure"]
    paths = [Path(*module.removeprefix("perkd.").split(".")) for module in modules]
    return [f"{path}/*" if (ROOT / path).is_dir() else f"{path}.py" for path in paths]


def coverage(parts: Path) -> None:
    """Checks that coverage is high enough. Keeps `.coverage`, so that `coverage html` shows the run afterwards."""
    coverage = [sys.executable, "-m", "coverage"]
    stage("coverage combine", [*coverage, "combine", "--quiet", "--data-file=.coverage", str(parts)])
    stage(f"coverage, at least {FLOOR} %", [*coverage, "report", f"--fail-under={FLOOR}"])
    include = f"--include={','.join(deciding())}"
    stage("coverage of the deciding modules, 100 %", [*coverage, "report", include, "--fail-under=100"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.run", description="Every check of the repository, in order.")
    parser.add_argument("what", nargs="?", choices=["all", "lint"], default="all", help="lint: no tests")
    parser.add_argument("--seed", type=int, metavar="N", help="draw other examples in property tests: those of seed N")
    parser.add_argument("--weigh", action="store_true", help=f"store which tests take long, in {order.FILE.name}")
    given = parser.parse_args()
    what: str = given.what
    seed: int | None = given.seed
    if what == "all":
        print("examples of property tests: " + ("the same in every run" if seed is None else f"of seed {seed}"))
    counts = Counts()
    started = time.monotonic()
    failure = ""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # on SIGTERM, also end the started processes
    try:
        lint()
        if what == "all":
            # Parts lie outside the checkout: two runs at once must not mix their measurements. A process that outlived
            # a failed suite may write into them while they are removed: then its failure is to be read, not that.
            with tempfile.TemporaryDirectory(prefix="perkd-coverage-", ignore_cleanup_errors=True) as parts:
                suites(counts, Path(parts), seed, weigh=given.weigh)
                coverage(Path(parts))
    except StageError as error:
        failure = str(error)
    except KeyboardInterrupt:
        failure = "an interruption"
    seconds = time.monotonic() - started
    print()
    for warning in counts.warnings:
        print(warning)
    if what == "all":
        print(f"==== {counts.line(seconds)} ====")
    print(f"FAILED at {failure}" if failure else f"OK, all checks passed in {seconds:.1f}s")
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
