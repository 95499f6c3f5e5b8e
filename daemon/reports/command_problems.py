"""The commands that ask for a person, each sort with what to do.

`problems.find` calls this for every line of the ledger's summary.
"""

from collections.abc import Iterable

from ..core.queue_lines import STORE_PERK
from ..ledger import Trouble
from ..paynow import one_line
from ..runtime import Problem

_BLOCKED = {
    "chosen": ("server_unknown", "set `paynow_id` in the [[server]] the buyers mean, then reload"),
    "value": ("command_blocked", "complete the customer in the store's dashboard; perkd reads it again by itself"),
    "gift": ("gift_blocked", "look at the case, then `perkd commands retry` or `skip` it"),
    "absent": (
        "absence_blocked",
        "look the item up in the store, then `perkd commands retry` takes away, `skip` keeps",
    ),
    "line": (
        "store_command_blocked",
        "change the command in the store's dashboard; `perkd commands skip` acknowledges this one without sending it",
    ),
    "backlog": (
        "store_command_backlog",
        "look whether they were delivered already; `perkd commands skip` acknowledges one, `retry` sends it",
    ),
}
# A line of the store has no perk whose patterns could be set, and the store waits for a word about it.
_OF_THE_STORE = {
    "refused": (
        "command_refused",
        "error",
        "refused by the game, so not acknowledged",
        (
            "change the command in the store's dashboard; `perkd commands retry {id}` sends this one again as it is, "
            "`skip` or `done` acknowledges it"
        ),
    ),
    "answered": (
        "reply_unrecognised",
        "warning",
        "got a reply no rule recognises, and counts as done",
        "look at the reply: `perkd commands done {id}` if it is well, `retry {id}` if it must be sent again",
    ),
}


def of_trouble(trouble: Trouble) -> Iterable[Problem]:
    subject = f"{trouble.perk} on {trouble.server}"
    many = f"{trouble.count} command{'s' if trouble.count > 1 else ''}"
    newest = f"newest: {trouble.newest_id} `{one_line(trouble.text)}`"  # a line of the store may be anything
    if trouble.state == "blocked" and trouble.hold in _BLOCKED:
        code, fix = _BLOCKED[trouble.hold]
        yield Problem(code, "warning", subject, f"{many} blocked ({newest}): {trouble.reason}", fix)
    elif trouble.state == "unknown":
        yield Problem(
            "command_unknown",
            "error",
            subject,
            f"{many} went out and no answer came ({newest}): {trouble.reason}",
            f"look in the game whether it ran, then `perkd commands done {trouble.newest_id}` or `retry`",
        )
    elif trouble.perk == STORE_PERK and trouble.state in _OF_THE_STORE:
        code, severity, text, fix = _OF_THE_STORE[trouble.state]
        said = trouble.reply or "nothing at all"
        yield Problem(code, severity, subject, f"{many} {text} ({newest}): {said}", fix.format(id=trouble.newest_id))
    elif trouble.state == "refused":
        yield Problem(
            "command_refused",
            "error",
            subject,
            f"{many} refused by the game ({newest}): {trouble.reply}",
            f"correct the command in the config, then `perkd commands retry {trouble.newest_id}`, or `skip` it",
        )
    elif trouble.state == "answered":
        yield Problem(
            "reply_unrecognised",
            "warning",
            subject,
            f"{many} got a reply no rule recognises ({newest}): {trouble.reply or 'nothing at all'}",
            "set `success` (or `failure`) in the perk to what the reply looks like"
            if trouble.reply
            else 'if this command answers with silence (LuckPerms on Bukkit does), set `success = "^$"` in the perk',
        )
