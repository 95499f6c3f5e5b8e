"""Decides the new state of a command after sending: verdict or error → outcome. PURE.

`delivery` calls this between the link and `ledger.settle`; it covers the transitions from `sending`.
"""

import re
from datetime import datetime, timedelta

from perkd.adapters.base import InDoubt, Verdict

from .changes import Command, Outcome
from .model import State, Step

REFUSED_AGAIN = (timedelta(seconds=5), timedelta(seconds=30))  # a repeatable refusal is tried three times in all
UNKNOWN_AGAIN = tuple(timedelta(minutes=minutes) for minutes in (1, 4, 15, 30, 60))
NOT_LOADED_AGAIN = timedelta(seconds=5)
NOT_SENT_AGAIN = timedelta(seconds=1)
REPLY_KEPT = 2000  # characters: enough as evidence, and long replies cannot fill the disk


def answered(command: Command, reply: str, verdict: Verdict, now: datetime, *, warming_up: bool) -> Outcome:
    """The outcome of a reply. `warming_up`: the server connected so recently that plugins may not be loaded yet."""
    kept = reply[:REPLY_KEPT]
    verdict = _owner_says(command, reply) or verdict
    match verdict:
        case Verdict.SUCCESS:
            return Outcome(state=State.DELIVERED, reply=kept)
        case Verdict.UNRECOGNISED:
            return Outcome(state=State.ANSWERED, reply=kept)
        case Verdict.NOT_LOADED if warming_up:
            reason = f"the server has just started and does not know this command yet: {kept}"
            return Outcome(state=State.PLANNED, reason=reason, due_at=now + NOT_LOADED_AGAIN)
        case Verdict.ABSENT if command.player and (command.step != Step.REVOKE or command.online):
            return Outcome(state=State.PLANNED, reply=kept, reason="the player is not online", absent=True)
    # A removal never waits for the player, and another try in a few seconds would not help. A line of the store without
    # a player has nobody to wait for.
    absent = verdict is Verdict.ABSENT
    if command.repeatable and not absent and command.refusals < len(REFUSED_AGAIN):
        due_at = now + REFUSED_AGAIN[command.refusals]
        return Outcome(state=State.PLANNED, reply=kept, reason="the game refused it; perkd tries again", due_at=due_at)
    return Outcome(state=State.REFUSED, reply=kept)


def not_sent(why: str, now: datetime) -> Outcome:
    """The outcome when nothing was sent: planned again, as soon as the link is up."""
    return Outcome(state=State.PLANNED, reason=why, due_at=now + NOT_SENT_AGAIN)


def in_doubt(command: Command, error: InDoubt | str, now: datetime) -> Outcome:
    """The outcome when bytes were sent but no answer came: never a success, and no retry unless the command is
    repeatable; then up to five."""
    again = command.repeatable and command.doubts < len(UNKNOWN_AGAIN)
    due_at = now + UNKNOWN_AGAIN[command.doubts] if again else None
    return Outcome(state=State.UNKNOWN, reason=str(error), due_at=due_at)


def _owner_says(command: Command, reply: str) -> Verdict | None:
    """The verdict by the perk's own patterns, which come before the game's."""
    if command.failure and re.search(command.failure, reply):
        return Verdict.REFUSED
    if command.success and re.search(command.success, reply):
        return Verdict.SUCCESS
    return None
