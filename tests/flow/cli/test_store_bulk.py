"""`perkd store inventory assign-bulk` and `customers create-bulk`: files are checked, sent in pieces, and reported."""

import asyncio
import errno
import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from perkd.daemon.cli.store.session import SLOWER
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
    shown_lines,
    states,
    write,
)
from tests.flow.storekey import keyed
from tests.terminal import on_terminal
from tests.world import DEADLINE_S, Said, World


async def test_a_file_from_a_spreadsheet_is_checked_and_assigned(tmp_path: Path) -> None:
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
    assert dry.code == 0
    what = ("5 items", "2 customers", "3 rows")
    assert all(part in text for part in what for text in (dry.out, unasked.err, shown))
    [same, hidden] = dry.err.splitlines()
    assert "line 5" in same
    assert "line 4" in hidden
    assert (unasked.code, unasked.out) == (2, "")
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
        said = await world.perkd(*ASSIGN, file, "--yes", "--json")
        assert world.store.requests() == 0
    assert (said.code, said.error["code"], said.error["lines"]) == (2, "bad_file", [3, 4, 5, 6, 7, 8])
    head, *bad = said.err.splitlines()
    assert file in head
    assert [line.partition(":")[0] for line in bad] == [f"line {number}" for number in range(3, 9)]
    assert all(word in bad[1] for word in ('customer_id: "abc"', 'skip_commands: "maybe"'))
    assert all(word in bad[3] for word in ("1.24E+17", "override_expires_at: ", 'execute_on_gameserver_id: "x"'))


FILES = {  # content → words that the message must name
    "": ["customer_id"],
    HEAD: [],
    "customer_id,product_version_id\n": [],
    "customer_id,product_version,foo\n1,2,3\n": ['"product_version"', "product_version_id", '"foo"'],
    "customer_id,product_version_id,Customer_Id\n1,2,3\n": ["customer_id"],
    "quantity\n1\n": ["customer_id", "product_version_id"],
    'customer_id,product_version_id\n"1,2\n': ["line 2"],
    "\x89PNG\r\n\x1a\n": ["png"],
}


@pytest.mark.parametrize("text", FILES)
async def test_a_file_with_wrong_content_is_refused_with_a_message(tmp_path: Path, text: str) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        said = await world.perkd(*ASSIGN, write(tmp_path / "odd.csv", text), "--yes", "--json")
        assert world.store.requests() == 0
    assert (said.code, said.error["code"]) == (2, "bad_file")
    assert all(word in said.err for word in FILES[text])


async def test_a_binary_file_a_folder_and_a_missing_file_are_refused_with_a_message(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        binary = write(tmp_path / "picture.csv", b"\x89PNG\r\n\xff\xff")
        wide = write(tmp_path / "wide.csv", "a,b".encode("utf-16"))
        files = (binary, str(tmp_path), str(tmp_path / "nowhere"), wide)
        answers = [await world.perkd(*ASSIGN, file, "--dry-run", "--json") for file in files]
    assert {(said.code, said.error["code"]) for said in answers} == {(2, "file_unreadable")}
    assert all(file in said.err for file, said in zip(files, answers, strict=True))


@pytest.mark.volume
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
    assert (said.code, shown_lines(said.out)) == (0, [tuple(range(2, 10_002))])
    assert [line.split()[1] for line in said.err.splitlines()[1:]] == [str(n) for n in range(1000, 10_001, 1000)]


async def test_a_store_that_fails_in_the_middle_leaves_a_rest_file(tmp_path: Path) -> None:
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
    assert shown_lines(said.out) == [tuple(range(2, 26)), tuple(range(26, 42))]
    assert "lines 14-25: " in said.err
    assert "500" in said.err
    assert "again" not in said.err.lower()  # sending this file again would assign 24 rows twice
    assert f"`perkd store inventory assign-bulk {rest}`" in said.err
    told = json.loads(again.out)
    assert (again.code, told["rest"]) == (1, str(tmp_path / "gifts.rest2.csv"))
    assert [row["state"] for row in told["results"]] == ["assigned"] * 12 + ["not assigned"] * 4
    assert last.code == 0
    assert names(tmp_path) == ["gifts.csv", "gifts.rest.csv", "gifts.rest2.csv"]


async def test_rows_with_a_lost_answer_are_unknown_and_in_a_file_of_their_own(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv")

        def lost_for_good() -> None:
            world.store.fault(Fault.ANSWER_LOST, path=ITEMS, method="POST")
            world.store.fault(Fault.SERVER_ERROR, path=ITEMS, method="GET")

        at_request(world, 4, lost_for_good)
        said = await world.perkd(*ASSIGN, file, "--yes", "--json")
        assert owned(world) == [20] * 24 + [0] * 16
    assert said.code == 1
    assert states(said) == {"assigned": "2-13", "unknown": "14-25", "not assigned": "26-41"}
    assert len(rows_of(tmp_path / "gifts.rest.csv")) == 16
    assert len(rows_of(tmp_path / "gifts.unknown.csv")) == 12
    assert str(tmp_path / "gifts.unknown.csv") in said.err
    assert names(tmp_path) == ["gifts.csv", "gifts.rest.csv", "gifts.unknown.csv"]


async def test_a_file_whose_every_row_is_unknown_is_not_written_a_second_time(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = write(tmp_path / "new.csv", "name\nAnn\nBob\n")
        world.store.fault(Fault.ANSWER_LOST, path=CUSTOMERS)
        said = await world.perkd(*CREATE, file, "--yes", "--json")
        assert len(world.store.customers) == 2
    assert (said.code, states(said)) == (1, {"unknown": "2-3"})
    assert "lines 2-3: " in said.err
    with pytest.raises(FileNotFoundError):
        rows_of(tmp_path / "new.unknown.csv")


async def test_a_row_that_the_store_does_not_accept_is_named_by_its_line(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv")
        of_nobody = f"5,{world.store.product('vip-30-days').version_id},20,,,"
        replace_line(file, 16, of_nobody)  # in the second piece
        said = await world.perkd(*ASSIGN, file, "--yes")
        wrong = write(tmp_path / "wrong.csv", HEAD + of_nobody)
        nothing = await world.perkd(*ASSIGN, wrong, "--yes", "--json")
    assert said.code == 1
    assert shown_lines(said.out) == [tuple(range(2, 14)), tuple(range(14, 42))]
    assert "stopped: line 16: " in said.err
    assert (nothing.code, nothing.error["code"], nothing.error["lines"]) == (1, "store_rejected", [2])
    assert names(tmp_path) == ["gifts.csv", "gifts.rest.csv", "wrong.csv"]


async def test_a_store_that_is_away_or_refuses_the_key_leaves_no_rest_file(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv", 3)
        world.store.permissions.discard("customer_inventory_manage")
        forbidden = await world.perkd(*ASSIGN, file, "--yes", "--json")
        await world.store.down()
        down = await world.perkd(*ASSIGN, file, "--yes", "--json")
    assert (forbidden.code, forbidden.error["code"]) == (78, "permission_missing")
    assert (down.code, down.error["code"]) == (69, "store_unreachable")
    assert "customer_inventory_manage" in forbidden.err
    assert names(tmp_path) == ["gifts.csv"]


async def test_perkd_waits_when_the_store_asks_for_a_slower_pace(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.store.retry_after_s = 0
        keyed(world)
        file = big(world, tmp_path / "gifts.csv")
        at_request(world, 3, lambda: world.store.fault(Fault.LIMITED_SECONDS, path=ITEMS, times=2))
        said = await world.perkd(*ASSIGN, file, "--yes", "--json")
        assert owned(world) == [20] * 40
    assert (said.code, states(said)) == (0, {"assigned": "2-41"})
    assert SLOWER in said.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_work_ended_by_a_signal_says_what_went_through(tmp_path: Path, number: signal.Signals) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv")
        waits = asyncio.Event()

        def hold() -> None:
            world.store.fault(Fault.SLOW, path=ITEMS)
            waits.set()

        at_request(world, 4, hold)
        process = await world.start("-c", str(world.config_path), *ASSIGN, file, "--yes", "--json")
        await asyncio.wait_for(waits.wait(), DEADLINE_S)
        process.send_signal(number)
        out, err = (text.decode() for text in await asyncio.wait_for(process.communicate(), DEADLINE_S))
        world.store.heal()
    assert process.returncode == 1
    assert states(Said(1, out, err)) == {"assigned": "2-13", "unknown": "14-25", "not assigned": "26-41"}
    assert json.loads(out)["stopped"] in err
    assert names(tmp_path) == ["gifts.csv", "gifts.rest.csv", "gifts.unknown.csv"]
    assert len(rows_of(tmp_path / "gifts.rest.csv")) == 16


@pytest.mark.parametrize("number", [1, 3])
async def test_ctrl_c_before_a_piece_is_sent_leaves_no_line_unknown(tmp_path: Path, number: int) -> None:
    """perkd asks first for the store's newest item. Ctrl-C at that moment leaves no unknown lines."""
    async with World(tmp_path) as world:
        keyed(world)
        file = big(world, tmp_path / "gifts.csv")
        waits = asyncio.Event()

        def hold() -> None:
            world.store.fault(Fault.SLOW, path=ITEMS, method="GET")
            waits.set()

        at_request(world, number, hold)
        process = await world.start("-c", str(world.config_path), *ASSIGN, file, "--yes", "--json")
        await asyncio.wait_for(waits.wait(), DEADLINE_S)
        process.send_signal(signal.SIGINT)
        out, err = (text.decode() for text in await asyncio.wait_for(process.communicate(), DEADLINE_S))
        world.store.heal()
        assert owned(world) == [20] * (12 if number == 3 else 0) + [0] * (28 if number == 3 else 40)
    said = Said(process.returncode or 0, out, err)
    if number == 1:
        assert (said.code, said.error["code"]) == (1, "interrupted")
        assert names(tmp_path) == ["gifts.csv"]
    else:
        assert (said.code, states(said)) == (1, {"assigned": "2-13", "not assigned": "14-41"})
        assert len(rows_of(tmp_path / "gifts.rest.csv")) == 28


async def test_a_rest_file_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
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
    assert shown_lines(said.out)[1] == tuple(range(14, 42))
    assert str(folder / "gifts.rest.csv") in said.err
    assert os.strerror(errno.ENOENT) in said.err


async def test_the_older_paths_take_bulk_work_as_well(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world, store='management_items = "command_delivery"')
        file = big(world, tmp_path / "gifts.csv", 3)
        said = await world.perkd(*ASSIGN, file, "--yes")
        assert owned(world, 3) == [20, 20, 20]
    assert (said.code, shown_lines(said.out)) == (0, [(2, 3, 4)])


async def test_customers_are_made_from_a_file_and_duplicates_are_refused(tmp_path: Path) -> None:
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
            "--json",
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
        again = await world.perkd(*CREATE, file, "--yes", "--json")
    assert (twins.code, twins.error["code"], twins.error["lines"]) == (2, "bad_file", [3, 4, 5])
    _, *bad = twins.err.splitlines()
    assert ["minecraft_uuid" in bad[0], "steam_id" in bad[1], "name" in bad[2]] == [True] * 3
    assert "line 2" in bad[0]
    assert (dry.code, "3 customers" in dry.out) == (0, True)
    assert (unasked.code, "3 customers" in unasked.err) == (2, True)
    told = json.loads(said.out)
    assert [(row["line"], row["state"]) for row in told["results"]] == [(2, "made"), (3, "made"), (5, "made")]
    assert told["results"][0]["customer_ids"] == [ann.id]
    assert (again.code, again.error["code"], again.error["lines"]) == (1, "store_rejected", [2])


async def test_customers_whose_answer_was_lost_are_unknown(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        file = write(tmp_path / "new.csv", "name\n" + "".join(f"N{number}\n" for number in range(450)))
        path = f"{CUSTOMERS}/bulk"
        at_request(world, 2, lambda: world.store.fault(Fault.ANSWER_LOST, path=path), path=path)
        said = await world.perkd(*CREATE, file, "--yes", "--json")
        world.store.heal()
        world.store.before_answer = None
        rest = await world.perkd(*CREATE, str(tmp_path / "new.rest.csv"), "--yes", "--json")
        assert len(world.store.customers) == 450
    assert said.code == 1
    assert states(said) == {"made": "2-201", "unknown": "202-401", "not made": "402-451"}
    assert "stopped: lines 202-401: " in said.err
    assert states(rest) == {"made": "2-51"}


async def test_refusals_of_different_pieces_are_not_counted_together(tmp_path: Path) -> None:
    """perkd gives up after five refusals of one piece, not after three refusals for each of two."""
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
        said = await world.perkd(*ASSIGN, file, "--yes", "--json")
        assert owned(world) == [20] * 40
    assert (said.code, states(said)) == (0, {"assigned": "2-41"})
    assert said.err.count(SLOWER) == 3 * len(pieces)
