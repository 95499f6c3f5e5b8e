"""Records on disk which lines of a file are being sent, before they are sent: so perkd notices a run that was killed.

`bulk.py`, `assign_bulk.py` and `create_bulk.py` call it. The record FILE.sending exists beside the file from before the
first piece is sent until the run has reported the result of every line.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError

from ...paynow import StoreError
from ..errors import Code, NotWell
from .remainder import lines_text, numbers, spans

ABOUT = (
    "perkd writes this file before it sends lines, and deletes it when it has reported their results. If no perkd is "
    "running, the run was killed. Run the same command again: it sends nothing, and reports the results"
)
KILLED = "an earlier run was killed, and this run sent nothing"


class Unrecorded(StoreError):
    """The record cannot be written, so the piece was not sent. A StoreError, because it ends the work like one."""

    code = "record_unwritable"


Numbers = Annotated[
    tuple[int, ...],
    BeforeValidator(lambda value: numbers(value) if isinstance(value, str) else value),
    PlainSerializer(spans, return_type=str),
]


class Sending(BaseModel):
    """The content of the record. `before`: the newest item id of the store before the lines in `sending` were sent. If
    the store cannot list its items: the items that each of these customers owned. Null: not known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str = ABOUT
    verb: str
    file: str
    sha256: str
    store_id: str
    started_at: AwareDatetime
    written_at: AwareDatetime
    done: Numbers
    sending: Numbers
    before: str | dict[str, list[str]] | None = None


class Record:
    """The record of one file. `killed`: the record of an earlier run that was killed. `recorded` makes it."""

    def __init__(self, file: Path, verb: str, now: Callable[[], datetime]) -> None:
        self._file, self._verb, self._now, self._store_id = file, verb, now, ""
        whole = Path(os.path.realpath(file))
        self.path = whole.with_name(f"{whole.name}.sending")
        self._part = whole.with_name(f"{whole.name}.sending.part")
        # The hash is read before the rows: if the file changes in between, perkd notices it.
        self._sha256 = ""
        with suppress(OSError):  # the code that reads the rows reports the error
            self._sha256 = hashlib.sha256(whole.read_bytes()).hexdigest()
        self.killed = self._left()
        self.started_at = now() if self.killed is None else self.killed.started_at

    def for_store(self, store_id: str) -> None:
        """Sets the store. Raises NotWell when the record is about another store."""
        if self.killed is not None and self.killed.store_id != store_id:
            raise NotWell(
                Code.RECORD_DIFFERS,
                f"nothing was sent. {self.story()} It sent to store {self.killed.store_id}, but [store] id is "
                f"{store_id}: name the configuration of the other store with -c. {self._or_remove()}",
            )
        self._store_id = store_id

    def write(
        self, done: Iterable[int], sending: Sequence[int] = (), before: str | Mapping[str, Iterable[str]] | None = None
    ) -> None:
        """Writes the lines that are done, and those that are sent next. Raises Unrecorded."""
        says = Sending(
            verb=self._verb,
            file=self._file.name,
            sha256=self._sha256,
            store_id=self._store_id,
            started_at=self.started_at,
            written_at=self._now(),
            done=tuple(done),
            sending=tuple(sending),
            before={customer: sorted(ids, key=int) for customer, ids in before.items()}
            if isinstance(before, Mapping)
            else before,
        )
        try:
            self._part.unlink(missing_ok=True)
            fd = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "w", encoding="utf-8") as out:
                out.write(says.model_dump_json(indent=2) + "\n")
                out.flush()
                os.fsync(fd)
            self._part.replace(self.path)
            _sync(self.path.parent)
        except OSError as error:
            raise Unrecorded(
                f"{self.path} cannot be written: {error.strerror}. perkd must record there what it sends, so it sent "
                "nothing more"
            ) from error

    def remove(self) -> str:
        """Deletes the record, after every line's result was reported. Returns a message when that fails, else ""."""
        with suppress(OSError):
            self._part.unlink()
        try:
            self.path.unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                _sync(self.path.parent)  # after a power failure, an old record must not come back
        except OSError as error:
            return f"{self.path} cannot be deleted: {error.strerror}. Delete it before you send the file again"
        return ""

    def story(self) -> str:
        """One sentence about the run that was killed."""
        killed = self.killed
        assert killed is not None  # noqa: S101 - callers checked it
        done = f"{lines_text(killed.done)} {'was' if len(killed.done) == 1 else 'were'} done" if killed.done else ""
        if not killed.sending:
            return f"An earlier run of {self._file} was killed between two pieces ({_time(killed)}); {done}."
        return (
            f"An earlier run of {self._file} was killed while {lines_text(killed.sending)} "
            f"{'was' if len(killed.sending) == 1 else 'were'} being sent ({_time(killed)}); "
            f"{done or 'nothing was done before'}."
        )

    def fits(self, lines: Iterable[int]) -> None:
        """Raises NotWell when the record names lines that the file does not have: somebody changed it."""
        if self.killed is not None and not {*self.killed.done, *self.killed.sending} <= {*lines}:
            raise self._unreadable()

    def _left(self) -> Sending | None:
        try:
            left = Sending.model_validate_json(self.path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            text = f"nothing was sent. {self.path} cannot be read: {error.strerror}"
            raise NotWell(Code.RECORD_UNREADABLE, text) from error
        except ValidationError as error:
            raise self._unreadable() from error
        self.killed = left
        if left.verb != self._verb:
            text = f"nothing was sent. {self.story()} Its command was `perkd {left.verb}`. {self._or_remove()}"
            raise NotWell(Code.RECORD_DIFFERS, text)
        if self._sha256 and left.sha256 != self._sha256:
            raise NotWell(
                Code.RECORD_DIFFERS,
                f"nothing was sent. {self.story()} The file was changed since then: restore it (SHA-256 "
                f"{left.sha256}) and run this again to see the results. {self._or_remove()}",
            )
        return left

    def _unreadable(self) -> NotWell:
        return NotWell(
            Code.RECORD_UNREADABLE,
            f"nothing was sent. {self.path} shows that an earlier run of this file was killed, but perkd cannot read "
            f"it: {self._look()}",
        )

    def _or_remove(self) -> str:
        return f"Or {self._look()}"

    def _look(self) -> str:
        return f"look in the store which lines went through, keep only the others in the file, and delete {self.path}"


@contextmanager
def recorded(file: Path, verb: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Iterator[Record]:
    """The file's record, for one perkd at a time. The lock tells a run that is still going on from one that was killed.
    Raises NotWell when another run is going on, or when the record of a killed run does not match the file."""
    try:
        held = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # the code that reads the rows reports the error
        yield Record(file, verb, now)
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        if isinstance(error, BlockingIOError):
            text = f"nothing was sent. Another perkd is working with {file}: wait until it has finished"
            raise NotWell(Code.FILE_IN_USE, text) from None
        text = f"nothing was sent. {file} cannot be locked: {error.strerror}. Copy it to a local disk"
        raise NotWell(Code.FILE_IN_USE, text) from None
    try:
        yield Record(file, verb, now)
    finally:
        os.close(held)


def _time(killed: Sending) -> str:
    return f"{killed.written_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _sync(folder: Path) -> None:
    """Makes the changes of a folder durable: new, renamed and deleted files."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
