"""Turns what went wrong with a request into a StoreError whose message an owner can act on.

`exchange.py` calls this. No message can hold a token: aiohttp's own words, which know the request's headers, are not
passed on, and where the store repeats the token in its answer, it is taken out.
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
from .direct_get import NotHttp

# The first line whose types fit counts: what aiohttp raises → what happened, and what to do.
_TRANSPORT: tuple[tuple[tuple[type[Exception], ...], type[StoreError], str], ...] = (
    (
        (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError),
        Unreachable,
        (
            "{host} does not prove its identity (TLS, {path}): check this machine's clock and ca-certificates, and "
            "whether something in between intercepts TLS"
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
        (aiohttp.ClientResponseError, NotHttp),
        Unreadable,
        "what {host} sent for {path} is not HTTP: check [store] api and what is in between",
    ),
    ((Exception,), Unreachable, "{host} cut the connection in the middle of {path}"),
)


@dataclass(frozen=True, slots=True)
class Words:
    """What the store's refusals of one kind of request mean: status → what happened, and what to do. `secret` is what
    the request logs in with, as an owner knows it. `successes`: any other status is a refusal. `bodiless`: nothing is
    read of a good answer, so that a 200 with nothing in it is one."""

    secret: str
    statuses: Mapping[int, tuple[type[StoreError], str]]
    successes: frozenset[int] = frozenset({200, 201, 204})
    bodiless: bool = False

    def unusable(self, path: str) -> TokenRefused:
        """The secret cannot stand in a header: it was not sent."""
        return TokenRefused(
            f"this {self.secret} was not sent: it is empty or holds a character no {self.secret} has; copy it again",
            path=path,
        )


NOTHING_THERE = (
    NotFound,
    "the store has nothing there {where}: check [store] api and items_path; the path has changed before",
)
CUSTOMER = Words(
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
            "the store does not let this token read that {where}: check the customer in the store's dashboard",
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
            "{host} redirects instead of answering {where}{target}; perkd does not follow, a token must not travel to "
            "another place: set [store] api to the final address"
        ),
    ),
    4: (
        Rejected,
        "the store does not accept perkd's request {where}: look for a newer perkd, the API may have changed",
    ),
    5: (ServerFault, "the store failed {where}"),
}
_GAVE_UP = (ServerFault, "what stands in front of the store gave up waiting {where}")
_STATUS = {408: _GAVE_UP, 499: _GAVE_UP}  # no word about the request: the store may have done it, or do it yet
_ABSENT = frozenset({404, 410})
_ELSEWHERE = (
    "what {host} answered {where} is no answer of PayNow's API: check [store] api, items_path and management_items, "
    "and what is in between"
)
_OTHER: tuple[type[StoreError], str] = (Unreadable, "the store answered with an unexpected status {where}")


def of_transport(error: Exception, host: str, path: str) -> StoreError:
    """No whole answer: what `error` means."""
    kind, text = next((kind, text) for types, kind, text in _TRANSPORT if isinstance(error, types))
    why = ""
    if "{why}" in text and isinstance(error, aiohttp.ClientConnectorError):  # a certificate error may have no os_error
        why = one_line(in_words(error.os_error))
    return kind(text.format(host=host, path=path, why=why), path=path)


def of_status(
    status: int, body: bytes, host: str, path: str, *, location: str = "", words: Words = CUSTOMER, secret: str = ""
) -> StoreError:
    """What a status means that is no success and not 429; `location` is the target of a redirect, `secret` what the
    request logged in with."""
    kind, text = words.statuses.get(status) or _STATUS.get(status) or _STATUS_CLASS.get(status // 100, _OTHER)
    if issubclass(kind, TokenRefused) and body.lstrip()[:1] == b"<":
        # A firewall's page, not the store's word about a token.
        kind = ServerFault
        text = "{host} answered with a web page, not with the store's words {where}"
    elif status in _ABSENT and body.strip() and Refusal.fields(body) is None:
        # Any web server and many a gateway says 404 in words of its own: nothing about what the store has.
        kind, text = BadAddress, _ELSEWHERE
    message = text.format(host=host, where=f"({status} on {path})", target=_target(location))
    said = Refusal.read(body, secret)
    if said.text:
        message = f"{message}. The store says: {said.text}"
    return kind(message, path=path, status=status, row=said.row)


def html(host: str, path: str) -> Unreadable:
    """A web page where data was expected."""
    return Unreadable(
        f"{host} answered {path} with a web page instead of data: a proxy, a login page or a maintenance page is in "
        "between; check [store] api and the network",
        path=path,
        status=200,
    )


def too_large(path: str) -> TooLarge:
    """More than one answer may hold."""
    return TooLarge(f"the answer to {path} is larger than 8 MiB: that is more than perkd reads", path=path, status=200)


def _target(location: str) -> str:
    """Only scheme and host of a redirect: the rest may hold anything."""
    try:
        target = URL(location)
    except ValueError:
        return ""
    return f", to {one_line(target.scheme, 10)}://{one_line(target.host, 80)}" if target.host else ""
