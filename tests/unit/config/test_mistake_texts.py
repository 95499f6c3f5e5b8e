"""What every mistake and every warning about a file says, word for word, in one snapshot each.

A sentence that is written anew changes the snapshots beside this file and nothing else: look at the difference, then
run pytest with `--snapshot-update`.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from perkd.adapters import ADAPTERS
from perkd.daemon.cli.customers.file import LONGEST, read_customers
from perkd.daemon.config import SecretSources, load
from perkd.daemon.config.tokens_file import read_tokens
from perkd.daemon.core.mistakes import ConfigError, ConfigWarning, Mistake, MistakeCode, WarningCode
from tests.configtext import ENV, PASSWORD, load_text, mistakes, perk, section, server
from tests.unit.config.test_mistakes import BLIND, EITHER, PERK, RUST, SECTIONS, SERVER, WORDS_ONLY, in_a_section
from tests.unit.config.test_secret_references import ordinary_user

TOKEN = "made-up-token"
LOBBY = server(name='"lobby"', address='"127.0.0.1:25576"')
TO_THE_ID = {"paynow_id": '"77"'}

# Files with one mistake that no row of `test_mistakes` has.
WHOLE_FILES: list[tuple[str, ...]] = [
    ("[[server]]\npassword = hunter-two\n",),
    (perk(),),
    ('x = """open',),
    (server().replace("[[", "[").replace("]]", "]"),),
    ("\ufeff[store]\n",),
    (section("store", api='"https://ann:pw@shop.example"'), server(), perk()),
    (server(), RUST, EITHER),
    (server(), RUST, perk(servers='["*"]')),
    (server(), LOBBY + 'identity = "offline"', perk(servers='{ any = ["survival", "lobby"] }')),
    (server(), server(name='"SURVIVAL"', address='"[::1]:25575"'), perk()),
    (server(**TO_THE_ID), server(name='"lobby"', address='"127.0.0.1:25576"', **TO_THE_ID), perk()),
    (server(paynow_token='"env:RCON"'), LOBBY + 'paynow_token = "env:RCON"', perk()),
    (server(identity='"ofline"'), perk()),
    (server(identity='"offline"', bedrock_prefix='"*"'), perk()),
    (server(game='"rust"', identity='"online"'), perk(grant='["say {steam_id}"]', revoke='["say {steam_id}"]')),
    (server(), perk(name='"a"', effect='"rank"', lasts='"30d"'), perk(name='"b"', effect='"rank"', lasts='"60d"')),
]


def of_the_config(folder: Path) -> Iterator[Mistake]:
    for part, _, _ in SECTIONS:
        yield from in_a_section(folder, part)
    for part, _, _ in SERVER:
        yield from mistakes(folder, part)
    for part, _, _ in PERK:
        yield from mistakes(folder, server(), part)
    for part, _ in BLIND:
        yield from mistakes(folder, WORDS_ONLY, part)
    for parts in WHOLE_FILES:
        yield from mistakes(folder, *parts)
    (folder / "real.toml").write_text(server(identity='"floodgate"', bedrock_prefix='"@"') + perk(), "utf-8")
    yield from said(lambda: load(folder / "real.toml", ADAPTERS, SecretSources.of(ENV), need_secrets=True))
    yield from said(lambda: load(folder / "none.toml", ADAPTERS, SecretSources.of(ENV), need_secrets=True))


def of_secrets(folder: Path) -> Iterator[Mistake]:
    """Each as a password, except the last two, which are lists of tokens."""
    put(folder / "credentials" / "empty", "\n")
    put(folder / "two-lines", "one\ntwo\n")
    put(folder / "not-mine", "x", mode=0)
    put(folder / "latin", b"abc\xe9")
    put(folder / "public", "text", mode=0o644)
    (folder / "loop").symlink_to(folder / "loop")
    references = [
        "abc",
        "ENV:RCON",
        "env:NONE",
        "env:",
        "credential:empty",
        "credential:none",
        "credential:a b",
        "file:relative",
        f"file:{folder}/none",
        f"file:{folder}/loop",
        f"file:{folder}/two-lines",
        f"file:{folder}/latin",
        f"file:{folder}",
        "file:/dev/null",
        "file:/a\\u0000b",
    ]
    for reference in references:
        yield from mistakes(folder, server(password=f'"{reference}"'), perk())
    service = {"CREDENTIALS_DIRECTORY": str(folder / "credentials")}
    yield from mistakes(folder, server(password='"credential:none"'), perk(), env=service)
    for reference in (f"file:{folder}/public", "env:BLANK"):
        yield from mistakes(folder, section("customers", tokens=f'"{reference}"'), server(), perk(), env=BLANK)
    folder.chmod(0o755)
    text = server(password=f'"file:{folder}/not-mine"')
    (folder / "theirs.toml").write_text(text, "utf-8")
    with ordinary_user():
        yield from mistakes_of(folder / "theirs.toml")


BLANK = {"RCON": PASSWORD, "BLANK": " \n"}


def of_lists_of_customers(folder: Path) -> Iterator[Mistake]:
    for entry in ("", 'token = "env:TOKEN"', 'token = "Customer a"', 'token = "abc\\u00e9"', "token = 5"):
        yield from said(lambda entry=entry: read_tokens(f"[[customer]]\n{entry}\n", "customers.tokens"))  # type: ignore[misc]  # a default binds it
    texts = [
        "",
        "a\nb\n",
        "token,token\na,b\n",
        'token\n"a\n',
        "token\na,b\n",
        f"token,note\na,{'x' * (LONGEST + 1)}\n",
    ]
    for number, text in enumerate(texts):
        path = put(folder / f"list{number}.csv", text)
        yield from said(lambda path=path: read_customers(path))  # type: ignore[misc]  # likewise


def said(read: Callable[[], object]) -> tuple[Mistake, ...]:
    with pytest.raises(ConfigError) as caught:
        read()
    return caught.value.mistakes


def mistakes_of(path: Path) -> tuple[Mistake, ...]:
    return said(lambda: load(path, ADAPTERS, SecretSources.of(ENV), need_secrets=True))


def put(path: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def everywhere(folder: Path, text: str) -> str:
    """The text without values that differ between machines."""
    return re.sub(r"\(uid \d+\)", "(uid 1000)", text.replace(str(folder), "/FOLDER"))


def test_what_every_mistake_says(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    (tmp_path / "credentials").mkdir()
    found = [*of_the_config(tmp_path), *of_secrets(tmp_path), *of_lists_of_customers(tmp_path)]
    assert everywhere(tmp_path, ConfigError(found).render(Path("config.toml"))) == snapshot
    assert {mistake.code for mistake in found} == set(MistakeCode)


def test_what_one_mistake_says(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    assert ConfigError(in_a_section(tmp_path, section("poll", rate="0"))).render(None) == snapshot


def warnings_of(folder: Path) -> Iterator[ConfigWarning]:
    twice = "".join(f'[[customer]]\ntoken = " {TOKEN}"\n' for _ in range(2))
    many = "".join(f'[[customer]]\ntoken = "{TOKEN}-{number}"\n' for number in range(20))
    env = {**ENV, "KEY": TOKEN, "TWICE": twice, "MANY": many, "NOBODY": "# nobody yet"}
    slow = section("poll", online='"10s"', offline='"20s"', rate="0.5")
    key = section("store", id='"77"', api_key='"env:KEY"')
    files: list[tuple[str, ...]] = [
        ("",),
        (key + section("customers", enrol='"off"'), server(), perk()),
        (section("poll", online='"9s"'), server(), perk()),
        (key + section("poll", rate="0.3"), server(paynow_token='"env:RCON"'), perk()),
        (section("customers", tokens='"env:MANY"') + slow, server(), perk()),
        (section("customers", tokens='"env:MANY"') + slow, server(paynow_token='"env:RCON"'), perk()),
        (section("http", listen='"0.0.0.0:8770"'), server(), perk()),
        (server(), server(name='"lobby"'), perk()),
        (server(), perk(servers='"chosen"')),
        (server(), perk(irreversible="true")),
        (server(), perk(grant='["tell @{uuid} hi"]')),
        (server(), perk(grant='["op {name}"]')),
        (server(password='"credential:rcon"'), perk()),
        (section("customers", tokens='"env:TWICE"'), server(), perk()),
        (section("customers", tokens='"env:NOBODY"'), server(), perk()),
    ]
    for parts in files:
        yield from load_text(folder, *parts, env=env, need_secrets=False).warnings
    yield from read_customers(put(folder / "list.csv", "token,email\n")).warnings
    yield from read_customers(put(folder / "list.toml", "# nobody yet\n")).warnings


def test_what_every_warning_says(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    found = list(warnings_of(tmp_path))
    assert everywhere(tmp_path, "\n".join(map(str, found))) == snapshot
    assert {warning.code for warning in found} == set(WarningCode)


@pytest.mark.parametrize("code", [*MistakeCode, *WarningCode])
def test_every_code_is_one_word_and_has_a_line_that_says_what_it_means(code: MistakeCode | WarningCode) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", code)
    assert code.meaning
    assert code.meaning.isprintable()
