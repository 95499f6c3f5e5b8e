"""How game families differ on the same packets: a `Dialect` of data each, and how it knows an answer is whole. PURE.

`adapters/wire/rcon.py` asks these; a new family is a row here and, if its answers end differently, one more `Answer`.
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


class Answer(Protocol):
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
    answer: Callable[["Dialect", int], Answer]  # how an answer is recognised as whole
    request_most: int  # the largest command
    login_types: frozenset[int]  # packet types that answer a login; others with the login's id are skipped
    advice: str  # where the owner finds address and password
    piece_units: int = 4096  # UTF-16 units of a full piece; a shorter one is certainly the last
    probe_type: int = 100
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
            return Progress.DONE if self._probe_id and packet.id == self._probe_id else Progress.OTHER
        text = packet.text
        self._pieces.append(text)
        if self._probe_id:
            return Progress.MORE
        # Fewer bytes than units means fewer units. A broken character may stand for several units: then better ask.
        if len(packet.body) < self._units or (utf16_units(text) < self._units and "\ufffd" not in text):
            return Progress.DONE
        return Progress.PROBE


MINECRAFT: Final = Dialect(
    name="Minecraft",
    answer=ProbedAnswer,
    request_most=1446,  # the server reads 1460 bytes at once and closes on more
    login_types=frozenset({ANSWER, EXECUTE}),  # vanilla answers with EXECUTE; some others do not
    advice="rcon.port and rcon.password in the server's server.properties (with enable-rcon=true)",
)
