"""Player lists of every Minecraft version: exact identities or no list at all."""

import pytest
from hypothesis import given, strategies as st

from perkd.adapters import ADAPTERS
from perkd.adapters.base import Player

MINECRAFT = ADAPTERS["minecraft"]
ANN, BOB = "069a79f4-44e9-4726-a5be-fca90e38aaf5", "61699b2e-d327-4a01-9f1e-0ea8c3f06bc6"


@pytest.mark.parametrize(
    "reply",
    [
        f"There are 2 of a max of 20 players online: Ann ({ANN}), .Bob ({BOB})",  # since 1.16
        f"There are 2 of a max 20 players online: Ann ({ANN}), .Bob ({BOB})",  # 1.13
        f"There are 2/20 players online:Ann ({ANN}), .Bob ({BOB})",  # to 1.12
        f"There are 2/20 players online:\nAnn ({ANN}), .Bob ({BOB})\n",  # the same on Bukkit
        f"§6There are §c2§6 of a max of §c20§6 players online: Ann ({ANN}), .Bob ({BOB})\n",
    ],
)
def test_a_list_with_ids_gives_ids_and_names(reply: str) -> None:
    assert MINECRAFT.parse_players(reply) == [Player(ANN, "Ann"), Player(BOB, ".Bob")]


def test_a_list_without_ids_gives_names_for_ids() -> None:
    assert MINECRAFT.parse_players("There are 2 of a max of 20 players online: Ann, Bob") == [
        Player("Ann", "Ann"),
        Player("Bob", "Bob"),
    ]


@pytest.mark.parametrize(
    "reply",
    [
        "There are 0 of a max of 20 players online: ",
        "There are 0/20 players online:",
        "There are 0 of a max 20 players online:\n",
    ],
)
def test_nobody_is_an_empty_list(reply: str) -> None:
    assert MINECRAFT.parse_players(reply) == []


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "Unknown or incomplete command, see below for errorminecraft:list uuids<--[HERE]",
        "There are 3 of a max of 20 players online: Ann, Bob",
        "There are 1 of a max of 20 players online: Ann, Bob",
        "There are 1 of a max of 20 players online: [VIP] Ann",
        "There are 1 of a max of 20 players online: Ann (not-a-uuid)",
        "Hello. There are 1 of a max of 20 players online: Ann",
        "There are 2 out of maximum 20 players online.\ndefault: Ann, Bob",  # EssentialsX
        "No players online",
    ],
)
def test_anything_else_is_no_list(reply: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        MINECRAFT.parse_players(reply)


NAMES = st.from_regex(r"[.*]?[A-Za-z0-9_]{1,16}", fullmatch=True)


@given(st.lists(st.tuples(NAMES, st.uuids().map(str)), max_size=30))
def test_what_a_server_lists_is_what_comes_out(online: list[tuple[str, str]]) -> None:
    shown = ", ".join(f"{name} ({uuid})" for name, uuid in online)
    reply = f"There are {len(online)} of a max of 20 players online: {shown}"
    assert MINECRAFT.parse_players(reply) == [Player(uuid, name) for name, uuid in online]


@given(st.text(max_size=200))
def test_any_text_is_a_list_or_a_value_error(reply: str) -> None:
    try:
        players = MINECRAFT.parse_players(reply)
    except ValueError:
        return
    assert all(player.name in reply for player in players)
