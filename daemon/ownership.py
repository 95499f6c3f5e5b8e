"""Whether the packages `daemon` and `adapters` are perkd's own: other distributions use these names too.

`__main__` asks before it imports anything else of the project (docs/decisions/0001).
"""

import importlib.metadata
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

DISTRIBUTION = "perkd"
PACKAGES = ("daemon", "adapters")


@dataclass(frozen=True, slots=True)
class Intruder:
    """What is wrong with one of the two names, and where; mostly a distribution that is not perkd."""

    package: str
    what: str
    path: str


def complaint(root: Path | None = None) -> str:
    """What to tell the owner when a package name is not perkd's alone; "" when all is well.

    `root` is the folder that holds both packages: by default the one this file was loaded from.
    """
    found = intruders(root or Path(__file__).resolve().parent.parent)
    if not found:
        return ""
    lines = [f"perkd cannot start: the package `{i.package}` is not perkd's alone: {i.what} ({i.path})" for i in found]
    lines.append(
        "Install perkd into an environment of its own: `uv tool install`, `pipx install`, or a venv that holds nothing "
        "else. An environment both were installed into is damaged: build it anew."
    )
    return "\n".join(lines)


def intruders(root: Path) -> list[Intruder]:
    """Every foreign claim on the two names, by metadata first and then by where an import would go.

    No metadata is no claim: an editable install lists none, and a checkout has none.
    """
    return [*_claimed_by_others(), *_loaded_from_elsewhere(root)]


def _claimed_by_others() -> list[Intruder]:
    """Distributions that say they hold one of the packages. pip lets two distributions overwrite each other's files."""
    found: list[Intruder] = []
    claims = importlib.metadata.packages_distributions()
    for package in PACKAGES:
        others = {name for name in claims.get(package, []) if name and _normal(name) != DISTRIBUTION}
        for name in sorted(others):
            path = importlib.metadata.distribution(name).locate_file(package)
            found.append(Intruder(package, f"the distribution `{name}` claims it too", str(path)))
    return found


def _loaded_from_elsewhere(root: Path) -> list[Intruder]:
    found: list[Intruder] = []
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)  # finds, does not import: it could be broken
        ours = root / package / "__init__.py"
        if spec is None or (spec.origin is None and spec.submodule_search_locations is not None):
            found.append(Intruder(package, "its __init__.py is missing, removed with another distribution", str(ours)))
        elif spec.origin is None or Path(spec.origin).resolve() != ours.resolve():
            found.append(Intruder(package, "an import finds another module of that name", str(spec.origin)))
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
