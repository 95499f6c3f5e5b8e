"""The commands that ask for a person, each sort with what to do.

`problems.find` calls this for every line of the ledger's summary.
"""

from collections.abc import Iterable

from ..core.changes import Hold
from ..core.model import State
from ..core.queue_lines import STORE_PERK
from ..ledger import Trouble
from ..paynow import one_line
from ..runtime import Problem, ProblemCode, Severity

_BLOCKED = {
    Hold.CHOSEN: (ProblemCode.SERVER_UNKNOWN, "set `paynow_id` in the [[server]] the buyers mean, then reload"),
    Hold.VALUE: (
        ProblemCode.COMMAND_BLOCKED,
        "complete the customer in the store's dashboard; perkd reads it again by itself",
    ),
    Hold.GIFT: (ProblemCode.GIFT_BLOCKED, "look at the case, then `perkd commands retry` or `skip` it"),
    Hold.ABSENT: (
        ProblemCode.ABSENCE_BLOCKED,
        "look the item up in the store, then `perkd commands retry` takes away, `skip` keeps",
    ),
    Hold.LINE: (
        ProblemCode.STORE_COMMAND_BLOCKED,
        "change the command in the store's dashboard; `perkd commands skip` acknowledges this one without sending it",
    ),
    Hold.BACKLOG: (
        ProblemCode.STORE_COMMAND_BACKLOG,
        "look whether they were delivered already; `perkd commands skip` acknowledges one, `retry` sends it",
    ),
}
# A line of the store has no perk whose patterns could be set, and the store waits for a word about it.
_OF_THE_STORE = {
    State.REFUSED: (
        ProblemCode.COMMAND_REFUSED,
        Severity.ERROR,
        "refused by the game, so not acknowledged",
        (
            "change the command in the store's dashboard; `perkd commands retry {id}` sends this one again as it is, "
            "`skip` or `done` acknowledges it"
        ),
    ),
    State.ANSWERED: (
        ProblemCode.REPLY_UNRECOGNISED,
        Severity.WARNING,
        "got a reply no rule recognises, and counts as done",
        "look at the reply: `perkd commands done {id}` if it is well, `retry {id}` if it must be sent again",
    ),
}


def of_trouble(trouble: Trouble) -> Iterable[Problem]:
    subject = f"{trouble.perk} on {trouble.server}"
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
            f"{many} went out and no answer came ({newest}): {trouble.reason}",
            f"look in the game whether it ran, then `perkd commands done {trouble.newest_id}` or `retry`",
        )
    elif trouble.perk == STORE_PERK and trouble.state in _OF_THE_STORE:
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
            f"{many} got a reply no rule recognises ({newest}): {trouble.reply or 'nothing at all'}",
            "set `success` (or `failure`) in the perk to what the reply looks like"
            if trouble.reply
            else 'if this command answers with silence (LuckPerms on Bukkit does), set `success = "^$"` in the perk',
        )
