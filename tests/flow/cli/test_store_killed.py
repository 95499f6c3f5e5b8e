"""A bulk verb that is killed with SIGKILL: the next run of the file sends nothing, and says what went through."""

import asyncio
import errno
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

from perkd.daemon.cli.errors import Code
from perkd.daemon.cli.store.sending import KILLED
from perkd.daemon.sandbox.store.faults import Fault
from perkd.daemon.sandbox.store.goods import STORE_ID
from tests import secretwatch
from tests.flow.bulkfiles import (
    ASSIGN,
    CREATE,
    CUSTOMERS,
    HEAD,
    ITEMS,
    at_request,
    big,
    names,
    owned,
    rows_of,
    shown_lines,
    states,
    write,
)
from tests.flow.storekey import keyed
from tests.world import DEADLINE_S, ROOT, Said, World

ROWS = 40  # of 20 items, so 12 of them are a piece


def nothing() -> None:
    """The store answers as usual."""


async def started(world: World, *verb: str) -> asyncio.subprocess.Process:
    return await world.start("-c", str(world.config_path), *verb, "--yes")


async def killed_at(
    world: World, number: int, *verb: str, path: str = ITEMS, then: Callable[[], None] = nothing
) -> None:
    """Kills the verb before the store handles the request of this number; `then` is what the store does next."""
    running: list[asyncio.subprocess.Process] = []

    def kill() -> None:
        pid = running[0].pid
        os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):  # asyncio may have reaped it already
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
async def test_a_piece_on_its_way_is_read_back_and_the_rest_can_be_sent(tmp_path: Path, word: str) -> None:
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
    assert (said.code, shown_lines(said.out)) == (1, [tuple(range(2, 26)), tuple(range(26, 42))])
    assert all(word in said.err for word in (file, "lines 14-25 ", "lines 2-13 "))
    assert f"`perkd store inventory assign-bulk {rest}`" in said.err
    assert (last.code, shown_lines(last.out)) == (0, [tuple(range(2, 18))])
    assert not [name for name in names(tmp_path) if "sending" in name]


async def test_a_piece_that_the_store_never_started_is_in_the_rest(tmp_path: Path) -> None:
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
    assert told["stopped"] == KILLED


async def test_a_run_killed_between_two_pieces_continues_after_the_first(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv", ROWS)
        await killed_at(world, 3, *ASSIGN, file)
        asked = world.store.requests()
        said = await world.perkd(*ASSIGN, file, "--yes", "--json")
        assert world.store.requests() == asked  # confirmed rows are not asked about
        last = await world.perkd(*ASSIGN, str(tmp_path / "gifts.rest.csv"), "--yes")
        assert owned(world) == [20] * ROWS
    assert (said.code, states(said)) == (1, {"assigned": "2-13", "not assigned": "14-41"})
    assert all(word in said.err for word in (file, "lines 2-13 "))
    assert last.code == 0


async def test_a_run_killed_before_the_first_piece_leaves_nothing(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv", 3)
        await killed_at(world, 1, *ASSIGN, file)
        assert not record_of(file).exists()
        said = await world.perkd(*ASSIGN, file, "--yes", "--json")
        assert owned(world, 3) == [20] * 3
    assert (said.code, states(said)) == (0, {"assigned": "2-4"})
    assert not record_of(file).exists()


async def test_a_killed_run_that_sent_everything_or_nothing(
    tmp_path: Path,
) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv", 3)
        await killed_at(world, 2, *ASSIGN, file, then=lambda: world.store.fault(Fault.SERVER_ERROR, times=1))
        none = await world.perkd(*ASSIGN, file, "--yes", "--json")
        assert owned(world, 3) == [0] * 3
        await killed_at(world, 2, *ASSIGN, file)
        every = await world.perkd(*ASSIGN, file, "--yes", "--json")
        assert owned(world, 3) == [20] * 3
    assert (none.code, none.error["code"]) == (1, "earlier_run_killed")
    assert (every.code, states(every)) == (0, {"assigned": "2-4"})
    assert "lines 2-4 " in every.err
    assert names(tmp_path) == ["gifts.csv"]


async def test_a_piece_that_was_made_in_part_is_completed_by_the_rest(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        world.add_customer("Ann")
        ann, version = world.store.customer("Ann").id, world.store.product("vip-30-days").version_id
        file = write(tmp_path / "gifts.csv", f"{HEAD}{ann},{version},3,,,\n")
        part = write(tmp_path / "part.csv", f"{HEAD}{ann},{version},2,,,\n")
        await killed_at(world, 2, *ASSIGN, file, then=lambda: world.store.fault(Fault.SERVER_ERROR, times=1))
        await world.perkd(*ASSIGN, part, "--yes")  # the items that a store made before it failed
        said = await world.perkd(*ASSIGN, file, "--yes", "--json")
        told = json.loads(said.out)
        last = await world.perkd(*ASSIGN, told["rest"], "--yes")
        assert len(world.store.owned("Ann")) == 3
    assert (said.code, last.code) == (1, 0)
    [row] = told["results"]
    assert (row["state"], len(row["item_ids"])) == ("part", 2)


async def test_when_the_store_cannot_be_asked_the_next_run_asks_it(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv", ROWS)
        await killed_at(world, 4, *ASSIGN, file)
        before = record_of(file).read_bytes()
        world.store.fault(Fault.SERVER_ERROR)
        failed = await world.perkd(*ASSIGN, file, "--yes", "--json")
        assert record_of(file).read_bytes() == before
        world.store.heal()
        said = await world.perkd(*ASSIGN, file, "--yes", "--json")
        assert posts(world) == 2
    assert (failed.code, failed.error["code"], failed.error["may_have_happened"]) == (69, "store_failed", True)
    assert failed.error["lines"] == list(range(14, 26))
    assert str(record_of(file)) in failed.err
    assert states(said) == {"assigned": "2-25", "not assigned": "26-41"}


async def test_the_record_is_complete_and_private_and_has_no_secret(tmp_path: Path) -> None:
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
    assert "lines 14-25 " in dry.err
    assert names(tmp_path) == ["gifts.csv", "gifts.csv.sending"]


async def test_a_record_of_another_store_or_file_is_refused(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv", ROWS)
        await killed_at(world, 4, *ASSIGN, file)
        record, asked = record_of(file), world.store.requests()
        text = record.read_text("utf-8")
        content = (tmp_path / "gifts.csv").read_bytes()

        async def refused(code: Code, *names: str) -> None:
            said = await world.perkd(*ASSIGN, file, "--yes", "--json")
            assert (said.code, said.error["code"]) == (1, code)
            assert all(name in said.err for name in (str(record), *names))

        write(record, text.replace(read(record)["store_id"], "77"))
        await refused(Code.RECORD_DIFFERS, "store 77", STORE_ID)
        write(record, text[:-9])
        await refused(Code.RECORD_UNREADABLE)
        write(record, text.replace('"14-25"', '"14-99"'))
        await refused(Code.RECORD_UNREADABLE)
        write(record, text.replace("inventory assign-bulk", "customers create-bulk"))
        await refused(Code.RECORD_DIFFERS, "`perkd store customers create-bulk`")
        write(record, text)
        write(Path(file), content + b"\n")
        await refused(Code.RECORD_DIFFERS, "lines 14-25 ", read(record)["sha256"])
        assert record.read_text("utf-8") == text
        write(Path(file), content)
        assert world.store.requests() == asked
        said = await world.perkd(*ASSIGN, file, "--yes", "--json")
    assert states(said) == {"assigned": "2-25", "not assigned": "26-41"}


async def test_without_a_record_nothing_is_sent(tmp_path: Path) -> None:
    """A folder has the record's name; this stops a superuser, too."""
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv", ROWS)
        new = write(tmp_path / "new.csv", "name\nAnn\n")
        people = len(world.store.customers)
        in_the_way = [Path(f"{path}.sending.part") for path in (file, new)]
        for path in in_the_way:
            path.mkdir()
        assign = await world.perkd(*ASSIGN, file, "--yes", "--json")
        create = await world.perkd(*CREATE, new, "--yes", "--json")
        assert (posts(world), len(world.store.customers)) == (0, people)
        in_the_way[0].rmdir()
        at_request(world, 4, in_the_way[0].mkdir)  # in the middle: after the second piece
        middle = await world.perkd(*ASSIGN, file, "--yes", "--json")
        world.store.before_answer = None
        assert owned(world) == [20] * 24 + [0] * 16
    for said, name in ((assign, file), (create, new)):
        assert (said.code, said.error["code"]) == (1, "record_unwritable")
        assert f"{name}.sending" in said.err
    assert (middle.code, states(middle)) == (1, {"assigned": "2-25", "not assigned": "26-41"})
    assert f"{file}.sending" in json.loads(middle.out)["stopped"]
    assert len(rows_of(tmp_path / "gifts.rest.csv")) == 16
    assert not record_of(file).exists()


async def test_the_record_stays_until_the_rest_file_can_be_written(tmp_path: Path) -> None:
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
    assert all(str(path) in err for path in (tmp_path / "gifts.rest.csv", record_of(file)))
    assert os.strerror(errno.EFBIG) in err
    assert left == ["gifts.csv", "gifts.csv.sending"]
    assert names(tmp_path) == ["gifts.csv", "gifts.rest.csv"]
    assert len(rows_of(tmp_path / "gifts.rest.csv")) == 16


async def test_a_file_that_is_being_sent_does_not_count_as_a_killed_run(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv", ROWS)
        waits = asyncio.Event()

        def hold() -> None:
            world.store.fault(Fault.SLOW, path=ITEMS, times=1)
            waits.set()

        at_request(world, 4, hold)
        process = await started(world, *ASSIGN, file, "--json")
        await asyncio.wait_for(waits.wait(), DEADLINE_S)
        second = await world.perkd(*ASSIGN, file, "--yes", "--json")
        assert record_of(file).exists()
        world.store.release()
        out, _ = await asyncio.wait_for(process.communicate(), DEADLINE_S)
        assert owned(world) == [20] * ROWS
    assert (second.code, second.error["code"]) == (1, "file_in_use")
    assert (process.returncode, states(Said(0, out.decode(), ""))) == (0, {"assigned": "2-41"})
    assert not record_of(file).exists()


async def test_customers_that_were_being_made_are_unknown_and_in_a_file_of_their_own(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = write(tmp_path / "new.csv", "name\n" + "".join(f"N{number}\n" for number in range(450)))
        path = f"{CUSTOMERS}/bulk"
        await killed_at(world, 2, *CREATE, file, path=path)
        says = read(record_of(file))
        asked = world.store.requests()
        said = await world.perkd(*CREATE, file, "--yes", "--json")
        assert world.store.requests() == asked
        assert len(world.store.customers) == 400
        rest = await world.perkd(*CREATE, str(tmp_path / "new.rest.csv"), "--yes")
        assert len(world.store.customers) == 450
    assert (says["done"], says["sending"], says["before"]) == ("2-201", "202-401", None)
    assert (said.code, states(said)) == (1, {"made": "2-201", "unknown": "202-401", "not made": "402-451"})
    assert all(word in said.err for word in (file, "lines 202-401 ", "lines 2-201 "))
    assert len(rows_of(tmp_path / "new.unknown.csv")) == 200
    assert rest.code == 0
    assert not [name for name in names(tmp_path) if "sending" in name]
