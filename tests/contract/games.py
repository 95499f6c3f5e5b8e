"""The games the adapter contract runs over: each an emulated server behind the same few handles.

`tests/contract/test_adapters.py` uses it. A new adapter or transport adds one row to GAMES.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adapters.base import Endpoint, Secret
from daemon.sandbox.minecraft import Fault, MinecraftServer


@dataclass(frozen=True, slots=True)
class Game:
    """How the contract suite speaks to one game over one transport."""

    adapter: str
    transport: str
    server: Callable[[str], MinecraftServer]  # takes the password
    answers: Mapping[str, str]  # commands and the one right answer to each, in this order
    steady_command: str  # answered by steady_answer at any time
    steady_answer: str
    long_command: str  # its answer is long_answer, in several packets
    long_answer: str

    def endpoint(self, server: MinecraftServer, password: str, *, timeout_s: float = 5.0) -> Endpoint:
        return Endpoint(
            server.host, server.port, Secret(password), timeout_s, connect_timeout_s=timeout_s, transport=self.transport
        )


def _minecraft(password: str) -> MinecraftServer:
    server = MinecraftServer(password=password)
    server.console.join("Ann")
    server.console.join("Bob")
    server.answered["help"] = _LONG
    return server


# Three pieces of 4096 chars, every one full: only a probe can tell that the third is the last.
_LONG = "".join(f"/command{number:05d} äé漢 " for number in range(700))[: 3 * 4096]


def _minecraft_over(transport: str) -> Game:
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
    "minecraft-native": _minecraft_over("native"),
    "minecraft-mcrcon": _minecraft_over("mcrcon"),
}

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
