"""A problem that needs the owner's attention: each wing makes its own, and every report shows them. PURE."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique
from itertools import islice
from typing import Self


class Severity(StrEnum):
    """How urgent a problem is, the most urgent first: reports show them in this order."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


SEVERITIES = tuple(Severity)
ONE_BY_ONE = 5  # more problems of one kind become one line
NAMED = 3  # that many subjects are named in it


@unique
class ProblemCode(StrEnum):
    """All problems, each with its meaning. Codes are stable: alerts and scripts use them; texts may change."""

    meaning: str

    def __new__(cls, word: str, meaning: str) -> Self:
        member = str.__new__(cls, word)
        member._value_, member.meaning = word, meaning
        return member

    # perkd itself
    LOOP_LATE = "loop_late", "a loop of perkd completed no pass for too long"
    CLOCK_SKEW = "clock_skew", "the clock of this machine cannot be trusted, so no end is carried out by time alone"
    BACKUP_FAILED = "backup_failed", "the nightly copy of the ledger failed"
    # the store and the customers
    STORE_UNREACHABLE = "store_unreachable", "the store does not answer, or not usefully"
    TOKEN_REFUSED = "token_refused", "the store refuses the token of a customer"
    CUSTOMER_FAILING = "customer_failing", "one customer cannot be read though the store can"
    DUPLICATE_TOKEN = "duplicate_token", "several tokens belong to one customer; only the newest is used"
    API_KEY_REFUSED = "api_key_refused", "the store refuses the API key"
    FEED_FAILING = "feed_failing", "the list of the store's new items cannot be read"
    ENROLMENT_FAILING = "enrolment_failing", "new customers get no token"
    ENROLLING = "enrolling", "tokens are being made for all customers of the store"
    CUSTOMER_NOT_ENROLLED = "customer_not_enrolled", "the store made no token for some customers"
    # game servers
    SERVER_REFUSED = "server_refused", "a game server refuses the RCON password"
    SERVER_DOWN = "server_down", "there is no connection to a game server"
    SERVER_ABSENT = "server_absent", "commands wait for a server that is not in the config"
    SERVER_UNKNOWN = "server_unknown", "no [[server]] is the game server the buyer chose"
    ROSTER_UNKNOWN = "roster_unknown", "a game server is connected, but its player list cannot be read"
    PLAYER_NEVER_SEEN = "player_never_seen", "commands wait for a player who has not been seen"
    # commands
    COMMAND_UNKNOWN = "command_unknown", "a command was sent and no answer came"
    COMMAND_STUCK = "command_stuck", "a command is being sent for longer than perkd waits for an answer"
    COMMAND_REFUSED = "command_refused", "the game refused a command"
    COMMAND_BLOCKED = "command_blocked", "a value of a command is missing or unsafe"
    REPLY_UNRECOGNISED = "reply_unrecognised", "no rule recognises the game's reply"
    GIFT_BLOCKED = "gift_blocked", "a gift was revoked; a punishment would hit somebody who did not pay"
    ABSENCE_BLOCKED = "absence_blocked", "an item disappeared from the store without being revoked"
    BRAKE_ON = "brake_on", "the brake stopped a mass removal"
    BRAKE_BLOCKED_WITHOUT_BRAKE = "brake_blocked_without_brake", "commands wait for a brake that is not on"
    # what is owned
    ITEMS_STAY_USABLE = "items_stay_usable", "bought items are not activated, so their perk is not given"
    ITEM_STATE_UNKNOWN = "item_state_unknown", "items have a state this version does not know"
    ITEM_MISSING = "item_missing", "items disappeared from complete inventories without being revoked"
    SLUG_MOVED = "slug_moved", "a slug belongs to another product now, and no perk lists the new one"
    ONCE_RETURNED = "once_returned", "an item that is given once was given, revoked, and counts again"
    ORPHANED = "orphaned", "something is held of a perk or server that is not in the config any more"
    # the command queues of the store
    PAYNOW_TOKEN_REFUSED = "paynow_token_refused", "the store refuses the token of a game server"
    QUEUE_FAILING = "queue_failing", "a command queue cannot be read or acknowledged"
    LINK_FAILING = "link_failing", "the store could not be told that perkd uses a game server's token"
    TOKEN_SHARED = "token_shared", "another program used a game server's token before perkd"
    PAYNOW_ID_DIFFERS = "paynow_id_differs", "`paynow_token` and `paynow_id` belong to different game servers"
    QUEUE_UNREADABLE = "queue_unreadable", "lines of a command queue cannot be read"
    QUEUE_NOBODY = "queue_nobody", "`perkd` lines wait for a player this game cannot know"
    QUEUE_CUSTOMER_REMOVED = "queue_customer_removed", "`perkd` lines belong to a customer an operator removed"
    QUEUE_CUSTOMER_UNREAD = "queue_customer_unread", "`perkd` lines were acknowledged for a player no customer is"
    DASHBOARD_COMMAND = "dashboard_command", "a line that is not for perkd waits in a command queue"
    STORE_COMMAND_BLOCKED = "store_command_blocked", "a line of the store is no single command, and is not sent"
    STORE_COMMAND_BACKLOG = "store_command_backlog", "a line of the store waited before perkd was to run them"


@dataclass(frozen=True, slots=True)
class Problem:
    """`code` is a stable word for machines, `subject` what it is about, `text` what is wrong, `fix` what to do."""

    code: ProblemCode
    severity: Severity
    subject: str
    text: str
    fix: str


def together(found: Iterable[Problem], count: int) -> tuple[Problem, ...]:
    """So many problems of one kind and about customers: unchanged, or as one problem with the first names if there are
    many; then no more of them are made."""
    problems = tuple(islice(found, ONE_BY_ONE))
    if count <= ONE_BY_ONE:
        return problems
    first, named = problems[0], ", ".join(problem.subject for problem in problems[:NAMED])
    text = f"{named} and {count - NAMED} more; the first: {first.text}"
    return (Problem(first.code, first.severity, f"{count} customers", text, first.fix),)
