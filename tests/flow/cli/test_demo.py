"""`perkd demo --once` is what a new owner runs first: every scene is played and checked."""

import re
from pathlib import Path

from perkd.daemon.demo.story import EXPECTED
from tests.world import World

SCENES = 7


async def test_the_demo_plays_every_scene_and_exits_with_0(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        told = await world.perkd("demo", "--once")
    assert told.code == 0, told.out + told.err
    assert re.findall(r"(?m)^(\d)\. ", told.out) == [str(number) for number in range(1, SCENES + 1)]
    assert f" {len(EXPECTED)} " in told.out.splitlines()[-1], "the emulated servers were asked too"
    for text in ("parent add vip", "parent remove vip", "ban Ann Chargeback", "give Bob minecraft:diamond 16"):
        assert told.out.count(f"survival ← {text}") + len(re.findall(rf"survival ← lp user \S+ {text}", told.out)) == 1
    usable, active = told.out.index("is usable"), told.out.index("is active")
    assert usable < active < told.out.index("parent add vip")
    assert told.out.count("roleplay ← ulx adduserid STEAM_0:0:11101 builder\n") == 1
    assert re.search(r"survival is (down|connecting), 2 ", told.out)
    assert told.err == ""
    assert "\x1b" not in told.out
