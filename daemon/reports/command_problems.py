"""Problems with commands: blocked, refused, without an answer, or with a reply that perkd does not recognise.

`problems.find` calls this for every trouble in the ledger's summary.
"""

from collections.abc import Iterable

from ..core.changes import Hold, Origin
from ..core.model import State
from ..ledger import Trouble
from ..paynow import one_line
from ..runtime import Problem, ProblemCode, Severity

_BLOCKED = {
    Hold.CHOSEN: (
        ProblemCode.SERVER_UNKNOWN,
        "set `paynow_id` in the [[server]] that the buyers chose, then `perkd reload`",
    ),
    Hold.VALUE: (
        ProblemCode.COMMAND_BLOCKED,
        "complete the customer in the store's dashboard; perkd reads it again by itself",
    ),
    Hold.GIFT: (ProblemCode.GIFT_BLOCKED, "decide by hand: `perkd commands retry` sends the command, `skip` drops it"),
    Hold.ABSENT: (
        ProblemCode.ABSENCE_BLOCKED,
        "look up the item in the store's dashboard, then `perkd commands retry` takes the perk away, `skip` keeps it",
    ),
    Hold.LINE: (
        ProblemCode.STORE_COMMAND_BLOCKED,
        "change the command in the store's dashboard; `perkd commands skip` acknowledges this one without sending it",
    ),
    Hold.BACKLOG: (
        ProblemCode.STORE_COMMAND_BACKLOG,
        "check whether they were delivered already; `perkd commands retry` sends one, `skip` acknowledges it unsent",
    ),
}
# A line of the store has no perk with patterns to change, and the store waits for its acknowledgement.
_OF_THE_STORE = {
    State.REFUSED: (
        ProblemCode.COMMAND_REFUSED,
        Severity.ERROR,
        "refused by the game, so not acknowledged at the store",
        (
            "change the command in the store's dashboard; `perkd commands retry {id}` sends this one again as it is, "
            "`skip` or `done` acknowledges it"
        ),
    ),
    State.ANSWERED: (
        ProblemCode.REPLY_UNRECOGNISED,
        Severity.WARNING,
        "got a reply that no rule recognises, and counts as done",
        "read the reply: if the command worked, `perkd commands done {id}`; if perkd must send it again, `retry {id}`",
    ),
}


def of_trouble(trouble: Trouble) -> Iterable[Problem]:
    """The problem of one group of commands; none where another problem covers them (the brake, an absent server)."""
    subject = f"{trouble.perk_shown} on {trouble.server}"
    many = f"{trouble.count} command{'s' if trouble.count > 1 else ''}"
    newest = f"newest: {trouble.newest_id} `{one_line(trouble.text)}`"  # a line of the store may be anything
    if trouble.state is State.BLOCKED and trouble.hold in _BLOCKED:
        code, fix = _BLOCKED[trouble.hold]
        yield Problem(code, Severity.WARNING, subject, f"{many} blocked ({newest}): {trouble.reason}", fix)
    elif trouble.state is State.UNKNOWN:
        yield Problem(
            ProblemCode.COMMAND_UNKNOWN,
            Severity.ERROR,
            subject,
            f"{many} sent, but no answer came ({newest}): {trouble.reason}",
            f"check in the game whether it worked: if it did, `perkd commands done {trouble.newest_id}`, else `retry`",
        )
    elif trouble.origin is Origin.STORE and trouble.state in _OF_THE_STORE:
        code, severity, text, fix = _OF_THE_STORE[trouble.state]
        said = trouble.reply or "nothing at all"
        yield Problem(code, severity, subject, f"{many} {text} ({newest}): {said}", fix.format(id=trouble.newest_id))
    elif trouble.state is State.REFUSED:
        yield Problem(
            ProblemCode.COMMAND_REFUSED,
            Severity.ERROR,
            subject,
            f"{many} refused by the game ({newest}): {trouble.reply}",
            f"correct the command in the config, then `perkd commands retry {trouble.newest_id}`, or `skip` it",
        )
    elif trouble.state is State.ANSWERED:
        yield Problem(
            ProblemCode.REPLY_UNRECOGNISED,
            Severity.WARNING,
            subject,
            f"{many} got a reply that no rule recognises ({newest}): {trouble.reply or 'nothing at all'}",
            "set `success` (or `failure`) in the perk to a pattern that matches this reply"
            if trouble.reply
            else 'if this command never gives a reply (as with LuckPerms on Bukkit), set `success = "^$"` in the perk',
        )
