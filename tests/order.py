"""The order of the tests of a run: long ones first, so that no worker begins one when the other is done already.

`python -m tests.run --weigh` measures anew which tests are long.
"""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

FILE = Path(__file__).with_name("durations.json")
LONG_S = 1.0


def weights(report: Path) -> dict[str, float]:
    """The seconds of each long test by its name, from a suite's JUnit file; parameters count together."""
    found = dict[str, float]()
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 - written by pytest a moment ago
        name = _name(f"{case.get('classname')}.{case.get('name')}")
        found[name] = max(found.get(name, 0.0), float(case.get("time", 0.0)))
    return {name: round(seconds, 1) for name, seconds in found.items() if seconds >= LONG_S}


def _name(test: str) -> str:
    """A test's name as JUnit files have it, without parameters; from such a name or from pytest's."""
    return re.sub(r"\.py::|::|/", ".", test.partition("[")[0])


def arrange(items: list[pytest.Item], workers: int) -> None:
    """Puts the longest tests at the start of each worker's share; pytest-xdist deals out as many shares as workers."""
    stored: dict[str, float] = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    weight = {item: stored.get(_name(item.nodeid), 0.0) for item in items}
    long = sorted(filter(weight.get, items), key=lambda item: -weight[item])
    short = [item for item in items if not weight[item]]
    share = -(-len(items) // workers)
    items.clear()
    for number in range(workers):
        mine = long[number::workers]
        room = share - len(mine)
        items += mine + short[:room]
        del short[:room]
