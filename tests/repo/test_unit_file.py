"""The unit file: systemd accepts it, it is as hardened as promised, and it has the settings that the daemon needs."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not on this machine")

WORST_EXPOSURE = 1.4  # of 10, as the design promises


class Unit(configparser.RawConfigParser):
    """A simple parser for unit files: the last of repeated keys wins, case is kept."""

    def __init__(self) -> None:
        super().__init__(delimiters=("=",), comment_prefixes=("#",), strict=False)
        self.read(SYSTEMD / "perkd.service", "utf-8")

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert ANALYZE is not None
    return subprocess.run([ANALYZE, *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit and its example drop-in as an owner installs them, with programs that exist on any machine."""
    text = (SYSTEMD / "perkd.service").read_text("utf-8")
    existing = text.replace("/opt/perkd/bin/perkd", shutil.which("true") or "/bin/true")
    existing = existing.replace("/bin/kill", shutil.which("kill") or "/bin/true")
    unit = tmp_path / "perkd.service"
    unit.write_text(existing, "utf-8")
    (tmp_path / "perkd.service.d").mkdir()
    shutil.copy(
        SYSTEMD / "perkd.service.d" / "credentials.conf.example", tmp_path / "perkd.service.d" / "credentials.conf"
    )
    return unit


@needs_systemd
def test_systemd_accepts_the_unit_and_the_example_drop_in(installed: Path) -> None:
    done = analyze("verify", "--man=no", str(installed))
    about_ours = [line for line in (done.stdout + done.stderr).splitlines() if "perkd" in line]
    assert (done.returncode, about_ours) == (0, [])


@needs_systemd
def test_the_verification_would_see_a_mistake(installed: Path) -> None:
    drop_in = installed.parent / "perkd.service.d" / "credentials.conf"
    drop_in.write_text("[Service]\nLoadCredentail=a:/b\n", "utf-8")
    assert "LoadCredentail" in analyze("verify", "--man=no", str(installed)).stderr


@needs_systemd
def test_the_unit_is_as_hardened_as_promised(installed: Path) -> None:
    done = analyze("security", "--offline=yes", "--no-pager", str(installed))
    assert done.returncode == 0, done.stderr
    match = re.search(r"exposure level for perkd\.service: ([0-9.]+)", done.stdout)
    assert match, done.stdout
    assert float(match[1]) <= WORST_EXPOSURE


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("ExecStart", "/opt/perkd/bin/perkd run"),
        ("RestartPreventExitStatus", "78"),
        ("TimeoutStopSec", "20"),
        ("DynamicUser", "yes"),
        ("StateDirectory", "perkd"),
        ("RuntimeDirectory", "perkd"),
    ],
)
def test_the_unit_says_what_the_daemon_counts_on(key: str, value: str) -> None:
    assert Unit().get("Service", key) == value


def test_the_watchdog_is_on() -> None:
    assert Unit().getint("Service", "WatchdogSec") >= 60


def test_nothing_in_the_folder_can_be_imported() -> None:
    """`import systemd` must find systemd's own Python module."""
    assert [path for path in SYSTEMD.rglob("*") if path.suffix in {".py", ".so", ".pyi"}] == []
