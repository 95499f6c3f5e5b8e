"""Which adapter each place has, who customers are there, and what a customer's blocked command says."""

from dataclasses import replace

import pytest

from perkd.adapters import ADAPTERS
from perkd.adapters.base import Identity
from perkd.adapters.minecraft.identity import offline_uuid
from perkd.daemon.core.changes import Hold
from perkd.daemon.core.model import Endpoint, Profile, Secret, Server
from perkd.daemon.core.rendering import render
from perkd.daemon.polling.rules import Rules
from tests.builders import catalogue, perk, spec

HERE = Server(name="survival", game="minecraft", endpoint=Endpoint("127.0.0.1", 1, Secret("made-up")))
XUID = "2535412345678901"
BEDROCK = "00000000-0000-0000-0009-01f1b0392c35"
NOTCH = "069a79f4-44e9-4726-a5be-fca90e38aaf5"
MINECRAFT = ADAPTERS["minecraft"]
OFFLINE = MINECRAFT.for_identity(Identity.OFFLINE, ".")
FLOODGATE = MINECRAFT.for_identity(Identity.FLOODGATE, ".")

SERVERS = (
    HERE,
    replace(HERE, name="cracked", identity=Identity.OFFLINE),
    replace(HERE, name="cracked2", identity=Identity.OFFLINE),
    replace(HERE, name="geyser", identity=Identity.FLOODGATE),
    replace(HERE, name="trade", game="tf2"),
)
GAMES = {server.name: server.game for server in SERVERS}


def rules(**more: str) -> Rules:
    """Those servers, and more places with their games."""
    sold = catalogue(perk(), servers=tuple(GAMES), games={**GAMES, **more})
    return Rules(catalogue=sold, adapters=Rules.adapters_of(sold, SERVERS, ADAPTERS), hold_absent=True, fingerprint="")


def test_each_server_has_the_adapter_of_its_identity() -> None:
    found = rules().adapters
    assert found["survival"] is MINECRAFT
    assert found["cracked"] is found["cracked2"] is OFFLINE
    assert found["geyser"] is FLOODGATE
    assert found["trade"] is ADAPTERS["tf2"]


def test_a_list_has_the_adapter_of_its_servers_and_a_removed_server_that_of_its_game() -> None:
    label, gone = "any:cracked,cracked2", "any:gone"
    found = rules(**{label: "minecraft", gone: "minecraft", "gone": "minecraft", "other": "lost-game"}).adapters
    assert found[label] is OFFLINE
    assert found[gone] is found["gone"] is MINECRAFT
    assert "other" not in found


def test_a_customer_is_another_player_on_each_sort_of_server() -> None:
    profile = Profile("1", "9", {"minecraft_uuid": NOTCH, "minecraft_name": "Notch"})
    whos = rules().whos(profile)
    assert {place: who.player for place, who in whos.items()} == {
        "survival": NOTCH,
        "cracked": offline_uuid("Notch"),
        "cracked2": offline_uuid("Notch"),
        "geyser": NOTCH,
        "trade": None,
    }


def test_a_customer_is_identified_once_for_each_way_of_naming_players() -> None:
    both = {"minecraft_uuid": NOTCH, "minecraft_name": "Ann", "minecraft_platform": "bedrock", "xbox_xuid": XUID}
    assert list(rules().players(Profile("1", "9", both))) == [BEDROCK]
    players = list(rules().players(Profile("1", "9", {**both, "minecraft_id": NOTCH})))
    assert players == [NOTCH, BEDROCK]
    java = Profile("1", "9", {"minecraft_uuid": NOTCH, "minecraft_name": "Notch", "steam_id": "76561197960287930"})
    assert list(rules().players(java)) == [NOTCH, offline_uuid("Notch"), "76561197960287930"]


@pytest.mark.parametrize(
    ("identity", "variable", "field"),
    [
        ("online", "uuid", "minecraft_uuid"),
        ("online", "name", "minecraft_uuid"),
        ("offline", "uuid", "Minecraft name"),
        ("offline", "name", "Minecraft name"),
        ("floodgate", "uuid_plain", "xbox_xuid"),
        ("floodgate", "name", "gamertag"),
        ("floodgate", "xuid", "xbox_xuid"),
    ],
)
def test_a_missing_identity_says_which_field_is_missing_and_where_to_add_it(
    identity: str, variable: str, field: str
) -> None:
    adapter = MINECRAFT.for_identity(Identity(identity), ".")
    rendered = render(spec(f"say {{{variable}}}"), {"customer_id": "77"}, adapter)
    assert rendered.problem is not None
    hold, reason = rendered.problem
    assert hold is Hold.VALUE
    assert field in reason
    assert "`perkd store customers update 77`" in reason


def test_the_commands_of_a_customer_with_an_identity_are_no_ones_problem() -> None:
    who = FLOODGATE.identify({"xbox_xuid": XUID, "minecraft_name": "Ann Bee"})
    rendered = render(spec("lp user {uuid} {name}"), {"customer_id": "77", **who.values}, FLOODGATE)
    assert (rendered.text, rendered.problem) == (f"lp user {BEDROCK} .Ann_Bee", None)
