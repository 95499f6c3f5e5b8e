"""Runs a bulk verb until it is done, the store fails or a signal ends it, and reports the result of every line.

`assign_bulk.py` and `create_bulk.py` call it.
"""

import asyncio
import shlex
import signal
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...paynow import Limited, StoreError
from ..errors import CliError, Code, NotWell
from ..output import Style, many, printable, say, say_json, warn
from .remainder import lines_text, write_rows
from .sending import KILLED, Record
from .session import LIMITED_MOST, LONGEST_WAIT_S, SLOWER, StoreAccess, ask, end_of, facts_of, message_of

if TYPE_CHECKING:
    from ...paynow import Management

INTERRUPTED = "it was interrupted"
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class LineState(StrEnum):
    """The result of one line. Every verb uses the value of UNKNOWN as its word, also in the name of the file."""

    DONE = "done"
    PART = "part"
    UNDONE = "undone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LineResult:
    """The result of one line, and the `ids` of what the store created for it."""

    line: int
    state: LineState
    ids: tuple[str, ...] = ()


@dataclass(slots=True)
class Words:
    """The words of one verb, also in its JSON: for the state of a line, and `ids`, the field with the new ids."""

    of: Mapping[LineState, str]
    ids: str
    look: str  # what to do about unknown lines
    again: str  # the command that continues with a file


@dataclass(slots=True)
class Work:
    """The work so far: a result for each line, in their order. `error`, `stopped`: why it ended early."""

    results: list[LineResult] = field(default_factory=list)
    error: StoreError | None = None
    at: Sequence[int] = ()  # the lines that were sent together when it failed
    sending: Sequence[int] = ()  # the lines of the piece that is on its way
    stopped: str | None = None
    interrupted: bool = False


def carry_out(where: StoreAccess, doing: Callable[["Management", Work], Awaitable[None]], record: Record) -> Work:
    """Runs `doing`, which fills the results, until it ends, fails, or a signal stops it. After a signal, the result of
    the piece on its way is unknown. Raises a CliError when nothing went through."""
    work = Work()

    async def run(management: "Management") -> None:
        task = asyncio.ensure_future(doing(management, work))
        loop = asyncio.get_running_loop()
        for number in ENDING:
            loop.add_signal_handler(number, task.cancel)
        try:
            await task
        except StoreError as error:
            work.error = error
        except asyncio.CancelledError:
            work.interrupted = True
        finally:
            for number in ENDING:
                loop.remove_signal_handler(number)

    ask(where, run)
    if work.interrupted:
        work.stopped = INTERRUPTED
        work.results += [LineResult(line, LineState.UNKNOWN) for line in work.sending]
        if not work.results:
            _forget(record)
            raise NotWell(Code.INTERRUPTED, f"no row went through: {INTERRUPTED}. You can send the same file again")
    elif work.error is not None:
        if all(result.state is LineState.UNDONE for result in work.results):
            end = end_of(work.error)
            again = "Correct that, and send the file again" if end is NotWell else "You can send the same file again"
            _forget(record)
            raise end(
                work.error.code,
                f"no row went through: {_where(work, work.error)}{message_of(work.error)}. {again}",
                lines=_lines(work, work.error) or None,
                **facts_of(work.error, changes=False),
            ) from work.error
        work.stopped = f"{_where(work, work.error)}{message_of(work.error, retry_hint=False)}"
    return work


def after_the_kill(record: Record, found: Callable[[], Iterable[LineResult]]) -> Work:
    """The results of a run that was killed; `found` gives those of the lines being sent. It sends nothing. Raises the
    CliError of `found`, and NotWell when no row went through."""
    killed = record.killed
    assert killed is not None  # noqa: S101 - callers checked it
    warn(f"{record.story()} This run sends nothing: it reports what went through")
    work = Work([LineResult(line, LineState.DONE) for line in killed.done], stopped=KILLED)
    if killed.sending:
        try:
            work.results += found()
        except CliError as error:
            raise type(error)(
                error.code,
                f"perkd does not know whether {lines_text(killed.sending)} went through: {error}. Nothing was sent. "
                f"Run the same command again to ask again; {record.path} stays until then",
                lines=killed.sending,
                **{**error.facts, "may_have_happened": True},
            ) from error
    if all(result.state is LineState.UNDONE for result in work.results):
        _forget(record)
        raise NotWell(Code.EARLIER_RUN_KILLED, f"no row went through: {KILLED}. You can send the same file again")
    return work


def _forget(record: Record) -> None:
    if trouble := record.remove():
        warn(trouble)


def _lines(work: Work, error: StoreError) -> Sequence[int]:
    """The lines of a failure: the line that the store names, else all lines that were sent together."""
    named = error.row is not None and error.row < len(work.at)
    return [work.at[error.row]] if error.row is not None and named else work.at


def _where(work: Work, error: StoreError) -> str:
    """The lines of a failure, as text before its message."""
    lines = _lines(work, error)
    return f"{lines_text(lines)}: " if lines else ""


async def patiently(work: Work, once: Callable[[], Awaitable[None]]) -> None:
    """Calls `once`, which fills `work`. If the store asks for a slower pace, it calls `once` again, and `once`
    continues where it stopped. Raises what `once` raises, also Limited after LIMITED_MOST refusals of one piece."""
    tried, done = 0, 0
    while True:
        try:
            await once()
        except Limited as error:
            tried, done = (1 if len(work.results) > done else tried + 1), len(work.results)
            if tried == LIMITED_MOST or (error.retry_after_s or 0.0) > LONGEST_WAIT_S:
                raise
            warn(SLOWER)
        else:
            return


def report(
    file: Path,
    header: Sequence[str],
    rests: Mapping[int, Mapping[str, str]],
    work: Work,
    words: Words,
    record: Record,
    *,
    json: bool,
) -> None:
    """Reports the result of every line, writes the files with the rows that are left, and deletes the record. `rests`
    has the cells to send again for each line of `file`. Raises NotWell when a line did not go through."""
    states = dict.fromkeys(rests, LineState.UNDONE) | {result.line: result.state for result in work.results}
    lines_in = {state: [line for line, its in states.items() if its is state] for state in LineState}
    unknown, part = lines_in[LineState.UNKNOWN], lines_in[LineState.PART]
    left = [line for line, state in states.items() if state in (LineState.UNDONE, LineState.PART)]
    files: dict[str, str] = {}
    troubles: list[str] = []
    for kind, lines in (("rest", left), (LineState.UNKNOWN.value, unknown)):
        if lines and (len(lines) < len(rests) or part):  # not a copy of the whole file
            full = (*header, "quantity") if part and "quantity" not in header else header
            try:
                files[kind] = str(write_rows(file, kind, full, (rests[line] for line in lines)))
            except NotWell as error:
                troubles.append(str(error))
    if json:
        ids = {result.line: result.ids for result in work.results}
        rows: list[dict[str, Any]] = [
            {"line": line, "state": words.of[state], words.ids: list(ids.get(line, ()))}
            for line, state in states.items()
        ]
        stopped = {"stopped": work.stopped, "rest": files.get("rest"), "unknown": files.get(LineState.UNKNOWN)}
        say_json({"file": str(file), "rows": len(rests), "results": rows, **stopped})
    else:
        for state, lines in lines_in.items():
            text = f"{words.of[state]}: {lines_text(lines)} ({many(len(lines), 'row')})"
            if lines and state is LineState.UNKNOWN:
                say(f"{text}. {words.look}", style=Style.BAD)
            elif lines:
                say(text)
    if troubles and record.path.exists():  # without these files, only the record knows the results
        troubles.append(f"{record.path} stays: the same command reports this again, and writes the files")
    else:
        _forget(record)
    if not left and not unknown:
        return
    texts = [*_why(work), *troubles, *_go_on(files, words, all_unknown=len(unknown) == len(rests))]
    raise NotWell(Code.ROWS_LEFT, "\n".join(texts), lines=left, may_have_happened=bool(unknown))


def _why(work: Work) -> list[str]:
    return [f"stopped: {printable(work.stopped)}"] if work.stopped else []


def _go_on(files: Mapping[str, str], words: Words, *, all_unknown: bool) -> list[str]:
    texts = []
    if all_unknown:
        texts.append("every row is unknown: check first, then remove from the file what the store has, and send it")
    if "rest" in files:
        again = words.again.format(file=shlex.quote(files["rest"]))
        texts.append(f"the rows that did not go through are in {files['rest']}: `{again}` continues with them")
    if LineState.UNKNOWN in files:
        file = files[LineState.UNKNOWN]
        texts.append(
            f"the unknown rows are in {file}: check first, then remove from it what the store has, and send it"
        )
    return texts
