"""Project rules that no tool checks: a silenced rule has a reason, and files are short."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

LONGEST = 300
LONGEST_WIRING = 250  # app.py, which only connects the parts

SILENCED = re.compile(
    r"#\s*(?:noqa: [A-Z]+[0-9]+(?:, ?[A-Z]+[0-9]+)*|type: ignore\[[a-z, -]+\]|pragma: no (?:cover|branch))"
    r"(?P<reason>.*)$"
)
SILENCER = re.compile(r"#\s*(noqa|type:\s*ignore|pragma:\s*no|mypy:|ruff:|fmt:)")


def sources(*packages: str) -> Iterator[Path]:
    for package in packages:
        yield from sorted((ROOT / package).rglob("*.py"))


def comments(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as file:
        for token in tokenize.tokenize(io.BytesIO(file.read()).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def gives_a_reason(comment: str) -> bool:
    """Whether a comment that silences a rule names it and gives a reason of at least two words."""
    match = SILENCED.search(comment)
    return bool(match and len(re.findall(r"[A-Za-z]{2,}", match["reason"])) >= 2)


def test_each_silenced_rule_carries_its_reason() -> None:
    silent = [
        f"{path.relative_to(ROOT)}:{line}: {comment}"
        for path in sources("daemon", "adapters")
        for line, comment in comments(path)
        if SILENCER.search(comment) and not gives_a_reason(comment)
    ]
    assert silent == []


def test_what_counts_as_a_reason() -> None:
    assert gives_a_reason("# noqa: S311 - made-up ids, nothing secret")
    assert gives_a_reason("# type: ignore[import-untyped]  # ships no types")
    assert gives_a_reason("# pragma: no cover - only on macOS")
    assert not gives_a_reason("# noqa")
    assert not gives_a_reason("# noqa: S311")
    assert not gives_a_reason("# type: ignore")
    assert not gives_a_reason("# pragma: no cover")


def test_no_file_is_longer_than_the_house_allows() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in sources("daemon", "adapters")
        if (lines := len(path.read_text("utf-8").splitlines())) > LONGEST
    }
    assert long == {}
    assert len((ROOT / "daemon" / "app.py").read_text("utf-8").splitlines()) <= LONGEST_WIRING
