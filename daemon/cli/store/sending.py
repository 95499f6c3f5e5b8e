"""On disk before a byte leaves: which lines of a file are sent just now, so that a run that was killed can be told.

`storebulk`, `storeassign` and `storenewcustomers` call it. The record FILE.sending stands beside the file from before
its first piece is sent until the run has said what became of every line.
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
    "perkd writes this before it sends lines of the file, and removes it when it has said what became of them. When no "
    "perkd is at work, the run was killed: the same command on the same file says what went through, and sends nothing"
)
KILLED = "an earlier run was killed, and nothing was sent now"


class Unrecorded(StoreError):
    """The record cannot be written, so the piece was not sent. A StoreError, for it ends the work in the same way."""

    code = "record_unwritable"


Numbers = Annotated[
    tuple[int, ...],
    BeforeValidator(lambda value: numbers(value) if isinstance(value, str) else value),
    PlainSerializer(spans, return_type=str),
]


class Sending(BaseModel):
    """What the record says, in ids and numbers of lines. `before`: the newest item id of the store before the lines in
    `sending` were sent, or where the store cannot say that, the items each of their customers owned; null where
    nothing can be known."""

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
    """The record of one file. `killed`: what the run before left behind. Made by `recorded`."""

    def __init__(self, file: Path, verb: str, now: Callable[[], datetime]) -> None:
        self._file, self._verb, self._now, self._store_id = file, verb, now, ""
        whole = Path(os.path.realpath(file))
        self.path = whole.with_name(f"{whole.name}.sending")
        self._part = whole.with_name(f"{whole.name}.sending.part")
        # Read before the rows are: should the file change in between, the record does not fit it, and that is told.
        self._sha256 = ""
        with suppress(OSError):  # who reads the rows says why it cannot be read
            self._sha256 = hashlib.sha256(whole.read_bytes()).hexdigest()
        self.killed = self._left()
        self.started_at = now() if self.killed is None else self.killed.started_at

    def for_store(self, store_id: str) -> None:
        """Raises NotWell when the record is about another store."""
        if self.killed is not None and self.killed.store_id != store_id:
            raise NotWell(
                Code.RECORD_DIFFERS,
                f"nothing was sent. {self.story()} That was the store {self.killed.store_id}, and [store] id is "
                f"{store_id}: -c names the config of that store. {self._or_remove()}",
            )
        self._store_id = store_id

    def write(
        self, done: Iterable[int], sending: Sequence[int] = (), before: str | Mapping[str, Iterable[str]] | None = None
    ) -> None:
        """The lines that are through and those that are sent next. Raises Unrecorded."""
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
                f"{self.path} cannot be written: {error.strerror}. perkd notes there what it sends before it sends it, "
                "so it sent nothing more"
            ) from error

    def remove(self) -> str:
        """What became of every line was said. Returns what is wrong when it cannot be removed, else nothing."""
        with suppress(OSError):
            self._part.unlink()
        try:
            self.path.unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                _sync(self.path.parent)  # a record that came back would tell an old story
        except OSError as error:
            return f"{self.path} cannot be removed: {error.strerror}. Remove it before you send the file again"
        return ""

    def story(self) -> str:
        """One sentence about the run that was killed."""
        killed = self.killed
        assert killed is not None  # noqa: S101 - callers looked
        done = f"{lines_text(killed.done)} {'was' if len(killed.done) == 1 else 'were'} done" if killed.done else ""
        if not killed.sending:
            return f"An earlier run of {self._file} was killed between two pieces ({_time(killed)}); {done}."
        return (
            f"An earlier run of {self._file} was killed while {lines_text(killed.sending)} "
            f"{'was' if len(killed.sending) == 1 else 'were'} being sent ({_time(killed)}); "
            f"{done or 'nothing was done before'}."
        )

    def fits(self, lines: Iterable[int]) -> None:
        """Raises NotWell when the record names lines the file has not: somebody changed it."""
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
            text = f"nothing was sent. {self.story()} That was `perkd {left.verb}`. {self._or_remove()}"
            raise NotWell(Code.RECORD_DIFFERS, text)
        if self._sha256 and left.sha256 != self._sha256:
            raise NotWell(
                Code.RECORD_DIFFERS,
                f"nothing was sent. {self.story()} The file was changed since: put it back as it was (SHA-256 "
                f"{left.sha256}) and run this again to hear what went through. {self._or_remove()}",
            )
        return left

    def _unreadable(self) -> NotWell:
        return NotWell(
            Code.RECORD_UNREADABLE,
            f"nothing was sent. {self.path} says that an earlier run of this file was killed, and perkd cannot read "
            f"it: {self._look()}",
        )

    def _or_remove(self) -> str:
        return f"Or {self._look()}"

    def _look(self) -> str:
        return f"look at the store for what went through, keep in the file what is missing, and remove {self.path}"


@contextmanager
def recorded(file: Path, verb: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Iterator[Record]:
    """The file's record, for one perkd at a time: while one sends the file no other takes its record for a dead one's.
    Raises NotWell when another is at work, or when the record of a run that was killed does not fit the file."""
    try:
        held = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # who reads the rows says why
        yield Record(file, verb, now)
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        if isinstance(error, BlockingIOError):
            text = f"nothing was sent. Another perkd works with {file} just now: wait until it ended"
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
    """Makes the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
