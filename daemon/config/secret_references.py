"""Secret references in the config: `env:NAME`, `file:/path`, `credential:NAME`, or a literal in a private file.

`secret_keys` resolves every secret with this module; `loading` reads the config with `read_text`.
"""

import errno
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from perkd.adapters.base import Secret

from ..core.mistakes import MistakeCode, close_matches

CREDENTIALS_OUTSIDE = Path("/etc/perkd/credentials")  # where the unit's LoadCredential reads them from
SCHEMES = ("env", "file", "credential")
EXPECTED = "env:NAME, file:/path or credential:NAME"
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")  # UTF-8 and the two UTF-16 byte order marks


class SecretError(Exception):
    """A secret that perkd cannot get. The three texts go into a Mistake; none holds the secret or a part of it."""

    def __init__(self, code: MistakeCode, found: str, *, fix: str, expected: str = "a readable secret") -> None:
        super().__init__(f"found {found}; expected {expected}; {fix}")
        self.code = code
        self.found = found
        self.expected = expected
        self.fix = fix


class Unreadable(SecretError):
    """A file that does not exist, or that this user may not read."""


class NotChecked(SecretError):
    """A systemd credential that cannot be read outside the service: it may be all right, only systemd knows."""


@dataclass(frozen=True, slots=True)
class SecretSources:
    """Where references lead. `credentials` holds one file per name; `in_service`: systemd made that folder."""

    env: Mapping[str, str]
    credentials: Path
    in_service: bool

    @classmethod
    def of(cls, env: Mapping[str, str], *, outside: Path = CREDENTIALS_OUTSIDE) -> "SecretSources":
        """The sources this process has, from its environment."""
        folder = env.get("CREDENTIALS_DIRECTORY")
        return cls(env, Path(folder), in_service=True) if folder else cls(env, outside, in_service=False)


def resolve(reference: str, sources: SecretSources, *, literal_allowed: bool) -> Secret:
    """The secret behind a reference, without the line ends after it.

    Raises SecretError, or NotChecked for a credential that only the service can read.
    """
    scheme, rest = _split(reference)
    if scheme is None:
        if not literal_allowed:
            raise SecretError(
                MistakeCode.LITERAL_SECRET,
                "a secret itself, in a file that other users can read",
                expected=EXPECTED,
                fix="write a reference, or make the file private: chmod 600",
            )
        text = reference
    else:
        text = _fetch(scheme, rest, sources)
    text = text.rstrip("\r\n")
    if not text.strip():
        raise SecretError(
            MistakeCode.EMPTY_SECRET,
            "an empty secret",
            fix=f"put the secret into {reference if scheme else 'this key'}",
        )
    if not text.isprintable():
        raise SecretError(
            MistakeCode.SECRET_NOT_ONE_LINE,
            "a secret with a line break or another character that cannot be typed",
            expected="one line of text",
            fix="write only the secret, on the first line",
        )
    return Secret(text)


def read_document(reference: str, sources: SecretSources) -> str:
    """The whole text behind a reference to a secret document. Raises SecretError as `resolve` does; a document in a
    file that others can read is one."""
    scheme, rest = _split(reference)
    if scheme is None:
        raise SecretError(
            MistakeCode.NOT_A_REFERENCE,
            "text that is not a reference",
            expected=EXPECTED,
            fix="keep the tokens in a file of their own",
        )
    text = _fetch(scheme, rest, sources)
    path = _path(scheme, rest, sources)
    if path is not None and others_can_read(path) and not (scheme == "credential" and sources.in_service):
        raise SecretError(
            MistakeCode.READABLE_BY_OTHERS,
            f"{path}, which other users can read",
            expected="a file that only its owner can read",
            fix=f"chmod 600 {path}",
        )
    if not text.strip():
        raise SecretError(
            MistakeCode.EMPTY_SECRET, "an empty document", fix=f"put the text into {reference}, or remove this key"
        )
    return text


def others_can_read(path: Path) -> bool:
    """Whether the file's group or anybody else may read it."""
    return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


def read_text(path: Path, *, bom_allowed: bool = False) -> str:
    """The text of a UTF-8 file that an owner wrote; with `bom_allowed`, as a spreadsheet saves it. Raises SecretError,
    which says what to do."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            what = "a directory" if path.is_dir() else "not a regular file"
            raise SecretError(
                MistakeCode.NOT_A_FILE, f"{path}, which is {what}", expected="a file", fix="name the file itself"
            )
        data = path.read_bytes()
    except PermissionError as error:
        raise Unreadable(
            MistakeCode.FILE_NOT_PERMITTED,
            f"{path}, which this user (uid {os.geteuid()}) may not read",
            fix="make perkd's user the owner of the file, or run this command as that user",
        ) from error
    except OSError as error:
        missing = error.errno in {errno.ENOENT, errno.ENOTDIR}
        code = MistakeCode.FILE_MISSING if missing else MistakeCode.FILE_UNREADABLE
        found = f"no file {path}" if missing else f"{path}, which cannot be read: {error.strerror}"
        raise Unreadable(code, found, fix="create the file, or correct the path") from error
    except ValueError as error:  # a NUL in the path
        raise SecretError(
            MistakeCode.NOT_A_PATH, "a path with a character that no path can have", fix="correct the path"
        ) from error
    if bom_allowed:
        data = data.removeprefix(_BOMS[0])
    if data.startswith(_BOMS):
        raise SecretError(
            MistakeCode.BYTE_ORDER_MARK,
            f"{path}, which starts with a byte order mark",
            expected="plain UTF-8",
            fix='save it as "UTF-8 without BOM"',
        )
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise SecretError(
            MistakeCode.NOT_UTF8,
            f"{path}, which is not UTF-8 (byte {error.start})",
            expected="plain UTF-8",
            fix="save it as UTF-8",
        ) from error


def _split(reference: str) -> tuple[str | None, str]:
    """The scheme and what follows; None for a literal. A misspelt scheme is an error, else it would be the secret."""
    word, colon, rest = reference.partition(":")
    if not colon:
        return None, reference
    if word in SCHEMES:
        return word, rest
    matches = close_matches(word, SCHEMES)
    if matches:
        raise SecretError(
            MistakeCode.NOT_A_REFERENCE,
            "a reference that starts with an unknown word",
            expected=EXPECTED,
            fix=f'did you mean "{matches[0]}:"? If your secret really starts like this, put it into a file',
        )
    return None, reference


def _fetch(scheme: str, rest: str, sources: SecretSources) -> str:
    path = _path(scheme, rest, sources)
    if path is None:
        if rest not in sources.env:
            raise SecretError(
                MistakeCode.NO_ENVIRONMENT_VARIABLE,
                f"no environment variable {rest or '(the name is empty)'}",
                fix="set it for the perkd service (EnvironmentFile= in the unit), or use credential:NAME",
            )
        return sources.env[rest]
    try:
        return read_text(path)
    except Unreadable as problem:
        if scheme == "file":
            raise
        if sources.in_service:
            raise SecretError(
                MistakeCode.NO_CREDENTIAL,
                f"credential {rest}, which systemd did not give to this service: {problem.found}",
                fix=f"add LoadCredential={rest}:{CREDENTIALS_OUTSIDE / rest} to the unit and restart perkd",
            ) from problem
        raise NotChecked(
            MistakeCode.CREDENTIAL_NOT_CHECKED,
            f"credential {rest}, which cannot be read outside the service: {problem.found}",
            fix=f"put the secret into {path}, or run this as a user who may read it",
        ) from problem


def _path(scheme: str, rest: str, sources: SecretSources) -> Path | None:
    """The file behind a reference; None for an environment variable."""
    if scheme == "env":
        return None
    if scheme == "file":
        if not rest.startswith("/"):
            raise SecretError(
                MistakeCode.NOT_A_PATH,
                "file: with a relative path",
                expected="file:/path",
                fix="write the full path, with / in front",
            )
        return Path(rest)
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", rest):
        raise SecretError(
            MistakeCode.NOT_A_CREDENTIAL_NAME,
            "credential: with a name that systemd does not allow",
            expected="letters, digits, dots, _ and -",
            fix="write credential: and the name you gave in LoadCredential=",
        )
    return sources.credentials / rest
