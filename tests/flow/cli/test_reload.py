"""`perkd reload` and SIGHUP: a running daemon loads a changed config, refuses a wrong one, and says so."""

import asyncio
import json
import re
import signal
from pathlib import Path

from tests.world import DEADLINE_S, KIT, VIP, World

WRONG = VIP.replace("kind", "knd").replace("{uuid}", "{uid}")


async def test_a_reload_says_what_changed_and_what_needs_a_restart(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        await world.start_app()
        same = await world.perkd("reload")
        world.write_config("[brake]\nleast = 5", perks=VIP.replace("parent add vip", "parent add hero"))
        config = world.config_path.read_text().replace("rate = 1000.0", "rate = 500.0\nconcurrency = 3")
        world.config_path.write_text(config)
        changed = await world.perkd("reload")
        as_json = await world.perkd("reload", "--json")
    assert (same.code, same.out, same.err) == (0, "nothing changed\n", "")
    assert changed.code == 0
    assert changed.err == ""
    for word in ("perk vip: grant ", "perk starter-kit: ", "brake changed", "poll.concurrency "):
        assert word in changed.out
    assert json.loads(as_json.out)["config"] == str(world.config_path)


async def test_a_wrong_config_is_not_loaded_and_every_mistake_is_listed(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        await world.start_app()
        world.write_config(perks=WRONG)
        said, as_json = await world.perkd("reload"), await world.perkd("reload", "--json")
        assert world.app is not None
        assert [perk.name for perk in world.app.settings.perks] == ["vip", "starter-kit"]
    assert (said.code, said.out) == (78, "")
    assert (as_json.code, as_json.error["code"], as_json.err) == (78, "config_mistakes", said.err)
    assert re.search(rf"^{re.escape(str(world.config_path))}: \d mistakes$", said.err, re.MULTILINE)
    assert 'perk[0] "vip".knd' in said.err
    assert '"kind"' in said.err
    assert said.err.count("found:") == said.err.count("expected:") == said.err.count("fix:") >= 2


async def test_without_a_daemon_a_reload_exits_with_69(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        said = await world.perkd("reload", "--json")
    assert (said.code, said.error["code"]) == (69, "daemon_unreachable")


async def test_a_reload_with_another_file_says_which_one_the_daemon_read(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        await world.start_app()
        other = tmp_path / "other.toml"
        other.write_text(world.config_path.read_text())
        other.chmod(0o600)
        said = await world.perkd("reload", "-c", str(other))
    assert said.code == 0
    assert all(str(path) in said.err for path in (world.config_path, other))


async def test_sighup_logs_what_changed_and_every_mistake(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        daemon = await world.start_daemon()
        assert daemon.stderr is not None
        world.write_config(perks=WRONG)
        daemon.send_signal(signal.SIGHUP)
        log = await _read_until(daemon.stderr, '"kind"')
        assert f"{world.config_path}: " in log
        world.write_config(perks=KIT)
        daemon.send_signal(signal.SIGHUP)
        await _read_until(daemon.stderr, "reload: perk vip: ")
        daemon.terminate()
        rest = await daemon.stderr.read()
        assert b"Traceback" not in rest


async def _read_until(stream: asyncio.StreamReader, text: str) -> str:
    log = ""
    async with asyncio.timeout(DEADLINE_S):
        while text not in log:
            line = await stream.readline()
            assert line, log
            log += line.decode()
    return log
