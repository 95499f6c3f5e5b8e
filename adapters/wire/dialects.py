"""How game families differ on the same packets: a `Dialect` of data each, and how it knows an answer is whole. PURE.

`adapters/wire/rcon.py` asks these; a new family is a row here and, if its answers end differently, one more
`IncomingAnswer`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, Protocol

from .codec import ANSWER, EXECUTE, Packet


class Progress(Enum):
    """What the wire does after a packet of the answer."""

    OTHER = auto()  # the packet is not of this answer
    MORE = auto()  # wait
    PROBE = auto()  # send the probe, then wait
    DONE = auto()


OTHER, MORE, PROBE, DONE = Progress  # Python 3.11 takes twenty times as long for `Progress.DONE`


class IncomingAnswer(Protocol):
    """Collects the packets of one command's answer."""

    @property
    def text(self) -> str: ...

    def probed(self, probe_id: int) -> None:
        """The probe left with this id."""
        ...

    def take(self, packet: Packet) -> Progress: ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """One game family's rules on the wire. Sizes in bytes of payload, times in seconds."""

    name: str
    answer: Callable[["Dialect", int], IncomingAnswer]  # how an answer is recognised as whole
    request_most: int  # the largest command
    login_types: frozenset[int]  # packet types that answer a login; others with the login's id are skipped
    advice: str  # where the owner finds address and password
    piece_units: int = 4096  # UTF-16 units of a full piece; a shorter one is certainly the last
    probe_type: int = 100
    probe_at_once: bool = False  # the probe leaves in one write with the command
    unfinished: str = ""  # for the message when an answer began and did not end in time
    skip: frozenset[int] = field(default_factory=frozenset)  # packet types that are never part of an answer
    pause_s: float = 0.0  # between two commands
    close_after: bool = False  # the server takes one command per connection


def utf16_units(text: str) -> int:
    """How many Java chars a text has."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


class ProbedAnswer:
    """Minecraft: pieces of 4096 Java chars, no mark on the last. A shorter piece is the last; after a full one a packet
    of unknown type asks for an answer that can only come behind the rest.

    Once the probe is out, only its answer ends the reply: a command sent beside an unread probe would reach the server
    in one read with it, and Minecraft drops both.
    """

    __slots__ = ("_pieces", "_probe_id", "_request_id", "_units")

    def __init__(self, dialect: Dialect, request_id: int) -> None:
        self._units = dialect.piece_units
        self._request_id = request_id
        self._probe_id = 0
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        return self._pieces[0] if len(self._pieces) == 1 else "".join(self._pieces)

    def probed(self, probe_id: int) -> None:
        self._probe_id = probe_id

    def take(self, packet: Packet) -> Progress:
        if packet.id != self._request_id:
            return DONE if self._probe_id and packet.id == self._probe_id else OTHER
        text = packet.text
        self._pieces.append(text)
        if self._probe_id:
            return MORE
        # Fewer bytes than units means fewer units. A broken character may stand for several units: then better ask.
        if len(packet.body) < self._units or (utf16_units(text) < self._units and "\ufffd" not in text):
            return DONE
        return PROBE


MINECRAFT: Final = Dialect(
    name="Minecraft",
    answer=ProbedAnswer,
    request_most=1446,  # the server reads 1460 bytes at once and closes on more
    login_types=frozenset({ANSWER, EXECUTE}),  # vanilla answers with EXECUTE; some others do not
    advice="rcon.port and rcon.password in the server's server.properties (with enable-rcon=true)",
)


class MarkedAnswer:
    """Source: pieces of any size, no mark on the last. An empty answer packet of ours (the marker) leaves right behind
    the command. The server works one connection's packets off in their order, so the first packet with the marker's id
    comes behind the last piece: it ends the answer, whatever it holds. Nothing before it is an empty answer.

    SRCDS answers the marker twice (an empty packet, then one that holds a number: the engine takes the marker for a
    question about a variable without a name), other servers once. The second, a frame later, carries an id of the past
    and is dropped as every late packet is.
    """

    __slots__ = ("_marker_id", "_pieces", "_request_id")

    def __init__(self, _dialect: Dialect, request_id: int) -> None:
        self._request_id = request_id
        self._marker_id = 0
        self._pieces: list[bytes] = []

    @property
    def text(self) -> str:
        # The server cuts bytes, not characters: they are put together first.
        return b"".join(self._pieces).decode("utf-8", "replace")

    def probed(self, probe_id: int) -> None:
        self._marker_id = probe_id

    def take(self, packet: Packet) -> Progress:
        if packet.id == self._request_id:
            self._pieces.append(packet.body)
            return MORE
        return DONE if packet.id == self._marker_id else OTHER


class SingleAnswer:
    """Counter-Strike 2: one packet of any size, and no marker: the server does not answer one."""

    __slots__ = ("_request_id", "text")

    def __init__(self, _dialect: Dialect, request_id: int) -> None:
        self._request_id = request_id
        self.text = ""

    def probed(self, probe_id: int) -> None:
        """Never called: no probe is sent."""

    def take(self, packet: Packet) -> Progress:
        if packet.id != self._request_id:
            return OTHER
        self.text = packet.text
        return DONE


SOURCE: Final = Dialect(
    name="Source",
    answer=MarkedAnswer,
    request_most=1010,  # with head and end 1024: a longer packet gets this machine banned (sv_rcon_maxpacketsize)
    login_types=frozenset({EXECUTE}),  # an empty ANSWER comes before it, or does not
    advice="rcon_password in the server's configuration and the game's own port (TCP)",
    probe_type=ANSWER,
    probe_at_once=True,
    unfinished='; the answer began and its end was not marked: for Counter-Strike 2 write game = "cs2"',
)

SINGLE: Final = Dialect(
    name="Source 2",
    answer=SingleAnswer,
    request_most=1010,
    login_types=frozenset({EXECUTE}),
    advice="rcon_password in the server's configuration and the game's own port (TCP, with -usercon)",
)
