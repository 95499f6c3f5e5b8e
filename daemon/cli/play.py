"""`perkd demo` and `perkd sandbox`: perkd's story on emulated servers, and those servers alone to try a config on."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from .errors import Code, NotWell
from .output import say

Once = Annotated[bool, typer.Option("--once", help="Play the story, check it, and end.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="The store's port; 0: a free one.")]
ControlPort = Annotated[
    int, typer.Option("--control-port", min=0, max=65535, help="The port to play the sandbox by; 0: a free one.")
]
WriteConfig = Annotated[
    Path | None,
    typer.Option(
        "--write-config",
        metavar="PATH",
        readable=False,
        help="Write a config that fits, and its customers, beside PATH.",
    ),
]


def demo(*, once: Once = False) -> None:
    """See it work, on emulated servers.

    Bought, given, charged back, taken away: the real daemon on an emulated store and game server.
    """
    from ..demo import play  # noqa: PLC0415 - it imports the daemon and the sandbox, which no other verb needs

    raise typer.Exit(asyncio.run(play(once=once)))


def sandbox(port: Port = 0, control_port: ControlPort = 0, write_config: WriteConfig = None) -> None:
    """Emulated servers to try a config on.

    A store, two Minecraft servers and one of Garry's Mod on this machine, until Ctrl-C.
    """
    asyncio.run(_play(port, control_port, write_config.absolute() if write_config else None))


async def _play(port: int, control_port: int, write_config: Path | None) -> None:
    from ..sandbox import Sandbox  # noqa: PLC0415 - as above
    from . import scenario  # noqa: PLC0415 - as above

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    box = Sandbox(("survival", "creative"), {"roleplay": scenario.GAME}, sweeper_lag=scenario.SWEEPER_LAG)
    try:
        await box.start(store_port=port, control_port=control_port)
    except OSError as error:
        raise NotWell(
            Code.PORT_TAKEN,
            f"port {port} or {control_port} cannot be opened ({error.strerror}): another program has it; choose other "
            "ones, or leave them out for free ones",
        ) from error
    try:
        tokens = scenario.furnish(box)
        written = list(scenario.write(box, tokens, write_config)) if write_config is not None else []
        for line in (*scenario.introduction(box, tokens), *written):
            say(line)
        if not written:
            say("A config for it (perkd sandbox --write-config PATH writes a whole one with its customers):")
            say()
            say(scenario.config(box))
        say("Ctrl-C ends it; nothing of it is kept.")
        await stop.wait()
    finally:
        await box.stop()
