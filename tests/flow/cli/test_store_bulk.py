"""`perkd store inventory assign-bulk` and `customers create-bulk`: checked whole, sent in pieces, told line by line."""

import asyncio
import json
import shutil
import signal
from pathlib import Path

import pytest

from perkd.daemon.sandbox.store.faults import Fault
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
    replace_line,
    rows_of,
    write,
)
from tests.flow.storekey import keyed
from tests.terminal import on_terminal
from tests.world import DEADLINE_S, World


async def test_a_file_of_a_spreadsheet_is_checked_and_assigned(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        for name in ("Ann", "Bob"):
            world.add_customer(name)
        ann, bob = world.store.customer("Ann").id, world.store.customer("Bob").id
        version = world.store.product("vip-30-days").version_id
        file = write(
            tmp_path / "gifts.csv",
            b"\xef\xbb\xbfCustomer_ID;product_version_id;quantity;override_expires_at;skip_commands;;\r\n"
            + f"{ann};{version};2;2099-01-01T00:00:00Z;;;\r\n;;;;;;\r\n{bob};{version};;;TRUE;;\r\n".encode()
            + f"{ann};{version};2;2099-01-01T00:00:00Z;;;\r\n".encode(),
        )
        dry = await world.perkd(*ASSIGN, file, "--dry-run")
        unasked = await world.perkd(*ASSIGN, file)
        assert world.store.requests() == 0
        code, shown = await on_terminal("-c", str(world.config_path), *ASSIGN, file, answers=[("[y/N]", "n")])
        assert (code, world.store.requests()) == (1, 0)
        said = await world.perkd(*ASSIGN, file, "--yes", "--json")
        items = world.store.owned("Ann")
        assert [len(items), len(world.store.owned("Bob"))] == [4, 1]
        assert {item.override_expires_at.year for item in items if item.override_expires_at} == {2099}
        assert world.store.owned("Bob")[0].skip_commands
    assert (dry.code, dry.out) == (
        0,
        f"{file} has no mistakes: it would assign 5 items to 2 customers (3 rows). Nothing was sent\n",
    )
    assert "line 5: the same as an earlier line. Each is assigned once more" in dry.err
    assert "skip_commands in line 4: an item without commands is likely invisible" in dry.err
    assert (unasked.code, unasked.out) == (2, "")
    assert "this assigns 5 items to 2 customers (3 rows)" in unasked.err
    assert "Assign 5 items to 2 customers (3 rows)?" in shown
    told = json.loads(said.out)
    assert said.code == 0
    assert [(row["line"], row["state"], len(row["item_ids"])) for row in told["results"]] == [
        (2, "assigned", 2),
        (4, "assigned", 1),
        (5, "assigned", 2),
    ]
    assert (told["stopped"], told["rest"], told["unknown"]) == (None, None, None)


async def test_every_bad_row_is_named_and_nothing_is_sent(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        good = "1,2,1,,,\n"
        file = write(
            tmp_path / "bad.csv",
            f"{HEAD}{good}1,2,0,,,\nabc,2,1,,,maybe\n,2,,,,\n1,1.24E+17,1,x,2020-01-01T00:00:00Z,\n"
            f"1,2,3,4,,,7,8\n1,9999999999999999999\n{good}",
        )
        said = await world.perkd(*ASSIGN, file, "--yes")
        assert world.store.requests() == 0
    assert (said.code, said.out) == (2, "")
    head, *bad = said.err.splitlines()
    assert head == f"perkd: nothing was sent. {file}: 6 of 8 rows cannot be sent"
    assert [line.partition(":")[0] for line in bad] == [f"line {number}" for number in range(3, 9)]
    assert 'customer_id: "abc", expected an id' in bad[1]
    assert 'skip_commands: "maybe", expected true or false' in bad[1]
    assert "was rounded by a spreadsheet" in bad[3]
    assert "override_expires_at: " in bad[3]
    assert 'execute_on_gameserver_id: "x"' in bad[3]


FILES = {
    "": "is empty",
    HEAD: "no row below the header",
    "customer_id,product_version_id\n": "no row below the header",
    "customer_id,product_version,foo\n1,2,3\n": '"product_version" is no column (did you mean product_version_id?)',
    "customer_id,product_version_id,Customer_Id\n1,2,3\n": "the column customer_id is there twice",
    "quantity\n1\n": "the column customer_id is missing; the column product_version_id is missing",
    'customer_id,product_version_id\n"1,2\n': "look for a quote that is not closed",
    "\x89PNG\r\n\x1a\n": "is no column",
}


@pytest.mark.parametrize("text", FILES)
async def test_a_file_that_is_no_such_list_is_refused_with_words(tmp_path: Path, text: str) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        said = await world.perkd(*ASSIGN, write(tmp_path / "odd.csv", text), "--yes")
        assert world.store.requests() == 0
    assert (said.code, said.out) == (2, "")
    assert FILES[text] in said.err


async def test_a_binary_file_a_folder_and_no_file_are_refused_with_words(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        binary = await world.perkd(*ASSIGN, write(tmp_path / "picture.csv", b"\x89PNG\r\n\xff\xff"), "--dry-run")
        folder = await world.perkd(*ASSIGN, str(tmp_path), "--dry-run")
        nowhere = await world.perkd(*ASSIGN, str(tmp_path / "nowhere"), "--dry-run")
        wide = await world.perkd(*ASSIGN, write(tmp_path / "wide.csv", "a,b".encode("utf-16")), "--dry-run")
    assert {said.code for said in (binary, folder, nowhere, wide)} == {2}
    assert "which is not UTF-8" in binary.err
    assert "which is a directory" in folder.err
    assert "no file" in nowhere.err
    assert "byte order mark" in wide.err


async def test_ten_thousand_rows_go_out_in_pieces_with_progress(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        for number in range(40):
            world.store.add_customer(f"P{number}")
        version = world.store.product("vip-30-days").version_id
        rows = "".join(f"{world.store.customer(f'P{number}').id},{version},1,,,\n" * 250 for number in range(40))
        said = await world.perkd(*ASSIGN, write(tmp_path / "many.csv", HEAD + rows), "--yes")
        assert owned(world) == [250] * 40
        assert sum(asked.method == "POST" for asked in world.store.asked) == 40
    assert (said.code, said.out) == (0, "assigned: lines 2-10001 (10000 rows)\n")
    assert said.err.splitlines()[1:] == [f"through {done} of 10000 rows" for done in range(1000, 10_001, 1000)]


async def test_a_store_that_fails_in_the_middle_leaves_a_file_to_go_on_with(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv")
        # A mark and a piece are two requests: the second piece is done, and its answer is an error.
        at_request(world, 4, lambda: world.store.fault(Fault.ERROR_AFTER, path=ITEMS, method="POST"))
        said = await world.perkd(*ASSIGN, file, "--yes")
        assert owned(world) == [20] * 24 + [0] * 16
        world.store.heal()
        world.store.before_answer = None
        rest = tmp_path / "gifts.rest.csv"
        assert len(rows_of(rest)) == 16
        at_request(world, 3, lambda: world.store.fault(Fault.SERVER_ERROR, path=ITEMS, method="POST"))
        again = await world.perkd(*ASSIGN, str(rest), "--yes", "--json")
        world.store.heal()
        world.store.before_answer = None
        last = await world.perkd(*ASSIGN, str(tmp_path / "gifts.rest2.csv"), "--yes")
        assert owned(world) == [20] * 40
    assert said.code == 1
    assert said.out == "assigned: lines 2-25 (24 rows)\nnot assigned: lines 26-41 (16 rows)\n"
    assert "stopped: lines 14-25: the store failed (500 on" in said.err
    assert "try again" not in said.err  # who sends this file again gives 24 rows twice
    assert (
        f"what did not go through is in {rest}: `perkd store inventory assign-bulk {rest}` goes on with it" in said.err
    )
    told = json.loads(again.out)
    assert (again.code, told["rest"]) == (1, str(tmp_path / "gifts.rest2.csv"))
    assert [row["state"] for row in told["results"]] == ["assigned"] * 12 + ["not assigned"] * 4
    assert last.code == 0
    assert names(tmp_path) == ["gifts.csv", "gifts.rest.csv", "gifts.rest2.csv"]


async def test_what_nobody_can_tell_is_unknown_and_kept_apart(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv")

        def lost_for_good() -> None:
            world.store.fault(Fault.ANSWER_LOST, path=ITEMS, method="POST")
            world.store.fault(Fault.SERVER_ERROR, path=ITEMS, method="GET")

        at_request(world, 4, lost_for_good)
        said = await world.perkd(*ASSIGN, file, "--yes")
        assert owned(world) == [20] * 24 + [0] * 16
    assert said.code == 1
    assert "assigned: lines 2-13 (12 rows)\nnot assigned: lines 26-41 (16 rows)\n" in said.out
    assert "unknown: lines 14-25 (12 rows). The store may have made these items or not" in said.out
    assert len(rows_of(tmp_path / "gifts.rest.csv")) == 16
    assert len(rows_of(tmp_path / "gifts.unknown.csv")) == 12
    assert f"the unknown rows are in {tmp_path / 'gifts.unknown.csv'}: look first" in said.err
    assert names(tmp_path) == ["gifts.csv", "gifts.rest.csv", "gifts.unknown.csv"]


async def test_a_file_whose_every_row_is_unknown_is_not_written_a_second_time(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = write(tmp_path / "new.csv", "name\nAnn\nBob\n")
        world.store.fault(Fault.ANSWER_LOST, path=CUSTOMERS)
        said = await world.perkd(*CREATE, file, "--yes")
        assert len(world.store.customers) == 2
    assert (said.code, said.out.splitlines()[0].partition(".")[0]) == (1, "unknown: lines 2-3 (2 rows)")
    assert "every row is unknown: look first" in said.err
    with pytest.raises(FileNotFoundError):
        rows_of(tmp_path / "new.unknown.csv")


async def test_a_piece_the_store_does_not_accept_is_told_by_its_line(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv")
        of_nobody = f"5,{world.store.product('vip-30-days').version_id},20,,,"
        replace_line(file, 16, of_nobody)  # in the second piece
        said = await world.perkd(*ASSIGN, file, "--yes")
        wrong = write(tmp_path / "wrong.csv", HEAD + of_nobody)
        nothing = await world.perkd(*ASSIGN, wrong, "--yes")
    assert said.code == 1
    assert said.out == "assigned: lines 2-13 (12 rows)\nnot assigned: lines 14-41 (28 rows)\n"
    assert "stopped: line 16: the store does not accept what it was sent" in said.err
    assert (nothing.code, nothing.out) == (1, "")
    assert "no row went through: line 2: the store does not accept" in nothing.err
    assert "Correct that, and send the file again" in nothing.err
    assert names(tmp_path) == ["gifts.csv", "gifts.rest.csv", "wrong.csv"]


async def test_a_store_that_is_not_there_or_refuses_the_key_is_no_half_work(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv", 3)
        world.store.permissions.discard("customer_inventory_manage")
        forbidden = await world.perkd(*ASSIGN, file, "--yes")
        await world.store.down()
        down = await world.perkd(*ASSIGN, file, "--yes")
    assert (forbidden.code, down.code) == (78, 69)
    assert "customer_inventory_manage" in forbidden.err
    assert "The same file can be sent again" in down.err
    assert names(tmp_path) == ["gifts.csv"]


async def test_a_store_that_asks_for_a_slower_pace_is_waited_for(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.store.retry_after_s = 0
        keyed(world)
        file = big(world, tmp_path / "gifts.csv")
        at_request(world, 3, lambda: world.store.fault(Fault.LIMITED_SECONDS, path=ITEMS, times=2))
        said = await world.perkd(*ASSIGN, file, "--yes")
        assert owned(world) == [20] * 40
    assert (said.code, said.out) == (0, "assigned: lines 2-41 (40 rows)\n")
    assert "the store asks for a slower pace" in said.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_work_that_is_ended_says_what_went_through(tmp_path: Path, number: signal.Signals) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv")
        waits = asyncio.Event()

        def hold() -> None:
            world.store.fault(Fault.SLOW, path=ITEMS)
            waits.set()

        at_request(world, 4, hold)
        process = await world.start("-c", str(world.config_path), *ASSIGN, file, "--yes")
        await asyncio.wait_for(waits.wait(), DEADLINE_S)
        process.send_signal(number)
        out, err = (text.decode() for text in await asyncio.wait_for(process.communicate(), DEADLINE_S))
        world.store.heal()
    assert process.returncode == 1
    assert "assigned: lines 2-13 (12 rows)\nnot assigned: lines 26-41 (16 rows)\nunknown: lines 14-25 (12 rows)" in out
    assert "stopped: it was interrupted" in err
    assert names(tmp_path) == ["gifts.csv", "gifts.rest.csv", "gifts.unknown.csv"]
    assert len(rows_of(tmp_path / "gifts.rest.csv")) == 16


@pytest.mark.parametrize("number", [1, 3])
async def test_ctrl_c_before_a_piece_is_sent_leaves_no_line_unknown(tmp_path: Path, number: int) -> None:
    """The store is asked for its newest item first: who ends it then has no customers to look at one by one."""
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv")
        waits = asyncio.Event()

        def hold() -> None:
            world.store.fault(Fault.SLOW, path=ITEMS, method="GET")
            waits.set()

        at_request(world, number, hold)
        process = await world.start("-c", str(world.config_path), *ASSIGN, file, "--yes")
        await asyncio.wait_for(waits.wait(), DEADLINE_S)
        process.send_signal(signal.SIGINT)
        out, err = (text.decode() for text in await asyncio.wait_for(process.communicate(), DEADLINE_S))
        world.store.heal()
        assert owned(world) == [20] * (12 if number == 3 else 0) + [0] * (28 if number == 3 else 40)
    assert (process.returncode, "unknown" in out + err) == (1, False)
    if number == 1:
        assert "no row went through: it was interrupted. The same file can be sent again" in err
        assert names(tmp_path) == ["gifts.csv"]
    else:
        assert out == "assigned: lines 2-13 (12 rows)\nnot assigned: lines 14-41 (28 rows)\n"
        assert len(rows_of(tmp_path / "gifts.rest.csv")) == 28


async def test_a_rest_that_cannot_be_written_is_still_told(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        folder = tmp_path / "gone"
        folder.mkdir()
        file = Path(big(world, folder / "gifts.csv"))

        def remove() -> None:
            shutil.rmtree(folder)
            world.store.fault(Fault.SERVER_ERROR, path=ITEMS, method="POST")

        at_request(world, 4, remove)
        said = await world.perkd(*ASSIGN, str(file), "--yes")
    assert said.code == 1
    assert "not assigned: lines 14-41 (28 rows)\n" in said.out
    assert f"{folder / 'gifts.rest.csv'} cannot be written: No such file or directory" in said.err


async def test_the_older_paths_take_bulk_work_as_well(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world, store='management_items = "command_delivery"')
        file = big(world, tmp_path / "gifts.csv", 3)
        said = await world.perkd(*ASSIGN, file, "--yes")
        assert owned(world, 3) == [20, 20, 20]
    assert (said.code, said.out) == (0, "assigned: lines 2-4 (3 rows)\n")


async def test_customers_are_made_from_a_file_and_twins_are_refused(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        uuid = "069a79f4-44e9-4726-a5be-fca90e38aaf5"
        twins = await world.perkd(
            *CREATE,
            write(
                tmp_path / "twins.csv",
                "name,minecraft_uuid,steam_id\n"
                f"Ann,{uuid},\nAnn2,{uuid.replace('-', '').upper()},\nBob,,7\n{'x' * 51},,\n",
            ),
        )
        file = write(
            tmp_path / "new.csv", f"name,minecraft_uuid,metadata.Team\nAnn,{uuid},red\nBob,,\n\nCleo,,old one\n"
        )
        dry = await world.perkd(*CREATE, file, "--dry-run")
        unasked = await world.perkd(*CREATE, file)
        assert world.store.requests() == 0
        said = await world.perkd(*CREATE, file, "--yes", "--json")
        ann, cleo = world.store.customer("Ann"), world.store.customer("Cleo")
        assert (ann.minecraft_uuid, ann.metadata, cleo.metadata) == (uuid, {"Team": "red"}, {"Team": "old one"})
        again = await world.perkd(*CREATE, file, "--yes")
    assert twins.code == 2
    assert "line 3: the same minecraft_uuid as in line 2: a store has each once" in twins.err
    assert 'line 4: steam_id: "7", expected a SteamID64: 17 digits' in twins.err
    assert "line 5: name: a text of 51 characters, expected 1 to 50 characters" in twins.err
    assert dry.out == f"{file} has no mistakes: it would make 3 customers. Nothing was sent\n"
    assert (unasked.code, "which the store cannot delete" in unasked.err) == (2, True)
    told = json.loads(said.out)
    assert [(row["line"], row["state"]) for row in told["results"]] == [(2, "made"), (3, "made"), (5, "made")]
    assert told["results"][0]["customer_ids"] == [ann.id]
    assert again.code == 1
    assert "no row went through: line 2: the store does not accept" in again.err


async def test_customers_whose_answer_was_lost_are_unknown(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = write(tmp_path / "new.csv", "name\n" + "".join(f"N{number}\n" for number in range(450)))
        path = f"{CUSTOMERS}/bulk"
        at_request(world, 2, lambda: world.store.fault(Fault.ANSWER_LOST, path=path), path=path)
        said = await world.perkd(*CREATE, file, "--yes")
        world.store.heal()
        world.store.before_answer = None
        rest = await world.perkd(*CREATE, str(tmp_path / "new.rest.csv"), "--yes")
        assert len(world.store.customers) == 450
    assert said.code == 1
    assert (
        "made: lines 2-201 (200 rows)\nnot made: lines 402-451 (50 rows)\nunknown: lines 202-401 (200 rows)" in said.out
    )
    assert "stopped: lines 202-401: " in said.err
    assert rest.out == "made: lines 2-51 (50 rows)\n"


async def test_a_slower_pace_for_each_piece_is_not_counted_together(tmp_path: Path) -> None:
    """Three refusals for each of two pieces are no reason to give up, five for one are."""
    async with World(tmp_path) as world:
        world.store.retry_after_s = 0
        keyed(world)
        file = big(world, tmp_path / "gifts.csv")

        def limit(times: int) -> None:
            world.store.fault(Fault.LIMITED_SECONDS, path=ITEMS, method="POST", times=times)

        pieces = set()

        def before(asked: str) -> None:
            through = len(world.store.items) // 240
            if asked == ITEMS and through not in pieces:
                pieces.add(through)
                limit(3)

        world.store.before_answer = before
        said = await world.perkd(*ASSIGN, file, "--yes")
        assert owned(world) == [20] * 40
    assert (said.code, said.out) == (0, "assigned: lines 2-41 (40 rows)\n")
    assert said.err.count("the store asks for a slower pace") == 3 * len(pieces)
