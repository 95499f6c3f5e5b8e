"""Runs the command line on a pseudo-terminal, types answers, and returns what the terminal showed.

The flow tests use it where a terminal makes a difference: questions, hidden input, folding, colour.
"""

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.world import DEADLINE_S, ROOT, gone


async def on_terminal(
    *arguments: str,
    answers: Sequence[tuple[str, str]] = (),
    columns: int = 80,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> tuple[int, str]:
    """The exit code and everything the terminal showed. `answers`: text to wait for → answer to type, with Enter."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    plain = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "perkd", *arguments),
        cwd=cwd,
        env={**plain, "TERM": "xterm-256color", **(env or {})},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    screen = _Screen(master, answers)
    asyncio.get_running_loop().add_reader(master, screen.read)
    try:
        await asyncio.wait_for(asyncio.gather(process.wait(), screen.ended.wait()), DEADLINE_S * 2)
    except TimeoutError:
        raise AssertionError(f"still running; it showed: {screen.shown()}") from None
    finally:
        await gone(process)
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)
    return process.returncode or 0, screen.shown()


class _Screen:
    """Collects the output and types each answer when its question appears."""

    def __init__(self, master: int, answers: Sequence[tuple[str, str]]) -> None:
        self.ended = asyncio.Event()
        self._master = master
        self._answers = list(answers)
        self._data = b""

    def shown(self) -> str:
        return self._data.decode("utf-8", "replace").replace("\r\n", "\n")

    def read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # on Linux: the last process closed the terminal
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._master)
            self.ended.set()
            return
        self._data += data
        if self._answers and self._answers[0][0] in self.shown():
            os.write(self._master, self._answers.pop(0)[1].encode() + b"\n")
