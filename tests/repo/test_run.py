"""The runner of every check: an interrupted stage leaves no processes behind, and a seed reaches the tests."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import run

ROOT = Path(__file__).resolve().parents[2]
STAYS = "import os, sys, signal; {more}; print(os.getpid(), file=open(sys.argv[1], 'w')); signal.pause()"
STAGE = """
import sys
from tests import run
run.ENDING_S = 0.5
run.stage("one", [sys.executable, "-c", *sys.argv[1:]])
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("more", ["pass", "signal.signal(signal.SIGINT, signal.SIG_IGN)"], ids=["listens", "deaf"])
def test_an_interrupted_stage_ends_its_run_also_one_that_does_not_listen(tmp_path: Path, more: str) -> None:
    file = tmp_path / "pid"
    os.mkfifo(file)
    command = [sys.executable, "-c", STAGE, STAYS.format(more=more), str(file)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as runner:
        pid = int(file.read_text())
        assert alive(pid)
        runner.send_signal(signal.SIGINT)
        _, told = runner.communicate(timeout=60)
    assert b"KeyboardInterrupt" in told
    assert not alive(pid)


def test_a_seed_reaches_every_suite_and_without_one_nothing_is_drawn_by_chance() -> None:
    for suite in run.BUDGET_S:
        assert "--hypothesis-seed=7" in run.pytest(suite, Path("report.xml"), 7)
        assert not [word for word in run.pytest(suite, Path("report.xml"), None) if word.startswith("--hypothesis")]
