"""The command line by itself: help, usage, a wrong config, and a daemon that does not run."""

import asyncio
import re
from pathlib import Path

from perkd import __version__
from tests.world import World

CLIENT_VERBS = [
    ("status",),
    ("commands", "retry", "1", "2"),
    ("customers", "list", "--json"),
    ("brake", "release", "--yes"),
]


async def test_the_help_is_plain_and_names_every_verb(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        version, help_ = await asyncio.gather(world.perkd("--version"), world.perkd("--help"))
    assert (version.code, version.out) == (0, f"perkd {__version__}\n")
    assert help_.code == 0
    for verb in ("run", "check", "plan", "status", "commands", "customers", "brake", "demo", "sandbox"):
        assert re.search(rf"^  {verb} +\S", help_.out, re.MULTILINE), verb
    assert not set(help_.out) & set("│╭─\x1b…")


async def test_wrong_use_exits_with_2_and_says_what_is_wrong(tmp_path: Path) -> None:
    uses = {
        ("statsu",): "'statsu'",
        ("commands", "retry", "3", "one"): "'one'",
        ("commands", "show", "0"): "'0'",
        ("customers", "remove", "Ann"): "'Ann'",
    }
    async with World(tmp_path) as world:
        answers = await asyncio.gather(*(world.perkd(*use) for use in uses))
        as_json = await world.perkd("commands", "show", "0", "--json")
    for said, says in zip(answers, uses.values(), strict=True):
        assert (said.code, said.out) == (2, "")
        assert says in said.err
    assert (as_json.code, as_json.error["code"], as_json.error["options"]) == (2, "bad_value", ["ID"])


async def test_without_a_daemon_every_verb_exits_with_69_and_names_the_socket(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        answers = await asyncio.gather(*(world.perkd(*verb) for verb in CLIENT_VERBS))
        for said in answers:
            assert said.code == 69
            assert str(world.socket) in said.err
            assert "systemctl status perkd" in said.err
            assert "Traceback" not in said.err
        assert [said.out for said in answers if said.out] == [answers[2].out]
        assert answers[2].error["code"] == "daemon_unreachable"


async def test_a_socket_on_which_nobody_listens_exits_with_69(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        daemon = await world.start_daemon()
        daemon.kill()
        await daemon.wait()
        assert world.socket.exists()
        said = await world.perkd("status", "--json")
    assert (said.code, said.error["code"]) == (69, "daemon_unreachable")
    assert "nobody listens" in said.err


async def test_a_missing_config_exits_with_78_for_every_verb(tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere.toml")
    async with World(tmp_path) as world:
        verbs = [("run",), ("check",), ("plan",), ("status",)]
        for said in await asyncio.gather(*(world.perkd(*verb, "-c", missing) for verb in verbs)):
            assert said.code == 78
            assert missing in said.out + said.err
            assert "-c " in said.out + said.err


async def test_check_lists_every_mistake_with_its_place_and_fix(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(server='timeout = "soon"', perks="[[perk]]\nname = 'vip'\nkind = 'forever'\ngrnat = []")
        check, run = await asyncio.gather(world.perkd("check"), world.perkd("run"))
    assert check.code == run.code == 78
    for text in (check.out, run.err):
        assert "mistakes" in text.splitlines()[0]
        assert 'perk[0] "vip".grnat' in text
        assert '"grant"' in text
        assert text.count("found:") == text.count("expected:") == text.count("fix:") > 2


async def test_check_of_a_sound_config_shows_what_would_run_and_no_secret(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_token("Ann")
        said = await world.perkd("check")
        assert said.code == 0, said
        assert str(world.config_path) in said.out.splitlines()[0]
        assert world.store.url in said.out
        assert f"file:{world.tokens_path}" in said.out
        assert re.search(r"survival +minecraft +127\.0\.0\.1:\d+ +\S", said.out)
        assert re.search(r"vip +lasting +vip-30-days +survival +grant 1, revoke 1", said.out)


async def test_check_outside_the_service_warns_of_credentials_it_cannot_read(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        config = world.config_path.read_text().replace(world.password, "credential:no-such-rcon")
        world.config_path.write_text(config)
        said = await world.perkd("check")
    assert said.code == 0
    assert "warning: " in said.out
    assert "credential no-such-rcon" in said.out
    assert "credential:no-such-rcon (not checked)" in said.out


async def test_a_mistake_elsewhere_in_the_config_does_not_hide_the_daemon(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        await world.start_app()
        world.config_path.write_text(f'[control]\nsocket = "{world.socket}"\n[serverr]\n')
        assert (await world.perkd("status")).code == 0
