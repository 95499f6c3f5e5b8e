"""The faults of the emulated store, as switches. `server.py` turns them on and applies them.

A fault refuses a request before any work, spoils the answer after the work, or changes what a good answer contains.
"""

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """One fault. Those in DOCUMENT change what a good answer contains; all others replace the answer.

    Those in UNDONE act before the work: nothing is assigned, acknowledged or changed.
    """

    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    BAD_REQUEST = "bad_request"
    LIMITED = "limited"
    LIMITED_SECONDS = "limited_seconds"
    LIMITED_DATE = "limited_date"
    SERVER_ERROR = "server_error"
    BAD_GATEWAY = "bad_gateway"
    WEB_PAGE = "web_page"
    EMPTY = "empty"
    NO_CONTENT = "no_content"
    TRUNCATED = "truncated"
    WRONG_TYPE = "wrong_type"
    SLOW = "slow"
    STALLED = "stalled"
    TOO_BIG = "too_big"
    TOO_BIG_PACKED = "too_big_packed"
    TOO_BIG_STATED = "too_big_stated"
    SHORT_LENGTH = "short_length"
    RESET = "reset"
    RESET_MIDWAY = "reset_midway"
    REDIRECT = "redirect"
    STRAY_304 = "stray_304"
    ANSWER_LOST = "answer_lost"
    ERROR_AFTER = "error_after"
    UNKNOWN_STATE = "unknown_state"
    EXTRA_FIELDS = "extra_fields"
    FEW_FIELDS = "few_fields"
    BROKEN_ITEM = "broken_item"
    NO_ID = "no_id"
    STRANGER = "stranger"
    REPEATING = "repeating"
    IGNORES_PAGING = "ignores_paging"
    IGNORES_LIMIT = "ignores_limit"
    DESCENDING = "descending"


MEANING: dict[Fault, str] = {
    Fault.UNAUTHORIZED: "401, as if the token were invalidated",
    Fault.FORBIDDEN: "403",
    Fault.NOT_FOUND: "404",
    Fault.BAD_REQUEST: "400 with a list of validation errors",
    Fault.LIMITED: "429 without Retry-After",
    Fault.LIMITED_SECONDS: "429 with Retry-After in seconds",
    Fault.LIMITED_DATE: "429 with Retry-After as a date",
    Fault.SERVER_ERROR: "500 with an error document",
    Fault.BAD_GATEWAY: "502 with a web page",
    Fault.WEB_PAGE: "200 with a web page",
    Fault.EMPTY: "200 with no body",
    Fault.NO_CONTENT: "204",
    Fault.TRUNCATED: "200 with JSON that stops in the middle",
    Fault.WRONG_TYPE: "200 with a number where a document belongs",
    Fault.SLOW: "no answer until released",
    Fault.STALLED: "half an answer, the rest when released",
    Fault.TOO_BIG: "a body above 8 MiB, its length not stated",
    Fault.TOO_BIG_PACKED: "a small gzip body that unpacks to more than 8 MiB",
    Fault.TOO_BIG_STATED: "a body above 8 MiB, its length stated",
    Fault.SHORT_LENGTH: "a Content-Length smaller than the body",
    Fault.RESET: "the connection is reset before any answer",
    Fault.RESET_MIDWAY: "the connection is reset in the middle of the body",
    Fault.REDIRECT: "302 to another host",
    Fault.STRAY_304: "304 to whatever is asked",
    Fault.ANSWER_LOST: "the work is done, and the connection is reset before any answer",
    Fault.ERROR_AFTER: "the work is done, and the answer is a 500 with an error document",
    Fault.UNKNOWN_STATE: "the first item has a state word nobody knows",
    Fault.EXTRA_FIELDS: "documents have fields nobody knows",
    Fault.FEW_FIELDS: "items have only id, product and state",
    Fault.BROKEN_ITEM: "the first item has an id and rubbish",
    Fault.NO_ID: "the first item has no id",
    Fault.STRANGER: "the first item belongs to another customer",
    Fault.REPEATING: "every page is the first page",
    Fault.IGNORES_PAGING: "every page holds everything",
    Fault.IGNORES_LIMIT: "a page holds everything after `after`",
    Fault.DESCENDING: "pages come newest first",
}

DOCUMENT = frozenset(
    {
        Fault.UNKNOWN_STATE,
        Fault.EXTRA_FIELDS,
        Fault.FEW_FIELDS,
        Fault.BROKEN_ITEM,
        Fault.NO_ID,
        Fault.STRANGER,
        Fault.REPEATING,
        Fault.IGNORES_PAGING,
        Fault.IGNORES_LIMIT,
        Fault.DESCENDING,
    }
)


UNDONE = frozenset(
    {
        Fault.UNAUTHORIZED,
        Fault.FORBIDDEN,
        Fault.NOT_FOUND,
        Fault.BAD_REQUEST,
        Fault.LIMITED,
        Fault.LIMITED_SECONDS,
        Fault.LIMITED_DATE,
        Fault.SERVER_ERROR,
        Fault.BAD_GATEWAY,
        Fault.WEB_PAGE,
        Fault.RESET,
        Fault.REDIRECT,
        Fault.STRAY_304,
    }
)


@dataclass(slots=True)
class Switch:
    """A fault that is on, for the next `times` answers or until it is turned off.

    It applies to requests of this customer, path and method; None means any. `path` is the start of the path.
    """

    fault: Fault
    customer_id: str | None = None
    times: int | None = None
    path: str | None = None
    method: str | None = None

    def is_for(self, customer_id: str | None, method: str, path: str) -> bool:
        return (
            self.customer_id in {None, customer_id}
            and path.startswith(self.path or "")
            and self.method in {None, method}
        )


class Switches:
    """The faults that are on. When several match a request, the most specific one comes first."""

    def __init__(self) -> None:
        self.on: list[Switch] = []

    def turn_on(self, new: Switch) -> None:
        where = (new.fault, new.customer_id, new.path, new.method)
        self.on = [one for one in self.on if (one.fault, one.customer_id, one.path, one.method) != where]
        self.on.append(new)

    def turn_off(self, fault: Fault | None = None, customer_id: str | None = None, path: str | None = None) -> None:
        """Turns off every fault that matches; None matches everything."""
        self.on = [
            switch
            for switch in self.on
            if (fault is not None and switch.fault != fault)
            or (customer_id is not None and switch.customer_id != customer_id)
            or (path is not None and switch.path != path)
        ]

    def take(self, customer_id: str | None, method: str, path: str) -> set[Fault]:
        """The faults for one answer: one outside DOCUMENT, or any number in it. Counts the answer in `times`."""
        if not self.on:
            return set()
        meant = sorted(
            (switch for switch in self.on if switch.is_for(customer_id, method, path)),
            key=lambda switch: (switch.customer_id is None, -len(switch.path or ""), switch.method is None),
        )
        answer = next((switch for switch in meant if switch.fault not in DOCUMENT), None)
        taken = [answer] if answer else meant
        for switch in taken:
            if switch.times is not None:
                switch.times -= 1
        self.on = [switch for switch in self.on if switch.times is None or switch.times > 0]
        return {switch.fault for switch in taken}
