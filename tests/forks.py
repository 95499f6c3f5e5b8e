"""Processes that start fast: each is forked from an idle process that has already imported everything.

tests/world.py runs the command line in them, tests/flow/killing.py the daemons that kill themselves.
"""

import atexit
import multiprocessing
import os
import sys
from collections.abc import Sequence
from multiprocessing import forkserver, resource_tracker
from pathlib import Path

import coverage

from perkd.__main__ import main
from perkd.daemon.paynow.items_api import ItemsApi

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["pytest", "tests.forks", "perkd.daemon.cli", "tests.flow.crashing", "tests.flow.dyingenrolment"]
)


@atexit.register
def end_forks() -> None:
    """Ends the fork server and the resource tracker now. Otherwise they end after this process and write their
    coverage data too late."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]  # there is no public function for it
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]


def command_line(arguments: Sequence[str], folder: Path, cwd: Path) -> None:
    """Runs `perkd` once in a forked process. Its streams are the files `in`, `out` and `err` in the folder."""
    for number, name in enumerate(("in", "out", "err")):
        file = os.open(folder / name, os.O_RDWR)
        os.dup2(file, number)
        os.close(file)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process lives
    os.chdir(cwd)
    ItemsApi.settle_s = 0.1  # the emulated store has finished its work when it answers
    sys.argv = ["perkd", *arguments]
    try:
        main()
    finally:
        measured = coverage.Coverage.current()
        if measured is not None:  # a forked process runs no exit handlers
            measured.stop()
            measured.save()
