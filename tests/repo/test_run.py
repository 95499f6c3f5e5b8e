"""The runner of every check: a stage that is interrupted leaves none of its runs behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests import run

ROOT = Path(__file__).resolve().parents[2]
# Two runs: each says who it is and stays; the second does not care for Ctrl-C.
STAYS = "import os, sys, time, signal; {more}; print(os.getpid(), file=open(sys.argv[1], 'w')); signal.pause()"
STAGE = """
import sys
from tests import run
run.ENDING_S = 0.5
run.stage("two", [[sys.executable, "-c", code, file] for code, file in zip(sys.argv[1::2], sys.argv[2::2])])
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_interrupted_stage_ends_all_its_runs_also_one_that_does_not_listen(tmp_path: Path) -> None:
    files = [tmp_path / "first", tmp_path / "second"]
    for file in files:
        os.mkfifo(file)
    deaf = "signal.signal(signal.SIGINT, signal.SIG_IGN)"
    codes = [STAYS.format(more="pass"), STAYS.format(more=deaf)]
    arguments = [str(one) for pair in zip(codes, files, strict=True) for one in pair]
    with subprocess.Popen([sys.executable, "-c", STAGE, *arguments], cwd=ROOT, stderr=subprocess.PIPE) as runner:
        pids = [int(file.read_text()) for file in files]
        assert all(map(alive, pids))
        runner.send_signal(signal.SIGINT)
        _, told = runner.communicate(timeout=60)
    assert b"KeyboardInterrupt" in told
    assert not any(map(alive, pids))


def test_every_file_of_a_suite_is_run_once() -> None:
    for suite in run.BUDGET_S:
        dealt = [file for share in run.shares(suite) for file in share]
        files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests" / suite).rglob("test_*.py"))
        assert sorted(dealt) == (files if suite in run.AT_ONCE else [f"tests/{suite}"])
