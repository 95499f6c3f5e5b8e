"""The players in the reply to `status`, for every Source game. PURE.

`adapter.py` calls it. There are two tables:

Source 1 (printed by the engine in the columns of its header; CS:GO and Left 4 Dead 2 also have a slot and a rate):

    # userid name                uniqueid            connected ping loss state  adr
    #      2 "Name"              [U:1:22202]         01:23       50    0 active 203.0.113.4:27005

Counter-Strike 2 (as other tools captured it from builds 1.41). Only some builds print a SteamID instead of the address;
current builds print none:

      id     time ping loss      state   rate adr name
       2    01:23   35    0     active 786432 203.0.113.4:27005 'Name'

A name may contain anything but a newline, even a whole fake row. So a Source 1 row is split at its last quote, and the
fixed columns follow; a Counter-Strike 2 row is read from the left, and the rest is the name.
"""

import re
from typing import Final

from ..base import Player
from .values import account, steam_id

_HEADER: Final = re.compile(r"# userid\s+name\s+uniqueid\s+connected\s+ping\s+loss\s+state\b.*")
_ROW: Final = re.compile(r"#\s*\d+(?:\s+\d+)?\s+\"(?P<name>.*)\"(?P<columns>[^\"]*)")
_COLUMNS: Final = re.compile(r"\s+(?P<id>\S+)(?:\s+[\d:]+\s+-?\d+\s+-?\d+)?\s+(?P<state>[a-z]+)(?:\s+\S+){0,2}\s*")
_BEGINS: Final = re.compile(r"#\s*\d")
_HEADER_2: Final = re.compile(r"\s*id\s+time\s+ping\s+loss\s+state\s+rate\s+adr\s+name\s*")
_ROW_2: Final = re.compile(r"\s*\d+\s+\S+\s+-?\d+\s+-?\d+\s+(?P<state>[a-z]+)\s+\d+\s*(?P<adr>\S*)\s+'(?P<name>.*)'\s*")


def parse_players(reply: str) -> list[Player]:
    """The players who are in the game and whose SteamID the table shows; `id` is the SteamID64.

    It leaves out bots, players who are still connecting, and players without a SteamID. Raises ValueError if the reply
    is not one of `status`, or if it cannot read a row: half a list would be wrong.
    """
    lines = [line.rstrip("\r") for line in reply.split("\n")]  # not splitlines(): a name may contain U+2028
    for number, line in enumerate(lines):
        if _HEADER.fullmatch(line) is not None:
            return _table(lines[number + 1 :])
        if _HEADER_2.fullmatch(line) is not None:
            return _table_2(lines[number + 1 :])
    raise ValueError("the reply has no player table")


def _table(lines: list[str]) -> list[Player]:
    players: list[Player] = []
    for line in lines:
        if line.strip() == "#end":
            break
        if _BEGINS.match(line) is None:
            continue  # plugins print below the table, and log lines may be anywhere
        row = _ROW.fullmatch(line)
        columns = _COLUMNS.fullmatch(row["columns"]) if row is not None else None
        if row is None or columns is None:
            raise ValueError("a row of the player table cannot be read")
        number = account(columns["id"])
        if number is not None and columns["state"] == "active":
            players.append(Player(steam_id(number), row["name"]))
    return players


def _table_2(lines: list[str]) -> list[Player]:
    players: list[Player] = []
    for line in lines:
        if line.strip() == "#end":
            return players
        row = _ROW_2.fullmatch(line)
        if row is None:
            continue
        number = account(row["adr"])
        if number is not None and row["state"] == "active":
            players.append(Player(steam_id(number), row["name"]))
    raise ValueError("the player table has no end")
