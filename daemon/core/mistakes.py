"""What is wrong in a file an owner wrote: each mistake with its place and how to fix it.

`secretrefs`, `tables`, `tokensfile` and `config` collect mistakes; the command line prints them and exits 78.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One mistake. `where` is a key path like `perk[0] "vip".grant[1]`, counted from 0. No field holds a secret."""

    where: str
    found: str
    expected: str
    fix: str


class ConfigError(Exception):
    """Everything that is wrong with a configuration, in the order it was met."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(f"{mistake.where}: found {mistake.found}" for mistake in self.mistakes))

    def render(self, path: Path | None) -> str:
        """The mistakes as text for a terminal: a headline with the file, then a paragraph for each."""
        count = len(self.mistakes)
        lines = [f"{path or 'the configuration'}: {count} mistake{'' if count == 1 else 's'}"]
        for mistake in self.mistakes:
            lines += [
                "",
                mistake.where,
                f"    found:    {mistake.found}",
                f"    expected: {mistake.expected}",
                f"    fix:      {mistake.fix}",
            ]
        return "\n".join(lines)


@dataclass(slots=True)
class Findings:
    """Collects what is wrong and what is doubtful while a file is read, so that all of it is said at once."""

    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def mistake(self, where: str, *, found: str, expected: str, fix: str) -> None:
        self.mistakes.append(Mistake(where=where, found=found, expected=expected, fix=fix))

    def warn(self, where: str, text: str) -> None:
        self.warnings.append(f"{where}: {text}")

    def raise_mistakes(self) -> None:
        """Raises ConfigError when there is any mistake."""
        if self.mistakes:
            raise ConfigError(self.mistakes)


def close_matches(word: str, known: Iterable[str], *, most: int = 1) -> list[str]:
    """The known words that `word` was probably meant to be, the likeliest first, whatever their case."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    return [by_lower[match] for match in get_close_matches(word.lower(), by_lower, n=most)]


def meant(word: str, known: Iterable[str], otherwise: str) -> str:
    """The fix for a word that is not known: the one it resembles, else what `otherwise` says."""
    matches = close_matches(word, known)
    return f"did you mean {quoted(matches[0])}?" if matches else otherwise


def quoted(text: str) -> str:
    """A text in quotes, on one line whatever it holds, shortened when it is long."""
    short = text if len(text) <= 80 else text[:77] + "…"
    printable = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in short)
    return json.dumps(short, ensure_ascii=False) if printable == short else f'"{printable}"'


def listed(words: Iterable[str]) -> str:
    """Words as an owner would write them: `"a", "b"`; "none" when there are none."""
    return ", ".join(quoted(word) for word in words) or "none"
