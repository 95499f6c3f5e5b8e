"""What the lines of a game server's command queue mean: which are perkd's, which may be sent, and to whom. PURE.

`activation` asks for every line of every answer; the ledger keeps what was decided as `Decided`.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from perkd.adapters.base import Adapter, Player

from .changes import Hold
from .model import Profile

WORD = "perkd"  # a line that begins with it is for perkd: acknowledging it activates the item
STORE_PERK = "store command"  # the perk of what the store's own lines do: no perk of a config can have this name
TEXT_KEPT = 2000  # characters of a line that is never sent: enough to find it in the dashboard
TEXTS_SHOWN = 5  # different lines of one server that are reported one by one
LINES_MOST = 500  # lines left alone that are remembered of one server
REMEMBERED = timedelta(minutes=10)  # a line that is handed out only while its player is there
UNREAD_AFTER = timedelta(minutes=10)  # by then, whoever the store's API key finds has a token
UNREAD_KEPT = timedelta(days=7)
BACKLOG = (
    "queued before perkd was told to run the store's lines, so it may have been delivered in another way: look, then "
    "`perkd commands retry` or `skip`"
)
LEFT_ALONE = (
    "perkd was told to leave the store's lines alone before this one was sent: `perkd commands retry` sends it all the "
    "same, `skip` acknowledges it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line as the store handed it out. The identities are those the store knows its customer by."""

    attempt_id: str
    text: str
    online_only: bool = False
    steam_id: str | None = None
    minecraft_uuid: str | None = None
    customer_name: str | None = None
    queued_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCommand:
    """A line that goes through the ledger as a command. `problem`: why it is not sent by itself, and `hold` as a word;
    where that is its line, the text may be cut."""

    text: str
    player: str  # as the server's list names him; "" for nobody
    customer_id: str | None
    online_only: bool
    problem: str | None = None
    hold: Hold | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One attempt perkd answers for. `command` None: a line for perkd, to be acknowledged and nothing else."""

    attempt_id: str
    command: StoreCommand | None = None


@dataclass(frozen=True, slots=True)
class PlayerIds:
    """Players as the store asks for them."""

    steam_ids: tuple[str, ...] = ()
    minecraft_uuids: tuple[str, ...] = ()
    customer_names: tuple[str, ...] = ()


def is_for_perkd(text: str) -> bool:
    """Whether the first word is perkd's, in small letters."""
    return text.split(maxsplit=1)[:1] == [WORD]


def player_of(line: Line, adapter: Adapter, there: Container[str] = ()) -> str:
    """Who the line's customer is in this game, as its player list names him: by his id where he has one in this game,
    else by his name. Where a name may be one of several players', it is the one who is `there`. "" when the line names
    nobody this game can know."""
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
    """Why this text of the store is no single command for the game; None: it may be sent as it is."""
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
    """The command a line of the store becomes. Its text is never changed, only cut where it is never sent. `since`:
    what was queued before waits for the owner."""
    problem, hold = why_unsendable(line.text, most_bytes), None
    if problem is None and line.online_only and not player:
        problem = "the line waits for its player, and the store names nobody this game knows"
    text = line.text
    if problem is not None:
        hold, text = Hold.LINE, text[:TEXT_KEPT].encode("utf-8", "replace").decode()
    elif since is not None and (line.queued_at is None or line.queued_at < since.replace(microsecond=0)):
        problem, hold = BACKLOG, Hold.BACKLOG  # the store may write its times in whole seconds
    return StoreCommand(
        text=text, player=player, customer_id=customer_id, online_only=line.online_only, problem=problem, hold=hold
    )


class Removed:
    """Customers an operator removed, found by what a line names its customer by: his id where it gives one, else his
    name."""

    def __init__(self, profiles: Iterable[Profile] = ()) -> None:
        self._behind = {key: profile for profile in profiles for key in _keys(profile.values)}

    def behind(self, line: Line) -> Profile | None:
        """Who of them the line is for."""
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
    """Who is on the server, in the store's words: every id it can find a customer by, and his name."""
    found: dict[str, dict[str, None]] = {"steam_id": {}, "minecraft_uuid": {}, "name": {}}
    for player in players:
        for key, value in (*adapter.store_keys(player), ("name", player.name)):
            sort = "name" if key.endswith("name") else key
            if sort in found:  # by an XUID the queue does not ask
                found[sort][value] = None
    return PlayerIds(tuple(found["steam_id"]), tuple(found["minecraft_uuid"]), tuple(found["name"]))


@dataclass(slots=True)
class Left:
    """The lines of one server's queue that perkd leaves alone, as far as they are known to wait."""

    _lines: dict[str, tuple[str, bool, datetime]] = field(default_factory=dict)  # attempt → text, online only, when

    def see(self, lines: Iterable[Line], now: datetime) -> int:
        """Takes the newest answer. What is not in it is gone, unless it may only wait for its player. Returns how many
        lines are new."""
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
        """The different texts, each with how often it waits, most frequent first."""
        return Counter(text for text, _, _ in self._lines.values()).most_common()


@dataclass(slots=True)
class Unread:
    """Players whose items perkd had activated while it read no customer who is one of them: their time runs, and what
    they bought is given to nobody."""

    _since: dict[str, tuple[str, datetime]] = field(default_factory=dict)  # player → how he is shown, when first

    def note(self, player: str, shown: str, now: datetime) -> None:
        if len(self._since) < LINES_MOST:
            self._since.setdefault(player, (shown, now))

    def names(self, is_read: Callable[[str], bool], now: datetime) -> list[str]:
        """Who of them is still not read, longest first."""
        self._since = {
            player: noted
            for player, noted in self._since.items()
            if now - noted[1] < UNREAD_KEPT and not is_read(player)
        }
        return [shown for shown, at in self._since.values() if now - at >= UNREAD_AFTER]
