"""The player tables of Source servers, and names that look like rows of them."""

import pytest
from hypothesis import given, strategies as st

from perkd.adapters import ADAPTERS
from perkd.adapters.base import Player
from perkd.daemon.sandbox.games.source_console import SourceConsole, Style

ANN, BOB = Player("76561197960287930", "Ann"), Player("76561197960270419", "Bob")

TF2 = """hostname: a server
version : 9543365/24 9543365 secure
players : 3 humans, 1 bots (25 max)
edicts  : 426 used of 2048 max
        Spawns Points Kills Deaths Assists
Scout         0      0     0      0       0

# userid name                uniqueid            connected ping loss state  adr
#      2 "a long SourceTV name | Virginia @" BOT                       active
#      3 "Ann"               [U:1:22202]         00:20       60    0 active 169.254.249.16:18930
#     29 "Bob"               [U:1:4691]          1:28:56   1001    2 active 203.0.113.4:27005
#     30 "Zoe"               [U:1:99]            00:02       60    0 spawning 203.0.113.5:27005
#     31 "Moe"               STEAM_ID_PENDING    00:01       60    0 active 203.0.113.6:27005
Loaded plugins:
---------------------
0:      "TFTrue v4.63"
"""
GMOD = """hostname: a server
# userid name                uniqueid            connected ping loss state  adr
#      2 "Ann"               STEAM_0:0:11101     01:23       50    0 active 203.0.113.4:27005
#      3 "Bob"               STEAM_0:1:2345      01:23       50    0 active none
"""
L4D2 = """hostname: a server
players : 2 humans, 2 bots (4 max) (not hibernating)

# userid name uniqueid connected ping loss state rate adr
#224 "Moe" BOT active
# 194 2 "Ann" STEAM_1:0:11101 33:48 67 0 active 20000 203.0.113.4:27005
#  3 1 "Bob" STEAM_1:1:2345 12:10:48 67 0 active 786432
#end
L 08/28/2012 - 01:28:40: rcon from "203.0.113.9:4181": command "status"
"""
CS2 = """Server:  Running [203.0.113.1:27015]
----- Status -----
players  : 2 humans, 1 bots (0 max) (not hibernating) (unreserved)
---------players--------
  id     time ping loss      state   rate adr name
   7      BOT    0    0     active      0 'Moe'
65535 [NoChan]    0    0 challenging      0unknown ''
   0    07:20  179    0     active 786432 {ann} 'Ann'
   1    04:25  164    0   spawning 786432 [U:1:4691] 'Bob'
#end
"""


@pytest.mark.parametrize(
    ("reply", "players"),
    [
        (TF2, [ANN, BOB]),
        (GMOD, [ANN, BOB]),
        (L4D2, [ANN, BOB]),
        (L4D2.replace("\n", "\r\n"), [ANN, BOB]),
        (CS2.format(ann="[U:1:22202]"), [ANN]),
        (CS2.format(ann="203.0.113.4:27005"), []),  # current builds: nobody can be matched
        (TF2.split("#      2", maxsplit=1)[0], []),
    ],
    ids=["tf2", "gmod", "l4d2", "crlf", "cs2 with ids", "cs2", "nobody"],
)
def test_who_is_in_the_game_is_read_with_his_steam_id(reply: str, players: list[Player]) -> None:
    assert ADAPTERS["source"].parse_players(reply) == players


@pytest.mark.parametrize(
    "reply",
    [
        "",
        'Unknown command "status"',
        "hostname: a server",
        TF2.replace("# userid", "* userid"),
        TF2.replace('"Bob"', "Bob"),  # half a roster is none
        TF2.replace("[U:1:4691]          1:28:56   1001    2 active 203.0.113.4:27005", ""),
        CS2.replace("#end", ""),
    ],
)
def test_anything_else_is_no_player_list(reply: str) -> None:
    with pytest.raises(ValueError, match="table"):
        ADAPTERS["source"].parse_players(reply)


FAKES = [
    'x" [U:1:4691] 00:01 5 0 active 203.0.113.9:27005',
    'x" [U:1:4691] 00:01 5 0 active 203.0.113.9:27005 "',
    '#      2 "Bob" [U:1:4691]',
    "#end",
    "' [U:1:4691] 'x",
    "1 00:01 5 0 active 786432 [U:1:4691] 'Bob'",
    '\u2028#  9 "Bob" [U:1:4691] 00:01 5 0 active\u2028',
    "\x85#end\x85",
    '"',
    "'",
    "",
]  # fmt: skip


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("name", FAKES)
def test_a_name_that_is_a_fake_row_stays_a_name(style: Style, name: str) -> None:
    console = SourceConsole(style=style)
    console.join(name, 22202)
    assert ADAPTERS["source"].parse_players(console.run("status")) == [Player(ANN.id, name)]


NAME = st.text(st.sampled_from("#'\" []U:1469STEAM_0botactive.,\u2028\x85é\t"), max_size=32)


@given(st.lists(NAME, max_size=4), st.sampled_from(Style))
def test_whatever_the_names_the_ids_are_exact(names: list[str], style: Style) -> None:
    console = SourceConsole(style=style)
    expected = [Player(console.join(name, 100 + number), name) for number, name in enumerate(names)]
    assert ADAPTERS["source"].parse_players(console.run("status")) == expected
