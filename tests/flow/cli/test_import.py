"""`perkd customers import`: the file is checked first, the store confirms each token, and an import can continue."""

import json
import re
from pathlib import Path

from perkd.daemon.sandbox.store.faults import Fault
from tests import secretwatch
from tests.terminal import on_terminal
from tests.world import World


def write(path: Path, text: str, mode: int = 0o600) -> str:
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return str(path)


async def names(world: World) -> list[str]:
    found = await world.ask("/customers")
    assert found is not None
    return [row["name"] for row in reversed(found["customers"])]


async def test_a_csv_is_imported_and_a_second_import_skips_all(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        tokens = {name: world.add_customer(name) for name in ("Ann", "Bob")}
        world.buy("Ann")
        await world.start_app()
        file = write(
            tmp_path / "old.csv",
            f'token,name,note,email\n{tokens["Ann"]},Annie,"from Discord,\nlong ago",x\n {tokens["Bob"]} ,,,\n',
        )
        said = await world.perkd("customers", "import", file)
        assert said.code == 0, said
        ann, bob, counts = said.out.splitlines()
        assert re.match(r"line 2 Annie: Ann \(customer \d+\) ", ann)
        assert re.match(r"line 4: Bob \(customer \d+\) ", bob)
        assert re.findall(r"\d+", counts) == ["2", "0", "0", "2"]
        assert re.search(r'^line 1: .*"email"', said.err, re.MULTILINE)
        assert re.search(r"^line 4: ", said.err, re.MULTILINE)
        assert re.findall(r"\d+", said.err.splitlines()[-1]) == ["2", "2"]
        await world.until(lambda: world.server.deliveries)
        world.store.fault(Fault.SERVER_ERROR)
        again = await world.perkd("customers", "import", file, "--json")
        assert again.code == 0
        told = json.loads(again.out)
        assert [row["state"] for row in told["results"]] == ["known", "known"]
        assert (told["rows"], told["stopped"]) == (2, None)
        listed = await world.perkd("customers", "list")
        assert "from Discord," in listed.out
        assert await names(world) == ["Ann", "Bob"]


async def test_a_toml_list_is_imported_and_refused_tokens_are_named_by_their_line(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        ann, stale = world.add_customer("Ann"), secretwatch.mint("customer token")
        second = secretwatch.remember(world.store.add_token("Ann"), "customer token")
        await world.start_app()
        text = "".join(
            f'[[customer]]\ntoken = "{token}"\nname = "n{n}"\n\n' for n, token in enumerate((ann, stale, second))
        )
        said = await world.perkd("customers", "import", write(tmp_path / "list", text, 0o644))
    assert said.code == 1
    ann_row, refused, twin, counts = said.out.splitlines()
    assert re.match(r"line 1 n0: Ann \(customer \d+\) ", ann_row)
    assert re.match(r"line 5 n1: REFUSED: .*401", refused)
    assert re.match(r"line 9 n2: .* line 1 n0", twin)
    assert re.findall(r"\d+", counts) == ["2", "0", "1", "3"]
    assert f"chmod 600 {tmp_path / 'list'}" in said.err


async def test_nothing_is_sent_when_a_row_is_wrong_and_every_wrong_row_is_named(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        ann = world.add_customer("Ann")
        await world.start_app()
        asked = world.store.requests()
        file = write(
            tmp_path / "bad.csv",
            f"Token;Name\n{ann};Ann\n;Bob\nCustomer {ann};Cleo\n{ann};twice\n{ann};a;b;c\nenv:X;Dora\n",
        )
        said = await world.perkd("customers", "import", file, "--json")
        missing = await world.perkd("customers", "import", str(tmp_path / "nowhere"), "--json")
        assert world.store.requests() == asked
        assert await names(world) == []
    assert (said.code, said.error["code"]) == (2, "bad_file")
    assert f"{file}: 4 mistakes" in said.err
    assert re.findall(r"^line \d+$", said.err, re.MULTILINE) == ["line 3", "line 4", "line 6", "line 7"]
    assert (missing.code, missing.error["code"]) == (2, "file_unreadable")
    assert str(tmp_path / "nowhere") in missing.err


async def test_an_import_stops_when_the_store_is_away_and_continues_later(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        tokens = [world.add_customer(name) for name in ("Ann", "Bob", "Cleo")]
        await world.start_app()
        file = write(tmp_path / "three.csv", "token\n" + "\n".join(tokens))
        bob = world.store.customer("Bob").id
        world.store.fault(Fault.SERVER_ERROR, bob)
        said = await world.perkd("customers", "import", file)
        assert said.code == 69
        ann, counts, stopped, left = said.out.splitlines()
        assert re.match(r"line 2: Ann ", ann)
        assert re.findall(r"\d+", counts) == ["1", "0", "0", "3"]
        assert re.search(r" line 3: .*500 on /v1/store/customer\)", stopped)
        assert left.startswith("2 customers ")
        world.store.heal()
        again = await world.perkd("customers", "import", file, "--json")
        assert again.code == 0
        told = json.loads(again.out)
        assert [(row["where"], row["state"]) for row in told["results"]] == [
            ("line 2", "known"),
            ("line 3", "added"),
            ("line 4", "added"),
        ]
        await world.stop_app()
        gone = await world.perkd("customers", "import", file, "--json")
        assert (gone.code, gone.error["code"]) == (69, "daemon_unreachable")


async def test_perkd_waits_when_the_store_asks_for_a_slower_pace(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        token = world.add_customer("Ann")
        await world.start_app()
        world.store.fault(Fault.LIMITED, times=1)
        said = await world.perkd("customers", "import", write(tmp_path / "one.csv", f"token\n{token}"))
    assert said.code == 0, said
    assert re.search(r" \d+ s$", said.err, re.MULTILINE)
    assert re.findall(r"\d+", said.out.splitlines()[-1]) == ["1", "0", "0", "1"]


async def test_the_import_shows_its_progress_on_a_terminal_and_no_token(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        token = world.add_customer("Ann")
        await world.start_app()
        file = write(tmp_path / "one.csv", f"token\n{token}")
        code, shown = await on_terminal("-c", str(world.config_path), "customers", "import", file)
    assert code == 0, shown
    assert "importing" in shown
    assert "0/1" in shown or "1/1" in shown
    assert re.findall(r"\d+", shown.splitlines()[-1]) == ["1", "0", "0", "1"]
    assert secretwatch.found_in(shown) == []
