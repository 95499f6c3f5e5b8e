"""Which values may stand in a Source command, and who a customer is there."""

import re
import unicodedata

import pytest
from hypothesis import example, given, strategies as st

from perkd.adapters import ADAPTERS
from perkd.adapters.base import Kind, Unsafe, Who
from perkd.adapters.source.values import ACCOUNT_MOST, account, steam_id, steam_id2, steam_id3
from perkd.daemon.sandbox.games.source_console import commands, words

SOURCE_NAMES = ["source", "tf2", "gmod", "l4d2", "cs2"]
SOURCE = ADAPTERS["source"]
RABSCUTTLE = "76561197960287930"

GOOD = {
    Kind.STEAM_ID: [RABSCUTTLE, "76561199999999999", "76561200000000000"],
    Kind.STEAM_ID2: ["STEAM_0:0:11101", "STEAM_1:1:2345"],
    Kind.STEAM_ID3: ["[U:1:22202]"],
    Kind.NAME: ["Ann", "Ann's #1", "¯\\_(ツ)_/¯", "剣 ★ 🎁", "100% Ann", "{Ann}", "a,b", "<x>", "http:/x"],
    Kind.FLAKE: ["0", "94688451781206016"],
    Kind.NUMBER: ["0", "-3", "19.99"],
    Kind.TIME: ["2026-01-31T00:00:00Z"],
    Kind.TEXT: ["VIP (30 days)", "50% off!", "Größe ★", "#1 kit", "@home", "it's", "us-east/1"],
}
BAD = {
    Kind.STEAM_ID: [
        "", "22202", "76561197960265728", "76561190000000000", "76561202255233024", RABSCUTTLE + " ",
        "７6561197960287930", RABSCUTTLE + "\n", "[U:1:22202]",
    ],
    Kind.STEAM_ID2: ["", "STEAM_0:0:11101\n", "STEAM_2:0:11101", "STEAM_0:2:1", "steam_0:0:1", "STEAM_0:0:0", "BOT"],
    Kind.STEAM_ID3: ["", "[U:1:0]", "[U:1:4294967296]", "[G:1:22202]", "U:1:22202", "[U:1:22202] "],
    Kind.NAME: [
        "", " ", " a", "a ", 'x";sv_cheats 1;"', "a;b", 'a"b', "a\nb", "a\rb", "a\tb", "a\0b", "\x7f", "a//b", "a/",
        "/a", "a\\", "@all", "#5", "*", "^", "!Ann", "$STEAM_0:0:1", "%vip", "Ann,*", "Ann, @all", "a\u200bb",
        "a\u202eb",
        "a\u2066b", "a\ufeffb", "a\u00adb", "a\u2028b", "a\u2029b", "a\u200db", "a\ufe0fb", "a\u3164b", "a\u00a0b",
        "\ud800", "\ue000", "x" * 65,
    ],
    Kind.FLAKE: ["", "-1", "1" * 20, "٣"],
    Kind.NUMBER: ["", "1e9", "1,5", "1;"],
    Kind.TIME: ["", "2026-01-31", "2026-01-31T00:00:00+00:00"],
    Kind.TEXT: ["", "a;b", 'say "hi"', "a\nb", "a//b", "https://x", "a\\", "x" * 121],
    Kind.UUID: ["069a79f4-44e9-4726-a5be-fca90e38aaf5"],
    Kind.UUID_PLAIN: ["069a79f444e94726a5befca90e38aaf5"],
    Kind.XUID: ["2535412345678901"],
}  # fmt: skip


def pairs(table: dict[Kind, list[str]]) -> list[tuple[Kind, str]]:
    return [(kind, value) for kind, values in table.items() for value in values]


@pytest.mark.parametrize(("kind", "value"), pairs(GOOD), ids=ascii)
def test_a_safe_value_goes_in_unchanged(kind: Kind, value: str) -> None:
    assert SOURCE.quote(kind, value) == value


@pytest.mark.parametrize(("kind", "value"), pairs(BAD), ids=ascii)
def test_an_unsafe_value_is_refused(kind: Kind, value: str) -> None:
    with pytest.raises(Unsafe) as raised:
        SOURCE.quote(kind, value)
    assert str(raised.value).isprintable()


def test_every_kind_of_value_has_a_rule() -> None:
    assert set(BAD) == set(Kind)


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (Kind.NAME, 'x";quit', '" (U+0022, QUOTATION MARK)'),
        (Kind.NAME, "x;quit", "; (U+003B, SEMICOLON)"),
        (Kind.NAME, "x\nquit", "U+000A"),
        (Kind.NAME, "x//y", "/ (U+002F, SOLIDUS)"),
        (Kind.NAME, "x\\", "\\ (U+005C, REVERSE SOLIDUS)"),
        (Kind.NAME, "@all", "@ (U+0040"),
        (Kind.TEXT, "a\u202eb", "U+202E, RIGHT-TO-LEFT OVERRIDE"),
        (Kind.STEAM_ID, "22202", "17"),
        (Kind.UUID, "x", "{steam_id}"),
    ],
)
def test_the_message_names_the_character_or_the_shape(kind: Kind, value: str, said: str) -> None:
    with pytest.raises(Unsafe) as raised:
        SOURCE.quote(kind, value)
    assert said in str(raised.value)


HOSTILE = st.text(st.sampled_from("@#*^!$%,;\"'\\/ {}()[]:\n\r\t\0aZ0_é剣\u200b\u202e\u2028\u3164\ufe0f"), max_size=24)


@given(st.one_of(HOSTILE, st.text(max_size=70)), st.sampled_from([Kind.NAME, Kind.TEXT]))
@example('";quit;"', Kind.NAME)
@example('\\";quit', Kind.NAME)
@example("a/", Kind.TEXT)
def test_what_passes_is_one_argument_of_one_command(value: str, kind: Kind) -> None:
    """The emulated server's own grammar decides, which knows nothing of the adapter's list."""
    try:
        quoted = SOURCE.quote(kind, value)
    except Unsafe:
        return
    assert quoted == value
    line = f'sm_thank "{quoted}" 5'
    assert list(commands(line)) == [line]
    assert words(line) == ["sm_thank", value, "5"]
    bare = f"say thanks {quoted} and {quoted}/x, {quoted} bye"
    assert list(commands(bare)) == [bare]
    assert words(bare)[-1] == "bye"
    assert all(unicodedata.category(character)[0] != "C" for character in quoted)


@given(st.sampled_from(Kind), st.text(max_size=130))
def test_what_passes_has_nothing_that_ends_a_command(kind: Kind, value: str) -> None:
    try:
        quoted = SOURCE.quote(kind, value)
    except Unsafe:
        return
    assert re.search(r'[";\x00-\x1f\x7f]|//', quoted) is None


@given(st.integers(1, ACCOUNT_MOST), st.integers(0, 1))
def test_the_three_forms_of_a_steam_id_are_one_account(number: int, universe: int) -> None:
    for form in (steam_id(number), steam_id2(number, universe), steam_id3(number)):
        assert account(form) == number


def test_the_arithmetic_is_valves() -> None:
    """Worked out by hand from Valve's SteamID page."""
    assert (steam_id(22202), steam_id2(22202, 0), steam_id3(22202)) == (RABSCUTTLE, "STEAM_0:0:11101", "[U:1:22202]")
    assert account("STEAM_1:1:2345") == 4691


@pytest.mark.parametrize("game", SOURCE_NAMES)
@pytest.mark.parametrize(
    ("profile", "name"),
    [
        ({"steam_id": RABSCUTTLE, "steam_name": "Rab", "customer_name": "Bob"}, "Rab"),
        ({"profile_platform": "steam", "profile_id": RABSCUTTLE, "profile_name": "Rab"}, "Rab"),
        ({"steam_id": RABSCUTTLE, "profile_platform": "minecraft", "profile_name": "x", "customer_name": "Bob"}, "Bob"),
        ({"steam_id": RABSCUTTLE}, None),
    ],
)
def test_a_customer_is_his_steam_id(game: str, profile: dict[str, str], name: str | None) -> None:
    universe = 1 if game in ("l4d2", "cs2") else 0
    values = {"steam_id": RABSCUTTLE, "steam_id2": f"STEAM_{universe}:0:11101", "steam_id3": "[U:1:22202]"}
    who = ADAPTERS[game].identify(profile)
    assert who == Who(RABSCUTTLE, {**values, **({"name": name} if name else {})})
    assert set(who.values) <= ADAPTERS[game].variables


@pytest.mark.parametrize(
    "profile",
    [
        {},
        {"customer_name": "Ann"},
        {"steam_name": "Ann"},
        {"steam_id": "22202"},
        {"steam_id": "76561197960265728"},
        {"profile_platform": "minecraft", "profile_id": RABSCUTTLE},
        {"minecraft_uuid": "069a79f4-44e9-4726-a5be-fca90e38aaf5", "minecraft_name": "Ann"},
    ],
)
def test_without_a_steam_id_nobody_is_known(profile: dict[str, str]) -> None:
    assert SOURCE.identify(profile) == Who(None)
