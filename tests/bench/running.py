"""perkd's daemon in a process of its own, and whoever measures it from outside.

`state.py` and `owner.py` start one. It prints its port when it is ready and ends with its standard input; for each line
on that it prints by how much its event loop was late at most since the last one, in milliseconds.
"""

import asyncio
import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from perkd.adapters import ADAPTERS
from perkd.daemon.cli import logs
from tests import bigledger
from tests.bench.common import ROOT

if TYPE_CHECKING:
    from perkd.daemon.app import App

SOON: Final = timedelta(milliseconds=1)
STEP_S: Final = 0.005
METER: Final = "meter"
AT_ONCE: Final = "at-once"
WAIT: Final = "wait"


class Daemon:
    """A running one. `ready_s`: from the start of the process until it was ready."""

    def __init__(self, process: "subprocess.Popen[str]", began: float) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout
        self.process_id = process.pid
        line = self._out.readline()
        if not line:
            raise RuntimeError("perkd did not start: an error above says why, or its log")
        self.port = int(line)
        self.ready_s = time.perf_counter() - began

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def late_ms(self) -> float:
        """Since the last call."""
        self._in.write("\n")
        self._in.flush()
        return float(self._out.readline())


@contextmanager
def daemon(config: Path, *, meter: bool = False, at_once: bool = False, loaded: bool = False) -> Iterator[Daemon]:
    """`meter`: the loop's lateness is measured, which takes some CPU time itself. `at_once`: without the limits of the
    config, everybody is always due. `loaded`: it is there only when every customer is on the roll."""
    words = [METER] * meter + [AT_ONCE] * at_once + [WAIT] * loaded
    command = [sys.executable, "-m", "tests.bench.running", str(config), *words]
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            perkd = Daemon(process, began)
            if loaded and process.stdout is not None:
                process.stdout.readline()
            yield perkd
        finally:
            process.communicate()  # it ends with its standard input


# In the process of its own


class Meter:
    """How late a task was that wants to run every 5 ms: nothing else could run meanwhile, either."""

    def __init__(self) -> None:
        self._latest_s = 0.0

    async def run(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(STEP_S)
            self._latest_s = max(self._latest_s, time.perf_counter() - began - STEP_S)

    def taken_ms(self) -> float:
        latest_s, self._latest_s = self._latest_s, 0.0
        return latest_s * 1000


async def _loaded(app: "App") -> None:
    """As `perkd run` does."""
    gc.disable()
    await app.loaded()
    gc.collect()
    gc.freeze()
    gc.enable()


async def serve(path: Path, *, meter: bool, at_once: bool, wait: bool) -> None:
    """As `perkd run`, until standard input ends."""
    from perkd.daemon.app import App

    if meter:
        os.sched_setaffinity(0, range(os.cpu_count() or 1))  # its threads have the machine, as an owner's do
    read = partial(bigledger.read, path)
    settings = read()
    if at_once:
        poll = replace(settings.poll, online=SOON, offline=SOON, rate=1_000_000.0)
        settings = replace(settings, poll=poll)
    app = App(settings, ADAPTERS, read=read, path=path)
    running = asyncio.create_task(app.run())
    await asyncio.wait({running, asyncio.ensure_future(app.ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        await running
    assert app.address is not None
    print(app.address[1], flush=True)
    loaded = asyncio.create_task(_loaded(app))
    if wait:
        await loaded
        print(flush=True)
    late = Meter()
    measuring = asyncio.create_task(late.run()) if meter else None
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while await lines.readline():
        await asyncio.sleep(2 * STEP_S)  # what was late has ended by now
        print(late.taken_ms(), flush=True)
    loaded.cancel()
    app.stop.set()
    app.hurry.set()
    with suppress(asyncio.CancelledError):
        await running
    if measuring is not None:
        measuring.cancel()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    with (folder.parent / "log").open("w") as log, redirect_stderr(log):
        logs.to_stderr({}, verbose=False)
        asyncio.run(
            serve(folder, meter=METER in sys.argv[2:], at_once=AT_ONCE in sys.argv[2:], wait=WAIT in sys.argv[2:])
        )
