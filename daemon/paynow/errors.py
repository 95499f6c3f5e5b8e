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
    └── Unreadable    an answer came, and it is not what the store's API promises
        ├── TooLarge      it is longer than perkd reads
        └── BadDocument    JSON came, and a document in it is not as the API describes it

None of them says anything about what a customer owns. No message holds a token or key.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_TEXT_CAP = 200
_DETAILS = 3  # validation errors that are told


class StoreError(Exception):
    """Something between perkd and the store went wrong; the message says what, on which path, and what to do.

    `path` is the request's path without the query, `status` the HTTP status or None when no answer came.
    """

    def __init__(self, message: str, *, path: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.status = status


class BadAddress(StoreError):
    """`[store] api` or `items_path` cannot be used; with a `status`: what is there is not PayNow's API."""


class BadInput(StoreError):
    """What was to be sent breaks a rule of the store's API; the message says which field and which rule."""


class Unreachable(StoreError):
    """No whole answer arrived: the network, TLS, a timeout, a connection cut in mid-answer."""


class TokenRefused(StoreError):
    """The store refuses this token: 401 (unknown or invalidated), 403 (not allowed); None: it was never sent."""


class WrongStore(TokenRefused):
    """The token belongs to a customer of another store; the message has both ids."""


class NotPermitted(TokenRefused):
    """The API key's role lacks a permission. `permission` is its id as PayNow's documentation has it."""

    def __init__(self, message: str, *, path: str, status: int, permission: str) -> None:
        super().__init__(message, path=path, status=status)
        self.permission = permission


class NotFound(StoreError):
    """The store has nothing at this path."""


class Limited(StoreError):
    """Too many requests. `retry_after_s` is what the store asked for, None when it did not say."""

    def __init__(self, message: str, *, path: str, status: int, retry_after_s: float | None) -> None:
        super().__init__(message, path=path, status=status)
        self.retry_after_s = retry_after_s


class Rejected(StoreError):
    """A 4xx that is none of the above: the request itself is not accepted."""


class ServerFault(StoreError):
    """The store, or what stands in front of it, failed."""


class Unreadable(StoreError):
    """Not what the API promises: HTML, broken JSON, a redirect, too large, pages that lead nowhere."""


class TooLarge(Unreadable):
    """More than one answer may hold."""


class BadDocument(Unreadable):
    """The store itself answered, and one of its documents cannot be read: it says nothing about the others."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the body of an error answer says, cut to one safe line: `text` may be empty."""

    text: str

    @classmethod
    def read(cls, body: bytes, secret: str = "") -> "Refusal":
        """Reads a PayNowError `{status, code, message, trace_id, errors}`; any part, or all, may be missing. `secret`
        is what the request logged in with: where the answer repeats it, it is left out."""
        data = cls.fields(body) or {}
        message, trace = _said(data.get("message"), secret), _said(data.get("trace_id"), secret)
        message = "; ".join(filter(None, (message, *_details(data.get("errors"), secret))))
        return cls(f"{message} (trace {trace})" if trace else message)

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


def _said(text: object, secret: str, cap: int = _TEXT_CAP) -> str:
    """As `one_line`, without the secret: taken out before anything is cut, so that no part of it is left."""
    return one_line(text.replace(secret, "…") if secret and isinstance(text, str) else text, cap)


def one_line(text: object, cap: int = _TEXT_CAP) -> str:
    """A stranger's text as it may stand in a message: one printable line of at most `cap` characters."""
    if not isinstance(text, str):
        return ""
    clean = " ".join("".join(char if char.isprintable() else " " for char in text[: cap * 4]).split())
    return clean if len(clean) <= cap else clean[: cap - 1] + "…"
