"""Checks a TOML table against its pydantic model: each mistake becomes a Mistake, bad keys take their default.

`loading` and `tokens_file` read all their tables with it.
"""

import copy
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import partial
from typing import Annotated, Any, Generic, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from ..core.mistakes import Findings, MistakeCode, listed, meant, quoted

Loc = tuple[str | int, ...]

SECRET_KEYS = frozenset({"password", "api_key", "tokens", "token"})  # their values are never shown
UNITS = {"ms": timedelta(milliseconds=1), "s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}
UNITS["d"] = timedelta(days=1)
LONGEST = timedelta(days=36500)
_DURATION = re.compile(r"(\d{1,15})(ms|s|m|h|d)")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Table(BaseModel):
    """A table of the file. Every key has a default, so that one bad key never hides the mistakes in the others."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def duration(value: object, *, least: timedelta = timedelta(0), optional: bool = False) -> timedelta | None:
    """The time behind a text like "30s", "15m", "24h", "540d" or "0ms"; "" is None where that is allowed."""
    if optional and value == "":
        return None
    if not isinstance(value, str):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        raise _not_a_duration(f'write "{value}s"' if number else 'write "30s"')
    match = _DURATION.fullmatch(value)
    if match is None:
        negative = value.strip().startswith("-")
        raise _not_a_duration('write a time without "-"' if negative else 'write a number and one unit: "90s", "15m"')
    count, unit = int(match[1]), UNITS[match[2]]
    if count > LONGEST // unit:
        raise _not_a_duration(f"write at most {duration_text(LONGEST)}", MistakeCode.OUT_OF_RANGE)
    if count * unit < least:
        raise _not_a_duration(f"write at least {duration_text(least)}", MistakeCode.OUT_OF_RANGE)
    return count * unit


def _not_a_duration(fix: str, code: MistakeCode = MistakeCode.NOT_A_DURATION) -> PydanticCustomError:
    return PydanticCustomError("duration", "no duration", {"fix": fix, "code": code})


def online(value: object) -> bool | timedelta:
    """Whether a command waits for the player, and how long they must have been online: false, true or "20s"."""
    if isinstance(value, bool):
        return value
    try:
        found = duration(value)
    except PydanticCustomError as error:
        raise PydanticCustomError("online", "no answer", dict(error.context or {})) from error
    assert found is not None  # noqa: S101 - "" is no duration here
    return found


def duration_text(value: timedelta) -> str:
    """The shortest text `duration` reads as this time: 900 seconds are "15m"."""
    unit = next(unit for unit in reversed(UNITS) if not value % UNITS[unit])
    return f'"{value // UNITS[unit]}{unit}"' if value else '"0ms"'


Duration = Annotated[timedelta, BeforeValidator(duration)]
Timeout = Annotated[timedelta, BeforeValidator(partial(duration, least=timedelta(milliseconds=100)))]
Interval = Annotated[timedelta, BeforeValidator(partial(duration, least=timedelta(seconds=1)))]
Days = Annotated[timedelta, BeforeValidator(partial(duration, least=timedelta(days=1)))]
Online = Annotated[bool | timedelta | None, BeforeValidator(online)]
OptionalDuration = Annotated[timedelta | None, BeforeValidator(partial(duration, optional=True))]

T = TypeVar("T", bound=Table)


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """A table that was read. A value whose place is in `broken` was reported and replaced by its default."""

    table: T
    where: str
    broken: frozenset[Loc]

    def sound(self, *loc: str | int) -> bool:
        """Whether the value there comes from the file, so that further checks make sense."""
        return not any(loc[:length] in self.broken for length in range(len(loc) + 1))

    def at(self, *loc: str | int) -> str:
        """The key path of a place in this table."""
        return key_path(self.where, loc)


def read_table(model: type[T], raw: object, where: str, findings: Findings) -> Read[T]:
    """The table as its model. Mistakes go to `findings`; the keys that hold them take their default."""
    if not isinstance(raw, Mapping):
        findings.mistake(
            where,
            MistakeCode.NOT_A_TABLE,
            found=shown(raw, secret=True),
            expected="a table",
            fix="write its name in brackets on a separate line, [like-this], and its keys below",
        )
        return Read(model(), where, frozenset({()}))
    try:
        return Read(model.model_validate(raw), where, frozenset())
    except ValidationError as error:
        details = error.errors(include_url=False)
    rest: dict[str, Any] = copy.deepcopy(dict(raw))
    for detail in sorted(details, key=lambda detail: len(detail["loc"]), reverse=True):
        _drop(rest, detail["loc"])
    for detail in details:
        code, found, expected, fix = _explain(model, detail)
        findings.mistake(key_path(where, detail["loc"]), code, found=found, expected=expected, fix=fix)
    return Read(model.model_validate(rest), where, frozenset(detail["loc"] for detail in details))


def read_list(
    model: type[T], document: Mapping[str, object], key: str, findings: Findings, *, inside: str = ""
) -> Iterator[Read[T]]:
    """Every `[[key]]` of the document in turn, so that all mistakes of one stay together.

    `inside` names the document, if it is not the config itself.
    """
    raw = document.get(key, [])
    prefix = f"{inside}: {key}" if inside else key
    if not isinstance(raw, list):
        findings.mistake(
            prefix,
            MistakeCode.NOT_A_LIST,
            found=shown(raw),
            expected="a list of tables",
            fix=f"write [[{key}]], with two brackets",
        )
        return
    for index, entry in enumerate(raw):
        name = entry.get("name") if isinstance(entry, Mapping) else None
        where = f"{prefix}[{index}]" + (f" {quoted(name)}" if isinstance(name, str) and name else "")
        yield read_table(model, entry, where, findings)


def unknown_sections(
    document: Mapping[str, object], known: Mapping[str, type[Table]], where: str, findings: Findings
) -> None:
    """Reports every key at the top of the document that is not a `known` section."""
    for key in document:
        if key not in known:
            homes = [section for section, model in known.items() if key in model.model_fields]
            findings.mistake(
                f"{where}: {key_path('', [key])}" if where else key_path("", [key]),
                MistakeCode.UNKNOWN_SECTION,
                found=f"unknown section or key {quoted(key)}",
                expected=f"one of {', '.join(known)}",
                fix=f"move it below [{homes[0]}]" if homes else meant(key, known, "remove it"),
            )


def parse_toml(text: str, where: str, findings: Findings) -> dict[str, Any]:
    """The document in a TOML text. Text that is not valid TOML is a mistake with its line and column, and gives an
    empty document."""
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError is one; so is a number too long to be read
        message, _, place = str(error).partition(" (at ")
        what = "this line" if place.startswith("line") else "the text"
        findings.mistake(
            f"{where}: {place.rstrip(')')}".removeprefix(": ") if place else where or "the file",
            MistakeCode.NOT_TOML,
            found=f"{what} is not valid TOML: {message[:1].lower()}{message[1:]}",
            expected="TOML: key = value, text in quotes, lists in brackets",
            fix="look at that line and the one before it for a missing quote, bracket or comma",
        )
        return {}


def key_path(where: str, loc: Iterable[str | int]) -> str:
    """`perk[0] "vip"` and ("grant", 1) are `perk[0] "vip".grant[1]`."""
    path = where
    for step in loc:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            key = step if _BARE_KEY.fullmatch(step) else quoted(step)
            path += f".{key}" if path else key
    return path


def shown(value: object, *, secret: bool = False) -> str:
    """A value of the file in words for an owner; for a secret, only its type."""
    sorts = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "a table"}
    sort = sorts.get(type(value), "a date or time" if isinstance(value, date | time) else "a value")
    if secret or isinstance(value, list | dict):
        return sort
    if isinstance(value, bool):
        return str(value).lower()
    return quoted(value) if isinstance(value, str) else f"{value} ({sort})"


def _drop(table: dict[str, Any], loc: Loc) -> None:
    """Removes the value at `loc`; in a list, "" replaces it, so that the entries after it keep their numbers."""
    holder: Any = table
    for step in loc[:-1]:
        holder = holder[step]
    if isinstance(holder, list) and isinstance(loc[-1], int):
        holder[loc[-1]] = ""
    else:
        holder.pop(loc[-1], None)


_TYPES = {
    "string_type": ("text", 'put it in quotes: "…"'),
    "bool_type": ("true or false", "write true or false, without quotes"),
    "int_type": ("a whole number", "write a whole number, without quotes"),
    "float_type": ("a number", "write a number, without quotes"),
    "finite_number": ("a number", "write a number like 5 or 0.5"),
    "list_type": ("a list", 'put it in brackets: ["…"]'),
    "dict_type": ("a table", 'write { key = ["…"] }'),
    "model_type": ("a command", 'write "…", or { run = "…" }'),
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
}


def _explain(model: type[Table], detail: ErrorDetails) -> tuple[MistakeCode, str, str, str]:
    """The code, what was found, what was expected, and the fix, for one of pydantic's errors."""
    loc, kind, context = detail["loc"], detail["type"], detail.get("ctx", {})
    key = str(loc[-1])
    found = shown(detail["input"], secret=any(step in SECRET_KEYS for step in loc))
    if kind == "extra_forbidden":
        known = _model_at(model, loc[:-1]).model_fields
        return (
            MistakeCode.UNKNOWN_KEY,
            f"unknown key {quoted(key)}",
            f"one of {', '.join(known)}",
            meant(key, known, "remove it"),
        )
    if kind == "duration":
        expected = 'a duration: "500ms", "30s", "15m", "24h" or "540d"'
        return context["code"], found, expected, str(context["fix"])
    if kind == "online":
        expected = 'true, false, or how long the player must have been online: "20s"'
        return context["code"], found, expected, str(context["fix"])
    if kind == "literal_error":
        words = get_args(_model_at(model, loc[:-1]).model_fields[key].annotation)
        choices = [word for word in words for word in (get_args(word) or (word,)) if isinstance(word, str)]
        one_of = f"one of {listed(choices)}"
        return MistakeCode.UNKNOWN_WORD, found, one_of, meant(str(detail["input"]), choices, f"write {one_of}")
    if kind in _BOUNDS:
        name, words_ = _BOUNDS[kind]
        text = f"{words_} {context[name]:g}"
        return MistakeCode.OUT_OF_RANGE, found, text, f"write {text}"
    expected, fix = _TYPES.get(kind, (detail["msg"], "correct this value"))
    return MistakeCode.WRONG_TYPE, found, expected, fix


def _model_at(model: type[Table], loc: Loc) -> type[Table]:
    """The model of the table at `loc`: models nest only as the entries of lists."""
    for step in loc:
        if isinstance(step, str) and step in model.model_fields:
            inner = _nested(model.model_fields[step].annotation)
            model = inner or model
    return model


def _nested(annotation: object) -> type[Table] | None:
    """The Table inside `list[Table]` or `dict[str, list[Table]]`."""
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return annotation
    return next((inner for part in get_args(annotation) if (inner := _nested(part))), None)
