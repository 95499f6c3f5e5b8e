"""What is installed: the wheel holds the package `perkd` and nothing else, and no file names a package index."""

import email
import email.message
import importlib.metadata
import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run([sys.executable, *command], cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive of this checkout, built with the hatchling of this environment: no network is needed."""
    folder = tmp_path_factory.mktemp("sdist")
    run("-m", "build", "--sdist", "--no-isolation", "--outdir", str(folder), str(ROOT), cwd=folder)
    [sdist] = folder.glob("*.tar.gz")
    return sdist


@pytest.fixture(scope="module", params=["checkout", "sdist"])
def wheel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout and from the source archive."""
    folder = tmp_path_factory.mktemp("wheel")
    source = ROOT
    if request.param == "sdist":
        archive: Path = request.getfixturevalue("sdist")
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        source = folder / archive.name.removesuffix(".tar.gz")
    run("-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source), cwd=folder)
    [wheel] = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def names(wheel: Path) -> frozenset[str]:
    with zipfile.ZipFile(wheel) as archive:
        return frozenset(archive.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: Path, names: frozenset[str]) -> email.message.Message:
    [path] = [name for name in names if name.endswith(".dist-info/METADATA")]
    with zipfile.ZipFile(wheel) as archive:
        return email.message_from_bytes(archive.read(path))


def test_the_wheel_holds_the_package_perkd_and_nothing_else(names: frozenset[str], wheel: Path) -> None:
    version = wheel.name.split("-")[1]
    assert {name.split("/")[0] for name in names} == {"perkd", f"perkd-{version}.dist-info"}


def test_the_wheel_holds_every_file_of_the_package(names: frozenset[str]) -> None:
    """Mainly the SQL files: without them perkd starts from a checkout but not from a wheel."""
    there = {f"perkd/{path.name}" for path in (ROOT / "src" / "perkd").glob("*.py")} | {
        f"perkd/{path.relative_to(ROOT).as_posix()}"
        for folder in ("daemon", "adapters")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert there - names == set()
    assert {name for name in names if ".dist-info/" not in name} - there == set()


def test_the_wheel_brings_the_command_and_may_be_uploaded(
    wheel: Path, names: frozenset[str], metadata: email.message.Message
) -> None:
    [path] = [name for name in names if name.endswith(".dist-info/entry_points.txt")]
    with zipfile.ZipFile(wheel) as archive:
        assert "perkd = perkd.__main__:main" in archive.read(path).decode()
    assert [one for one in metadata.get_all("Classifier", []) if one.startswith("Private")] == []


def test_the_installed_wheel_claims_one_name_and_runs_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    run("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", f"--target={site}", str(wheel), cwd=tmp_path)
    code = (
        "import sys, json; sys.path.insert(0, sys.argv[1])\n"
        "import importlib.metadata as m, importlib.util as u, perkd\n"
        "claims = m.packages_distributions()\n"
        "print(json.dumps([[name for name in claims if claims[name] == ['perkd']], perkd.__file__,\n"
        "    *(u.find_spec('perkd.' + name).origin for name in ('daemon', 'adapters'))]))"
    )
    answer = json.loads(run("-S", "-c", code, str(site), cwd=tmp_path))
    folders = [site / "perkd", site / "perkd" / "daemon", site / "perkd" / "adapters"]
    assert answer == [["perkd"], *(str(folder / "__init__.py") for folder in folders)]


# ---- no index, no machine

PACKAGING_FILES = ("pyproject.toml", "constraints.txt", "Makefile", ".ci/run")


@pytest.mark.parametrize("name", PACKAGING_FILES)
def test_no_packaging_file_names_an_index_or_a_machine(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    found = re.findall(r"--(?:extra-)?index-url\S*|--find-links\S*|--trusted-host\S*|@ *file:\S*|[a-z+]+://\S+", text)
    urls = tomllib.loads(text)["project"].get("urls", {}).values() if name == "pyproject.toml" else ()
    assert [one for one in found if not any(url in one for url in urls)] == []


def test_the_wheels_metadata_names_no_index(metadata: email.message.Message) -> None:
    headers = "\n".join(f"{key}: {value}" for key, value in metadata.items() if key != "Project-URL")
    assert re.findall(r"\S*://\S*|@ *file:\S*", headers) == []


# ---- constraints


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").split()
    pairs = [line.partition("==") for line in lines]
    assert all(name and mark and version for name, mark, version in pairs), "every line is NAME==VERSION"
    return {canonicalize_name(name): version for name, _, version in pairs}


def needed() -> dict[str, str]:
    """Everything pyproject's dependencies need on this Python, with the version that is installed."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    extras = project["optional-dependencies"]
    waiting = [Requirement(line) for line in (*project["dependencies"], *extras["dev"])]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key not in seen:
            seen.add(key)
            waiting.extend(requirements_of(requirement))
    # Packages only for `make bench` are not installed here; they have no dependencies and are pinned in that extra.
    only_named = dict(line.split("==") for line in extras["bench"])
    return {name: importlib.metadata.version(name) for name, _ in seen} | only_named


def requirements_of(parent: Requirement) -> Iterator[Requirement]:
    for line in importlib.metadata.requires(parent.name) or ():
        child = Requirement(line)
        extras = parent.extras or {""}
        if child.marker is None or any(child.marker.evaluate({"extra": extra}) for extra in extras):
            yield child


def test_the_constraints_pin_everything_that_is_needed_and_nothing_else() -> None:
    assert pins() == needed()
