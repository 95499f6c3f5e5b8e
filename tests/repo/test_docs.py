"""The documents match the code: every route and verb is in the README; decision records have no gaps."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command

from perkd.daemon import cli

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")

PROMISE = "*at most once by default, at least once where repeating is harmless, and never a silent guess.*"


def rows(start: str) -> list[str]:
    """The README's table rows whose first cell begins with this text."""
    return [line for line in README.splitlines() if line.startswith(f"| `{start}")]


def routes() -> set[str]:
    """The paths that the source of the web server registers."""
    files = [*(ROOT / "daemon" / "reports").glob("*.py")]
    paths = re.compile(r"""\bget\(\s*"(/[a-z]*)"|"(/[a-z]*)":\s|\("(/[a-z]*)",""")
    return {next(filter(None, hit)) for file in files for hit in paths.findall(file.read_text("utf-8"))}


def verbs() -> dict[str, list[str]]:
    """Each verb of the command line with the verbs below it."""
    apps = [value for value in vars(cli).values() if isinstance(value, typer.Typer)]
    found: dict[str, list[str]] = {}
    for app in apps:
        command = get_command(app)
        if isinstance(command, TyperGroup):
            for name, verb in command.commands.items():
                found[name] = sorted(verb.commands) if isinstance(verb, TyperGroup) else []
    return found


def test_the_promise_stands_in_the_readme_in_these_words() -> None:
    assert PROMISE in " ".join(README.split())


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/status", "/commands", "/metrics", "/"])
def test_every_public_route_is_in_the_readme(path: str) -> None:
    assert rows(f"{path}`") or rows(f"{path}?")


def test_every_route_the_server_has_is_in_the_readme() -> None:
    assert {path for path in routes() if not (rows(f"{path}`") or rows(f"{path}?"))} == set()


@pytest.mark.skipif(not verbs(), reason="the command line has no verbs")
def test_the_readme_and_the_command_line_know_the_same_verbs() -> None:
    promised = {match[1] for line in rows("perkd ") if (match := re.match(r"\| `perkd ([a-z]+)", line))}
    assert promised == set(verbs())


@pytest.mark.parametrize(("verb", "below"), [(verb, below) for verb, all_ in verbs().items() for below in all_])
def test_every_verb_below_a_verb_is_in_the_readme(verb: str, below: str) -> None:
    assert any(re.search(rf"`(perkd {verb} )?{below}\b", line) for line in rows(f"perkd {verb} ")), f"{verb} {below}"


def decisions() -> Iterator[Path]:
    yield from sorted((ROOT / "docs" / "decisions").glob("*.md"))


def test_decision_records_are_numbered_without_gaps() -> None:
    numbers = [path.name[:5] for path in decisions()]
    assert numbers == [f"{n:04}-" for n in range(1, len(numbers) + 1)]


def test_every_decision_has_a_title_with_its_number_and_a_status() -> None:
    for path in decisions():
        first, *rest = path.read_text("utf-8").splitlines()
        assert first.startswith(f"# {path.name[:4]}. "), path.name
        assert any(line.startswith("Status: ") for line in rest[:4]), path.name


DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "adapters").glob("*.md")]
LINK = re.compile(r"\]\(([^)#:]*)(?:#([^)]*))?\)")


def anchors(document: Path) -> set[str]:
    """The anchor GitHub makes from each heading: small letters, hyphens for spaces, no punctuation."""
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_links_inside_the_documents_lead_somewhere() -> None:
    broken = [
        f"{file.relative_to(ROOT)}: {target}"
        for file in DOCUMENTS
        for target, _ in LINK.findall(file.read_text("utf-8"))
        if target and not (file.parent / target).exists()
    ]
    assert broken == []


def test_links_to_a_section_lead_to_one() -> None:
    broken = [
        f"{file.relative_to(ROOT)}: {target}#{anchor}"
        for file in DOCUMENTS
        for target, anchor in LINK.findall(file.read_text("utf-8"))
        if anchor and anchor not in anchors(file.parent / target if target else file)
    ]
    assert broken == []


def problem_codes() -> set[str]:
    """The code of every problem the source makes: the first word of a `Problem`, or of a row in a table of them."""
    made = re.compile(
        r"""\bProblem\(\s*"([a-z_]+)",|: \(\s*"([a-z]+_[a-z_]+)",|^    [A-Z_]+ = "([a-z_]+)", \"""", re.MULTILINE
    )
    files = [file for file in (ROOT / "daemon").rglob("*.py") if re.search("problem|trouble|newcomer", file.name)]
    return {next(filter(None, hit)) for file in files for hit in made.findall(file.read_text("utf-8"))}


def test_every_problem_is_on_the_page_for_trouble() -> None:
    page = (ROOT / "docs" / "trouble.md").read_text("utf-8")
    explained = set(re.findall(r"^\| `([a-z_]+)`", page, re.MULTILINE))
    assert explained == problem_codes()


# The map

MAP = (ROOT / "docs" / "how-it-works.md").read_text("utf-8")
FOLDERS = [*sorted(path.parent.name for path in (ROOT / "daemon").glob("*/__init__.py")), "app.py", "adapters"]


def test_every_wing_and_file_the_map_names_is_there() -> None:
    """A path in the map begins at `daemon/` or is `adapters/…`. A bare file name must exist in some wing."""
    named = set(re.findall(r"(?<![\w/.-])((?:[a-z_]+/)+(?:[a-z_]+\.(?:py|sql))?|[a-z_]+\.py)(?![\w-])", MAP))
    assert len(named) > 30
    there = {
        name
        for name in named
        if (ROOT / "daemon" / name).exists() or (ROOT / name).exists() or any((ROOT / "daemon").glob(f"*/{name}"))
    }
    missing = named - there
    assert missing == set()


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_wing_is_on_the_map_in_the_picture_or_below_it_and_in_the_table(folder: str) -> None:
    name = folder if folder.endswith(".py") else f"{folder}/"
    table = [line for line in MAP.splitlines() if line.startswith("| `")]
    assert any(line.startswith(f"| `{name}`") for line in table)
    assert MAP.index(name) < MAP.index("| wing |")
