"""What Source servers' replies mean: engine, SourceMod, ULX, and names that try to speak for the server."""

import pytest
from hypothesis import given, strategies as st

from perkd.adapters import ADAPTERS
from perkd.adapters.base import Verdict
from perkd.adapters.source.judge import console_commands, may_be_silent
from perkd.adapters.source.replies import REFUSALS, RULES, UNANSWERED
from perkd.daemon.sandbox.games.source_console import SourceConsole, Style, commands, words

SOURCE = ADAPTERS["source"]
VALUES = {
    "name": "Ann",
    "steam_id": "76561197960287930",
    "steam_id2": "STEAM_0:0:11101",
    "steam_id3": "[U:1:22202]",
    "perk": "vip",
}
SUCCESS, REFUSED, ABSENT = Verdict.SUCCESS, Verdict.REFUSED, Verdict.ABSENT
NOT_LOADED, UNRECOGNISED = Verdict.NOT_LOADED, Verdict.UNRECOGNISED

ADD, REMOVE = "ulx adduserid STEAM_0:0:11101 vip", "ulx removeuserid STEAM_0:0:11101"
LOG = 'L 08/28/2012 - 01:28:40: rcon from "203.0.113.9:4181": command "x"\n'
JUDGED = [
    # ULX
    (ADD, "(Console) added userid STEAM_0:0:11101 to group vip\n", SUCCESS),
    (ADD, "(Console) added Ann to group vip\n", SUCCESS),
    ('ulx adduserid "STEAM_0:0:11101" "vip plus"', "(Console) added Ann to group vip plus\n", SUCCESS),
    (ADD, "(Console) added userid STEAM_0:0:11102 to group vip\n", SUCCESS),  # may be the name ULX knows him by
    (ADD, 'invalid group "vip" specified\n', REFUSED),
    (ADD, "Invalid steamid.\n", REFUSED),
    (ADD, "(Console) removed all access rights from Ann\n", UNRECOGNISED),
    (ADD, "", UNRECOGNISED),
    (ADD, 'Unknown command "ulx"\n', NOT_LOADED),
    (ADD, "Unknown command: ulx\n", NOT_LOADED),
    (REMOVE, "(Console) removed all access rights from Ann\n", SUCCESS),
    (REMOVE, 'No player with id "STEAM_0:0:11101" exists in the ULib user list\n', SUCCESS),
    (REMOVE, 'No player with id "STEAM_0:0:11102" exists in the ULib user list\n', UNRECOGNISED),
    ("ulx adduser Ann vip", "No target found or target has immunity!\n", ABSENT),
    # SourceMod
    ('sm_kick "#STEAM_0:0:11101" bye', "[SM] Kicked player 'Ann'\n", SUCCESS),
    ('sm_kick "#STEAM_0:0:11101" bye', "[SM] No matching client was found.\n", ABSENT),
    ("sm_kick Ann", "[SM] More than one client matched the given pattern.\n", REFUSED),
    ("sm_kick", "[SM] Usage: sm_kick <#userid|name> [reason]\n", REFUSED),
    ("sm_kick Ann", 'Unknown command "sm_kick"\n', NOT_LOADED),
    ("sm_kick Ann", "Unknown command 'sm_kick'!\n", NOT_LOADED),
    ("sm_kick Ann", "", UNRECOGNISED),
    ('sm_ban "#5" 0 Chargeback', '[SM] Permanently banned player "Ann" (reason: Chargeback).\n', SUCCESS),
    ("sm_ban Ann 30", '[SM] Banned player "Ann" for 30 minutes.\n', SUCCESS),
    ("sm_addban 0 STEAM_0:0:11101 Chargeback", "[SM] Ban has been added.\n", SUCCESS),
    (
        "sm_addban 0 STEAM_1:0:11101",
        "[SM] You have specified an invalid Steam ID (must start with 'STEAM_0:').",
        REFUSED,
    ),
    ("sm_unban STEAM_0:0:11101", "[SM] Removed bans matching filter: STEAM_0:0:11101\n", SUCCESS),
    ("sm_reloadadmins", "[SM] Admin cache has been refreshed.\n", SUCCESS),
    ("sm_vip_add STEAM_0:0:11101", "[VIP] Added.\n", UNRECOGNISED),
    # the engine
    ("banid 0 STEAM_0:0:11101 kick", "", SUCCESS),
    ("banid 0 STEAM_0:0:11101", LOG, SUCCESS),
    ("banid 0 STEAM_0:0:11101", "Can't ban users on a LAN\n", REFUSED),
    ("banid 0 x", 'Can\'t ban users with ID "x"\n', REFUSED),
    ("banid 0 5", "banid:  couldn't find userid 5\n", ABSENT),
    ("banid 0 STEAM_0:0:11101", "Usage:  banid < minutes > < userid | uniqueid > { kick }\nUse 0 minutes", REFUSED),
    ("banid 0 STEAM_0:0:11101; writeid", "Writing cfg/banned_user.cfg.\n", SUCCESS),
    ("banid 0 STEAM_0:0:11101; writeid", "", UNRECOGNISED),
    ("removeid STEAM_0:0:11101", "removeid:  filter removed for STEAM_0:0:11101\n", SUCCESS),
    ("removeid STEAM_0:0:11101", "removeid:  filter removed for [U:1:22202]\n", SUCCESS),  # TF2
    ("removeid STEAM_0:0:11101", "removeid:  couldn't find [U:1:22202]\n", SUCCESS),  # was not banned
    ("removeid STEAM_0:0:11101", "removeid:  filter removed for STEAM_0:0:11102\n", UNRECOGNISED),
    ("removeid STEAM_0:0:11101", 'removeid:  invalid ban ID "STEAM_0"\n', REFUSED),
    ('kickid "[U:1:22202]" bye', "Dropped Ann from server (bye)\n", SUCCESS),
    ("kickid STEAM_1:0:11101 bye", "Dropped Ann from server: bye\n", SUCCESS),  # Left 4 Dead 2
    ('kickid "[U:1:22202]" bye', "", SUCCESS),
    ('kickid "[U:1:22202]"', 'uniqueid "[U:1:22202]" not found\n', ABSENT),
    ("kick Ann", 'name "Ann" not found\n', ABSENT),
    ('say "hello"', "", SUCCESS),
    ('say "hello"', "Console: hello\n", SUCCESS),
    ('say "hello"', f"{LOG}Console: hello\n", SUCCESS),
    ("sv_tags vip", "", UNRECOGNISED),  # most variables print nothing, right or wrong
    # never answered
    ("changelevel cp_badlands", "", SUCCESS),
    ("changelevel nowhere", "changelevel failed: nowhere not found\n", REFUSED),
    ("map nowhere", "map load failed: nowhere not found or invalid\n", REFUSED),
    ("changelevel cp_badlands", "something else\n", UNRECOGNISED),
    # several commands, comments
    ('say "a"; sm_unheard', 'Console: a\nUnknown command "sm_unheard"\n', REFUSED),  # the first one ran
    ('say "a;b" // c; d', "Console: a;b\n", SUCCESS),
    ("", "", UNRECOGNISED),
    ("; ;", "", UNRECOGNISED),
    ("// nothing", "", UNRECOGNISED),
    # errors beside a success
    ("sm_kick Ann", "[SM] Kicked player 'Ann'\n[SM] Exception reported: Invalid client index\n", REFUSED),
    ("sm_kick Ann", "[SM] Kicked player 'Ann'\nsomething else\n", UNRECOGNISED),
    ("sm_kick Ann", "L 08/28/2012 - 01:28:40: [SM] Exception reported: Client is not connected\n", REFUSED),
]


@pytest.mark.parametrize(("command", "reply", "verdict"), JUDGED)
def test_a_reply_means_what_the_server_said(command: str, reply: str, verdict: Verdict) -> None:
    assert SOURCE.judge(command, reply, VALUES) is verdict


@pytest.mark.parametrize("game", ["tf2", "gmod", "l4d2"])
def test_the_games_read_the_same_replies(game: str) -> None:
    assert [ADAPTERS[game].judge(command, reply, VALUES) for command, reply, _ in JUDGED] == [
        verdict for *_, verdict in JUDGED
    ]


def test_where_nobody_is_ever_seen_joining_absent_is_refused() -> None:
    judged = [ADAPTERS["cs2"].judge(command, reply, VALUES) for command, reply, _ in JUDGED]
    assert judged == [REFUSED if verdict is ABSENT else verdict for *_, verdict in JUDGED]


@pytest.mark.parametrize(
    "name",
    [
        "x' not found",
        "[SM] No matching client was found.",
        'Unknown command "x"',
        "Usage: x",
        "not",
        "was",
        "No matching client",
        "(Console) added x to group vip",
    ],
)
def test_a_name_cannot_make_a_refusal_a_success(name: str) -> None:
    values = {**VALUES, "name": name}
    for line in (line for lines in REFUSALS.values() for line in lines):
        reply = line.replace("{any}", name).replace("{n}", "1")
        for command in (
            f'sm_kick "{name}"',
            f'say "{name}"',
            ADD,
            f"ulx adduser {name} vip",
            "banid 0 STEAM_0:0:11101",
        ):
            assert SOURCE.judge(command, reply, values) is not SUCCESS


def test_when_the_name_is_part_of_the_refusal_nobody_guesses() -> None:
    reply = "[SM] No matching client was found."
    assert SOURCE.judge("sm_kick client", reply, {"name": "client"}) is UNRECOGNISED


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_no_reply_makes_the_judge_stumble(reply: str) -> None:
    assert SOURCE.judge(ADD, reply, VALUES) in Verdict


LINES = st.text(st.sampled_from('ab";/\\ :{}'), max_size=20)


@given(LINES)
def test_perkd_counts_as_many_commands_in_a_line_as_the_console(line: str) -> None:
    ours = [part for part in console_commands(line) if part.strip()]
    theirs = [part for part in commands(line) if words(part)]
    assert len(ours) == len(theirs)


@pytest.mark.parametrize("verb", UNANSWERED)
def test_what_the_server_may_never_answer_is_known_by_its_verb(verb: str) -> None:
    assert may_be_silent(f"{verb} x")
    assert may_be_silent(f'say "bye"; {verb.upper()}')
    assert not may_be_silent(f'say "{verb}; {verb}" // ; {verb}')
    assert not may_be_silent(f"sm_{verb} x")


def test_every_row_of_the_table_can_be_met() -> None:
    """Each rule recognises its own lines: a typing mistake in the table would make a row dead."""
    for rule in RULES:
        command = rule.command.replace("{who}", "STEAM_0:0:11101").replace("**", "x").replace("*", "y")
        for line in rule.done + rule.already:
            reply = line.replace("{who}", "STEAM_0:0:11101").replace("{n}", "5").replace("{any}", "z")
            assert SOURCE.judge(command, reply, {}) is SUCCESS, (command, reply)
    for verdict, lines in REFUSALS.items():
        for line in lines:
            assert SOURCE.judge("sm_x", line.replace("{n}", "5").replace("{any}", "z"), {}) is verdict, line


@pytest.mark.parametrize("style", Style)
def test_what_the_emulated_server_says_is_understood(style: Style) -> None:
    console = SourceConsole(style=style)
    ann = console.join("Ann", 22202)
    shown = console.shown(ann)

    def judged(command: str) -> Verdict:
        return SOURCE.judge(command, console.run(command), VALUES)

    assert judged(ADD) is SUCCESS
    assert console.groups == {ann: "vip"}
    assert [judged(REMOVE), judged(REMOVE)] == [SUCCESS, SUCCESS]
    assert console.groups == {}
    assert judged(f'kickid "{shown}" bye') is SUCCESS
    assert judged(f'kickid "{shown}" bye') is ABSENT
    assert judged('sm_kick "#STEAM_0:0:11101"') is ABSENT
    assert judged("banid 0 STEAM_0:0:11101") is SUCCESS
    assert console.bans == {ann}
    assert judged("removeid STEAM_0:0:11101") is SUCCESS
    assert judged("sm_unheard") is NOT_LOADED
