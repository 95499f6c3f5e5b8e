"""`perkd demo` plays a story on emulated servers. `perkd sandbox` starts such servers to try a config on."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from .errors import Code, NotWell
from .output import say

Once = Annotated[bool, typer.Option("--once", help="Play the story once, check it, and exit.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="The store's port; 0 takes a free one.")]
ControlPort = Annotated[
    int,
    typer.Option("--control-port", min=0, max=65535, help="The port that controls the sandbox; 0 takes a free one."),
]
WriteConfig = Annotated[
    Path | None,
    typer.Option(
        "--write-config",
        metavar="PATH",
        readable=False,
        help="Write a matching configuration to PATH, and its customers beside it.",
    ),
]


def demo(*, once: Once = False) -> None:
    """Watch perkd work, on emulated servers.

    A purchase, its delivery, a chargeback, the removal: the real daemon with an emulated store and game server.
    """
    from ..demo import play  # noqa: PLC0415 - it imports the daemon and the sandbox, which no other verb needs

    raise typer.Exit(asyncio.run(play(once=once)))


def sandbox(port: Port = 0, control_port: ControlPort = 0, write_config: WriteConfig = None) -> None:
    """Start emulated servers to try a configuration on.

    An emulated store, two Minecraft servers and one Garry's Mod server on this machine, until you press Ctrl-C.
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
            f"port {port} or {control_port} cannot be opened ({error.strerror}): another program uses it. Choose other "
            "ports, or leave the options out to take free ones",
        ) from error
    try:
        tokens = scenario.furnish(box)
        written = list(scenario.write(box, tokens, write_config)) if write_config is not None else []
        for line in (*scenario.introduction(box, tokens), *written):
            say(line)
        if not written:
            say("A configuration for it (`perkd sandbox --write-config PATH` writes a complete one):")
            say()
            say(scenario.config(box))
        say("Ctrl-C stops it. Nothing is kept.")
        await stop.wait()
    finally:
        await box.stop()
