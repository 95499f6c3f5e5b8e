"""The demo's story, scene by scene, and a final check: do the ledger and the emulated servers agree?

`perkd demo` plays the story and keeps running; `perkd demo --once` exits after it, with 0 when the check passes.
"""

import asyncio
import logging
import signal
import tempfile
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from ..core.model import ServerState, State
from ..sandbox import GoodsState
from .stage import ANN, BOB, CLEO, Stage, StoryStuck, raised

PORT = 8770

CLEO_ID = f"STEAM_0:{CLEO % 2}:{CLEO // 2}"  # as Garry's Mod writes her SteamID

# The commands the ledger must hold in the end: (server, text, final state), in its order.
EXPECTED = [
    ("survival", f"lp user {ANN} parent add vip", State.DELIVERED),
    ("survival", f"lp user {ANN} parent remove vip", State.DELIVERED),
    ("survival", "ban Ann Chargeback", State.DELIVERED),
    ("roleplay", f"ulx adduserid {CLEO_ID} builder", State.DELIVERED),
    ("survival", "give Bob minecraft:diamond 16", State.DELIVERED),
    ("survival", "say Thank you, Bob!", State.DELIVERED),
]


async def play(*, once: bool) -> int:
    """Plays the story. With `once` it returns 0 when the ledger and the servers hold exactly the expected commands,
    else 1. Without, it keeps running until Ctrl-C and returns 0."""
    logging.getLogger("perkd").addHandler(logging.NullHandler())  # print the story, not the log
    teller = Teller(Console(highlight=False, soft_wrap=True))
    with tempfile.TemporaryDirectory(prefix="perkd-demo-") as folder:
        try:
            async with raised(Path(folder), 0 if once else await _free(PORT)) as stage:
                await _tell(stage, teller)
                wrong = await _differences(stage)
                teller.verdict(wrong)
                if not once:
                    teller.stay(stage)
                    await _until_interrupted()
        except StoryStuck as stuck:
            teller.say(f"The demo failed: {stuck}")
            return 1
    return 1 if wrong and once else 0


class Teller:
    """Prints the story as it happens. The text is clear without colours."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told = 0

    def say(self, text: str) -> None:
        self._console.print(text, markup=False)

    def scene(self, number: int, text: str) -> None:
        self._console.print(f"\n[bold]{number}. {text}[/bold]")

    def told(self, commands: list[dict[str, Any]]) -> None:
        """Prints each command that is new since the last call, with the server's reply."""
        for command in commands[self._told :]:
            self.say(f"   {command['server']} ← {command['text']}")
            reply = (command["reply"] or "").strip() or "(empty reply)"
            self.say(f"   {command['server']} → {reply}   [{command['state']}]")
        self._told = len(commands)

    def verdict(self, wrong: Iterable[str]) -> None:
        found = list(wrong)
        self.say("")
        if found:
            self.say("The ledger and the servers do NOT hold exactly the expected commands:")
            for line in found:
                self.say(f"   {line}")
        else:
            self.say(f"Check passed: ledger and emulated servers hold exactly the {len(EXPECTED)} expected commands.")

    def stay(self, stage: Stage) -> None:
        self.say("")
        self.say(f"perkd keeps running. Its status page: {stage.url}/")
        self.say(f"Change things in the store and on the servers yourself: {stage.box.control.url}/ lists how.")
        self.say("Press Ctrl-C to stop.")


async def _tell(stage: Stage, teller: Teller) -> None:
    store, server = stage.store, stage.server
    teller.say("This demo emulates a PayNow store, a Minecraft server and a Garry's Mod server, all on loopback.")
    teller.say("perkd and its ledger are real. The demo moves the clock forward, so days pass in seconds.")
    for name, server_ in stage.app.servers.items():
        await stage.until(f"the connection to {name}", server_.link.up.is_set)
    await stage.looked()

    teller.scene(
        1,
        "Ann buys VIP for 30 days. The product has the command `perkd` in the dashboard. perkd acknowledges it.",
    )
    (first,) = store.purchase("Ann", "vip-30-days")
    teller.say(f"   the store: Ann's item is {first.state}; its 30 days have not started")
    await stage.activated(first)
    teller.say(f"   the store: perkd acknowledged the command; Ann's item is {first.state}")
    teller.told(await stage.settled(1))

    teller.scene(
        2, "Ten days later Ann buys VIP again. Ann already has it, so perkd sends nothing. Two items now pay for it."
    )
    stage.hands.jump(timedelta(days=10))
    (second,) = store.purchase("Ann", "vip-30-days")
    await stage.activated(second)
    await stage.looked()
    await _unchanged(stage, teller)

    teller.scene(3, "The first 30 days are over. Ann keeps VIP, because the second item still pays for it.")
    stage.hands.jump(timedelta(days=20))
    await stage.looked()
    await stage.until("the first item to be used up", lambda: first.state == GoodsState.USED)
    await stage.looked()
    await _unchanged(stage, teller)

    teller.scene(4, "Ann's second purchase is charged back. No item pays for VIP now: perkd removes it and bans Ann.")
    store.revoke(second.id, "chargeback")
    await stage.looked()
    teller.told(await stage.settled(3))

    teller.scene(
        5, "Cleo plays Garry's Mod and buys a rank. perkd gets the SteamID from the store and sends a ULX command."
    )
    (rank,) = store.purchase("Cleo", "builder")
    store.activate(rank.id)
    await stage.looked()
    teller.told(await stage.settled(4))

    teller.scene(6, "The server survival goes down. Then Bob buys a starter kit. Its commands wait in the ledger.")
    await server.down()
    await stage.until("perkd to notice the lost connection", lambda: not stage.app.servers["survival"].link.up.is_set())
    store.purchase("Bob", "starter-kit")
    await stage.looked()
    for state in (await stage.status())["servers"]:
        waits = f", {state['queue']} commands wait: {state['last_error']}" if state["state"] != ServerState.UP else ""
        teller.say(f"   {state['name']} is {state['state']}{waits}")

    teller.scene(7, "survival is up again. perkd sends the waiting commands, each once.")
    await server.up()
    stage.hands.jump(timedelta(minutes=2))
    teller.told(await stage.settled(6))


async def _unchanged(stage: Stage, teller: Teller) -> None:
    sent = len(stage.server.deliveries)
    found = await stage.settled(1)
    teller.told(found)
    held = (await stage.status())["holdings"]
    teller.say(f"   nothing sent; commands so far: {sent}, perks held: {held}")


async def _differences(stage: Stage) -> list[str]:
    """Each difference between the ledger or the servers and EXPECTED, and each wrong result in the games."""
    wrong = []
    recorded = [(command["server"], command["text"], command["state"]) for command in await stage.commands()]
    if recorded != EXPECTED:
        wrong += [f"expected in the ledger: {line}" for line in EXPECTED if line not in recorded]
        wrong += [f"unexpected in the ledger: {line}" for line in recorded if line not in EXPECTED]
        wrong = wrong or [f"the order in the ledger differs: {recorded}"]
    for name, executed in (("survival", stage.server.deliveries), ("roleplay", stage.roleplay.deliveries)):
        if executed != [text for server, text, _ in EXPECTED if server == name]:
            wrong.append(f"{name} executed: {executed}")
    console = stage.server.console
    if console.groups.get(ANN):
        wrong.append(f"Ann still has {sorted(console.groups[ANN])}")
    if sum(given.count for given in console.items if given.uuid == BOB) != 16:
        wrong.append(f"Bob was given {console.items}, not 16 diamonds")
    if list(stage.roleplay.console.groups.values()) != ["builder"]:
        wrong.append(f"the ranks on roleplay are {stage.roleplay.console.groups}")
    return wrong


async def _free(port: int) -> int:
    """The port itself when it is free, else 0, which means any free port."""
    try:
        probe = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", port)
    except OSError:
        return 0
    probe.close()
    await probe.wait_closed()
    return port


async def _until_interrupted() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
