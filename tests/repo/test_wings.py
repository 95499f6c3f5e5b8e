"""Each wing has one face that loads its modules lazily, and pure modules import nothing that acts."""

import ast
import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DAEMON = ROOT / "daemon"
WINGS = sorted(path.parent.name for path in DAEMON.glob("*/__init__.py"))
FACES = sorted(path.parent.name for path in DAEMON.glob("*/__init__.pyi"))
MOST_FILES = 21  # in a folder, with its face; a folder with more should be split

# Every wing may import any module of core; no wing may import cli or demo, the entry points.
OPEN = {"cli", "core", "demo"}

LOADS = """\
import importlib, sys
for name in sys.argv[1].split(","):
    importlib.import_module(name)
print(sorted(set(sys.argv[2].split(",")) & sys.modules.keys()))
"""


def contracts() -> dict[str, dict[str, list[str]]]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return {one["id"]: one for one in tomllib.load(file)["tool"]["importlinter"]["contracts"]}


def modules_of(names: list[str]) -> list[str]:
    """The modules themselves, and all modules inside those that are folders."""
    found = []
    for name in names:
        path = ROOT.joinpath(*name.removeprefix("perkd.").split("."))
        inside = sorted(one.stem for one in path.glob("*.py") if one.stem != "__init__")
        found += [name, *(f"{name}.{one}" for one in inside)]
    return found


def loaded(modules: list[str], unwanted: list[str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", LOADS, ",".join(modules), ",".join(unwanted)],
        env={
            key: value for key, value in os.environ.items() if not key.startswith("COV")
        },  # coverage itself loads many modules
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_what_only_decides_loads_no_loop_no_socket_no_database_and_no_log() -> None:
    pure = contracts()["pure"]
    # Importing any module of the command line loads all its verbs.
    modules = [name for name in modules_of(pure["source_modules"]) if not name.startswith("perkd.daemon.cli.")]
    assert loaded(modules, pure["forbidden_modules"]) == "[]"


def test_a_wing_loads_nothing_of_itself_before_a_name_is_asked_for() -> None:
    inside = [
        f"perkd.daemon.{wing}.{path.stem}"
        for wing in FACES
        for path in (DAEMON / wing).glob("*.py")
        if path.stem != "__init__"
    ]
    assert len(inside) > 100
    assert loaded([f"perkd.daemon.{wing}" for wing in FACES] + ["perkd.adapters"], inside) == "[]"


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_says_what_it_is_for(wing: str) -> None:
    text = ast.get_docstring(ast.parse((DAEMON / wing / "__init__.py").read_text("utf-8")))
    assert text
    assert len(text.split()) > 8


@pytest.mark.parametrize("wing", FACES)
def test_every_name_of_a_face_is_there(wing: str) -> None:
    face = importlib.import_module(f"perkd.daemon.{wing}")
    assert face.__all__
    for name in face.__all__:
        assert getattr(face, name) is not None
    with pytest.raises(AttributeError):
        _ = face.no_such_name


def test_every_wing_but_the_doors_and_the_words_is_private_inside() -> None:
    protected = {name.removeprefix("inside-").replace("-", "_") for name in contracts() if name.startswith("inside-")}
    assert protected - {"adapters"} == set(FACES) == set(WINGS) - OPEN
    for wing in FACES:
        contract = contracts()[f"inside-{wing.replace('_', '-')}"]
        assert contract["protected_modules"] == [f"perkd.daemon.{wing}.*"]
        assert contract["allowed_importers"] == [f"perkd.daemon.{wing}"]


def test_no_folder_has_more_files_than_a_newcomer_can_look_over() -> None:
    folders = [path.parent for top in ("daemon", "adapters") for path in (ROOT / top).rglob("__init__.py")]
    full = {str(folder.relative_to(ROOT)): len(list(folder.glob("*.py"))) for folder in folders}
    assert {name: files for name, files in full.items() if files > MOST_FILES} == {}
