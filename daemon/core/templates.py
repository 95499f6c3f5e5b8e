"""Command templates: the table of variables, and functions to compile and render a template. PURE.

`config` compiles, `rendering` renders; the ledger keeps a template's source, from which perkd compiles it again.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from perkd.adapters.base import Unsafe

from .mistakes import MistakeCode, close_matches
from .model import Kind, Template


class Variable(NamedTuple):
    """A variable such as `{name}`: the kind of value (it decides the quoting), a description for the owner, and whether
    the value identifies the player, which not every game supports."""

    kind: Kind
    text: str
    identity: bool = False


VARIABLES: Mapping[str, Variable] = MappingProxyType(
    {
        "name": Variable(Kind.NAME, "the player's name; it can change", identity=True),
        "uuid": Variable(Kind.UUID, "Minecraft UUID with dashes", identity=True),
        "uuid_plain": Variable(Kind.UUID_PLAIN, "Minecraft UUID without dashes", identity=True),
        "xuid": Variable(Kind.XUID, "Xbox user id (Bedrock players)", identity=True),
        "steam_id": Variable(Kind.STEAM_ID, "SteamID64, 17 digits", identity=True),
        "steam_id2": Variable(Kind.STEAM_ID2, "the same as STEAM_0:1:2345", identity=True),
        "steam_id3": Variable(Kind.STEAM_ID3, "the same as [U:1:4691]", identity=True),
        "customer_id": Variable(Kind.FLAKE, "the customer's id in the store"),
        "item_id": Variable(Kind.FLAKE, "the inventory item's id"),
        "order_id": Variable(Kind.FLAKE, "the order's id; a gift or a manual item may have none"),
        "product": Variable(Kind.TEXT, "the product's name in the store"),
        "product_id": Variable(Kind.FLAKE, "the product's id"),
        "quantity_index": Variable(Kind.NUMBER, "which unit of a larger quantity this item is"),
        "expires_at": Variable(Kind.TIME, "the holding's latest end, 2026-01-31T18:00:00Z; not every item has one"),
        "server": Variable(Kind.TEXT, "this server's name, as in [[server]]"),
        "perk": Variable(Kind.TEXT, "this perk's name"),
        "reason": Variable(Kind.TEXT, "why it is taken back: expired, refund, chargeback, …; not in a grant"),
    }
)

# `{{` and `}}` come first: a doubled brace always means one literal brace.
_TOKEN = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]")
_WORD = re.compile(r"\s*[\w.-]+\s*")
_LINE_BREAKING = frozenset({"Cc", "Zl", "Zp"})  # Unicode categories: control, line separator, paragraph separator


class TemplateError(ValueError):
    """A template that cannot be compiled. `position` counts characters from 1."""

    def __init__(self, code: MistakeCode, position: int, found: str, fix: str) -> None:
        super().__init__(f"character {position}: {found}; {fix}")
        self.code = code
        self.position = position
        self.found = found
        self.fix = fix


class MissingValue(LookupError):
    """The command needs a value that this customer, item or holding does not have."""

    def __init__(self, variable: str) -> None:
        super().__init__(f"there is no value for {{{variable}}} ({VARIABLES[variable].text})")
        self.variable = variable


def compile(source: str) -> Template:  # noqa: A001 - read as templates.compile(…), as re.compile is
    """The template of one command line. Raises TemplateError with the position and what to write instead."""
    _refuse_more_than_a_line(source)
    parts: list[str] = []
    literal: list[str] = []
    end = 0
    for match in _TOKEN.finditer(source):
        literal.append(source[end : match.start()])
        end = match.end()
        token = match.group()
        if token in {"{{", "}}"}:
            literal.append(token[0])
        else:
            parts += ("".join(literal), _variable(token, match.start() + 1))
            literal = []
    parts.append("".join(literal) + source[end:])
    return Template(source=source, parts=tuple(parts))


def render(template: Template, values: Mapping[str, str], quote: Callable[[Kind, str], str]) -> str:
    """The command line for these values, each quoted once with `quote` (`Adapter.quote`) and not changed afterwards.

    Raises MissingValue, or Unsafe with the variable before the adapter's message.
    """
    line = [template.parts[0]]
    for variable, literal in zip(template.parts[1::2], template.parts[2::2], strict=True):
        if variable not in values:
            raise MissingValue(variable)
        try:
            line.append(quote(VARIABLES[variable].kind, values[variable]))
        except Unsafe as unsafe:
            raise Unsafe(f"{{{variable}}}: {unsafe}") from unsafe
        line.append(literal)
    return "".join(line)


def _refuse_more_than_a_line(source: str) -> None:
    if not source.strip():
        fix = "write the command as you would type it in the server's console"
        raise TemplateError(MistakeCode.EMPTY_COMMAND, 1, "an empty command", fix)
    for position, char in enumerate(source, start=1):
        if unicodedata.category(char) in _LINE_BREAKING:
            raise TemplateError(
                MistakeCode.CONTROL_CHARACTER,
                position,
                f"a control character (U+{ord(char):04X})",
                "a command is one line of text: write each command as a separate entry",
            )


def _variable(token: str, position: int) -> str:
    """The variable's name in `{name}`. Raises TemplateError for anything else with a single brace."""
    word = token[1:-1]
    if word in VARIABLES:
        return word
    if _WORD.fullmatch(word):
        matches = " or ".join(f"{{{name}}}" for name in close_matches(word.strip(), VARIABLES, most=2))
        known = "the variables are " + " ".join(f"{{{name}}}" for name in VARIABLES)
        fix = f"did you mean {matches}?" if matches else known
        raise TemplateError(MistakeCode.UNKNOWN_VARIABLE, position, f"unknown variable {token}", fix)
    raise TemplateError(
        MistakeCode.SINGLE_BRACE,
        position,
        f"a single {token[0]} that belongs to no variable",
        'double each brace that belongs to the command, as in JSON: tellraw {name} {{"text":"Thank you"}}',
    )
