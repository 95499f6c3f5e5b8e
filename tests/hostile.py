"""Hostile names and values that must not harm a game server, and how each game's console parses a line.

`tests/contract/adapters/test_hostile_values.py` puts each of VALUES into every variable of each game. Players
choose their names and stores name their products, so perkd can get each of these.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from perkd.adapters.base import Kind
from perkd.daemon.sandbox.games import minecraft_grammar, source_console

UUID = "069a79f4-44e9-4726-a5be-fca90e38aaf5"
STEAM_ID = "76561197960287930"

# fmt: off
_QUOTES = ["'", '"', "`", '""', "''", '"Ann"', "'Ann'", 'Ann"', '"Ann', "“Ann”", "‘Ann’", "«Ann»", "＂Ann＂",
    'Ann\\"', '\\"']
_QUOTES += ['Ann" "Bob', 'Ann","Bob', 'x";sv_cheats 1;"', '"\\";quit', "Ann' OR '1'='1", 'Ann"}]', '"},{"text":"x"']
_SEPARATORS = [";", "Ann;", ";Ann", "Ann;op Eve", "Ann; quit", "a;b;c", "；", "Ann；quit", "Ann|op Eve",
    "Ann&&op Eve", "Ann & op"]
_SEPARATORS += ["$(op Eve)", "`op Eve`", "Ann,Bob", "Ann, Bob", "Ann:Bob", "Ann(Bob)", "Ann{Bob}", "Ann'Bob",
    "Ann/Bob"]
_LINES = ["\n", "\r", "\r\n", "Ann\n", "\nAnn", "Ann\nop Eve", "Ann\rop Eve", "Ann\r\nquit", "Ann\x0bop Eve",
    "Ann\x0cop Eve"]
_LINES += ["Ann\x85op Eve", "Ann\u2028op Eve", "Ann\u2029op Eve", "Ann\x1cop Eve", "Ann\x1eop Eve"]
_CONTROLS = [f"Ann{chr(code)}" for code in (0x00, 0x01, 0x07, 0x08, 0x09, 0x1A, 0x1B, 0x7F, 0x80, 0x9B)]
_CONTROLS += ["\0", "\0op Eve", "Ann\0 op Eve", "Ann\x1b[31m", "Ann\x08\x08\x08Eve", "\t", "Ann\tEve"]
_SELECTORS = [f"@{kind}" for kind in "aenprs"] + [f"@{kind}" for kind in "AENPRS"]
_SELECTORS += [f"hi @{kind} there" for kind in "aenprs"] + ["@a[name=Ann]", "@e[type=!player]", "@a[",
    "@p[limit=1]", "@", "@@a"]
_SELECTORS += ["Ann@a", "Ann @a", "@ a", "@\u200ba", "＠a", "﹫a", "@а", "@ａ", "@everyone", "@here", "VIP @", "@all",
    "@me", "@!me"]
_SELECTORS += ["@aim", "@ct", "#3", "#0", "*", "^", "!^", "$3", "%", "%vip", "Ann,*", "Ann, @all", "!Ann", "<all>"]
_FORMATS = ["§4Ann", "Ann§", "§k§l§m§n§o§r", "&4Ann", "§x§f§f§0§0§0§0Ann", "<red>Ann",
    "<click:run_command:/op Eve>Ann", "^1Ann"]
_FORMATS += ["{#ff0000}Ann", "[color=red]Ann[/color]", "\x03Ann", "\x07ff0000Ann", "\x04Ann"]
_BIDI = [f"Ann{chr(code)}Eve" for code in (0x200E, 0x200F, 0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x061C)]
_BIDI += [f"Ann{chr(code)}Eve" for code in (0x2066, 0x2067, 0x2068, 0x2069)] + ["\u202eevE dnomaid", "\u202e@a"]
_UNSEEN = [f"An{chr(code)}n" for code in (0x00AD, 0x034F, 0x115F, 0x1160, 0x17B4, 0x180B, 0x180E, 0x200B, 0x200C,
    0x200D)]
_UNSEEN += [f"An{chr(code)}n" for code in (0x2060, 0x2061, 0x2064, 0x206A, 0x2800, 0x3164, 0xFE00, 0xFE0F, 0xFEFF,
    0xFFA0)]
_UNSEEN += [f"An{chr(code)}n" for code in (0xFFF9, 0xFFFC, 0xE0001, 0xE0041, 0xE0100, 0xE000, 0xFFFE, 0x10FFFF,
    0x378)]
_SPACES = ["", " ", "  ", " Ann", "Ann ", "Ann  Eve", "Ann Eve", "Ann diamond 64", "Ann run op Eve",
    "Ann run say @a"]
_SPACES += [f"Ann{chr(code)}Eve" for code in (0xA0, 0x1680, 0x2000, 0x2003, 0x2009, 0x202F, 0x205F, 0x3000)]
_ALIKE = ["Аnn", "Αnn", "Ａｎｎ", "Ann\u0301", "Ánn", "ſam", "SAM", "sam", "\u212aim", "K\u0131m", "K\u0130m", "kim",
    "Kím", "𝐀𝐧𝐧"]
_ALIKE += ["Ⓐⓝⓝ", "ANN", "aNn", "Anո", "A\u0338nn", "Ann\u20dd", "Straße", "ﬁsh", "ǅep", "０", "１２", "٣", "½", "²",
    "Ⅳ", "一"]
_NESTED = ["{name}", "{{name}}", "{uuid}", "{", "}", "{}", "{0}", "{name!r}", "{name.__class__}",
    "{product}{reason}", "${name}"]
_NESTED += ["%s", "%(name)s", "%n", "%d", "%%", "$name", "<name>", "[name]", "\\{name\\}", "{steam_id}", "{{", "}}",
    "{name"]
_LONG = ["x" * count for count in (16, 17, 64, 65, 120, 121, 510, 1446, 5000)] + ["é" * 120, "漢" * 120, "😀" * 60,
    "Ann " * 400]
_LONG += ["\u0301" * 100, "Z" + "\u0301\u0302\u0303" * 30, "9" * 18, "9" * 19, "9" * 20, "9" * 400]
_SCRIPTS = ["שלום", "مرحبا", "אנn", "Ann مرحبا", "กำลัง", "हिन्दी", "日本語", "한국어", "ไทย", "Ω≈ç√", "ﷺ", "꧁Ann꧂",
    "ᴀɴɴ", "🅰nn"]
_SCRIPTS += ["😀", "👨‍👩‍👧‍👦", "🏴‍☠️", "🇩🇪", "👍🏽", "❤️", "☃", "🎁 Gift", "★ VIP ★", "Größe", "naïve", "Ñandú", "Łódź"]
_BROKEN = ["\ud800", "\udfff", "Ann\ud83d", "\ude00Ann", "\ufffd", "Ann\ufffd", "\ufffe", "\uffff"]
_PATHS = ["/", "//", "/op Eve", "//op Eve", "Ann//", "Ann // Eve", "http://a.example", "../..", "/*", "*/", "Ann/",
    "#", "--", "-1"]
_SLASHES = ["\\", "\\\\", "Ann\\", "\\n", "Ann\\nop Eve", "\\u0000", "\\x00", "\\073quit", "%00", "%0aop Eve",
    "&#10;op Eve"]
_NOTATION = ['{"text":"x"}', '"}', '","color":"red', "[]", "[1]", "null", "true", "{x:1b}", "[I;1,2]",
    "{Items:[{id:dirt}]}"]
_NOTATION += ["minecraft:diamond", "~ ~ ~", "^ ^ ^", "0..5", "1b", "NaN", "Infinity", "-0", "1e9", "0x10", "1_000",
    "+1", "1,5", "1.2.3"]
_COMMANDS = ["op Eve", "stop", "quit", "exit", "say hi", "execute", "run", "as", "exec server.cfg", "sv_cheats 1",
    "rcon_password x"]
_COMMANDS += ["[LP] Eve now inherits", "Gave 64 [Diamond] to Ann", "No player was found", "Unknown command",
    "<--[HERE]"]
_IDS = [UUID, UUID.upper(), UUID.replace("-", ""), f"{UUID} ", f"{UUID}\n", f"{{{UUID}}}", UUID[:-1], f"{UUID}0",
    "@s" + UUID[2:]]
_IDS += [STEAM_ID, f"{STEAM_ID} ", f"{STEAM_ID}\n", f"{STEAM_ID};quit", f"+{STEAM_ID}",
    "７６５６１１９７９６０２８７９３０", "76561197960265728"]
_IDS += ["STEAM_0:0:11101", "steam_0:0:11101", "STEAM_0:0:11101;quit", "STEAM_0:2:11101", "STEAM_0:0:",
    "STEAM_0:0:11101\n", "BOT"]
_IDS += ["[U:1:22202]", "[U:1:22202]\n", "[U:1:22202", "[U:1:-1]", "[U:1:22202];quit", "STEAM_ID_LAN", "0", "-",
    "2026-01-31T00:00:00Z"]
_IDS += ["2026-01-31T00:00:00Z;quit", "2026-01-31 00:00:00", "٢٠٢٦-01-31T00:00:00Z", ".Bedrock", "*Bedrock",
    "..Ann", "Ann", "Bob", "a", "_"]
# fmt: on

_FAMILIES = (
    _QUOTES, _SEPARATORS, _LINES, _CONTROLS, _SELECTORS, _FORMATS, _BIDI, _UNSEEN, _SPACES, _ALIKE, _NESTED, _LONG,
    _SCRIPTS, _BROKEN, _PATHS, _SLASHES, _NOTATION, _COMMANDS, _IDS,
)  # fmt: skip

VALUES: tuple[str, ...] = tuple(dict.fromkeys(value for family in _FAMILIES for value in family))

# One harmless value of each kind. None of them is part of a template.
HARMLESS: Mapping[Kind, str] = {
    Kind.NAME: "Zoe",
    Kind.UUID: "11111111-2222-4333-8444-555555555555",
    Kind.UUID_PLAIN: "11111111222243338444555555555555",
    Kind.XUID: "2535412345678901",
    Kind.STEAM_ID: "76561197960270000",
    Kind.STEAM_ID2: "STEAM_0:0:2136",
    Kind.STEAM_ID3: "[U:1:4272]",
    Kind.FLAKE: "94688451781206016",
    Kind.NUMBER: "7",
    Kind.TIME: "2027-05-06T07:08:09Z",
    Kind.TEXT: "Zoetrope",
}

Meaning = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Ground:
    """How one game's console parses a line, and command templates of an owner with VALUE in place of the variable."""

    meaning: Callable[[str], Meaning]  # the commands in a line, each split into its parts
    templates: Mapping[Kind, tuple[str, ...]]


def _minecraft(line: str) -> Meaning:
    return (minecraft_grammar.understood(line),)


def _source(line: str) -> Meaning:
    return tuple(filter(None, map(_source_command, source_console.commands(line.partition("\0")[0]))))


def _source_command(command: str) -> tuple[str, ...]:
    """Parses one command: `say` takes the rest of the line unchanged; in admin plugins `@all` means many players."""
    parts = source_console.words(command)
    if parts[:1] == ["say"]:
        return "say", command.strip().removeprefix("say").strip()
    target = {"sm_kick": 1, "ulx": 2}.get(parts[0] if parts else "", 0)
    if 0 < target < len(parts):
        parts[target] = re.sub(r"(?:^|,)\s*[@#*^!$%]", "<many>", parts[target])
    return tuple(parts)


_IDENTITY = ("give VALUE minecraft:diamond 3", "lp user VALUE parent add vip", "execute as VALUE run say thanks")
_ANYWHERE = ("say thanks, VALUE, for it", "msg Ann your number: VALUE")
_MINECRAFT_TEXT = (
    "say VALUE",
    "say thanks for VALUEand more",
    'tellraw Ann {{"text":"Thank you for VALUE!","color":"gold"}}',
    "kick Ann Your VALUE has ended",
    "ban Ann VALUE",
)
_SOURCE_ID = ('kickid "VALUE" bye', 'ulx adduserid "VALUE" vip', 'say "VALUE is here"')
_SOURCE_TEXT = (
    'say "VALUE"',
    'sm_give 3 "VALUE"',
    'say "thanks for VALUE!"; sm_give 3 x',
    'sm_kick "Ann" "VALUE ended"',
)
_NUMBERS = dict.fromkeys((Kind.FLAKE, Kind.NUMBER, Kind.TIME))

MINECRAFT = Ground(
    _minecraft,
    {
        **dict.fromkeys((Kind.NAME, Kind.UUID, Kind.UUID_PLAIN, Kind.XUID), _IDENTITY + _ANYWHERE),
        **dict.fromkeys(_NUMBERS, _ANYWHERE),
        Kind.TEXT: _MINECRAFT_TEXT,
    },
)
SOURCE = Ground(
    _source,
    {
        **dict.fromkeys((Kind.STEAM_ID, Kind.STEAM_ID2, Kind.STEAM_ID3), _SOURCE_ID),
        **dict.fromkeys(_NUMBERS, _SOURCE_TEXT),
        Kind.NAME: ('sm_kick "VALUE" bye', 'say "welcome back, VALUE!"', "say welcome back, VALUE"),
        Kind.TEXT: _SOURCE_TEXT,
    },
)

GROUNDS: Mapping[str, Ground] = {
    "minecraft": MINECRAFT,
    **dict.fromkeys(("source", "tf2", "gmod", "l4d2", "cs2"), SOURCE),
}


def expected(ground: Ground, template: str, kind: Kind, value: str) -> Meaning:
    """The meaning that a line with `value` must have: that of a harmless value, with `value` in its place."""
    harmless = HARMLESS[kind]
    meant = ground.meaning(template.replace("VALUE", harmless).replace("{{", "{").replace("}}", "}"))
    return tuple(tuple(part.replace(harmless, value) for part in command) for command in meant)


def lines(ground: Ground, kind: Kind, variable: str) -> Iterator[tuple[str, str]]:
    """Each template of a kind, and the line an owner writes for that variable."""
    for template in ground.templates[kind]:
        yield template, template.replace("VALUE", f"{{{variable}}}")
