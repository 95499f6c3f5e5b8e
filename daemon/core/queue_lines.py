"""Decides what a line of a game server's command queue means: for perkd or not, may be sent or not, for whom. PURE.

`store_queue` asks for every line of every answer; the ledger keeps each decision as `Decided`.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from perkd.adapters.base import Adapter, Player

from .changes import Hold
from .model import Profile

WORD = "perkd"  # a line with this first word is for perkd: its acknowledgement activates the item
TEXT_KEPT = 2000  # characters of a line that is never sent: enough to find it in the dashboard
TEXTS_SHOWN = 5  # different lines of one server that are reported one by one
LINES_MOST = 500  # remembered lines of one server that perkd leaves in the queue
REMEMBERED = timedelta(minutes=10)  # a line that the store sends only while its player is online
UNREAD_AFTER = timedelta(minutes=10)  # by then, perkd has a token for every customer it can find with the API key
UNREAD_KEPT = timedelta(days=7)
BACKLOG = (
    "it was queued before run_store_commands was switched on, so it may have been delivered in another way: check that "
    "first, then `perkd commands retry` sends it, `skip` only acknowledges it"
)
LEFT_ALONE = (
    "run_store_commands was switched off before this line was sent: `perkd commands retry` sends it anyway, `skip` "
    "only acknowledges it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line as the store sent it. The identities are those that the store has for its customer."""

    attempt_id: str
    text: str
    online_only: bool = False
    steam_id: str | None = None
    minecraft_uuid: str | None = None
    customer_name: str | None = None
    queued_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCommand:
    """A line that goes through the ledger as a command. `problem`: why it waits for the operator, with `hold` as the
    code. With Hold.LINE, the text may be cut."""

    text: str
    player: str  # as in the server's player list; "" for nobody
    customer_id: str | None
    online_only: bool
    problem: str | None = None
    hold: Hold | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One attempt that perkd acknowledges. `command` None: a line for perkd, which only needs the acknowledgement."""

    attempt_id: str
    command: StoreCommand | None = None


@dataclass(frozen=True, slots=True)
class PlayerIds:
    """The players who are online, in the form the store expects."""

    steam_ids: tuple[str, ...] = ()
    minecraft_uuids: tuple[str, ...] = ()
    customer_names: tuple[str, ...] = ()


def is_for_perkd(text: str) -> bool:
    """Whether the first word is `perkd`, in small letters."""
    return text.split(maxsplit=1)[:1] == [WORD]


def player_of(line: Line, adapter: Adapter, there: Container[str] = ()) -> str:
    """The line's customer as this game's player list names them: by id, if the line has one for this game, else by
    name. If the name may belong to several players, it is the one who is `there`. "" if the line has no identity that
    this game knows."""
    facts = {
        "steam_id": line.steam_id,
        "minecraft_uuid": line.minecraft_uuid,
        "customer_name": line.customer_name,
    }
    who = adapter.identify({key: value for key, value in facts.items() if value})
    if who.player:
        return who.player
    names = adapter.names_of(line.customer_name or "")
    return next((name for name in names if name in there), next(iter(names), ""))


def may_run(line: Line, player: str, there: Container[str]) -> bool:
    """Whether the line's player condition holds."""
    return not line.online_only or (bool(player) and player in there)


def why_unsendable(text: str, most_bytes: int) -> str | None:
    """Why this text of the store is not a single command for the game; None: it can be sent as it is."""
    if not text.strip():
        return "the line is empty"
    if any(unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs") for char in text):
        return "the line holds a line break or another control character: only a single line is sent"
    size = len(text.encode())
    if size > most_bytes:
        return f"the line has {size} bytes, this game takes at most {most_bytes}"
    return None


def store_command(
    line: Line, player: str, customer_id: str | None, most_bytes: int, since: datetime | None = None
) -> StoreCommand:
    """The command for a line of the store. Its text is never changed; it is cut only if it will never be sent. `since`:
    lines queued before that time wait for the operator."""
    problem, hold = why_unsendable(line.text, most_bytes), None
    if problem is None and line.online_only and not player:
        problem = "the line waits for its player, but the store gives no identity that this game knows"
    text = line.text
    if problem is not None:
        hold, text = Hold.LINE, text[:TEXT_KEPT].encode("utf-8", "replace").decode()
    elif since is not None and (line.queued_at is None or line.queued_at < since.replace(microsecond=0)):
        problem, hold = BACKLOG, Hold.BACKLOG  # the store may write its times in whole seconds
    return StoreCommand(
        text=text, player=player, customer_id=customer_id, online_only=line.online_only, problem=problem, hold=hold
    )


class Removed:
    """Customers that an operator removed. A line finds its customer by id, or by name if it has no id."""

    def __init__(self, profiles: Iterable[Profile] = ()) -> None:
        self._behind = {key: profile for profile in profiles for key in _keys(profile.values)}

    def behind(self, line: Line) -> Profile | None:
        """The removed customer that the line is for."""
        ids = _keys({"steam_id": line.steam_id or "", "minecraft_uuid": line.minecraft_uuid or ""})
        keys = ids or _keys({"customer_name": line.customer_name or ""})
        return next((self._behind[key] for key in keys if key in self._behind), None)


def _keys(values: Mapping[str, str]) -> list[tuple[str, str]]:
    uuid = values.get("minecraft_uuid") or values.get("minecraft_id", "")
    keys = [
        ("steam_id", values.get("steam_id", "")),
        ("minecraft_uuid", uuid.replace("-", "").lower()),
        ("name", values.get("customer_name", "")),
    ]
    return [key for key in keys if key[1]]


def online_of(players: Iterable[Player], adapter: Adapter) -> PlayerIds:
    """The online players as the store knows them: every id it can find a customer by, and the name."""
    found: dict[str, dict[str, None]] = {"steam_id": {}, "minecraft_uuid": {}, "name": {}}
    for player in players:
        for key, value in (*adapter.store_keys(player), ("name", player.name)):
            sort = "name" if key.endswith("name") else key
            if sort in found:  # the queue does not use XUIDs
                found[sort][value] = None
    return PlayerIds(tuple(found["steam_id"]), tuple(found["minecraft_uuid"]), tuple(found["name"]))


@dataclass(slots=True)
class Left:
    """The lines that perkd leaves in one server's queue, as far as it knows that they still wait."""

    _lines: dict[str, tuple[str, bool, datetime]] = field(default_factory=dict)  # attempt → text, online only, when

    def see(self, lines: Iterable[Line], now: datetime) -> int:
        """Takes the newest answer. A line that is not in it is gone, unless it may be waiting for its player. Returns
        the number of new lines."""
        newest = {line.attempt_id: (line.text[:TEXT_KEPT], line.online_only, now) for line in lines}
        waiting = {
            attempt: kept
            for attempt, kept in self._lines.items()
            if attempt not in newest and kept[1] and now - kept[2] < REMEMBERED
        }
        before, together = self._lines.keys(), {**newest, **waiting}
        self._lines = dict(list(together.items())[:LINES_MOST])
        return len(self._lines.keys() - before)

    def texts(self) -> list[tuple[str, int]]:
        """The different texts, each with the number of lines that have it, most frequent first."""
        return Counter(text for text, _, _ in self._lines.values()).most_common()


@dataclass(slots=True)
class Unread:
    """Players whose items perkd activated although it reads no customer with that identity: the time of these items
    runs, but perkd gives nothing for them."""

    _since: dict[str, tuple[str, datetime]] = field(
        default_factory=dict
    )  # player → how messages show them, when first noted

    def note(self, player: str, shown: str, now: datetime) -> None:
        if len(self._since) < LINES_MOST:
            self._since.setdefault(player, (shown, now))

    def names(self, is_read: Callable[[str], bool], now: datetime) -> list[str]:
        """Those whom perkd still does not read, the longest wait first."""
        self._since = {
            player: noted
            for player, noted in self._since.items()
            if now - noted[1] < UNREAD_KEPT and not is_read(player)
        }
        return [shown for shown, at in self._since.values() if now - at >= UNREAD_AFTER]
