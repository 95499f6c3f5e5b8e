"""What Minecraft servers' replies mean: the texts of many versions, and names that try to speak for the server."""

import pytest
from hypothesis import given, strategies as st

from perkd.adapters import ADAPTERS
from perkd.adapters.base import Verdict
from perkd.adapters.minecraft.replies import REFUSALS, RULES

MINECRAFT = ADAPTERS["minecraft"]
UUID = "069a79f4-44e9-4726-a5be-fca90e38aaf5"
VALUES = {"name": "Ann", "uuid": UUID, "uuid_plain": UUID.replace("-", ""), "perk": "vip", "quantity_index": "1"}

SUCCESS, REFUSED, ABSENT = Verdict.SUCCESS, Verdict.REFUSED, Verdict.ABSENT
NOT_LOADED, UNRECOGNISED = Verdict.NOT_LOADED, Verdict.UNRECOGNISED

LP = "lp user {who} parent"
BUSY = "[LP] Another command is being executed, waiting for it to finish..."
JUDGED = [
    # give
    ("give Ann minecraft:diamond 64", "Gave 64 [Diamond] to Ann", SUCCESS),
    (f"give {UUID} diamond 64", "Gave 64 [Diamond] to Ann", SUCCESS),
    (f"give {UUID} diamond 64", "Gave 64 [Diamond] to AnnRenamed", SUCCESS),  # the id decides, the name has changed
    (f"give {UUID} diamond 64", "Gave 64 [Diamond] to [VIP] Ann", SUCCESS),  # a scoreboard team's prefix
    ("/give Ann diamond 64", "Gave 64 [Diamond] to Ann\n", SUCCESS),
    ("minecraft:give Ann diamond 64", "§aGave 64 [Diamond] to Ann§r", SUCCESS),
    ("give Ann diamond 64", "Given [Diamond] * 64 to Ann", SUCCESS),  # 1.12
    ("give Ann diamond 64", "§6Giving§c 64§6 of§c diamond§6 to§c Ann§6.", SUCCESS),  # EssentialsX
    ("give ann diamond 64", "Gave 64 [Diamond] to Ann", SUCCESS),
    ("give Ann diamond 64", "Gave 64 [Diamond] to Bob", UNRECOGNISED),
    ("give Ann diamond 64", "Gave 64 [Diamond] to Anna", UNRECOGNISED),
    ("give Ann diamond 64", "Gave 64 [Diamond] to Ann and then failed", UNRECOGNISED),
    ("give Ann diamond 64", "Gave 64 [Diamond] to Ann\nBut what was it?", UNRECOGNISED),  # every line must be known
    ("give Ann diamond 64", "", UNRECOGNISED),
    ("give Ann diamond 64", "No player was found", ABSENT),
    ("give Ann diamond 64", "That player cannot be found", ABSENT),  # 1.10
    ("give Ann diamond 64", "Player 'Ann' cannot be found", ABSENT),  # 1.12
    ("give Ann diamond 64", "§cError: §4Player not found.", ABSENT),  # EssentialsX
    ("give Ann dimond 64", "Unknown item 'minecraft:dimond'give Ann dimond<--[HERE]", REFUSED),
    ("give Ann dimond 64", "Unknown item 'minecraft:dimond'\n...give Ann dimond<--[HERE]\n", REFUSED),
    ("give Ann dimond 64", "There is no such item with name minecraft:dimond", REFUSED),  # 1.12
    ("give Ann diamond x", "Expected integer\n...Ann diamond x<--[HERE]", REFUSED),
    ("give Ann diamond 99999", "Can't give more than 6400 of [Diamond]", REFUSED),
    # whitelist, op, ban
    ("whitelist add Ann", "Added Ann to the whitelist", SUCCESS),
    ("whitelist add Ann", "Player is already whitelisted", SUCCESS),
    ("whitelist add Ann", "That player does not exist", REFUSED),  # no such account; being seen cannot help
    ("whitelist add Ann", "Could not add Ann to the whitelist", REFUSED),  # 1.12
    ("whitelist remove Ann", "Removed Ann from the whitelist", SUCCESS),
    ("whitelist remove Ann", "Player is not whitelisted", SUCCESS),
    ("whitelist remove Ann", "Player is already whitelisted", UNRECOGNISED),
    ("op Ann", "Made Ann a server operator", SUCCESS),
    ("op Ann", "Opped Ann", SUCCESS),
    ("op Ann", "Nothing changed. The player already is an operator", SUCCESS),
    ("op Ann", "Made Ann no longer a server operator", UNRECOGNISED),
    ("deop Ann", "Made Ann no longer a server operator", SUCCESS),
    ("deop Ann", "De-opped Ann", SUCCESS),
    ("deop Ann", "Nothing changed. The player is not an operator", SUCCESS),
    ("deop Ann", "Could not de-op Ann", SUCCESS),  # 1.12: was none
    ("ban Ann Chargeback", "Banned Ann: Chargeback", SUCCESS),
    ("ban Ann Chargeback", "Nothing changed. The player is already banned", SUCCESS),
    ("pardon Ann", "Unbanned Ann", SUCCESS),
    ("pardon Ann", "Nothing changed. The player isn't banned", SUCCESS),
    ("kick Ann bye", "Kicked Ann: bye", SUCCESS),
    ("kick Ann bye", "Kicked Ann from the game: 'bye'", SUCCESS),  # 1.12
    ("kick Ann", "No player was found", ABSENT),
    # LuckPerms
    (LP.format(who="Ann") + " add vip", "[LP] Ann now inherits permissions from vip in context global.", SUCCESS),
    (LP.format(who=UUID) + " add vip",
     "[LP] ann now inherits permissions from VIP in context server=lobby.\n", SUCCESS),
    (LP.format(who=UUID) + " add vip", f"[LP] {UUID} now inherits permissions from vip in context global.", SUCCESS),
    (LP.format(who=UUID) + " add vip",
     "§7[§b§lL§3§lP§7]§r §bAnn§a already inherits from §bvip§a in context §eglobal§a.", SUCCESS),
    ("luckperms user Ann parent remove vip",
     "[LP] Ann no longer inherits permissions from vip in context global.", SUCCESS),
    ("luckperms:lp u Ann parent remove vip", "[LP] Ann does not inherit from vip in context global.", SUCCESS),
    (LP.format(who="Ann") + " remove vip",
     "[LP] Ann now inherits permissions from vip in context global.", UNRECOGNISED),
    (LP.format(who="Ann") + " add vip", "[LP] Bob now inherits permissions from vip in context global.", UNRECOGNISED),
    (LP.format(who="Ann") + " addtemp vip 30d",
     "[LP] Ann now inherits permissions from vip for a duration of 30 days in context global.", SUCCESS),
    (LP.format(who="Ann") + " addtemp vip 30d",
     "[LP] Ann already temporarily inherits from vip in context global.", REFUSED),
    (LP.format(who="Ann") + " set vip",
     "[LP] Ann had their existing parent groups cleared, and now only inherits vip in context global.", SUCCESS),
    (LP.format(who="Ann") + " settrack staff mod",
     "[LP] Ann had their existing parent groups on track staff cleared, and now only inherits mod in context global.",
     SUCCESS),
    ("lp user Ann permission set a.b true", "[LP] Set a.b to true for Ann in context global.", SUCCESS),
    ("lp user Ann permission set a.b", "[LP] Ann already has a.b set in context global.", SUCCESS),
    ("lp user Ann permission unset a.b", "[LP] Unset a.b for Ann in context global.", SUCCESS),
    ("lp user Ann permission unset a.b", "[LP] Ann does not have a.b set in context global.", SUCCESS),
    (LP.format(who="Ann") + " add vip", "[LP] A group named vip could not be found.", REFUSED),
    (LP.format(who="Ann") + " add vip", "[LP] A user for Ann could not be found.", ABSENT),  # never joined yet
    (LP.format(who="Ann") + " add vip",
     f"{BUSY}\n[LP] Ann now inherits permissions from vip in context global.", SUCCESS),
    (LP.format(who="Ann") + " add vip",
     BUSY, UNRECOGNISED),
    (LP.format(who="Ann") + " add vip", "", UNRECOGNISED),  # Bukkit: says nothing about the outcome
    # not loaded
    ("lp user Ann parent add vip",
     "Unknown or incomplete command, see below for errorlp user Ann parent add vip<--[HERE]", NOT_LOADED),
    ("lp user Ann parent add vip",
     "Unknown or incomplete command. See below for error\nlp user Ann parent add vip<--[HERE]", NOT_LOADED),
    ("lp user Ann parent add vip", "Unknown commandlp user Ann parent add vip<--[HERE]", NOT_LOADED),  # 1.13
    ("lp user Ann parent add vip", 'Unknown command. Type "/help" for help.', NOT_LOADED),  # Paper
    ("lp user Ann parent add vip", "Unknown command. Try /help for a list of commands", NOT_LOADED),  # 1.12
    ("gamemode creative", "Unknown or incomplete command, see below for error...e creative<--[HERE]", REFUSED),
    # others
    ("say Ann bought VIP", "", SUCCESS),
    ("say Ann bought VIP", "Unknown or incomplete command, see below for errorsay<--[HERE]", NOT_LOADED),
    ('tellraw Ann {"text":"hi"}', "", SUCCESS),
    ('tellraw Ann {"text":"hi"}', "No player was found", ABSENT),
    ("msg Ann hi", "You whisper to Ann: hi", SUCCESS),
    ('title Ann title "hi"', "Showing new title for Ann", SUCCESS),
    ('title Ann title "hi"', "", UNRECOGNISED),
    ("effect give Ann speed 30 1", "Applied effect Speed to Ann", SUCCESS),
    ("effect give Ann speed 30 1",
     "Unable to apply this effect (target is either immune to effects, or has something stronger)", REFUSED),
    ("effect Ann speed 30 1", "Given Speed (ID 1) * 1 to Ann for 30 seconds", SUCCESS),  # 1.12
    ("xp add Ann 100", "Gave 100 experience points to Ann", SUCCESS),
    ("experience add Ann 5 levels", "Gave 5 experience levels to Ann", SUCCESS),
    ("xp 100 Ann", "Given 100 experience to Ann", SUCCESS),  # 1.12
    ("tp Ann 0 64 0", "Teleported Ann to 0.500000, 64.000000, 0.500000", SUCCESS),
    (f"tp {UUID} 0 64 0", "No entity was found", ABSENT),
    ("gamemode creative Ann", "Set Ann's game mode to Creative Mode", SUCCESS),
    ("eco give Ann 100", "$100 added to Ann account. New balance: $250", SUCCESS),
    ("execute as Ann at @s run give @s diamond 1", "Gave 1 [Diamond] to Ann", SUCCESS),
    ("execute if entity Ann run say hi", "", UNRECOGNISED),  # silence may mean that the condition did not hold
    ("give Ann diamond 1", "An unexpected error occurred trying to execute that command", REFUSED),
    ("give Ann diamond 1", "An internal error occurred while attempting to perform this command\n", REFUSED),
    ("give Ann diamond 1", "Error executing: give Ann diamond 1 (null)", REFUSED),
    ("someplugin Ann 5", "Done!", UNRECOGNISED),
    ("someplugin Ann 5", "", UNRECOGNISED),
    ("someplugin Ann 5", "Usage: /someplugin <player> <amount> [world]", REFUSED),
    ("lp", "Running LuckPerms v5.4.", UNRECOGNISED),
    ("", "", UNRECOGNISED),
]  # fmt: skip


@pytest.mark.parametrize(("command", "reply", "verdict"), JUDGED)
def test_a_reply_means_what_the_server_meant(command: str, reply: str, verdict: Verdict) -> None:
    assert MINECRAFT.judge(command, reply, VALUES) is verdict


@pytest.mark.parametrize("name", ["TerrorByte", "No_player_was", "Error", "found", "FailedInvalid", "Unknown"])
def test_a_name_that_sounds_like_a_refusal_does_not_refuse(name: str) -> None:
    values = {"name": name}
    assert MINECRAFT.judge(f"give {name} diamond 1", f"Gave 1 [Diamond] to {name}", values) is SUCCESS
    assert MINECRAFT.judge(f"whitelist add {name}", f"Added {name} to the whitelist", values) is SUCCESS
    reply = f"[LP] {name} now inherits permissions from vip in context global."
    assert MINECRAFT.judge(f"lp user {name} parent add vip", reply, values) is SUCCESS


@pytest.mark.parametrize("name", ["player", "No", "found", "PLAYER"])
def test_when_the_name_is_part_of_the_refusal_nobody_guesses(name: str) -> None:
    assert MINECRAFT.judge(f"give {name} dirt", "No player was found", {"name": name}) is UNRECOGNISED


def test_a_refusal_that_only_quotes_the_name_stays_one() -> None:
    for name in ("Ann", "TerrorByte", ".Ann"):
        assert MINECRAFT.judge(f"give {name} dirt", f"Player '{name}' cannot be found", {"name": name}) is ABSENT


def test_an_owners_value_is_masked_only_where_the_command_carries_it() -> None:
    values = {"name": "Ann", "perk": "player"}
    assert MINECRAFT.judge("give Ann dirt", "No player was found", values) is ABSENT


NAMES = st.from_regex(r"[.*]?[A-Za-z0-9_]{1,16}", fullmatch=True) | st.sampled_from(
    sorted(
        {
            word
            for lines in REFUSALS.values()
            for line in lines
            for word in line.split()
            if word.isalnum() and len(word) <= 16
        }
    )
)


@given(NAMES, st.sampled_from([line for lines in REFUSALS.values() for line in lines]))
def test_no_name_turns_a_refusal_into_a_success(name: str, line: str) -> None:
    reply = line.replace("{any}", name)
    for rule in RULES:
        command = rule.command.replace("{who}", name).replace("**", "x").replace("*", "x")
        assert MINECRAFT.judge(command, reply, {"name": name}) is not SUCCESS


@given(NAMES)
def test_any_name_can_be_given_something(name: str) -> None:
    assert MINECRAFT.judge(f"give {name} diamond 1", f"Gave 1 [Diamond] to {name}", {"name": name}) is SUCCESS
    assert MINECRAFT.judge(f"give {name} diamond 1", "Gave 1 [Diamond] to another", {"name": name}) in (
        UNRECOGNISED,
        SUCCESS if name.lower() == "another" else UNRECOGNISED,
    )


@given(
    st.text(max_size=60), st.text(max_size=60), st.dictionaries(st.sampled_from(sorted(VALUES)), st.text(max_size=10))
)
def test_any_reply_has_a_verdict(command: str, reply: str, values: dict[str, str]) -> None:
    assert MINECRAFT.judge(command, reply, values) in Verdict


def test_every_rule_recognises_its_own_lines() -> None:
    for rule in RULES:
        command = rule.command.replace("{who}", "Ann").replace("**", "x").replace("*", "x")
        for line in rule.done + rule.already:
            reply = line.replace("{who}", "Ann").replace("{n}", "3").replace("{word}", "w").replace("{any}", "thing")
            assert MINECRAFT.judge(command, reply, VALUES) is SUCCESS, (command, reply)
        for line in rule.refused:
            reply = line.replace("{who}", "Ann").replace("{any}", "thing")
            assert MINECRAFT.judge(command, reply, VALUES) is REFUSED, (command, reply)
