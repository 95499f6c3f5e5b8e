"""`make bench` works: a few rounds end to end, and the check of their results. No test here depends on time."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench import __main__ as command
from tests.bench.clients import MCRCON, NATIVE, RAW
from tests.bench.common import Bar, Result, Spread, judged, table

ROOT = Path(__file__).resolve().parents[2]

GOOD = Spread(1.0, 0.9, 1.1)
BAD = Spread(2.0, 1.9, 2.1)


def result(spread: Spread) -> Result:
    return Result("One thing", ("client",), [("perkd",)], [Bar("perkd: cost", "raw", 1.5, spread, at_most=True)])


@pytest.mark.parametrize("installed", [True, False])
def test_a_smoke_run_measures_every_client_and_judges_nothing(installed: bool, tmp_path: Path) -> None:
    if not installed:  # as after `make test` alone: the module is not found
        (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['aiomcrcon'] = None\n")
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "rcon", "--smoke"],
        cwd=ROOT,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "$ python -m tests.bench rcon --smoke"
    assert "mcrcon 0.7.0" in lines[1]
    for name in (RAW, NATIVE, MCRCON):
        assert len([line for line in lines if line.startswith(f"| {name} ")]) == 3
    judgements = re.findall(r"\| (\S+|not judged) +\|$", done.stdout, re.MULTILINE)
    assert judgements.count("not judged") >= 7
    assert "holds" not in judgements
    assert lines[-1] == "smoke run: nothing is judged"


@pytest.mark.parametrize(
    ("room", "shown"),
    [
        (
            "polls",
            [
                "aiohttp, GET and read",
                "the script of an owner",
                "perkd, nothing changed",
                "perkd, nothing changed, ETag",
            ],
        ),
        ("owner", ["perkd at rest", "perkd reading", "aiohttp, GET and read, as often"]),
        ("state", ["claim, nothing to send", "next due", "GET /status", "customers import", "reload"]),
        ("hour", ["5 "]),
        ("reaction", ["5 ", "3 "]),
    ],
)
def test_a_smoke_run_of_each_room_measures_and_judges_nothing(room: str, shown: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", room, "--smoke"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    for name in shown:
        assert f"| {name}" in done.stdout
    assert "MISSED" not in done.stdout
    assert done.stdout.endswith("smoke run: nothing is judged\n")


@pytest.mark.parametrize(
    ("spread", "holds"),
    [
        (Spread(0.76, 0.7, 0.8), True),
        (Spread(0.74, 0.7, 0.83), True),  # a bad median alone may be noise
        (Spread(0.74, 0.7, 0.82), False),
        (Spread(0.5, 0.4, 0.6), False),
    ],
)
def test_a_bar_from_below_is_missed_by_median_and_upper_quartile_together(spread: Spread, holds: bool) -> None:
    assert Bar("perkd: rate", "raw", 0.75, spread).holds is holds


@pytest.mark.parametrize(
    ("spread", "holds"),
    [
        (Spread(1.4, 1.0, 9.0), True),
        (Spread(1.6, 1.3, 2.0), True),
        (Spread(1.6, 1.4, 2.0), False),
        (Spread(3.0, 2.0, 4.0), False),
    ],
)
def test_a_bar_from_above_is_missed_by_median_and_lower_quartile_together(spread: Spread, holds: bool) -> None:
    assert Bar("perkd: p99", "alone", 1.5, spread, at_most=True).holds is holds


def test_the_spread_is_the_median_and_the_quartiles() -> None:
    assert Spread.of([5.0, 1.0, 3.0, 2.0, 4.0]) == Spread(3.0, 2.0, 4.0)
    assert Spread.of([2.0]) == Spread(2.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("runs", "held", "told"),
    [((GOOD,), True, ["holds"]), ((BAD, GOOD), True, ["MISSED", "holds"]), ((BAD, BAD), False, ["MISSED", "MISSED"])],
)
async def test_a_missed_bar_is_measured_once_more(runs: tuple[Spread, ...], held: bool, told: list[str]) -> None:
    left: Iterator[Spread] = iter(runs)
    said: list[str] = []

    async def scenario() -> Result:
        return result(next(left))

    assert await judged(scenario, said.append) is held
    assert list(left) == []
    assert re.findall(r"holds|MISSED", "\n".join(said)) == told


@pytest.mark.parametrize(("spread", "code"), [(GOOD, 0), (BAD, 1)])
async def test_the_exit_code_says_whether_every_bar_holds(
    spread: Spread, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scenario(_small: bool) -> Result:
        return result(spread)

    assert await command.run([scenario], smoke=False) == code
    assert capsys.readouterr().out.endswith("every bar holds\n" if code == 0 else "A BAR IS MISSED\n")


def test_a_table_is_markdown_with_aligned_columns() -> None:
    assert table(("a", "long head"), [("wide cell", "b")]) == (
        "| a         | long head |\n|-----------|-----------|\n| wide cell | b         |"
    )
