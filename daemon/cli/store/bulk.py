"""A bulk verb's work: goes on until the store fails or somebody ends it, and says what became of every line.

`storeassign` and `storenewcustomers` call it.
"""

import asyncio
import re
import shlex
import signal
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...paynow import Limited, StoreError
from ..errors import CliError, NotWell
from ..output import many, printable, say, say_json, warn
from .remainder import lines_text, write_rows
from .sending import KILLED, Record
from .session import LIMITED_MOST, LONGEST_WAIT_S, SLOWER, Desk, ask, ended, told

if TYPE_CHECKING:
    from ...paynow import Management

UNKNOWN = "unknown"
_PLACE = re.compile(r"The store says: \[([0-9]{1,3})\]")
INTERRUPTED = "it was interrupted"
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class LineSaid:
    """What became of one line: `state` is a word of the verb or UNKNOWN, `ids` what the store made for it."""

    line: int
    state: str
    ids: tuple[str, ...] = ()


@dataclass(slots=True)
class Words:
    """How a verb calls things: `done` and `undone` are states, `ids` the JSON name of what was made."""

    done: str
    undone: str
    part: str
    ids: str
    look: str  # what to do about an unknown line
    again: str  # the verb that goes on with a file


@dataclass(slots=True)
class Work:
    """Fills while it goes on: a result for each line from the first on. `error`, `stopped`: why it ended early."""

    results: list[LineSaid] = field(default_factory=list)
    error: StoreError | None = None
    at: Sequence[int] = ()  # the lines that were sent together when it failed
    sending: Sequence[int] = ()  # the lines of the piece that is on its way
    stopped: str | None = None
    interrupted: bool = False


def carry_out(
    where: Desk, doing: Callable[["Management", Work], Awaitable[None]], words: Words, record: Record
) -> Work:
    """Runs `doing`, which fills the work's results, until it ends, fails, or a signal ends it: of a piece on its way
    then nobody knows whether the store has it. Raises the CliError of a failure before anything went through."""
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
        work.results += [LineSaid(line, UNKNOWN) for line in work.sending]
        if not work.results:
            _forget(record)
            raise NotWell(f"no row went through: {INTERRUPTED}. The same file can be sent again")
    elif work.error is not None:
        if all(said.state == words.undone for said in work.results):
            end = type(ended(work.error))
            again = "Correct that, and send the file" if end is NotWell else "The same file can be sent"
            _forget(record)
            raise end(f"no row went through: {_where(work, told(work.error))}. {again} again") from work.error
        work.stopped = _where(work, told(work.error, blindly=False))
    return work


def after_the_kill(record: Record, words: Words, found: Callable[[], Iterable[LineSaid]]) -> Work:
    """What became of the lines of the run that was killed; `found` says it of those that were being sent. Nothing is
    sent. Raises the CliError of `found`, and NotWell when no row went through."""
    killed = record.killed
    assert killed is not None  # noqa: S101 - callers looked
    warn(f"{record.story()} Nothing is sent now: this says what went through")
    work = Work([LineSaid(line, words.done) for line in killed.done], stopped=KILLED)
    if killed.sending:
        try:
            work.results += found()
        except CliError as error:
            raise type(error)(
                f"whether {lines_text(killed.sending)} went through is not known: {error}. Nothing was sent; the same "
                f"command asks again, and {record.path} stays until then"
            ) from error
    if all(said.state == words.undone for said in work.results):
        _forget(record)
        raise NotWell(f"no row went through: {KILLED}. The same file can be sent again")
    return work


def _forget(record: Record) -> None:
    if trouble := record.remove():
        warn(trouble)


def _where(work: Work, text: str) -> str:
    """The message of a failure with the lines it is about; the store counts the rows of one request from 0."""
    if not work.at:
        return text
    place = _PLACE.search(text)
    if place is not None and int(place[1]) < len(work.at):
        return f"line {work.at[int(place[1])]}: {text}"
    return f"{lines_text(work.at)}: {text}"


async def patiently(work: Work, once: Callable[[], Awaitable[None]]) -> None:
    """Calls `once`, which fills `work` and goes on where it stopped, again when the store only asks for a slower pace:
    the next request waits for its turn. Raises as `once` does, and after LIMITED_MOST refusals for one piece."""
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
    """Says what became of every line and writes the files to go on with: `rests` has for each line of `file` what is
    still to be sent of it, were it not through. Then the record goes. Raises NotWell when a line did not go through."""
    states = dict.fromkeys(rests, words.undone) | {said.line: said.state for said in work.results}
    left = [line for line, state in states.items() if state in (words.undone, words.part)]
    unknown = [line for line, state in states.items() if state == UNKNOWN]
    done = [line for line, state in states.items() if state == words.done]
    part = [line for line, state in states.items() if state == words.part]
    files: dict[str, str] = {}
    troubles: list[str] = []
    for kind, lines in (("rest", left), (UNKNOWN, unknown)):
        if lines and (len(lines) < len(rests) or part):  # the whole file is no rest when some of its items were made
            full = (*header, "quantity") if part and "quantity" not in header else header
            try:
                files[kind] = str(write_rows(file, kind, full, (rests[line] for line in lines)))
            except NotWell as error:
                troubles.append(str(error))
    if json:
        ids = {said.line: said.ids for said in work.results}
        rows: list[dict[str, Any]] = [
            {"line": line, "state": state, words.ids: list(ids.get(line, ()))} for line, state in states.items()
        ]
        stopped = {"stopped": work.stopped, "rest": files.get("rest"), "unknown": files.get(UNKNOWN)}
        say_json({"file": str(file), "rows": len(rests), "results": rows, **stopped})
    else:
        for name, lines in ((words.done, done), (words.part, part), (words.undone, sorted({*left} - {*part}))):
            if lines:
                say(f"{name}: {lines_text(lines)} ({many(len(lines), 'row')})")
        if unknown:
            say(f"{UNKNOWN}: {lines_text(unknown)} ({many(len(unknown), 'row')}). {words.look}", style="bold red")
    if troubles and record.path.exists():  # while the files are not written, it is all that knows
        troubles.append(f"{record.path} stays: the same command says this again, and writes the files")
    else:
        _forget(record)
    if not left and not unknown:
        return
    raise NotWell("\n".join([*_why(work), *troubles, *_go_on(files, words, all_unknown=len(unknown) == len(rests))]))


def _why(work: Work) -> list[str]:
    return [f"stopped: {printable(work.stopped)}"] if work.stopped else []


def _go_on(files: Mapping[str, str], words: Words, *, all_unknown: bool) -> list[str]:
    said = []
    if all_unknown:
        said.append("every row is unknown: look first, then keep in the file what is missing, and send it")
    if "rest" in files:
        again = words.again.format(file=shlex.quote(files["rest"]))
        said.append(f"what did not go through is in {files['rest']}: `{again}` goes on with it")
    if UNKNOWN in files:
        said.append(
            f"the unknown rows are in {files[UNKNOWN]}: look first, then keep in it what is missing, and send it"
        )
    return said
