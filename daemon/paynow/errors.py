"""The errors of the store clients. Polling and the command line act on their type and code.

    StoreError
    ├── BadAddress    the address or path in the config cannot be used: nothing was sent, or it is not PayNow's API
    ├── BadInput      the request breaks a rule of the store's API: nothing was sent
    ├── Unreachable   no answer, or only a part of it: network, TLS, timeout
    ├── TokenRefused  401 or 403: the store works, but refuses this token or key (`status` says which)
    │   ├── WrongStore     the token works, but belongs to another store than the one in the config
    │   └── NotPermitted   403: the API key lacks a permission, named in the message
    ├── NotFound      404 or 410, with an error document of the store or without a body
    ├── Limited       429: too many requests
    ├── Rejected      any other 4xx: the store does not accept the request
    ├── ServerFault   5xx, 408, 499: it is not known whether the store did the work
    ├── Unreadable    an answer came, but it is not what the store's API promises
    │   ├── TooLarge      it is longer than perkd reads
    │   └── BadDocument   it is JSON, but a document in it is not as the API describes it
    └── ConfirmedInPart   the store confirmed fewer rows of one request than perkd sent

No error says anything about what a customer owns. No message contains a token or key.

An error carries facts beside its message, so that code never has to parse a message. The message does not say what
happens next, because this depends on the caller: the running daemon tries again by itself (`while_running`), a verb
of the command line does not.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

_TEXT_CAP = 200
_DETAILS = 3  # validation errors that a message shows
_PLACE = re.compile(r"\[?([0-9]{1,4})\]?(?:[.\[].*)?")  # a path into a list that perkd sent: `[2].name`, `2.name`


class StoreError(Exception):
    """A request to the store failed; the message says what went wrong, on which path, and what to do.

    `code` is a stable word for the kind. `passes`: the same request may succeed later without any change.
    `may_have_happened`: if the request changes something, the store may have made this change.
    `path` is the request's path without the query, `status` the HTTP status or None when no answer came. `row` is the
    place, from 0, of the refused row in a request with many rows, if the store names one. `retry_after_s` is the
    pause that the store asked for, `wait_s` how long perkd waits now; None: no such pause.
    """

    code: ClassVar[str] = "store_error"
    passes: ClassVar[bool] = False
    may_have_happened: bool = False

    def __init__(self, message: str, *, path: str = "", status: int | None = None, row: int | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.status = status
        self.row = row
        self.retry_after_s: float | None = None
        self.wait_s: float | None = None


class BadAddress(StoreError):
    """`[store] api` or `items_path` cannot be used. With a `status`: something answers there, but not PayNow's API."""

    code = "store_bad_address"


class BadInput(StoreError):
    """The request breaks a rule of the store's API and was not sent; the message names the field and the rule."""

    code = "store_bad_input"


class Unreachable(StoreError):
    """No complete answer arrived: network, TLS, a timeout, or a connection that closed too early."""

    code = "store_unreachable"
    passes = may_have_happened = True


class TokenRefused(StoreError):
    """The store refuses this token. `status`: 401 (unknown or invalidated), 403 (not allowed), None (never sent)."""

    code = "token_refused"


class WrongStore(TokenRefused):
    """The token belongs to a customer of another store; the message names both ids."""

    code = "token_of_another_store"


class NotPermitted(TokenRefused):
    """The API key's role lacks a permission. `permission` is its id in PayNow's documentation."""

    code = "permission_missing"

    def __init__(self, message: str, *, path: str, status: int, permission: str) -> None:
        super().__init__(message, path=path, status=status)
        self.permission = permission


class NotFound(StoreError):
    """The store has nothing at this path."""

    code = "store_not_found"


class Limited(StoreError):
    """Too many requests. `retry_after_s` is the pause that the store asked for; None: it named none."""

    code = "store_limited"
    passes = True

    def __init__(
        self, message: str, *, path: str, status: int, retry_after_s: float | None, wait_s: float | None = None
    ) -> None:
        super().__init__(message, path=path, status=status)
        self.retry_after_s = retry_after_s
        self.wait_s = wait_s


class Rejected(StoreError):
    """Any other 4xx: the store does not accept the request."""

    code = "store_rejected"


class ServerFault(StoreError):
    """The store failed, or a proxy in front of it."""

    code = "store_failed"
    passes = may_have_happened = True


class Unreadable(StoreError):
    """The answer is not what the API promises: HTML, broken JSON, a redirect, too large, pages that never end."""

    code = "store_unreadable"
    may_have_happened = True


class TooLarge(Unreadable):
    """The answer is larger than perkd reads."""

    code = "store_answer_too_large"


class BadDocument(Unreadable):
    """The store answered, but one of its documents cannot be read. The other documents may be fine."""

    code = "store_bad_document"


class ConfirmedInPart(StoreError):
    """The store confirmed fewer rows of one request than perkd sent, and gave no reason."""

    code = "store_confirmed_in_part"
    may_have_happened = True


def while_running(error: StoreError) -> str:
    """The message of an error in the running daemon, which tries again by itself."""
    if not error.passes:
        return str(error)
    when = f" in {error.wait_s:.0f} s" if error.wait_s is not None else ""
    return f"{error}; perkd tries again{when}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The body of an error answer. `text` is one safe line and may be empty. `row` is the place of the refused row, in
    a request with many rows."""

    text: str
    row: int | None = None

    @classmethod
    def read(cls, body: bytes, secret: str = "") -> "Refusal":
        """Reads a PayNowError `{status, code, message, trace_id, errors}`; each part may be missing. `secret` is the
        token or key of the request: it is removed from the text."""
        data = cls.fields(body) or {}
        message, trace = _safe(data.get("message"), secret), _safe(data.get("trace_id"), secret)
        message = "; ".join(filter(None, (message, *_details(data.get("errors"), secret))))
        return cls(f"{message} (trace {trace})" if trace else message, _row(data.get("errors")))

    @staticmethod
    def fields(body: bytes) -> dict[str, Any] | None:
        """The body as a JSON object; None when it is not one."""
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            return None
        return data if isinstance(data, dict) else None


def _details(errors: object, secret: str) -> Iterator[str]:
    """Each validation error as `path: message`. The documentation has the path as text and as a list."""
    for error in errors[:_DETAILS] if isinstance(errors, list) else ():
        if isinstance(error, dict):
            path = error.get("path")
            where = ".".join(str(part) for part in path[:9]) if isinstance(path, list) else path
            yield ": ".join(filter(None, (_safe(where, secret, 80), _safe(error.get("message"), secret))))


def _row(errors: object) -> int | None:
    """The place, from 0, of the first row that the validation errors name."""
    for error in errors if isinstance(errors, list) else ():
        path = error.get("path") if isinstance(error, dict) else None
        first = path[0] if isinstance(path, list) and path else path
        if isinstance(first, int) and not isinstance(first, bool) and first >= 0:
            return first
        if isinstance(first, str) and (place := _PLACE.fullmatch(first)):
            return int(place[1])
    return None


def _safe(text: object, secret: str, cap: int = _TEXT_CAP) -> str:
    """As `one_line`, without the secret. It is removed before the text is cut, so that no part of it remains."""
    return one_line(text.replace(secret, "…") if secret and isinstance(text, str) else text, cap)


def one_line(text: object, cap: int = _TEXT_CAP) -> str:
    """Foreign text made safe for a message: one printable line of at most `cap` characters."""
    if not isinstance(text, str):
        return ""
    clean = " ".join("".join(char if char.isprintable() else " " for char in text[: cap * 4]).split())
    return clean if len(clean) <= cap else clean[: cap - 1] + "…"
