"""The contract matrix: the result of each unusual server behaviour, for every adapter over every transport.

tests/run.py loads it as a pytest plugin for the contract suite and prints `table`. A test adds one cell by
`record_property(*cell(switch, row, told))`.
"""

import json
import os
from pathlib import Path

import pytest

PROPERTY = "matrix"
FILE = "PERKD_MATRIX"  # the environment variable that names the file; without it nothing is written


def cell(switch: str, row: str, told: str) -> tuple[str, str]:
    """One cell, as a property of the test that produced it."""
    return PROPERTY, json.dumps([switch, row, told])


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    path = os.environ.get(FILE)
    if path is None or report.when != "call" or "PYTEST_XDIST_WORKER" in os.environ:
        return  # the main process gets the reports of all workers
    with Path(path).open("a", encoding="utf-8") as file:
        for name, value in report.user_properties:
            if name == PROPERTY:
                switch, row, told = json.loads(str(value))
                file.write(json.dumps([switch, row, told if report.passed else "FAILED"]) + "\n")


def table(path: Path) -> str:
    """The cells in `path` as text: a line for each switch, a column for each row of GAMES. Both are sorted, because
    tests run in any order. "" without cells."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    cells = {(switch, row): told for switch, row, told in map(json.loads, lines)}
    if not cells:
        return ""
    rows = sorted({row for _, row in cells})
    switches = sorted({switch for switch, _ in cells})
    grid = [["", *rows]] + [[switch, *(cells.get((switch, row), "") for row in rows)] for switch in switches]
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in grid
    )
