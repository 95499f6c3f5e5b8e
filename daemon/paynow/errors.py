"""The ways an answer of the store can fail to be one. The store clients raise these; polling acts on the type.

    StoreError
    ├── BadAddress    the address or path in the config cannot be used: nothing was sent, or it is not PayNow's API
    ├── BadInput      what was to be sent breaks a rule of the store's API: nothing was sent
    ├── Unreachable   no answer, or not all of it: network, TLS, timeout
    ├── TokenRefused  401 or 403: this token or key, not the store, is the trouble (`status` says which)
    │   ├── WrongStore     the token works, at another store than the config's
    │   └── NotPermitted   403: the API key lacks a permission, named in the message
    ├── NotFound      404 or 410 in the store's words or in none: the path is not there
    ├── Limited       429: too many requests
    ├── Rejected      any other 4xx: the store does not accept what perkd asks
    ├── ServerFault   5xx, 408, 499: whether the work was done is not known
    ├── Unreadable    an answer came, and it is not what the store's API promises
    │   ├── TooLarge      it is longer than perkd reads
    │   └── BadDocument   JSON came, and a document in it is not as the API describes it
    └── ConfirmedInPart   fewer rows of one request were confirmed than were sent

None of them says anything about what a customer owns. No message holds a token or key.

An error carries facts beside its message: nobody has to read a sentence to know what to do. What happens next is no
part of the message either, for it depends on who asks: the running daemon tries again by itself (`while_running`), a
verb of the command line does not.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

_TEXT_CAP = 200
_DETAILS = 3  # validation errors that are told
_PLACE = re.compile(r"\[?([0-9]{1,4})\]?(?:[.\[].*)?")  # a path within a list that was sent: `[2].name`, `2.name`


class StoreError(Exception):
    """Something between perkd and the store went wrong; the message says what, on which path, and what to do.

    `code` is a stable word for the kind. `passes`: the same request may well succeed later, with nothing changed.
    `may_have_happened`: if the request was to change something, the store may have done it all the same.
    `path` is the request's path without the query, `status` the HTTP status or None when no answer came. `row` is the
    place, from 0, of the refused row in a request that sent many, where the store names one. `retry_after_s` is the
    pause the store asked for, `wait_s` how long perkd's own pace waits now; None: no such pause.
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
    """`[store] api` or `items_path` cannot be used; with a `status`: what is there is not PayNow's API."""

    code = "store_bad_address"


class BadInput(StoreError):
    """What was to be sent breaks a rule of the store's API; the message says which field and which rule."""

    code = "store_bad_input"


class Unreachable(StoreError):
    """No whole answer arrived: the network, TLS, a timeout, a connection cut in mid-answer."""

    code = "store_unreachable"
    passes = may_have_happened = True


class TokenRefused(StoreError):
    """The store refuses this token: 401 (unknown or invalidated), 403 (not allowed); None: it was never sent."""

    code = "token_refused"


class WrongStore(TokenRefused):
    """The token belongs to a customer of another store; the message has both ids."""

    code = "token_of_another_store"


class NotPermitted(TokenRefused):
    """The API key's role lacks a permission. `permission` is its id as PayNow's documentation has it."""

    code = "permission_missing"

    def __init__(self, message: str, *, path: str, status: int, permission: str) -> None:
        super().__init__(message, path=path, status=status)
        self.permission = permission


class NotFound(StoreError):
    """The store has nothing at this path."""

    code = "store_not_found"


class Limited(StoreError):
    """Too many requests. `retry_after_s` is what the store asked for, None when it did not say."""

    code = "store_limited"
    passes = True

    def __init__(
        self, message: str, *, path: str, status: int, retry_after_s: float | None, wait_s: float | None = None
    ) -> None:
        super().__init__(message, path=path, status=status)
        self.retry_after_s = retry_after_s
        self.wait_s = wait_s


class Rejected(StoreError):
    """A 4xx that is none of the above: the request itself is not accepted."""

    code = "store_rejected"


class ServerFault(StoreError):
    """The store, or what stands in front of it, failed."""

    code = "store_failed"
    passes = may_have_happened = True


class Unreadable(StoreError):
    """Not what the API promises: HTML, broken JSON, a redirect, too large, pages that lead nowhere."""

    code = "store_unreadable"
    may_have_happened = True


class TooLarge(Unreadable):
    """More than one answer may hold."""

    code = "store_answer_too_large"


class BadDocument(Unreadable):
    """The store itself answered, and one of its documents cannot be read: it says nothing about the others."""

    code = "store_bad_document"


class ConfirmedInPart(StoreError):
    """The store confirmed fewer of the rows of one request than it was sent, and gave no reason."""

    code = "store_confirmed_in_part"
    may_have_happened = True


def while_running(error: StoreError) -> str:
    """The message for whoever watches the running daemon, which tries again by itself."""
    if not error.passes:
        return str(error)
    when = f" in {error.wait_s:.0f} s" if error.wait_s is not None else ""
    return f"{error}; perkd tries again{when}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the body of an error answer says, cut to one safe line: `text` may be empty. `row`: the place of the row it
    is about, in a request that sent many."""

    text: str
    row: int | None = None

    @classmethod
    def read(cls, body: bytes, secret: str = "") -> "Refusal":
        """Reads a PayNowError `{status, code, message, trace_id, errors}`; any part, or all, may be missing. `secret`
        is what the request logged in with: where the answer repeats it, it is left out."""
        data = cls.fields(body) or {}
        message, trace = _said(data.get("message"), secret), _said(data.get("trace_id"), secret)
        message = "; ".join(filter(None, (message, *_details(data.get("errors"), secret))))
        return cls(f"{message} (trace {trace})" if trace else message, _row(data.get("errors")))

    @staticmethod
    def fields(body: bytes) -> dict[str, Any] | None:
        """The body as a JSON object; None when it is none."""
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            return None
        return data if isinstance(data, dict) else None


def _details(errors: object, secret: str) -> Iterator[str]:
    """Each validation error as `path: message`; the path is documented as text and as a list."""
    for error in errors[:_DETAILS] if isinstance(errors, list) else ():
        if isinstance(error, dict):
            path = error.get("path")
            where = ".".join(str(part) for part in path[:9]) if isinstance(path, list) else path
            yield ": ".join(filter(None, (_said(where, secret, 80), _said(error.get("message"), secret))))


def _row(errors: object) -> int | None:
    """The place of the first row the validation errors name; they count from 0."""
    for error in errors if isinstance(errors, list) else ():
        path = error.get("path") if isinstance(error, dict) else None
        first = path[0] if isinstance(path, list) and path else path
        if isinstance(first, int) and not isinstance(first, bool) and first >= 0:
            return first
        if isinstance(first, str) and (place := _PLACE.fullmatch(first)):
            return int(place[1])
    return None


def _said(text: object, secret: str, cap: int = _TEXT_CAP) -> str:
    """As `one_line`, without the secret: taken out before anything is cut, so that no part of it is left."""
    return one_line(text.replace(secret, "…") if secret and isinstance(text, str) else text, cap)


def one_line(text: object, cap: int = _TEXT_CAP) -> str:
    """A stranger's text as it may stand in a message: one printable line of at most `cap` characters."""
    if not isinstance(text, str):
        return ""
    clean = " ".join("".join(char if char.isprintable() else " " for char in text[: cap * 4]).split())
    return clean if len(clean) <= cap else clean[: cap - 1] + "…"
