"""config.example.toml loads as it is, shows every key with its default, and lists every variable."""

import copy
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perkd.daemon.config import SecretSources, Settings, load
from perkd.daemon.config.file_tables import LISTS, SECTIONS, CommandTable, PerkTable
from perkd.daemon.core.templates import VARIABLES
from tests.configtext import toml_text
from tests.tinygame import GAMES

EXAMPLE = Path(__file__).resolve().parents[2] / "config.example.toml"
# One key is only a comment there: as a real line it would turn off what an API key is for.
TEXT = re.sub(r"^#(?=enrol = )", "", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE)
DOCUMENT: dict[str, Any] = tomllib.loads(TEXT)
FULL_PERK = next(index for index, perk in enumerate(DOCUMENT["perk"]) if "strict" in perk)

# Keys without a default, or with a more useful value in the example.
NO_DEFAULT = {
    "customers": {"tokens"},
    "server": {"name", "game", "address", "password"},
    "perk": {"name", "kind", "products", "servers", "grant", "revoke"},
}


@pytest.fixture
def credentials(tmp_path: Path) -> SecretSources:
    """The secrets that the example refers to, in the place where an owner puts them."""
    for name, text in {"customer-tokens": '[[customer]]\ntoken = "made-up-token"', "rcon-survival": "made-up"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    return SecretSources.of({}, outside=tmp_path)


def settings_of(document: dict[str, Any], sources: SecretSources, folder: Path) -> Settings:
    path = folder / "config.toml"
    path.write_text(toml_text(document), "utf-8")
    return load(path, GAMES, sources, need_secrets=True)


def test_the_example_loads_as_it_is(credentials: SecretSources) -> None:
    settings = load(EXAMPLE, GAMES, credentials, need_secrets=True)
    assert [server.name for server in settings.servers] == ["survival"]
    assert [perk.name for perk in settings.perks] == ["vip", "starter-kit", "elite"]
    assert settings.customers.tokens is not None
    assert len(settings.customers.tokens) == 1


def test_the_only_warning_is_about_names(credentials: SecretSources) -> None:
    warnings = load(EXAMPLE, GAMES, credentials, need_secrets=True).warnings
    assert {warning.code for warning in warnings} <= {"name_can_change"}


def test_whoever_pastes_a_key_into_the_example_enrols_everybody(credentials: SecretSources, tmp_path: Path) -> None:
    document = tomllib.loads(EXAMPLE.read_text("utf-8"))
    (tmp_path / "paynow-api-key").write_text("made-up-key")
    (tmp_path / "paynow-api-key").chmod(0o600)
    document["store"] |= {"id": "123", "api_key": "credential:paynow-api-key"}
    assert settings_of(document, credentials, tmp_path).customers.enrol == "all"


def test_the_first_perk_is_a_short_one() -> None:
    assert set(DOCUMENT["perk"][0]) == {"name", "kind", "products", "servers", "grant", "revoke"}


def test_sections_stand_in_the_order_of_the_models() -> None:
    assert list(DOCUMENT) == [*SECTIONS, *LISTS]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_of_a_section_is_there_in_its_order(section: str) -> None:
    assert list(DOCUMENT[section]) == list(SECTIONS[section].model_fields)


def test_every_key_of_a_server_is_there_in_its_order() -> None:
    assert list(DOCUMENT["server"][0]) == list(LISTS["server"].model_fields)


def test_one_perk_has_every_key_in_its_order() -> None:
    assert list(DOCUMENT["perk"][FULL_PERK]) == list(PerkTable.model_fields)


def test_one_command_has_every_key() -> None:
    commands = [command for perk in DOCUMENT["perk"] for command in perk["grant"] if isinstance(command, dict)]
    assert list(CommandTable.model_fields) in [list(command) for command in commands]


def test_every_key_that_does_not_speak_for_itself_has_a_comment() -> None:
    plain = r"(?:name|kind|products|servers|grant|revoke) = "
    keys = [line for line in TEXT.splitlines() if re.match(r"[a-z_]+ = ", line) and not re.match(plain, line)]
    assert [line for line in keys if "  # " not in line] == []


def defaults() -> Iterator[tuple[str, int | None, str]]:
    """Every key that has its default value in the example: section, number in a list, key."""
    for section in SECTIONS:
        for key in DOCUMENT[section]:
            if key not in NO_DEFAULT.get(section, ()):
                yield section, None, key
    for section, index in (("server", 0), ("perk", FULL_PERK)):
        for key in DOCUMENT[section][index]:
            if key not in NO_DEFAULT[section]:
                yield section, index, key


@pytest.mark.parametrize(("section", "index", "key"), list(defaults()))
def test_a_key_left_out_of_the_example_changes_nothing(
    section: str, index: int | None, key: str, credentials: SecretSources, tmp_path: Path
) -> None:
    shorter = copy.deepcopy(DOCUMENT)
    del (shorter[section] if index is None else shorter[section][index])[key]
    assert settings_of(shorter, credentials, tmp_path) == settings_of(DOCUMENT, credentials, tmp_path)


def test_the_keys_of_a_command_left_out_change_nothing(credentials: SecretSources, tmp_path: Path) -> None:
    shorter = copy.deepcopy(DOCUMENT)
    for perk in shorter["perk"]:
        perk["grant"] = [command if isinstance(command, str) else command["run"] for command in perk["grant"]]
    assert shorter != DOCUMENT
    assert settings_of(shorter, credentials, tmp_path) == settings_of(DOCUMENT, credentials, tmp_path)


def test_a_key_that_is_not_the_default_would_be_noticed(credentials: SecretSources, tmp_path: Path) -> None:
    other = copy.deepcopy(DOCUMENT)
    other["poll"]["concurrency"] = 17
    assert settings_of(other, credentials, tmp_path) != settings_of(DOCUMENT, credentials, tmp_path)


@pytest.mark.parametrize("name", VARIABLES)
def test_every_variable_is_listed_with_what_it_is(name: str) -> None:
    assert re.search(rf"^# \{{{name}\}} +{re.escape(VARIABLES[name].text)}$", TEXT, re.MULTILINE)


def test_every_line_fits_a_terminal() -> None:
    assert [line for line in TEXT.splitlines() if len(line) > 120] == []
