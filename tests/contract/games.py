"""The games the adapter contract runs over: each an emulated server behind the same few handles.

`tests/contract/test_adapters.py` uses it. A new adapter or transport adds one row to GAMES.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic

from typing_extensions import TypeVar

from perkd.adapters.base import Endpoint, Secret, Transport
from perkd.daemon.sandbox.games.minecraft import Fault, MinecraftServer
from perkd.daemon.sandbox.games.source import SourceServer
from perkd.daemon.sandbox.games.source_console import Style

ServerT = TypeVar("ServerT", bound=MinecraftServer | SourceServer, default=MinecraftServer)


@dataclass(frozen=True, slots=True)
class Game(Generic[ServerT]):
    """How the contract suite speaks to one game over one transport."""

    adapter: str
    transport: Transport
    server: Callable[[str], ServerT]  # takes the password
    answers: Mapping[str, str]  # commands and the one right answer to each, in this order
    steady_command: str  # answered by steady_answer at any time
    steady_answer: str
    long_command: str  # its answer is long_answer, in several packets
    long_answer: str
    lists: tuple[str, ...] = ("minecraft:list uuids", "list uuids", "list")

    def endpoint(self, server: ServerT, password: str, *, timeout_s: float = 60.0, login_s: float = 60.0) -> Endpoint:
        """Both are longer than any machine needs: a test that lets one pass gives it by itself, so that the other one
        does not run out by chance."""
        return Endpoint(
            server.host, server.port, Secret(password), timeout_s, connect_timeout_s=login_s, transport=self.transport
        )


def _minecraft(password: str) -> MinecraftServer:
    server = MinecraftServer(password=password)
    server.console.join("Ann")
    server.console.join("Bob")
    server.answered["help"] = _LONG
    return server


# Three pieces of 4096 chars, every one full: only a probe can tell that the third is the last.
_LONG = "".join(f"/command{number:05d} äé漢 " for number in range(700))[: 3 * 4096]


def _minecraft_over(transport: Transport) -> Game:
    return Game(
        adapter="minecraft",
        transport=transport,
        server=_minecraft,
        answers={
            "give Ann minecraft:diamond 3": "Gave 3 [Diamond] to Ann",
            "whitelist add Bob": "Added Bob to the whitelist",
            "op Ann": "Made Ann a server operator",
            "lp user Bob parent add vip": "[LP] Bob now inherits permissions from vip in context global.",
            "say hello": "",
            "kick Zoe": "No player was found",
        },
        steady_command="kick Zoe",
        steady_answer="No player was found",
        long_command="help",
        long_answer=_LONG,
    )


GAMES: Mapping[str, Game] = {
    "minecraft-native": _minecraft_over(Transport.NATIVE),
    "minecraft-mcrcon": _minecraft_over(Transport.MCRCON),
}


def _source(adapter: str, style: Style, account: str) -> Game[SourceServer]:
    """`account` is account 22202 as this game writes it."""

    def server(password: str) -> SourceServer:
        running = SourceServer(password=password, style=style)
        running.console.join('Ann "the # 3', 22202)
        running.console.join("Bob;quit //", 4691)
        running.console.bots.append("Moe")
        running.answered["help"] = _LONG
        return running

    unknown = "Unknown command 'sm_unheard'!" if style is Style.CS2 else 'Unknown command "sm_unheard"'
    return Game(
        adapter=adapter,
        transport=Transport.NATIVE,
        server=server,
        answers={
            "ulx adduserid STEAM_0:0:11101 vip": "(Console) added userid STEAM_0:0:11101 to group vip",
            "sm_give 3 diamonds": "",
            "say hello": "Console: hello",
            f'kickid "{account}"': 'Dropped Ann "the # 3 from server (Kicked by Console)',
            "banid 0 STEAM_0:0:11101": "",
            "removeid STEAM_0:0:11101": "removeid:  filter removed for STEAM_0:0:11101",
            "sm_unheard": unknown,
        },
        steady_command="sm_unheard",
        steady_answer=f"{unknown}\n",
        long_command="help",
        long_answer=_LONG,
        lists=("status",),
    )


SOURCE_GAMES: Mapping[str, Game[SourceServer]] = {
    "source": _source("source", Style.GMOD, "STEAM_0:0:11101"),
    "tf2": _source("tf2", Style.TF2, "[U:1:22202]"),
    "gmod": _source("gmod", Style.GMOD, "STEAM_0:0:11101"),
    "l4d2": _source("l4d2", Style.L4D2, "STEAM_1:0:11101"),
    "cs2": _source("cs2", Style.CS2, "[U:1:22202]"),
}

EVERY: Mapping[str, Game[Any]] = {**GAMES, **SOURCE_GAMES}

# After these the command's outcome is not known, and the connection is over.
IN_DOUBT = (
    Fault.CLOSE_UNEXECUTED,
    Fault.CLOSE_EXECUTED,
    Fault.RESET_EXECUTED,
    Fault.CUT_ANSWER,
    Fault.FOREIGN_ID,
    Fault.SIZE_NEGATIVE,
    Fault.SIZE_SMALL,
    Fault.SIZE_HUGE,
    Fault.NOT_RCON,
)

# These change nothing that a client may notice.
HARMLESS = (Fault.FRAGMENTS, Fault.EXTRA_EMPTY, Fault.ONE_NUL_LOGIN)
