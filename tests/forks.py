"""Processes that start at once: each is forked from one that has imported everything already and runs nothing.

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
    """Python would leave that process, and the one that tracks its resources, to end by themselves some time after this
    one: they would write what they measured where nobody expects it any more."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]  # there is no public word for it
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]


def command_line(arguments: Sequence[str], folder: Path, cwd: Path) -> None:
    """The life of a process that runs `perkd` once. Its streams are the files `in`, `out` and `err` in the folder."""
    for number, name in enumerate(("in", "out", "err")):
        file = os.open(folder / name, os.O_RDWR)
        os.dup2(file, number)
        os.close(file)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process lives
    os.chdir(cwd)
    ItemsApi.settle_s = 0.1  # the emulated store is done when it answers: nobody need give it time
    sys.argv = ["perkd", *arguments]
    try:
        main()
    finally:
        measured = coverage.Coverage.current()
        if measured is not None:  # such a process ends without what others do at their end
            measured.stop()
            measured.save()
