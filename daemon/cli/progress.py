"""Shows the progress of long work on stderr: a bar on a terminal, elsewhere a plain line for each tenth.

`plan --fresh`, `check --connect`, `customers import` and `perkd store` use it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from .output import console


@contextmanager
def progress(total: int, doing: str, done_line: str) -> Iterator[Callable[[int], None]]:
    """Gives a function to call with the number of things just done. `doing` is the text before the bar; `done_line` is
    the plain line, with `{done}` in it."""
    out = console(stderr=True)
    if out.is_terminal:
        columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=out, transient=True) as bar:
            task = bar.add_task("", total=total)
            yield lambda more: bar.advance(task, more)
        return
    done, told = 0, 0

    def step(more: int) -> None:
        nonlocal done, told
        done += more
        if total and done * 10 // total > told:
            told = done * 10 // total
            out.print(done_line.format(done=done))

    yield step


@contextmanager
def counting(doing: str, done_line: str, *, every: int = 1000) -> Iterator[Callable[[int], None]]:
    """Like `progress`, for an unknown total: a count on a terminal, elsewhere a plain line for each `every`."""
    out = console(stderr=True)
    if out.is_terminal:
        columns = (SpinnerColumn(), TextColumn(doing), TextColumn("{task.completed}"))
        with Progress(*columns, console=out, transient=True) as bar:
            task = bar.add_task("", total=None)
            yield lambda more: bar.advance(task, more)
        return
    done, told = 0, 0

    def step(more: int) -> None:
        nonlocal done, told
        done += more
        if done // every > told:
            told = done // every
            out.print(done_line.format(done=done))

    yield step
