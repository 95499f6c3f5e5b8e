"""`perkd customers import`: a file of tokens, checked before anything is sent, confirmed one by one, resumable."""

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
    return [row["name"] for row in found["customers"]]


async def test_a_csv_is_imported_and_delivered_to_and_importing_again_skips(tmp_path: Path) -> None:
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
        assert re.fullmatch(
            r"line 2 Annie: Ann \(customer \d+\) is polled from now on\n"
            r"line 4: Bob \(customer \d+\) is polled from now on\n"
            r"2 added, 0 known already, 0 refused, of 2 customers\n",
            said.out,
        )
        assert 'line 1: the column "email" is not used' in said.err
        assert "line 4: a space or line end around the token was left out" in said.err
        assert "asked for 2 of 2 customers" in said.err
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


async def test_a_toml_list_is_imported_and_the_refused_are_named_by_their_line(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        ann, stale = world.add_customer("Ann"), secretwatch.mint("customer token")
        second = secretwatch.remember(world.store.add_token("Ann"), "customer token")
        await world.start_app()
        text = "".join(
            f'[[customer]]\ntoken = "{token}"\nname = "n{n}"\n\n' for n, token in enumerate((ann, stale, second))
        )
        said = await world.perkd("customers", "import", write(tmp_path / "list", text, 0o644))
    assert said.code == 1
    assert re.search(r"^line 1 n0: Ann \(customer \d+\) is polled from now on$", said.out, re.MULTILINE)
    assert re.search(r"^line 5 n1: REFUSED: the store does not know this token \(401", said.out, re.MULTILINE)
    assert "the same customer as line 1 n0: one token for each is enough" in said.out
    assert "2 added, 0 known already, 1 refused, of 3 customers\n" in said.out
    assert f"can be read by others: chmod 600 {tmp_path / 'list'}" in said.err


async def test_nothing_is_sent_when_a_row_is_wrong_and_every_wrong_row_is_named(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        ann = world.add_customer("Ann")
        await world.start_app()
        asked = world.store.requests()
        file = write(
            tmp_path / "bad.csv",
            f"Token;Name\n{ann};Ann\n;Bob\nCustomer {ann};Cleo\n{ann};twice\n{ann};a;b;c\nenv:X;Dora\n",
        )
        said = await world.perkd("customers", "import", file)
        missing = await world.perkd("customers", "import", str(tmp_path / "nowhere"))
        assert world.store.requests() == asked
        assert await names(world) == []
    assert (said.code, said.out) == (2, "")
    assert f"nothing was imported. {file}: 4 mistakes" in said.err
    assert re.findall(r"^line \d+$", said.err, re.MULTILINE) == ["line 3", "line 4", "line 6", "line 7"]
    assert (missing.code, missing.out) == (2, "")
    assert f"no file {tmp_path / 'nowhere'}" in missing.err


async def test_a_store_that_goes_away_stops_the_import_which_goes_on_later(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        tokens = [world.add_customer(name) for name in ("Ann", "Bob", "Cleo")]
        await world.start_app()
        file = write(tmp_path / "three.csv", "token\n" + "\n".join(tokens))
        bob = world.store.customer("Bob").id
        world.store.fault(Fault.SERVER_ERROR, bob)
        said = await world.perkd("customers", "import", file)
        assert said.code == 69
        assert re.search(r"^line 2: Ann .+ is polled from now on$", said.out, re.MULTILINE)
        assert "1 added, 0 known already, 0 refused, of 3 customers" in said.out
        assert "stopped before line 3: the store failed (500 on /v1/store/customer)" in said.out
        assert "2 customers left: run the same import again later" in said.out
        world.store.heal()
        again = await world.perkd("customers", "import", file)
        assert again.code == 0
        assert re.search(r"^line 2: Ann .+ is polled already$", again.out, re.MULTILINE)
        assert "2 added, 1 known already, 0 refused, of 3 customers" in again.out
        await world.stop_app()
        gone = await world.perkd("customers", "import", file)
        assert (gone.code, gone.out) == (69, "")
        assert "does not answer on" in gone.err


async def test_a_store_that_asks_for_a_slower_pace_is_waited_for(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        token = world.add_customer("Ann")
        await world.start_app()
        world.store.fault(Fault.LIMITED, times=1)
        said = await world.perkd("customers", "import", write(tmp_path / "one.csv", f"token\n{token}"))
    assert said.code == 0, said
    assert re.search(r"the store asks for a slower pace: going on in \d+ s", said.err)
    assert "1 added, 0 known already, 0 refused, of 1 customer\n" in said.out


async def test_the_import_shows_its_progress_on_a_terminal_and_no_token(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        token = world.add_customer("Ann")
        await world.start_app()
        file = write(tmp_path / "one.csv", f"token\n{token}")
        code, shown = await on_terminal("-c", str(world.config_path), "customers", "import", file)
    assert code == 0, shown
    assert "importing" in shown
    assert "0/1" in shown or "1/1" in shown
    assert "1 added, 0 known already, 0 refused, of 1 customer\n" in shown
    assert secretwatch.found_in(shown) == []
