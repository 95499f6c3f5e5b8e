"""Sends one request to the store: waits for the rate limit, then returns the whole body or raises a typed error.

`storefront.py`, `keyed.py` and `game_server.py` use it. One `Exchange` owns the one HTTP session of the process.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import aiohttp
from yarl import URL

from perkd import __version__
from perkd.adapters.base import Secret

from ..errors import Limited, StoreError, Unreadable
from . import failures
from .address import checked_base
from .bodies import some_body, whole_body
from .connections import Connections
from .rate import Lane, Rate

log = logging.getLogger("perkd.store")

_TAG = re.compile(r"[\x21-\x7e]{1,200}")  # an ETag that is valid in a request header


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one request may take, in seconds: to connect, and in all."""

    connect_s: float = 5.0
    total_s: float = 30.0


@dataclass(frozen=True, slots=True)
class StoreAnswer:
    """A good answer: 200 or 201 with its whole unpacked body, or 204 or 304 without one."""

    status: int
    body: bytes = field(repr=False)  # it may hold a token
    etag: str | None


@dataclass(frozen=True, slots=True)
class StoreDate:
    """The store's clock, and the local monotonic second at which its answer came."""

    at: datetime
    seen_s: float


class Exchange:
    """Sends requests over one kept-alive session. Open it with `open`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base: URL,
        rate: Rate,
        wall: Callable[[], datetime],
        total_s: float,
    ) -> None:
        self._session, self._total_s = session, total_s
        self._date_text: str | None = None  # the text of the latest `Date`
        self._base = str(base).rstrip("/")
        self._host = base.host_port_subcomponent or ""
        self._wall = wall
        self.rate = rate
        self.last_date: StoreDate | None = None
        self.last_answer_at: datetime | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        api: str,
        *,
        rate: Rate,
        timeouts: Timeouts | None = None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> AsyncIterator["Exchange"]:
        """Opens an exchange with `api`, closed at the end of the block. Raises BadAddress before anything is sent.

        It verifies TLS, follows no redirects, keeps no cookies and ignores proxies in the environment.
        """
        base = checked_base(api)
        timeouts = timeouts or Timeouts()
        session = aiohttp.ClientSession(
            connector=Connections(),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=timeouts.connect_s),
            auto_decompress=False,  # `bodies.py` unpacks, with a bound on the size
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip, deflate",
                "User-Agent": f"perkd/{__version__}",
            },
        )
        async with session:
            yield cls(session, base, rate, wall, timeouts.total_s)

    @property
    def host(self) -> str:
        """The store's host for messages, with its port when that is not the usual one."""
        return self._host

    def store_now(self) -> datetime:
        """The store's time now, by its latest good answer; before the first one, this machine's time."""
        date = self.last_date
        return self._wall() if date is None else date.at + timedelta(seconds=self.rate.monotonic() - date.seen_s)

    def url(self, path: str, query: str = "") -> URL:
        """The address of a checked path; `query` is plain ASCII."""
        return URL(f"{self._base}{path}?{query}" if query else f"{self._base}{path}", encoded=True)

    async def get(self, url: URL, token: Secret, etag: str | None = None) -> StoreAnswer:
        """As `call`, for a GET with a customer's token that waits in the queue."""
        return await self.call("GET", url, token, failures.CUSTOMER, lane=Lane.QUEUE, etag=etag)

    async def call(
        self,
        method: str,
        url: URL,
        secret: Secret,
        meanings: failures.Meanings,
        body: bytes | None = None,
        *,
        lane: Lane = Lane.SHARE,
        etag: str | None = None,
    ) -> StoreAnswer:
        """Waits for its turn in the lane and sends a request, with the JSON document `body`. `meanings` say what a
        refusal of this request means; `etag` makes it conditional.

        Raises a StoreError and nothing else; it does not refer to the request, whose headers contain the secret. After
        Unreachable, ServerFault and Unreadable the store may have done it.
        """
        path, text = url.raw_path, secret.reveal()
        if not _sendable(text):
            raise meanings.unusable(path)
        headers = {"Authorization": f"{meanings.login} {text}"}
        if etag:
            headers["If-None-Match"] = etag
        if body is not None:
            headers["Content-Type"] = "application/json"
        sent_at = await self.rate.turn(lane)
        failure: StoreError
        try:
            async with (
                asyncio.timeout(self._total_s),
                self._session.request(method, url, headers=headers, data=body, allow_redirects=False) as response,
            ):
                return await self._take(response, path, sent_at, meanings, text)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            failure = failures.of_transport(error, self._host, path)
        raise failure  # outside the handler: aiohttp's error knows the request, and must not be the context of this one

    async def _take(
        self, response: aiohttp.ClientResponse, path: str, sent_at: float, meanings: failures.Meanings, secret: str
    ) -> StoreAnswer:
        status, headers = response.status, response.headers
        if status not in meanings.successes:
            await self._refuse(response, path, sent_at, meanings, secret)
        self.rate.succeeded(sent_at)
        body = await whole_body(response, path) if status in {200, 201} else b""
        if status == 200 and not body and not meanings.body_optional:
            raise Unreadable(f"{path} answered with an empty body", path=path, status=status)
        if body[:64].lstrip()[:1] == b"<":
            raise failures.html(self._host, path)
        self.last_answer_at = self._wall()
        self._see_date(headers.get("Date"), cached="Age" in headers)
        new_etag = headers.get("ETag")
        return StoreAnswer(status, body, new_etag if new_etag and _TAG.fullmatch(new_etag) else None)

    def _see_date(self, text: str | None, *, cached: bool) -> None:
        """Remembers the store's time. `Date` counts whole seconds, so the first answer with a new second counts."""
        now_s = self.rate.monotonic()
        last = self.last_date
        if cached or (text == self._date_text and last is not None and now_s - last.seen_s < 1.0):
            return
        if date := _http_date(text):
            self._date_text, self.last_date = text, StoreDate(date, now_s)

    async def _refuse(
        self, response: aiohttp.ClientResponse, path: str, sent_at: float, meanings: failures.Meanings, secret: str
    ) -> None:
        """Raises the error for a status that is not a success."""
        retry_after_s = self._retry_after_s(response)
        body = await some_body(response)
        if response.status != 429:
            self.rate.succeeded(sent_at)
            location = response.headers.get("Location", "")
            raise failures.of_status(
                response.status, body, self._host, path, location=location, meanings=meanings, secret=secret
            )
        already = self.rate.blocked_s() > 0
        wait_s = self.rate.limited(sent_at=sent_at, retry_after_s=retry_after_s)
        pause = "no pause" if retry_after_s is None else f"a pause of {retry_after_s:.0f} s"
        message = f"too many requests (429 on {path}); the store named {pause}. If this continues, lower [poll] rate"
        log.log(
            logging.DEBUG if already else logging.WARNING,
            "%s. perkd sends no requests for %.0f s",
            message,
            wait_s,
            extra={"action": "store_limited", "path": path, "wait_s": round(wait_s, 1)},
        )
        raise Limited(message, path=path, status=429, retry_after_s=retry_after_s, wait_s=wait_s)

    def _retry_after_s(self, response: aiohttp.ClientResponse) -> float | None:
        """Seconds from `Retry-After`, which is a number or a date; a date counts from the store's own `Date`."""
        text = response.headers.get("Retry-After", "").strip()
        if text.isascii() and text.isdigit():
            return float(text[:9])
        if (until := _http_date(text)) is None:
            return None
        return max(0.0, (until - (_http_date(response.headers.get("Date")) or self._wall())).total_seconds())


def _sendable(token: str) -> bool:
    """Whether the token is valid in a header."""
    return token.isascii() and token.isprintable() and " " not in token and token != ""


def _http_date(text: str | None) -> datetime | None:
    """An HTTP date as aware UTC; None when it is not one."""
    if not text or len(text) > 64:
        return None
    try:
        date = parsedate_to_datetime(text)
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, OverflowError):  # OverflowError: outside the calendar, or a huge offset
        return None
