"""Every check of the repository in order, each with its time; stops at the first that fails.

`make test` runs `python -m tests.run`, `make lint` runs `python -m tests.run lint`; CI runs the first through .ci/run.
"""

import argparse
import contextlib
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

from tests import matrix

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent  # ruff, mypy and lint-imports of the same environment

# Seconds each suite may take. Going over prints a warning and fails nothing: a busy machine is not a broken change.
BUDGET_S = {"unit": 60, "contract": 120, "flow": 280, "repo": 60}

AT_ONCE = {"contract": 2, "flow": 2}  # both mostly wait, for sockets and for processes: two runs fill two cores

ENDING_S = 10.0  # what an interrupted suite gets to end what it started

FLOOR = 90  # percent of lines and branches, all files together


class StageError(Exception):
    """A stage ended with an exit code other than 0."""


@dataclass(slots=True)
class Counts:
    """What all suites together did."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    warnings: list[str] = field(default_factory=list)

    def add(self, report: Path) -> None:
        """Adds one suite from its JUnit file; a run that died before writing one adds nothing."""
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


def stage(name: str, runs: list[list[str]], env: dict[str, str] | None = None, budget_s: int = 0) -> float:
    """Runs the commands of one stage at once and returns its seconds. The first one's output goes straight through, the
    others' follows it. Raises StageError."""
    print(f"\n==> {name}", flush=True)
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        outputs = [None, *(stack.enter_context(tempfile.TemporaryFile("w+")) for _ in runs[1:])]
        processes: list[subprocess.Popen[bytes]] = []
        stack.callback(end, processes)
        for run, output in zip(runs, outputs, strict=True):
            processes.append(subprocess.Popen(run, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT))
        codes = []
        for process, output in zip(processes, outputs, strict=True):
            codes.append(process.wait())
            if output is not None:
                output.seek(0)
                print(output.read(), flush=True)
    seconds = time.monotonic() - started
    print(f"    {name}: {seconds:.1f}s{f' of {budget_s}s' if budget_s else ''}", flush=True)
    if any(codes):
        raise StageError(f"{name} (exit {max(codes, key=abs)})")
    return seconds


def end(processes: list[subprocess.Popen[bytes]]) -> None:
    """None of them runs any more. Only after an interruption does one still run here: a terminal's Ctrl-C reaches it by
    itself, and it gets time to end the processes its tests started; else it is told, and then killed."""
    for tell in (None, signal.SIGINT, signal.SIGKILL):
        for process in processes:
            if tell is not None and process.poll() is None:
                process.send_signal(tell)
        until = time.monotonic() + ENDING_S
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, until - time.monotonic()))


def lint() -> None:
    stage("ruff check", [[str(BIN / "ruff"), "check", "."]])
    stage("ruff format", [[str(BIN / "ruff"), "format", "--check", "."]])
    stage("mypy", [[str(BIN / "mypy")]])
    stage("lint-imports", [[str(BIN / "lint-imports"), "--no-logo"]])


def suites(counts: Counts, parts: Path) -> None:
    """Runs pytest folder by folder under coverage, measuring also the processes the tests start."""
    cells = parts / "matrix.jsonl"
    env = {**os.environ, "COVERAGE_FILE": str(parts / ".coverage"), matrix.FILE: str(cells)}
    for name, budget_s in BUDGET_S.items():
        runs = []
        for number, files in enumerate(shares(name)):
            pytest = [
                "-m",
                "pytest",
                "-q",
                "-p",
                matrix.__name__,
                f"--junitxml={parts / f'{name}-{number}.xml'}",
                *files,
            ]
            runs.append([sys.executable, "-m", "coverage", "run", *pytest])
        try:
            seconds = stage(f"pytest {name}", runs, env, budget_s)
        finally:
            for number in range(len(runs)):
                counts.add(parts / f"{name}-{number}.xml")
        if name == "contract":
            print(f"\nWhat each oddity of a game server comes to:\n\n{matrix.table(cells)}", flush=True)
        if seconds > budget_s:
            counts.warnings.append(f"WARNING pytest {name} took {seconds:.0f}s, its budget is {budget_s}s")
            print(counts.warnings[-1], flush=True)


def shares(suite: str) -> list[list[str]]:
    """What each run of a suite gets: the folder, or its files, the heaviest first to whoever has least so far."""
    if suite not in AT_ONCE:
        return [[f"tests/{suite}"]]
    weights = {path: weight(path.read_text("utf-8")) for path in (ROOT / "tests" / suite).rglob("test_*.py")}
    dealt: list[list[Path]] = [[] for _ in range(AT_ONCE[suite])]
    for path in sorted(weights, key=lambda path: (-weights[path], path.name)):
        min(dealt, key=lambda share: sum(weights[one] for one in share)).append(path)
    return [sorted(str(path.relative_to(ROOT)) for path in share) for share in dealt]


def weight(text: str) -> int:
    """About how long a file of tests takes: by its length, and more for each process it starts."""
    command_lines = sum(text.count(f"{word}(") for word in ("perkd", "killed_at"))
    begun = sum(text.count(f"{word}(") for word in ("on_terminal", "start", "start_daemon"))
    return len(text) + 1000 * command_lines + 2000 * begun


def deciding() -> list[str]:
    """The files that decide who gets what: every branch of them is tested. The import contract `pure` is the list."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    [modules] = [contract["source_modules"] for contract in contracts if contract["id"] == "pure"]
    paths = [Path(*module.removeprefix("perkd.").split(".")) for module in modules]
    return [f"{path}/*" if (ROOT / path).is_dir() else f"{path}.py" for path in paths]


def coverage(parts: Path) -> None:
    """Checks the floors. `.coverage` stays, so that `coverage html` shows the run afterwards."""
    coverage = [sys.executable, "-m", "coverage"]
    stage("coverage combine", [[*coverage, "combine", "--quiet", "--data-file=.coverage", str(parts)]])
    stage(f"coverage, at least {FLOOR} %", [[*coverage, "report", f"--fail-under={FLOOR}"]])
    include = f"--include={','.join(deciding())}"
    stage("coverage of the deciding modules, 100 %", [[*coverage, "report", include, "--fail-under=100"]])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.run", description="Every check of the repository, in order.")
    parser.add_argument("what", nargs="?", choices=["all", "lint"], default="all", help="lint: no tests")
    what = parser.parse_args().what
    counts = Counts()
    started = time.monotonic()
    failure = ""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended from outside, it ends what it started as well
    try:
        lint()
        if what == "all":
            # Parts lie outside the checkout: two runs at once must not mix their measurements. A process that outlived
            # a failed suite may write into them while they are removed: then its failure is to be read, not that.
            with tempfile.TemporaryDirectory(prefix="perkd-coverage-", ignore_cleanup_errors=True) as parts:
                suites(counts, Path(parts))
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
