"""Sends one request to the store: waits for the rate limit, then returns the whole body or raises a typed error.

`storefront.py`, `keyed.py` and `game_server.py` use it. One `Exchange` owns the one HTTP session of the process.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
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
from .bodies import LARGEST_BODY, Response, plain, some_body
from .deadlines import Deadline
from .direct_get import DirectGet
from .rate import Line, Rate

log = logging.getLogger("perkd.store")

_TAG = re.compile(r"[\x21-\x7e]{1,200}")  # an ETag that is valid in a request header


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one request may take, in seconds: to connect, between two reads, and in all."""

    connect_s: float = 5.0
    read_s: float = 15.0
    total_s: float = 30.0


@dataclass(slots=True)  # made for each poll: frozen takes three times as long
class Reply:
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
        direct: DirectGet,
        base: URL,
        rate: Rate,
        wall: Callable[[], datetime],
        timeouts: Timeouts,
    ) -> None:
        self._session, self._direct = session, direct
        self._timeouts = timeouts
        self._loop = asyncio.get_running_loop()
        # Until the head of the answer is there. aiohttp's own timers cost as much as the rest of perkd's work with it.
        self._head = Deadline(min(timeouts.total_s, timeouts.connect_s + timeouts.read_s))
        self._chunk = Deadline(timeouts.read_s)  # between two reads of a body
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
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=600.0)  # polling limits the number of requests
        limits = aiohttp.ClientTimeout(total=None, connect=timeouts.connect_s)
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": f"perkd/{__version__}",
        }
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=limits,
            auto_decompress=False,  # `bodies.py` unpacks, with a bound on the size
            headers=headers,
        )
        async with session:
            direct = DirectGet(connector, base, headers, limits)
            try:
                yield cls(session, direct, base, rate, wall, timeouts)
            finally:
                direct.close()

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

    async def get(self, url: URL, login: str, token: Secret, etag: str | None = None) -> Reply:
        """Waits for its turn and sends a GET. `login` is the word before the token; `etag` makes it conditional.

        Raises a StoreError and nothing else. The error does not refer to the request, whose headers contain the token.
        """
        path, text = url.raw_path, token.reveal()
        if not _sendable(text):
            raise failures.CUSTOMER.unusable(path)
        sent_at = self.rate.at_once()
        if sent_at is None:
            sent_at = await self.rate.turn()
        asked = self._direct.get(url.raw_path_qs, f"{login} {text}", etag)
        return await self._ask(asked, path, sent_at, failures.CUSTOMER, text)

    async def call(
        self,
        method: str,
        url: URL,
        login: str,
        secret: Secret,
        meanings: failures.Meanings,
        body: bytes | None = None,
        *,
        first: bool = False,
    ) -> Reply:
        """As `get`, for any method, with the JSON document `body`; `meanings` say what a refusal of this request means.
        `first`: it goes before all other requests; else it gets a share of the rate, however many GETs wait.

        Raises a StoreError and nothing else. After Unreachable, ServerFault and Unreadable the store may have done it.
        """
        path = url.raw_path
        if not _sendable(secret.reveal()):
            raise meanings.unusable(path)
        sent_at = await self.rate.turn(Line.FIRST if first else Line.SHARE)
        headers = {"Authorization": f"{login} {secret.reveal()}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        asked = self._session.request(method, url, headers=headers, data=body, allow_redirects=False)
        return await self._ask(asked, path, sent_at, meanings, secret.reveal())

    async def _ask(
        self, asked: Awaitable[Response], path: str, sent_at: float, meanings: failures.Meanings, secret: str
    ) -> Reply:
        failure: StoreError
        until = self._loop.time() + self._timeouts.total_s
        try:
            with self._head:
                response = await asked
            try:
                return await self._take(response, path, sent_at, meanings, secret, until)
            finally:
                response.release()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            failure = failures.of_transport(error, self._host, path)
        raise failure  # outside the handler: aiohttp's error knows the request, and must not be the context of this one

    async def _take(
        self, response: Response, path: str, sent_at: float, meanings: failures.Meanings, secret: str, until: float
    ) -> Reply:
        status = response.status
        if status not in meanings.successes:
            await self._refuse(response, path, sent_at, meanings, secret)
        self.rate.succeeded(sent_at)
        body = b""
        headers = response.headers
        if status in {200, 201}:
            content = response.content
            packed = content.read_nowait(-1) if content.is_eof() else await self._rest(response, path, until)
            coding = headers.get("Content-Encoding")
            body = packed if coding is None else plain(packed, coding, path)
            if len(body) > LARGEST_BODY:
                raise failures.too_large(path)
        if status == 200 and not body and not meanings.body_optional:
            raise Unreadable(f"{path} answered with an empty body", path=path, status=status)
        if body[:64].lstrip()[:1] == b"<":
            raise failures.html(self._host, path)
        self.last_answer_at = self._wall()
        self._see_date(headers.get("Date"), cached="Age" in headers)
        new_etag = headers.get("ETag")
        return Reply(status, body, new_etag if new_etag and _TAG.fullmatch(new_etag) else None)

    def _see_date(self, text: str | None, *, cached: bool) -> None:
        """Remembers the store's time. `Date` counts whole seconds, so the first answer with a new second counts."""
        now_s = self.rate.monotonic()
        last = self.last_date
        if cached or (text == self._date_text and last is not None and now_s - last.seen_s < 1.0):
            return
        if date := _http_date(text):
            self._date_text, self.last_date = text, StoreDate(date, now_s)

    async def _rest(self, response: Response, path: str, until: float) -> bytes:
        """The body, when not all of it came together with the head."""
        if (response.content_length or 0) > LARGEST_BODY:
            raise failures.too_large(path)
        content, packed = response.content, bytearray()
        while True:
            with self._chunk:
                chunk = await content.readany()
            if not chunk:
                return bytes(packed)
            packed += chunk
            if len(packed) > LARGEST_BODY:
                raise failures.too_large(path)
            if self._loop.time() > until:
                raise TimeoutError

    async def _refuse(
        self, response: Response, path: str, sent_at: float, meanings: failures.Meanings, secret: str
    ) -> None:
        """Raises the error for a status that is not a success."""
        retry_after_s = self._retry_after_s(response)
        body = await some_body(response, self._timeouts.read_s)
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

    def _retry_after_s(self, response: Response) -> float | None:
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
