"""A bulk verb that is killed with SIGKILL: the next run of the file sends nothing, and says what went through."""

import asyncio
import json
import os
import signal
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from perkd.daemon.sandbox.store.faults import Fault
from tests import secretwatch
from tests.flow.bulkfiles import ASSIGN, CREATE, CUSTOMERS, HEAD, ITEMS, at_request, big, names, owned, rows_of, write
from tests.flow.storekey import keyed
from tests.world import DEADLINE_S, ROOT, World

ROWS = 40  # of 20 items, so 12 of them are a piece


def nothing() -> None:
    """The store does what it is asked for."""


async def started(world: World, *verb: str) -> asyncio.subprocess.Process:
    return await world.start("-c", str(world.config_path), *verb, "--yes")


async def killed_at(
    world: World, number: int, *verb: str, path: str = ITEMS, then: Callable[[], None] = nothing
) -> None:
    """The verb is dead before the store begins with the request of this number; `then` says how the store goes on."""
    running: list[asyncio.subprocess.Process] = []

    def kill() -> None:
        pid = running[0].pid
        os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):  # asyncio, which reaps it, may have done so already
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        then()

    at_request(world, number, kill, path=path)
    running.append(await started(world, *verb))
    await asyncio.wait_for(running[0].communicate(), DEADLINE_S)
    assert running[0].returncode == -signal.SIGKILL
    world.store.before_answer = None


def posts(world: World, path: str = ITEMS) -> int:
    return world.store.requests(path, "POST")


def record_of(file: str) -> Path:
    return Path(f"{file}.sending")


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


@pytest.mark.parametrize("word", ["delivery/items", "command_delivery"])
async def test_a_piece_in_flight_is_read_back_and_the_rest_goes_on(tmp_path: Path, word: str) -> None:
    path = ITEMS if word == "delivery/items" else f"{CUSTOMERS}/bulk/command_delivery"
    async with World(tmp_path) as world:
        keyed(world, store=f'management_items = "{word}"')
        file = big(world, tmp_path / "gifts.csv", ROWS)
        await killed_at(world, 4 if path == ITEMS else 2, *ASSIGN, file, path=path)  # the mark is a request, too
        assert owned(world) == [20] * 24 + [0] * 16
        said = await world.perkd(*ASSIGN, file, "--yes")
        assert owned(world) == [20] * 24 + [0] * 16
        assert posts(world, path) == 2
        rest = tmp_path / "gifts.rest.csv"
        last = await world.perkd(*ASSIGN, str(rest), "--yes")
        assert owned(world) == [20] * ROWS
    assert (said.code, said.out) == (1, "assigned: lines 2-25 (24 rows)\nnot assigned: lines 26-41 (16 rows)\n")
    assert f"An earlier run of {file} was killed while lines 14-25 were being sent (" in said.err
    assert "); lines 2-13 were done. Nothing is sent now" in said.err
    assert f"`perkd store inventory assign-bulk {rest}` goes on with it" in said.err
    assert (last.code, last.out) == (0, "assigned: lines 2-17 (16 rows)\n")
    assert not [name for name in names(tmp_path) if "sending" in name]


async def test_a_piece_the_store_never_began_with_is_in_the_rest(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv", ROWS)
        await killed_at(world, 4, *ASSIGN, file, then=lambda: world.store.fault(Fault.SERVER_ERROR, times=1))
        said = await world.perkd(*ASSIGN, file, "--yes", "--json")
        assert owned(world) == [20] * 12 + [0] * 28
        told = json.loads(said.out)
        last = await world.perkd(*ASSIGN, told["rest"], "--yes")
        assert owned(world) == [20] * ROWS
    assert (said.code, last.code) == (1, 0)
    assert [row["state"] for row in told["results"]] == ["assigned"] * 12 + ["not assigned"] * 28
    assert told["stopped"] == "an earlier run was killed, and nothing was sent now"


async def test_a_run_killed_between_two_pieces_goes_on_after_the_first(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv", ROWS)
        await killed_at(world, 3, *ASSIGN, file)
        asked = world.store.requests()
        said = await world.perkd(*ASSIGN, file, "--yes")
        assert world.store.requests() == asked  # what was confirmed is not asked about
        last = await world.perkd(*ASSIGN, str(tmp_path / "gifts.rest.csv"), "--yes")
        assert owned(world) == [20] * ROWS
    assert (said.code, said.out) == (1, "assigned: lines 2-13 (12 rows)\nnot assigned: lines 14-41 (28 rows)\n")
    assert f"An earlier run of {file} was killed between two pieces (" in said.err
    assert "); lines 2-13 were done. Nothing is sent now" in said.err
    assert last.code == 0


async def test_a_run_killed_before_the_first_piece_left_nothing(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv", 3)
        await killed_at(world, 1, *ASSIGN, file)
        assert not record_of(file).exists()
        said = await world.perkd(*ASSIGN, file, "--yes")
        assert owned(world, 3) == [20] * 3
    assert (said.code, said.out) == (0, "assigned: lines 2-4 (3 rows)\n")
    assert not record_of(file).exists()


async def test_a_run_of_which_all_went_through_is_well_and_of_which_nothing_did_can_be_sent_again(
    tmp_path: Path,
) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv", 3)
        await killed_at(world, 2, *ASSIGN, file, then=lambda: world.store.fault(Fault.SERVER_ERROR, times=1))
        none = await world.perkd(*ASSIGN, file, "--yes")
        assert owned(world, 3) == [0] * 3
        await killed_at(world, 2, *ASSIGN, file)
        every = await world.perkd(*ASSIGN, file, "--yes")
        assert owned(world, 3) == [20] * 3
    assert (none.code, none.out) == (1, "")
    assert "no row went through: an earlier run was killed" in none.err
    assert "The same file can be sent again" in none.err
    assert (every.code, every.out) == (0, "assigned: lines 2-4 (3 rows)\n")
    assert "was killed while lines 2-4 were being sent" in every.err
    assert names(tmp_path) == ["gifts.csv"]


async def test_a_piece_that_was_made_in_part_is_completed_by_the_rest(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        world.add_customer("Ann")
        ann, version = world.store.customer("Ann").id, world.store.product("vip-30-days").version_id
        file = write(tmp_path / "gifts.csv", f"{HEAD}{ann},{version},3,,,\n")
        part = write(tmp_path / "part.csv", f"{HEAD}{ann},{version},2,,,\n")
        await killed_at(world, 2, *ASSIGN, file, then=lambda: world.store.fault(Fault.SERVER_ERROR, times=1))
        await world.perkd(*ASSIGN, part, "--yes")  # what a store that failed in the middle had made
        said = await world.perkd(*ASSIGN, file, "--yes", "--json")
        told = json.loads(said.out)
        last = await world.perkd(*ASSIGN, told["rest"], "--yes")
        assert len(world.store.owned("Ann")) == 3
    assert (said.code, last.code) == (1, 0)
    [row] = told["results"]
    assert (row["state"], len(row["item_ids"])) == ("part", 2)


async def test_a_store_that_cannot_be_asked_is_asked_by_the_next_run(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv", ROWS)
        await killed_at(world, 4, *ASSIGN, file)
        before = record_of(file).read_bytes()
        world.store.fault(Fault.SERVER_ERROR)
        failed = await world.perkd(*ASSIGN, file, "--yes")
        assert record_of(file).read_bytes() == before
        world.store.heal()
        said = await world.perkd(*ASSIGN, file, "--yes")
        assert posts(world) == 2
    assert (failed.code, failed.out) == (69, "")
    assert "whether lines 14-25 went through is not known: the store failed (500" in failed.err
    assert f"the same command asks again, and {record_of(file)} stays until then" in failed.err
    assert said.out == "assigned: lines 2-25 (24 rows)\nnot assigned: lines 26-41 (16 rows)\n"


async def test_the_record_is_whole_private_readable_and_holds_no_secret(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv", ROWS)
        await killed_at(world, 4, *ASSIGN, file)
        text, says = record_of(file).read_text("utf-8"), read(record_of(file))
        newest = str(max(map(int, list(world.store.items)[:240])))
        dry = await world.perkd(*ASSIGN, file, "--dry-run")
        assert record_of(file).read_text("utf-8") == text
        assert secretwatch.found_in(text) == []
        assert world.store.api_key not in text
    assert stat.S_IMODE(record_of(file).stat().st_mode) == 0o600
    assert (says["verb"], says["file"]) == ("store inventory assign-bulk", "gifts.csv")
    assert (says["done"], says["sending"], says["before"]) == ("2-13", "14-25", newest)
    assert dry.code == 0
    assert "was killed while lines 14-25 were being sent" in dry.err
    assert names(tmp_path) == ["gifts.csv", "gifts.csv.sending"]


async def test_a_record_of_another_store_or_file_is_refused(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv", ROWS)
        await killed_at(world, 4, *ASSIGN, file)
        record, asked = record_of(file), world.store.requests()
        text = record.read_text("utf-8")
        content = (tmp_path / "gifts.csv").read_bytes()

        async def refused() -> str:
            said = await world.perkd(*ASSIGN, file, "--yes")
            assert (said.code, said.out) == (1, "")
            assert f"remove {record}" in said.err
            return said.err

        write(record, text.replace(read(record)["store_id"], "77"))
        other_store = await refused()
        write(record, text[:-9])
        cut = await refused()
        write(record, text.replace('"14-25"', '"14-99"'))
        foreign_lines = await refused()
        write(record, text.replace("inventory assign-bulk", "customers create-bulk"))
        other_verb = await refused()
        write(record, text)
        write(Path(file), content + b"\n")
        changed = await refused()
        assert record.read_text("utf-8") == text
        write(Path(file), content)
        assert world.store.requests() == asked
        said = await world.perkd(*ASSIGN, file, "--yes")
    assert "That was the store 77, and [store] id is" in other_store
    assert "perkd cannot read it" in cut
    assert "perkd cannot read it" in foreign_lines
    assert "That was `perkd store customers create-bulk`" in other_verb
    assert "lines 14-25 were being sent" in changed
    assert "The file was changed since: put it back as it was (SHA-256 " in changed
    assert said.out == "assigned: lines 2-25 (24 rows)\nnot assigned: lines 26-41 (16 rows)\n"


async def test_without_a_record_nothing_is_sent(tmp_path: Path) -> None:
    """A folder stands in the record's way, which stops a superuser as well."""
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv", ROWS)
        new = write(tmp_path / "new.csv", "name\nAnn\n")
        people = len(world.store.customers)
        in_the_way = [Path(f"{path}.sending.part") for path in (file, new)]
        for path in in_the_way:
            path.mkdir()
        assign = await world.perkd(*ASSIGN, file, "--yes")
        create = await world.perkd(*CREATE, new, "--yes")
        assert (posts(world), len(world.store.customers)) == (0, people)
        in_the_way[0].rmdir()
        at_request(world, 4, in_the_way[0].mkdir)  # in the middle: after the second piece
        middle = await world.perkd(*ASSIGN, file, "--yes")
        world.store.before_answer = None
        assert owned(world) == [20] * 24 + [0] * 16
    assert (assign.code, create.code, middle.code) == (1, 1, 1)
    assert f"no row went through: {file}.sending cannot be written: " in assign.err
    assert f"{new}.sending cannot be written: " in create.err
    assert "so it sent nothing more" in assign.err
    assert middle.out == "assigned: lines 2-25 (24 rows)\nnot assigned: lines 26-41 (16 rows)\n"
    assert f"stopped: {file}.sending cannot be written: " in middle.err
    assert len(rows_of(tmp_path / "gifts.rest.csv")) == 16
    assert not record_of(file).exists()


async def test_a_rest_that_cannot_be_written_keeps_the_record_until_it_is(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv", ROWS)
        await killed_at(world, 4, *ASSIGN, file)
        process = await asyncio.create_subprocess_exec(  # as on a full disk: no file may have a byte
            *("sh", "-c", 'ulimit -f 0; exec "$@"', "sh"),
            *(sys.executable, "-m", "perkd", "-c", str(world.config_path), *ASSIGN, file),
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = (text.decode() for text in await asyncio.wait_for(process.communicate(), DEADLINE_S))
        left = names(tmp_path)
        said = await world.perkd(*ASSIGN, file, "--yes")
    assert (process.returncode, out) == (1, said.out)
    assert f"{tmp_path / 'gifts.rest.csv'} cannot be written: File too large" in err
    assert f"{record_of(file)} stays: the same command says this again, and writes the files" in err
    assert left == ["gifts.csv", "gifts.csv.sending"]
    assert names(tmp_path) == ["gifts.csv", "gifts.rest.csv"]
    assert len(rows_of(tmp_path / "gifts.rest.csv")) == 16


async def test_a_file_that_is_being_sent_is_not_taken_for_one_of_a_dead_run(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv", ROWS)
        waits = asyncio.Event()

        def hold() -> None:
            world.store.fault(Fault.SLOW, path=ITEMS, times=1)
            waits.set()

        at_request(world, 4, hold)
        process = await started(world, *ASSIGN, file)
        await asyncio.wait_for(waits.wait(), DEADLINE_S)
        second = await world.perkd(*ASSIGN, file, "--yes")
        assert record_of(file).exists()
        world.store.release()
        out, _ = await asyncio.wait_for(process.communicate(), DEADLINE_S)
        assert owned(world) == [20] * ROWS
    assert (second.code, second.out) == (1, "")
    assert f"Another perkd works with {file} just now" in second.err
    assert (process.returncode, out.decode()) == (0, "assigned: lines 2-41 (40 rows)\n")
    assert not record_of(file).exists()


async def test_customers_that_were_being_made_are_named_and_kept_apart(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = write(tmp_path / "new.csv", "name\n" + "".join(f"N{number}\n" for number in range(450)))
        path = f"{CUSTOMERS}/bulk"
        await killed_at(world, 2, *CREATE, file, path=path)
        says = read(record_of(file))
        asked = world.store.requests()
        said = await world.perkd(*CREATE, file, "--yes")
        assert world.store.requests() == asked
        assert len(world.store.customers) == 400
        rest = await world.perkd(*CREATE, str(tmp_path / "new.rest.csv"), "--yes")
        assert len(world.store.customers) == 450
    assert (says["done"], says["sending"], says["before"]) == ("2-201", "202-401", None)
    assert said.code == 1
    assert f"An earlier run of {file} was killed while lines 202-401 were being sent (" in said.err
    assert "); lines 2-201 were done. Nothing is sent now" in said.err
    assert (
        "made: lines 2-201 (200 rows)\nnot made: lines 402-451 (50 rows)\n"
        "unknown: lines 202-401 (200 rows). The store may have made these customers or not" in said.out
    )
    assert len(rows_of(tmp_path / "new.unknown.csv")) == 200
    assert rest.code == 0
    assert not [name for name in names(tmp_path) if "sending" in name]
