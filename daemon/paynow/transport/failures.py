"""Turns the failure of a request into a StoreError whose message an owner can act on.

`exchange.py` calls this. No message can contain a token: texts of aiohttp, which knows the request's headers, are not
used, and a token that the store repeats in its answer is removed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from ...runtime import in_words
from ..errors import (
    BadAddress,
    NotFound,
    Refusal,
    Rejected,
    ServerFault,
    StoreError,
    TokenRefused,
    TooLarge,
    Unreachable,
    Unreadable,
    one_line,
)

# The exception of aiohttp → what happened and what to do. The first line that matches counts.
_TRANSPORT: tuple[tuple[tuple[type[Exception], ...], type[StoreError], str], ...] = (
    (
        (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError),
        Unreachable,
        (
            "the TLS certificate of {host} cannot be verified ({path}): check this machine's clock and "
            "ca-certificates, and whether a proxy in between intercepts TLS"
        ),
    ),
    (
        (aiohttp.ClientConnectorDNSError,),
        Unreachable,
        "the name {host} cannot be resolved ({path}): check DNS and [store] api",
    ),
    (
        (aiohttp.ConnectionTimeoutError,),
        Unreachable,
        "connecting to {host} took too long ({path}): check the network and the firewall",
    ),
    ((TimeoutError,), Unreachable, "{host} did not answer {path} in time"),
    (
        (aiohttp.ClientConnectorError,),
        Unreachable,
        "cannot connect to {host} ({why}, {path}): check the network and [store] api",
    ),
    (
        (aiohttp.ClientResponseError,),
        Unreadable,
        "the answer of {host} to {path} is not HTTP: check [store] api, and any proxy in between",
    ),
    ((Exception,), Unreachable, "{host} closed the connection before the answer to {path} was complete"),
)


@dataclass(frozen=True, slots=True)
class Meanings:
    """What a status means for one kind of request: status → what happened, and what to do. `login` is the word before
    the token or key in the header, `secret` its name for messages. `successes`: any other status is an error.
    `body_optional`: a 200 with an empty body is a good answer, too."""

    login: str
    secret: str
    statuses: Mapping[int, tuple[type[StoreError], str]]
    successes: frozenset[int] = frozenset({200, 201, 204})
    body_optional: bool = False

    def unusable(self, path: str) -> TokenRefused:
        """The error for a secret that is not valid in a header, so that it was not sent."""
        return TokenRefused(
            f"this {self.secret} was not sent: it is empty or contains an invalid character; copy it again",
            path=path,
        )


NOTHING_THERE = (
    NotFound,
    "the store has nothing at this path {where}: check [store] api and items_path; PayNow has changed it before",
)
CUSTOMER = Meanings(
    "Customer",
    "token",
    {
        401: (
            TokenRefused,
            (
                "the store does not know this token {where}: it was invalidated or copied wrongly; make a new one in "
                "the dashboard of the store, or let perkd make one ([store] api_key with [customers] enrol)"
            ),
        ),
        403: (
            TokenRefused,
            "the store does not allow this token to read this {where}: check the customer in the store's dashboard",
        ),
        404: NOTHING_THERE,
        410: NOTHING_THERE,
    },
    successes=frozenset({200, 304}),
)

_STATUS_CLASS: dict[int, tuple[type[StoreError], str]] = {
    3: (
        Unreadable,
        (
            "{host} answered with a redirect {where}{target}. perkd does not follow it, because a token must not go to "
            "another address: set [store] api to the final address"
        ),
    ),
    4: (
        Rejected,
        "the store rejected perkd's request {where}. The API may have changed: look for a newer perkd",
    ),
    5: (ServerFault, "the store failed {where}"),
}
_GAVE_UP = (ServerFault, "a proxy in front of the store stopped waiting for an answer {where}")
_STATUS = {408: _GAVE_UP, 499: _GAVE_UP}  # the store may have done the work, or may still do it
_ABSENT = frozenset({404, 410})
_ELSEWHERE = (
    "{host} answered, but not as PayNow's API does {where}: check [store] api, items_path and management_items, and "
    "any proxy in between"
)
_OTHER: tuple[type[StoreError], str] = (Unreadable, "the store answered with an unexpected status {where}")


def of_transport(error: Exception, host: str, path: str) -> StoreError:
    """The StoreError for `error`, which ended a request before its answer was complete."""
    kind, text = next((kind, text) for types, kind, text in _TRANSPORT if isinstance(error, types))
    why = ""
    if "{why}" in text and isinstance(error, aiohttp.ClientConnectorError):  # a certificate error may have no os_error
        why = one_line(in_words(error.os_error))
    return kind(text.format(host=host, path=path, why=why), path=path)


def of_status(
    status: int,
    body: bytes,
    host: str,
    path: str,
    *,
    location: str = "",
    meanings: Meanings = CUSTOMER,
    secret: str = "",
) -> StoreError:
    """The StoreError for a status that is neither a success nor 429. `location` is the target of a redirect, `secret`
    the token or key of the request."""
    kind, text = meanings.statuses.get(status) or _STATUS.get(status) or _STATUS_CLASS.get(status // 100, _OTHER)
    if issubclass(kind, TokenRefused) and body.lstrip()[:1] == b"<":
        # A firewall's page says nothing about the token.
        kind = ServerFault
        text = "{host} answered with a web page instead of an error document {where}"
    elif status in _ABSENT and body.strip() and Refusal.fields(body) is None:
        # Any web server or gateway may answer 404 with its own text: this does not tell what the store has.
        kind, text = BadAddress, _ELSEWHERE
    message = text.format(host=host, where=f"({status} on {path})", target=_target(location))
    refusal = Refusal.read(body, secret)
    if refusal.text:
        message = f"{message}. The store says: {refusal.text}"
    return kind(message, path=path, status=status, row=refusal.row)


def html(host: str, path: str) -> Unreadable:
    """The error for a web page where data was expected."""
    return Unreadable(
        f"{host} answered {path} with a web page instead of data, perhaps a login or maintenance page: check [store] "
        "api, and any proxy in between",
        path=path,
        status=200,
    )


def too_large(path: str) -> TooLarge:
    """The error for an answer that is larger than perkd reads."""
    return TooLarge(f"the answer to {path} is larger than 8 MiB, the most that perkd reads", path=path, status=200)


def _target(location: str) -> str:
    """Only scheme and host of a redirect: the rest may contain anything."""
    try:
        target = URL(location)
    except ValueError:
        return ""
    return f", to {one_line(target.scheme, 10)}://{one_line(target.host, 80)}" if target.host else ""
