"""Who a customer is on a Minecraft server that names its players online, offline or with Floodgate."""

import hashlib
import re
from typing import cast
from uuid import UUID

import pytest
from hypothesis import example, given, strategies as st

from perkd.adapters import ADAPTERS
from perkd.adapters.base import Adapter, Identity, Kind, Player, Unsafe, Who
from perkd.adapters.minecraft.identity import bedrock_name, floodgate_uuid, offline_uuid, xuid_of

MINECRAFT = ADAPTERS["minecraft"]
OFFLINE = MINECRAFT.for_identity(Identity.OFFLINE, ".")
FLOODGATE = MINECRAFT.for_identity(Identity.FLOODGATE, ".")

NOTCH = "069a79f4-44e9-4726-a5be-fca90e38aaf5"
XUID = "2535412345678901"
BEDROCK = "00000000-0000-0000-0009-01f1b0392c35"  # its last 16 digits are the XUID in hex

XUIDS = st.integers(1, 2**64 - 1).map(str)
NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", min_size=1, max_size=16)
GAMERTAGS = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,6}( [A-Za-z0-9]{1,7}){0,2}", fullmatch=True)

JAVA_PROFILE = {"minecraft_uuid": NOTCH, "minecraft_id": NOTCH, "minecraft_name": "Notch", "minecraft_platform": "java"}
BEDROCK_PROFILE = {
    "minecraft_uuid": BEDROCK,
    "minecraft_id": XUID,
    "minecraft_name": "Ann Bee",
    "minecraft_platform": "bedrock",
    "xbox_xuid": XUID,
}
BOTH = {"minecraft_uuid": NOTCH, "minecraft_id": NOTCH, "minecraft_name": "Notch", "xbox_xuid": XUID}


def values(uuid: str, **more: str) -> dict[str, str]:
    return {"uuid": uuid, "uuid_plain": uuid.replace("-", ""), **more}


JAVA = Who(NOTCH, values(NOTCH, name="Notch"))
ANN_BEE = Who(BEDROCK, values(BEDROCK, name=".Ann_Bee", xuid=XUID))


def offline(name: str, **more: str) -> Who:
    return Who(offline_uuid(name), values(offline_uuid(name), name=name, **more))


# --- the UUIDs --------------------------------------------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
@example("Notch")
def test_an_offline_uuid_is_version_3_of_rfc_4122_over_the_exact_name(name: str) -> None:
    digits = list(hashlib.md5(b"OfflinePlayer:" + name.encode()).hexdigest())  # noqa: S324 - vanilla's own choice
    digits[12] = "3"  # the version
    digits[16] = "89ab"[int(digits[16], 16) & 3]  # the variant
    assert offline_uuid(name).replace("-", "") == "".join(digits)


def test_the_offline_uuid_of_a_known_player() -> None:
    assert offline_uuid("Notch") == "b50ad385-829d-3141-a216-7e7d7539ba7f"
    assert offline_uuid("notch") != offline_uuid("Notch")


@given(XUIDS)
@example("1")
@example(str(2**64 - 1))
def test_a_floodgate_uuid_and_its_xuid_say_the_same(xuid: str) -> None:
    uuid = floodgate_uuid(xuid)
    assert xuid_of(uuid) == xuid
    assert uuid.startswith("00000000-0000-0000-")
    assert int(uuid.replace("-", "")[16:], 16) == int(xuid)


@pytest.mark.parametrize("xuid", ["", "0", "-1", "12a", str(2**64), "9" * 21])
def test_what_is_no_xuid_has_no_floodgate_uuid(xuid: str) -> None:
    assert floodgate_uuid(xuid) == ""


@pytest.mark.parametrize(
    "uuid", ["", "Ann", NOTCH, "00000000-0000-0001-0000-000000000000", f"{'0' * 8}-0000-0000-0000-{'0' * 12}"]
)
def test_a_java_uuid_has_no_xuid(uuid: str) -> None:
    assert xuid_of(uuid) == ""


@given(st.uuids(), st.booleans(), st.booleans())
@example(UUID(NOTCH), False, False)
def test_a_uuid_is_the_same_player_however_it_is_spelled(uuid: UUID, upper: bool, plain: bool) -> None:
    text = uuid.hex if plain else str(uuid)
    spelled = text.upper() if upper else text
    xuid = xuid_of(str(uuid))
    for profile in ({"minecraft_uuid": spelled}, {"minecraft_id": spelled}):
        assert MINECRAFT.identify(profile).values.get("uuid") == (None if xuid or not uuid.int else str(uuid))
        assert FLOODGATE.identify(profile).values.get("uuid") == (str(uuid) if uuid.int else None)
        assert MINECRAFT.identify(profile).values.get("xuid", "") == xuid


@given(
    st.uuids() | st.integers(0, 2**65).map(lambda number: UUID(int=number)),
    st.sampled_from(["{%s}", "urn:uuid:%s", "%s\n", " %s", "%s0", "-%s", "0x%s"]),
)
def test_what_only_contains_a_uuid_is_none(uuid: UUID, frame: str) -> None:
    for text in (str(uuid), uuid.hex):
        assert MINECRAFT.identify({"minecraft_uuid": frame % text}) == Who(None)
        assert xuid_of(frame % text) == ""


@given(st.integers(0, 2**128 - 1) | st.integers(0, 2**65))
@example(2**64 - 1)
@example(2**64)
def test_a_uuid_has_an_xuid_when_its_first_half_is_empty(number: int) -> None:
    assert xuid_of(str(UUID(int=number))) == (str(number) if 0 < number < 2**64 else "")


# --- the names of Bedrock players -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gamertag", "prefix", "name"),
    [
        ("Ann", ".", ".Ann"),
        ("Ann Bee", ".", ".Ann_Bee"),
        ("Ann Bee", "", "Ann_Bee"),
        ("Ann", "BE_", "BE_Ann"),
        ("LongestGamertag", ".", ".LongestGamertag"),  # 16 in all
        ("LongestGamertag", "BE_", "BE_LongestGamert"),  # cut
        ("Fifteen letters", "*", "*Fifteen_letters"),
        (".Ann", ".", ".Ann"),  # the store writes the prefix too
        ("BeAnn", "Be", "BeBeAnn"),  # which nobody could tell here
    ],
)
def test_a_bedrock_name_is_prefix_and_gamertag(gamertag: str, prefix: str, name: str) -> None:
    assert bedrock_name(gamertag, prefix) == name


@given(GAMERTAGS, st.sampled_from(["", ".", "*", "+", "_", "BE_"]))
def test_every_bedrock_name_fits_and_may_stand_in_a_command(gamertag: str, prefix: str) -> None:
    adapter = MINECRAFT.for_identity(Identity.FLOODGATE, prefix)
    name = adapter.identify({"xbox_xuid": XUID, "minecraft_name": gamertag}).values["name"]
    assert len(name) <= 16
    assert adapter.quote(Kind.NAME, name) == name


@pytest.mark.parametrize("prefix", ["@", " ", "a b", "..", "-", "/", "§", "x" * 16, ".x.", "\n", "é", "!"])
def test_a_prefix_no_name_may_begin_with_is_unsafe(prefix: str) -> None:
    with pytest.raises(Unsafe, match="15"):
        MINECRAFT.for_identity(Identity.FLOODGATE, prefix)


@pytest.mark.parametrize(
    ("identity", "name", "names"),
    [
        ("online", "Ann", ("Ann",)),
        ("online", "Ann Bee", ()),
        ("online", "", ()),
        ("floodgate", "Ann", ("Ann", ".Ann")),
        ("floodgate", ".Ann", (".Ann",)),
        ("floodgate", "Ann Bee", (".Ann_Bee",)),
        ("floodgate", " ", ()),
    ],
)
def test_who_may_be_meant_by_a_name_alone(identity: str, name: str, names: tuple[str, ...]) -> None:
    assert MINECRAFT.for_identity(Identity(identity), ".").names_of(name) == names


# --- who is who -------------------------------------------------------------------------------------------------------

CASES: list[tuple[dict[str, str], Who, Who, Who]] = [  # profile, online, offline, floodgate
    (JAVA_PROFILE, JAVA, offline("Notch"), JAVA),
    (BEDROCK_PROFILE, Who(None, {"xuid": XUID}), Who(None, {"xuid": XUID}), ANN_BEE),
    ({"minecraft_uuid": BEDROCK, "minecraft_name": "Ann Bee"}, Who(None, {"xuid": XUID}), Who(None, {"xuid": XUID}),
     ANN_BEE),  # the XUID is in the UUID
    ({"minecraft_id": XUID, "minecraft_platform": "bedrock", "minecraft_name": "Ann Bee"}, Who(None, {"xuid": XUID}),
     Who(None, {"xuid": XUID}), ANN_BEE),
    ({"xbox_xuid": XUID, "customer_name": "Ann Bee"}, Who(None, {"xuid": XUID}), Who(None, {"xuid": XUID}), ANN_BEE),
    ({"profile_platform": "xbox_xuid", "profile_id": XUID, "profile_name": "Ann Bee"}, Who(None, {"xuid": XUID}),
     Who(None, {"xuid": XUID}), ANN_BEE),
    ({"profile_platform": "minecraft_bedrock_name", "profile_id": XUID, "profile_name": "Ann Bee"},
     Who(None, {"xuid": XUID}), Who(None, {"xuid": XUID}), ANN_BEE),
    ({"xbox_xuid": XUID}, Who(None, {"xuid": XUID}), Who(None, {"xuid": XUID}),
     Who(BEDROCK, values(BEDROCK, xuid=XUID))),  # nobody knows his gamertag
    # a UUID the store made from the XUID in a way of its own is no Java player
    ({**BEDROCK_PROFILE, "minecraft_uuid": NOTCH}, Who(None, {"xuid": XUID}), Who(None, {"xuid": XUID}), ANN_BEE),
    ({"minecraft_uuid": NOTCH, "minecraft_platform": "bedrock", "minecraft_name": "Ann Bee"}, Who(None), Who(None),
     Who(None)),
    # both accounts: the platform decides, else Java
    (BOTH, Who(NOTCH, values(NOTCH, name="Notch", xuid=XUID)), offline("Notch", xuid=XUID),
     Who(NOTCH, values(NOTCH, name="Notch", xuid=XUID))),
    ({**BOTH, "minecraft_platform": "java"}, Who(NOTCH, values(NOTCH, name="Notch", xuid=XUID)),
     offline("Notch", xuid=XUID), Who(NOTCH, values(NOTCH, name="Notch", xuid=XUID))),
    ({**BOTH, "minecraft_platform": "bedrock", "minecraft_name": "Ann Bee"}, Who(NOTCH, values(NOTCH, xuid=XUID)),
     Who(None, {"xuid": XUID}), ANN_BEE),
    ({"xbox_xuid": XUID, "minecraft_platform": "java", "minecraft_name": "Notch"},
     Who("Notch", {"name": "Notch", "xuid": XUID}), offline("Notch", xuid=XUID),
     Who(BEDROCK, values(BEDROCK, xuid=XUID))),
    # an offline-mode store
    ({"minecraft_id": "Ann", "minecraft_name": "Ann"}, Who("Ann", {"name": "Ann"}), offline("Ann"),
     Who("Ann", {"name": "Ann"})),
    ({"minecraft_id": "ANN", "minecraft_name": "Ann"}, Who("Ann", {"name": "Ann"}), offline("ANN"),
     Who("Ann", {"name": "Ann"})),  # the id is the name itself, letter by letter
    ({"profile_platform": "minecraft_offline", "profile_id": "Ann", "profile_name": "Ann"}, Who("Ann", {"name": "Ann"}),
     offline("Ann"), Who("Ann", {"name": "Ann"})),
    ({"customer_name": "Ann"}, Who(None), offline("Ann"), Who(None)),
    ({"customer_name": "Ann", "profile_platform": "paynow_name", "profile_id": "1"}, Who(None), offline("Ann"),
     Who(None)),
    ({"minecraft_uuid": NOTCH, "customer_name": "Ann"}, Who(NOTCH, values(NOTCH, name="Ann")), offline("Ann"),
     Who(NOTCH, values(NOTCH, name="Ann"))),
    # somebody of another game
    ({"customer_name": "Ann", "steam_id": "76561197960287930"}, Who(None), Who(None), Who(None)),
    ({"customer_name": "Ann", "profile_platform": "steam", "profile_id": "76561197960287930"}, Who(None), Who(None),
     Who(None)),
    ({**JAVA_PROFILE, "steam_id": "76561197960287930", "steam_name": "Rabscuttle"}, JAVA, offline("Notch"), JAVA),
    ({"minecraft_uuid": "00000000-0000-0000-0000-000000000000"}, Who(None), Who(None), Who(None)),
    ({}, Who(None), Who(None), Who(None)),
]  # fmt: skip


@pytest.mark.parametrize(("profile", "online", "without", "floodgate"), CASES)
def test_a_customer_is_who_the_server_says(profile: dict[str, str], online: Who, without: Who, floodgate: Who) -> None:
    assert MINECRAFT.identify(profile) == online
    assert OFFLINE.identify(profile) == without
    assert FLOODGATE.identify(profile) == floodgate


@pytest.mark.parametrize("adapter", [MINECRAFT, OFFLINE, FLOODGATE])
def test_only_this_games_variables_come_out(adapter: Adapter) -> None:
    for profile, *_ in CASES:
        who = adapter.identify(profile)
        assert set(who.values) <= adapter.variables
        assert all(who.values.values())


def test_sixteen_digits_are_an_xuid_where_bedrock_players_join_and_a_name_elsewhere() -> None:
    profile = {"minecraft_id": XUID}
    assert FLOODGATE.identify(profile).player == BEDROCK
    assert OFFLINE.identify(profile) == offline(XUID)


def test_an_xuid_that_is_none_names_nobody_and_is_shown_where_it_is_used() -> None:
    who = FLOODGATE.identify({"xbox_xuid": "no digits"})
    assert who == Who(None, {"xuid": "no digits"})
    with pytest.raises(Unsafe):
        FLOODGATE.quote(Kind.XUID, who.values["xuid"])


# --- the list of players ----------------------------------------------------------------------------------------------


@given(NAMES)
def test_an_offline_list_and_the_store_name_the_same_player(name: str) -> None:
    player = OFFLINE.identify({"minecraft_id": name, "minecraft_name": name}).player
    with_uuids = f"There are 1 of a max of 20 players online: {name} ({offline_uuid(name)})"
    names_only = f"There are 1 of a max of 20 players online: {name}"
    assert [one.id for one in OFFLINE.parse_players(with_uuids)] == [player]
    assert [one.id for one in OFFLINE.parse_players(names_only)] == [player]
    assert MINECRAFT.parse_players(names_only) == [Player(name, name)]


@given(GAMERTAGS, XUIDS)
def test_a_floodgate_list_and_the_store_name_the_same_player(gamertag: str, xuid: str) -> None:
    who = FLOODGATE.identify({"xbox_xuid": xuid, "minecraft_name": gamertag, "minecraft_platform": "bedrock"})
    reply = f"There are 1 of a max of 20 players online: {who.values['name']} ({who.player})"
    assert FLOODGATE.parse_players(reply) == [Player(who.player or "", who.values["name"])]


@pytest.mark.parametrize(
    ("adapter", "player", "keys"),
    [
        (MINECRAFT, Player(NOTCH, "Notch"), (("minecraft_uuid", NOTCH),)),
        (MINECRAFT, Player("Ann", "Ann"), (("minecraft_java_name", "Ann"), ("name", "Ann"))),
        (OFFLINE, Player(offline_uuid("Ann"), "Ann"), (("minecraft_java_name", "Ann"), ("name", "Ann"))),
        (FLOODGATE, Player(NOTCH, "Notch"), (("minecraft_uuid", NOTCH),)),
        (FLOODGATE, Player(BEDROCK, ".Ann"), (("xbox_xuid", XUID), ("minecraft_uuid", BEDROCK))),
        (FLOODGATE, Player(".Ann", ".Ann"), (("minecraft_bedrock_name", "Ann"), ("name", ".Ann"))),
        (FLOODGATE, Player("Ann", "Ann"), (("minecraft_java_name", "Ann"), ("name", "Ann"))),
        (ADAPTERS["tf2"], Player("76561197960287930", "Ann"), (("steam_id", "76561197960287930"),)),
        (ADAPTERS["tf2"], Player("Ann", "Ann"), (("name", "Ann"),)),
    ],
)
def test_the_store_is_asked_for_a_player_by_what_is_surest(
    adapter: Adapter, player: Player, keys: tuple[tuple[str, str], ...]
) -> None:
    assert adapter.store_keys(player) == keys


# --- one adapter for each way -----------------------------------------------------------------------------------------


def test_equal_words_give_the_very_same_adapter() -> None:
    assert MINECRAFT.for_identity(Identity.ONLINE, "whatever") is MINECRAFT
    assert MINECRAFT.for_identity(Identity.OFFLINE, "@") is OFFLINE
    assert MINECRAFT.for_identity(Identity.FLOODGATE, ".") is FLOODGATE
    assert MINECRAFT.for_identity(Identity.FLOODGATE, "*") is not FLOODGATE
    for game in set(ADAPTERS) - {"minecraft"}:
        assert ADAPTERS[game].for_identity(Identity.ONLINE, ".") is ADAPTERS[game]
        assert ADAPTERS[game].identities == ()


def test_the_default_is_the_first_word() -> None:
    assert MINECRAFT.for_identity(MINECRAFT.identities[0], ".") is MINECRAFT
    with pytest.raises(ValueError, match="online, offline, floodgate"):
        MINECRAFT.for_identity(cast("Identity", "cracked"), ".")


@pytest.mark.parametrize("adapter", [MINECRAFT, OFFLINE, FLOODGATE, *(one for one in ADAPTERS.values())])
def test_every_identity_variable_says_which_field_it_is_made_of(adapter: Adapter) -> None:
    for variable in adapter.variables:
        assert re.search(r"minecraft_uuid|xbox_xuid|steam_id|name", adapter.store_fields(variable))
