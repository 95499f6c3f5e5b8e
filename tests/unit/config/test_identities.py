"""`identity` and `bedrock_prefix` of a [[server]], and what they mean for lists of servers."""

import os
from pathlib import Path

import pytest

from perkd.adapters import ADAPTERS
from perkd.adapters.base import Identity
from perkd.daemon.config import SecretSources, load
from perkd.daemon.core.mistakes import ConfigError, Mistake
from perkd.daemon.core.model import Server
from tests.configtext import ENV, PASSWORD, load_text, mistakes, perk, server
from tests.tinygame import GAMES, TinyGame

STEAM_PERK = perk(grant='["say {steam_id}"]', revoke='["say {steam_id}"]')
RUST = {"game": '"rust"'}


def one(folder: Path, *parts: str) -> Mistake:
    [mistake] = mistakes(folder, *parts)
    return mistake


def at(mistake: Mistake) -> tuple[str, str]:
    return mistake.where.rpartition(".")[2], mistake.code


def read(folder: Path, **keys: str) -> Server:
    [found] = load_text(folder, server(**keys), perk()).servers
    return found


def test_a_server_names_its_players_by_mojangs_uuids_unless_it_says_otherwise(tmp_path: Path) -> None:
    assert (read(tmp_path).identity, read(tmp_path).bedrock_prefix) == ("online", ".")
    assert read(tmp_path, identity='"offline"').identity == "offline"


@pytest.mark.parametrize("prefix", [".", "", "*", "BE_"])
def test_a_floodgate_server_takes_the_prefix_of_its_floodgate(tmp_path: Path, prefix: str) -> None:
    assert read(tmp_path, identity='"floodgate"', bedrock_prefix=f'"{prefix}"').bedrock_prefix == prefix


def test_an_unknown_identity_is_a_mistake(tmp_path: Path) -> None:
    mistake = one(tmp_path, server(identity='"ofline"'), perk())
    assert at(mistake) == ("identity", "unknown_word")
    assert '"online", "offline", "floodgate"' in mistake.expected
    assert '"offline"' in mistake.fix


@pytest.mark.parametrize(
    ("key", "text"), [("identity", '"online"'), ("identity", '"offline"'), ("bedrock_prefix", '"."')]
)
def test_a_game_without_a_choice_refuses_the_key_and_says_so(tmp_path: Path, key: str, text: str) -> None:
    mistake = one(tmp_path, server(**RUST, **{key: text}), STEAM_PERK)
    assert at(mistake) == (key, "not_in_this_game")
    assert all(word in mistake.found for word in (text, "rust"))


def test_a_broken_key_of_a_game_without_a_choice_is_reported_once(tmp_path: Path) -> None:
    assert at(one(tmp_path, server(**RUST, identity="7"), STEAM_PERK)) == ("identity", "unknown_word")


@pytest.mark.parametrize("identity", ['"online"', '"offline"'])
def test_a_prefix_without_floodgate_is_a_mistake(tmp_path: Path, identity: str) -> None:
    mistake = one(tmp_path, server(identity=identity, bedrock_prefix='"*"'), perk())
    assert at(mistake) == ("bedrock_prefix", "needs_floodgate")
    assert all(word in mistake.found for word in ('"*"', identity))


@pytest.mark.parametrize("prefix", ["@", "a b", "é", "x" * 16])
def test_a_prefix_that_no_name_may_begin_with_is_a_mistake(tmp_path: Path, prefix: str) -> None:
    """With the real adapter, because it decides which prefixes are safe."""
    path = tmp_path / "config.toml"
    path.write_text(server(identity='"floodgate"', bedrock_prefix=f'"{prefix}"') + perk(), "utf-8")
    with pytest.raises(ConfigError) as raised:
        load(path, ADAPTERS, SecretSources.of({**os.environ, **ENV}), need_secrets=True)
    [mistake] = raised.value.mistakes
    assert at(mistake) == ("bedrock_prefix", "unsafe_prefix")
    assert mistake.found == f'"{prefix}"'
    assert "username-prefix" in mistake.fix
    assert PASSWORD not in repr(mistake)


def test_an_identity_the_game_does_not_have_is_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GAMES, "minecraft", TinyGame("uuid", identities=(Identity.ONLINE,)))
    mistake = one(tmp_path, server(identity='"offline"'), perk())
    assert at(mistake) == ("identity", "not_in_this_game")
    assert all(word in mistake.found for word in ('"offline"', "minecraft"))
    assert mistake.expected == '"online"'


# --- lists of servers -------------------------------------------------------------------------------------------------

LOBBY = {"name": '"lobby"', "address": '"127.0.0.1:25576"'}


@pytest.mark.parametrize("word", ["any", "where_online"])
def test_servers_of_one_list_must_name_their_players_alike(tmp_path: Path, word: str) -> None:
    either = perk(servers=f'{{ {word} = ["survival", "lobby"] }}')
    mistake = one(tmp_path, server(), server(**LOBBY, identity='"offline"'), either)
    assert at(mistake) == ("servers", "mixed_identities")
    assert all(word in mistake.found for word in ('identity = "online"', 'identity = "offline"'))
    assert mistakes(tmp_path, server(identity='"offline"'), server(**LOBBY, identity='"offline"'), either) == ()


def test_another_prefix_is_another_way(tmp_path: Path) -> None:
    either = perk(servers='{ any = ["survival", "lobby"] }')
    geyser = {"identity": '"floodgate"', "bedrock_prefix": '"*"'}
    mistake = one(tmp_path, server(identity='"floodgate"'), server(**LOBBY, **geyser), either)
    assert at(mistake) == ("servers", "mixed_identities")
    assert all(word in mistake.found for word in ('bedrock_prefix = "."', 'bedrock_prefix = "*"'))
    assert mistakes(tmp_path, server(**geyser), server(**LOBBY, **geyser), either) == ()


def test_a_perk_given_on_each_of_several_servers_may_mix_them(tmp_path: Path) -> None:
    each = perk(servers='["survival", "lobby"]')
    assert mistakes(tmp_path, server(), server(**LOBBY, identity='"offline"'), each) == ()


def test_a_name_is_as_good_as_an_id_where_it_makes_the_id(tmp_path: Path) -> None:
    by_name = perk(grant='["rank {name} vip"]')
    assert len(load_text(tmp_path, server(), by_name).warnings) == 1
    assert load_text(tmp_path, server(identity='"offline"'), by_name).warnings == ()
