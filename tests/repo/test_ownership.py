"""The check that both package names are perkd's own, in real processes over made-up environments."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from daemon import ownership
from daemon.ownership import complaint, intruders

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder perkd is installed into: the real entry, and a command line that only says it was reached."""
    site = tmp_path / "site"
    (site / "daemon" / "cli").mkdir(parents=True)
    for name in ("__init__.py", "__main__.py", "ownership.py"):
        shutil.copy(ROOT / "daemon" / name, site / "daemon" / name)
    (site / "daemon" / "cli" / "__init__.py").write_text("def main():\n    print('the command line')\n", "utf-8")
    (site / "adapters").mkdir()
    (site / "adapters" / "__init__.py").touch()
    return site


def distribution(site: Path, name: str, *, top_level: str = "", record: str = "") -> None:
    """What a package manager leaves behind of a distribution."""
    info = site / f"{name.replace('-', '_')}-3.1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 3.1.2\n", "utf-8")
    if top_level:
        (info / "top_level.txt").write_text(top_level, "utf-8")
    if record:
        (info / "RECORD").write_text(record, "utf-8")


def start(*path: Path) -> subprocess.CompletedProcess[str]:
    """`python -m daemon` where only these folders and the standard library are on the path."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("COV")}  # copies are not measured
    return subprocess.run(
        [sys.executable, "-S", "-m", "daemon"],
        cwd=path[-1].parent,
        env=env | {"PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 78, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for word in (*words, "environment of its own"):
        assert word in done.stderr, done.stderr


def test_a_clean_environment_reaches_the_command_line(site: Path) -> None:
    done = start(site)
    assert (done.returncode, done.stdout) == (0, "the command line\n"), done.stderr


def test_this_checkout_is_clean() -> None:
    assert complaint() == ""


def test_perkds_own_metadata_is_no_intruder(site: Path) -> None:
    distribution(site, "Perkd", record="daemon/__init__.py,,\nadapters/__init__.py,,\n")
    assert start(site).returncode == 0


def test_a_distribution_that_declares_the_name_is_named(site: Path) -> None:
    distribution(site, "python-daemon", top_level="daemon\n")
    assert_refused(start(site), "`daemon`", "`python-daemon`", str(site / "daemon"))


def test_a_distribution_whose_files_lie_under_the_name_is_named(site: Path) -> None:
    distribution(site, "perkd", record="daemon/__init__.py,,\nadapters/__init__.py,,\n")
    distribution(site, "adapters", record="adapters/__init__.py,,\nadapters/heads.py,,\n")
    done = start(site)
    assert_refused(done, "`adapters`", "distribution `adapters`", str(site / "adapters"))
    assert "`daemon`" not in done.stderr


def test_a_module_earlier_on_the_path_is_named_and_never_imported(site: Path, tmp_path: Path) -> None:
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "adapters.py").write_text("raise SystemExit('the foreign module ran')\n", "utf-8")
    assert_refused(start(shadow, site), "`adapters`", "another module", str(shadow / "adapters.py"))


def test_what_another_uninstall_removed_is_said(site: Path) -> None:
    (site / "adapters" / "__init__.py").unlink()
    assert_refused(start(site), "`adapters`", "__init__.py is missing", str(site / "adapters"))


def test_a_package_that_is_not_there_at_all_is_said(tmp_path: Path, site: Path) -> None:
    lonely = tmp_path / "lonely"
    shutil.copytree(site / "daemon", lonely / "daemon")
    assert_refused(start(lonely), "`adapters`", "missing", str(lonely / "adapters"))


# ---- the same in this process, where the check runs from the checkout itself


def test_a_foreign_claim_is_seen_beside_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(tmp_path, "python-daemon", top_level="daemon\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    [intruder] = intruders(ROOT)
    assert (intruder.package, intruder.path) == ("daemon", str(tmp_path / "daemon"))
    assert "`python-daemon`" in intruder.what
    assert complaint().count("\n") == 1


def test_packages_that_lie_elsewhere_than_expected_are_not_ours(tmp_path: Path) -> None:
    assert [(i.package, i.path) for i in intruders(tmp_path)] == [
        (name, str(ROOT / name / "__init__.py")) for name in ("daemon", "adapters")
    ]


def test_a_name_nobody_holds_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "PACKAGES", ("perkd_holds_no_such_package",))
    [intruder] = intruders(tmp_path)
    assert "missing" in intruder.what
