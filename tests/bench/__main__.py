"""`python -m tests.bench [ROOM] [--smoke]`: what perkd costs, beside yardsticks measured in the same run.

`make bench` calls it. Exit code 0: every bar holds. 1: one is missed twice, or the time is up. 2: a client to compare
with is not installed. With `--smoke` it runs a few rounds, judges nothing, and a missing client is only said.
"""

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final, TypeVar

from tests.bench import hour, lastleg, owner, polls, rcon, reaction, state
from tests.bench.clients import missing
from tests.bench.common import Result, judged

LONGEST_S: Final = 900  # one room, with every scenario repeated

S = TypeVar("S")
Scenario = Callable[[bool], Awaitable[Result]]  # whether it is a smoke run


def sized(scenarios: Sequence[Callable[[S], Awaitable[Result]]], full: S, smoke: S) -> list[Scenario]:
    """A room's scenarios, each with its two sizes."""
    return [partial(_sized, scenario, full, smoke) for scenario in scenarios]


def _sized(scenario: Callable[[S], Awaitable[Result]], full: S, smoke: S, small: bool) -> Awaitable[Result]:
    return scenario(smoke if small else full)


ROOMS: Final[dict[str, Sequence[Scenario]]] = {
    "rcon": sized(rcon.SCENARIOS, rcon.FULL, rcon.SMOKE),
    "polls": sized(polls.SCENARIOS, polls.FULL, polls.SMOKE),
    "owner": sized(owner.SCENARIOS, owner.FULL, owner.SMOKE),
    "state": sized(state.SCENARIOS, state.FULL, state.SMOKE),
    "hour": sized(hour.SCENARIOS, hour.FULL, hour.SMOKE),
    "reaction": [
        *sized(reaction.SCENARIOS, reaction.FULL, reaction.SMOKE),
        *sized(lastleg.SCENARIOS, lastleg.FULL, lastleg.SMOKE),
    ],
}


def facts(cpu: int) -> str:
    """What the numbers depend on, without the machine's name."""
    names = ("perkd", "mcrcon", "aio-mc-rcon")
    versions = ", ".join(f"{name} {version(name)}" for name in names if name not in missing())
    return (
        f"{versions}; {platform.python_implementation()} {platform.python_version()}\n"
        f"{platform.system()} {platform.release().split('-')[0]}, {processor()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}; measured on CPU {cpu}"
    )


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


async def run(scenarios: Sequence[Scenario], *, smoke: bool) -> int:
    if smoke:
        for scenario in scenarios:
            print((await scenario(True)).text(judge=False), flush=True)
        print("smoke run: nothing is judged")
        return 0
    try:
        async with asyncio.timeout(LONGEST_S):
            held = [await judged(partial(scenario, False)) for scenario in scenarios]
    except TimeoutError:
        print(f"not done after {LONGEST_S} s")
        return 1
    print("every bar holds" if all(held) else "A BAR IS MISSED")
    return 0 if all(held) else 1


async def run_rooms(rooms: Sequence[str], *, smoke: bool) -> int:
    """One after the other, each in its own time; the worst exit code."""
    return max([await run(ROOMS[name], smoke=smoke) for name in rooms])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="What perkd costs, as ratios.")
    parser.add_argument("what", nargs="?", choices=sorted(ROOMS), help="only this one")
    parser.add_argument("--smoke", action="store_true", help="a few rounds, nothing is judged")
    options = parser.parse_args()
    rooms = [options.what] if options.what else list(ROOMS)
    if "rcon" in rooms and missing() and not options.smoke:
        print(f"not installed: {', '.join(missing())}; `make bench` installs what the comparison needs")
        return 2
    # RCON clients and their servers share one core; the store of the other rooms has the first one. On a virtual
    # machine, waking a process on another core can cost more than a whole exchange does, and would hide how the clients
    # differ. Interrupts mostly go to the first core: take the last.
    cpu = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpu})
    print(f"$ {parser.prog} {' '.join(sys.argv[1:])}".rstrip())
    print(f"{facts(cpu)}\n", flush=True)
    return asyncio.run(run_rooms(rooms, smoke=options.smoke))


if __name__ == "__main__":
    sys.exit(main())
