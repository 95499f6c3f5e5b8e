"""The output of `perkd store` on a narrow terminal, for another program, and on a full disk."""

import asyncio
import errno
import json
import os
from pathlib import Path

from rich.cells import cell_len

from perkd.daemon.sandbox.store.faults import Fault
from tests.flow.bulkfiles import ASSIGN, ITEMS, at_request, big
from tests.flow.storekey import keyed
from tests.terminal import on_terminal
from tests.world import DEADLINE_S, World

ODD = "Zoë \U0001f3ae \x9b31m\u202e\u2028名前"


async def test_an_inventory_fits_into_eighty_and_into_sixty_columns(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        world.add_customer("Ann")
        ann, item = world.store.customer("Ann").id, world.buy("Ann")
        shown = {
            columns: (await on_terminal(*_show(world, ann), columns=columns))[1].splitlines()
            for columns in (60, 80, 200)
        }
    for columns, lines in shown.items():
        rows = [line.rstrip() for line in lines if item in line or line.startswith("    ")]
        assert rows[0].startswith(f"{item}  vip-30-days  active")
        assert max(cell_len(line) for line in rows) <= columns
        text = "\n".join(rows)
        assert [word in text for word in ("    added 2", "    ends 2")] == [columns < 87, columns < 64]
        assert "order " in text


async def test_the_columns_after_a_wide_name_are_under_their_heads(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        for name in ("Ann", "名前", "e\u0301", "\U0001f3ae"):
            world.store.add_customer(name)
        said = await world.perkd("store", "customers", "list")
    head, *rows = said.out.splitlines()
    at = cell_len(head[: head.index("created")])
    assert len(rows) == 4
    for row in rows:
        assert cell_len(row[: row.index("  2") + 2]) == at


async def test_json_has_no_control_characters_and_is_valid_on_any_stdout(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        world.store.add_customer(ODD)
        said = await world.perkd("store", "customers", "list", "--json")
        line = ("-c", str(world.config_path), "store", "customers", "list", "--json")
        narrow = await world.start(*line, env={"PYTHONIOENCODING": "latin-1"})
        out, _ = await asyncio.wait_for(narrow.communicate(), DEADLINE_S)
    assert [json.loads(text)["customers"][0]["name"] for text in (said.out, out.decode("latin-1"))] == [ODD, ODD]
    assert "名前" in said.out
    assert "\U0001f3ae" in said.out
    assert all(char.isprintable() or char == "\n" for char in said.out)


async def test_a_full_disk_behind_stdout_is_an_error_that_says_the_work_may_be_done(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        world.add_customer("Ann")
        ann, vip = world.store.customer("Ann").id, world.store.product("vip-30-days").id
        assign = ("-c", str(world.config_path), "store", "inventory", "assign", ann, "--product", vip)
        full = os.open("/dev/full", os.O_WRONLY)
        try:
            for more in ((), ("--json",)):
                process = await world.start(*assign, *more, stdout=full)
                _, err = await asyncio.wait_for(process.communicate(), DEADLINE_S)
                assert process.returncode == 1
                assert os.strerror(errno.ENOSPC) in err.decode()
                assert b"fault in perkd" not in err
        finally:
            os.close(full)
        assert len(world.store.owned("Ann")) == 2


async def test_the_command_that_continues_with_a_file_can_be_pasted(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "my gifts.csv", 20)
        at_request(world, 3, lambda: world.store.fault(Fault.SERVER_ERROR, path=ITEMS))
        said = await world.perkd(*ASSIGN, file, "--yes")
    assert said.code == 1
    assert f"`perkd store inventory assign-bulk '{tmp_path / 'my gifts.rest.csv'}'`" in said.err


def _show(world: World, customer_id: str) -> tuple[str, ...]:
    return ("-c", str(world.config_path), "store", "inventory", "show", customer_id)
