"""Which values may stand in a Minecraft command, and who a customer is there."""

import re
import unicodedata

import pytest
from hypothesis import example, given, strategies as st

from perkd.adapters import ADAPTERS
from perkd.adapters.base import Kind, Unsafe, Who

MINECRAFT = ADAPTERS["minecraft"]
UUID = "069a79f4-44e9-4726-a5be-fca90e38aaf5"
PLAIN = UUID.replace("-", "")

GOOD = {
    Kind.NAME: ["Ann", "a", "_", "0123456789abcdef", ".Bedrock_Ann", "*Ann"],
    Kind.UUID: [UUID],
    Kind.UUID_PLAIN: [PLAIN],
    Kind.XUID: ["2535412345678901"],
    Kind.FLAKE: ["0", "94688451781206016"],
    Kind.NUMBER: ["0", "-3", "19.99"],
    Kind.TIME: ["2026-01-31T00:00:00Z"],
    Kind.TEXT: ["VIP (30 days)", "50% off!", "Größe ★ 剣 🎁", "a@b", "10 + 5 = 15", "us-east/1", "Ann’s kit"],
}
BAD = {
    Kind.NAME: [
        "", "@a", "@e[type=!player]", "Ann diamond 64", "Ann\n", "ann-b", "..Ann", ".*Ann", "Änn", "x" * 17, "Ann\0",
    ],
    Kind.UUID: ["", UUID.upper(), PLAIN, UUID + " ", "@s", UUID[:-1]],
    Kind.UUID_PLAIN: ["", UUID, PLAIN.upper(), PLAIN + "0"],
    Kind.XUID: ["", "-1", "12a", "1" * 21, "１２"],
    Kind.FLAKE: ["", "-1", "1" * 20, "0x10", "٣"],
    Kind.NUMBER: ["", "1e9", "NaN", "1,5", "--1", "1.", "½"],
    Kind.TIME: ["", "2026-01-31", "2026-01-31T00:00:00+00:00", "2026-01-31T00:00:00.5Z", "tomorrow"],
    Kind.TEXT: [
        "", " ", " a", "a ", "/op Eve", "a\nb", "a\tb", "\x7f", "§4red", 'say "hi"', "it's", "`", "a\\n", "{x}", "[x]",
        "<red>", "@a", "x@e", "@P", "a@", "@", "hi @s there", "a\u200bb", "a\u202eb", "a\u2066b", "a\ufeffb",
        "a\u00adb", "a\u2028b",
        "a\ufe0fb", "a\u3164b", "a\U000e0041b", "\ud800", "\ue000", "x" * 121,
    ],
    Kind.STEAM_ID: ["76561197960287930"],
    Kind.STEAM_ID2: ["STEAM_0:0:11101"],
    Kind.STEAM_ID3: ["[U:1:22202]"],
}  # fmt: skip


def pairs(table: dict[Kind, list[str]]) -> list[tuple[Kind, str]]:
    return [(kind, value) for kind, values in table.items() for value in values]


@pytest.mark.parametrize(("kind", "value"), pairs(GOOD))
def test_a_safe_value_goes_in_unchanged(kind: Kind, value: str) -> None:
    assert MINECRAFT.quote(kind, value) == value


@pytest.mark.parametrize(("kind", "value"), pairs(BAD), ids=ascii)
def test_an_unsafe_value_is_refused(kind: Kind, value: str) -> None:
    with pytest.raises(Unsafe) as raised:
        MINECRAFT.quote(kind, value)
    assert str(raised.value).isprintable()


def test_every_kind_of_value_has_a_rule() -> None:
    assert set(BAD) == set(Kind)
    assert set(GOOD) == set(Kind) - {Kind.STEAM_ID, Kind.STEAM_ID2, Kind.STEAM_ID3}


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (Kind.NAME, "Ann Bob", "U+0020, SPACE"),
        (Kind.NAME, "@a", "@ (U+0040"),
        (Kind.TEXT, "a\u202eb", "U+202E, RIGHT-TO-LEFT OVERRIDE"),
        (Kind.TEXT, "a\nb", "U+000A"),
        (Kind.TEXT, "free §4rank", "U+00A7, SECTION SIGN"),
        (Kind.TEXT, "hello @e", "@e"),
        (Kind.TEXT, "mail me @", "@"),
        (Kind.UUID, "abc", "UUID"),
        (Kind.STEAM_ID, "76561197960287930", "steam_id"),
    ],
)
def test_the_message_names_the_character_or_the_shape(kind: Kind, value: str, said: str) -> None:
    with pytest.raises(Unsafe) as raised:
        MINECRAFT.quote(kind, value)
    assert said in str(raised.value)
    assert str(raised.value).isprintable()


@given(st.sampled_from(Kind), st.text(max_size=130))
@example(Kind.NAME, "Ann\n")
@example(Kind.TEXT, "@\u0041")
def test_what_passes_cannot_change_a_command(kind: Kind, value: str) -> None:
    try:
        quoted = MINECRAFT.quote(kind, value)
    except Unsafe:
        return
    assert quoted == value
    assert re.search(r"[\"'`\\{}\[\]<>§\x00-\x1f\x7f]|@[a-zA-Z]?[aenprs]\b", quoted.replace("a@b", "")) is None
    assert all(unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for character in quoted)
    if kind is not Kind.TEXT:
        assert " " not in quoted
        assert quoted.isascii()


HOSTILE = st.text(st.sampled_from("@aepr[]=!\" '\\§\n\t{};/.*_An0\u200b\u202eé"), max_size=20)


@given(HOSTILE)
def test_a_hostile_name_is_a_name_or_refused(value: str) -> None:
    try:
        quoted = MINECRAFT.quote(Kind.NAME, value)
    except Unsafe:
        return
    assert re.fullmatch(r"[.*]?[A-Za-z0-9_]{1,16}", quoted, re.ASCII)


IDENTITIES = [
    (
        {"minecraft_uuid": UUID, "minecraft_id": UUID, "minecraft_name": "Notch", "customer_name": "Notchy"},
        Who(UUID, {"name": "Notch", "uuid": UUID, "uuid_plain": PLAIN}),
    ),
    ({"minecraft_uuid": PLAIN.upper()}, Who(UUID, {"uuid": UUID, "uuid_plain": PLAIN})),
    ({"minecraft_id": UUID.upper(), "customer_name": "Ann"},
     Who(UUID, {"name": "Ann", "uuid": UUID, "uuid_plain": PLAIN})),
    ({"minecraft_id": "Ann"}, Who("Ann", {"name": "Ann"})),  # an offline-mode store
    ({"minecraft_id": "Ann", "minecraft_name": "Ann", "customer_name": "Bob"}, Who("Ann", {"name": "Ann"})),
    (
        {
            "minecraft_uuid": "00000000-0000-0000-0009-01f5d6e0a5b5",
            "minecraft_id": "2535412345678901",
            "minecraft_platform": "bedrock",
            "xbox_xuid": "2535412345678901",
            "minecraft_name": "Ann",
        },
        Who(None, {"xuid": "2535412345678901"}),  # a Bedrock player is nobody on a server without Floodgate
    ),
    ({"minecraft_id": "2535412345678901", "minecraft_platform": "bedrock"}, Who(None, {"xuid": "2535412345678901"})),
    ({"profile_platform": "minecraft", "profile_id": UUID, "profile_name": "Ann"},
     Who(UUID, {"name": "Ann", "uuid": UUID, "uuid_plain": PLAIN})),
    ({"steam_id": "76561197960287930", "steam_name": "Rabscuttle", "customer_name": "Rabscuttle",
      "profile_platform": "steam", "profile_id": "76561197960287930", "profile_name": "Rabscuttle"}, Who(None)),
    ({"customer_name": "Ann"}, Who(None)),
    ({}, Who(None)),
]  # fmt: skip


@pytest.mark.parametrize(("profile", "who"), IDENTITIES)
def test_a_customer_is_the_player_the_store_knows(profile: dict[str, str], who: Who) -> None:
    assert MINECRAFT.identify(profile) == who


def test_only_this_games_variables_come_out() -> None:
    for profile, _ in IDENTITIES:
        assert set(MINECRAFT.identify(profile).values) <= MINECRAFT.variables
