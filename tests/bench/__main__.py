"""`python -m tests.bench [rcon] [--smoke]`: what perkd costs, beside yardsticks measured in the same run.

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
from typing import Final

from . import rcon
from .clients import missing
from .common import Result, judged

LONGEST_S: Final = 290  # the whole run, with every scenario repeated

Scenario = Callable[[rcon.Size], Awaitable[Result]]

ROOMS: Final[dict[str, Sequence[Scenario]]] = {"rcon": rcon.SCENARIOS}


def facts(cpu: int) -> str:
    """What the numbers depend on, without the machine's name."""
    names = ("perkd", "mcrcon", "aio-mc-rcon")
    versions = ", ".join(f"{name} {version(name)}" for name in names if name not in missing())
    return (
        f"{versions}; {platform.python_implementation()} {platform.python_version()}\n"
        f"{platform.system()} {platform.release().split('-')[0]}, {processor()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}; clients and servers on CPU {cpu}"
    )


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


async def run(scenarios: Sequence[Scenario], *, smoke: bool) -> int:
    if smoke:
        for scenario in scenarios:
            print((await scenario(rcon.SMOKE)).text(judge=False), flush=True)
        print("smoke run: nothing is judged")
        return 0
    try:
        async with asyncio.timeout(LONGEST_S):
            held = [await judged(partial(scenario, rcon.FULL)) for scenario in scenarios]
    except TimeoutError:
        print(f"not done after {LONGEST_S} s: nothing is shown")
        return 1
    print("every bar holds" if all(held) else "A BAR IS MISSED")
    return 0 if all(held) else 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="What perkd costs, as ratios.")
    parser.add_argument("what", nargs="?", choices=sorted(ROOMS), help="only this one")
    parser.add_argument("--smoke", action="store_true", help="a few rounds, nothing is judged")
    options = parser.parse_args()
    if missing() and not options.smoke:
        print(f"not installed: {', '.join(missing())}; `make bench` installs what the comparison needs")
        return 2
    # Clients and servers share one core. On a virtual machine, waking a process on another core can cost more than a
    # whole exchange does, and would hide how the clients differ. Interrupts mostly go to the first core: take the last.
    cpu = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpu})
    print(f"$ {parser.prog} {' '.join(sys.argv[1:])}".rstrip())
    print(f"{facts(cpu)}\n", flush=True)
    chosen = [options.what] if options.what else sorted(ROOMS)
    return asyncio.run(run([scenario for name in chosen for scenario in ROOMS[name]], smoke=options.smoke))


if __name__ == "__main__":
    sys.exit(main())
