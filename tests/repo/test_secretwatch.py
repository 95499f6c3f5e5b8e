"""The secret watch itself: a run that leaks a secret fails and names the test; a clean run passes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import secretwatch

ROOT = Path(__file__).resolve().parents[2]

HEAD = """import logging
import sys
from tests import secretwatch
"""


def run_pytest(folder: Path, body: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Runs pytest on one file with `body`, with this repository's conftest and settings."""
    file = folder / "test_sample.py"
    file.write_text(HEAD + body, encoding="utf-8")
    options = ["-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "--no-header", *more]
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *options,
            "-c",
            str(ROOT / "pyproject.toml"),
            f"--rootdir={folder}",
            str(file),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


LEAKS = {
    "stdout": "print(s)",
    "stderr": "print(s, file=sys.stderr)",
    "log_message": "logging.getLogger('perkd.test').debug('the password is %s', s)",
    "log_extra": "logging.getLogger('perkd.test').info('x', extra={'action': 'login', 'password': s})",
    "traceback": "try:\n        raise ValueError(s)\n    except ValueError:\n        logging.exception('no')",
}


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_secret_that_gets_out_by_any_way_fails_the_run_and_names_the_test(tmp_path: Path, workers: str) -> None:
    body = "".join(f"def test_by_{way}(secret):\n    s = secret('{way}')\n    {leak}\n" for way, leak in LEAKS.items())
    done = run_pytest(tmp_path, body, workers)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{len(LEAKS)} passed" in done.stdout
    lines = [line for line in done.stdout.splitlines() if line.startswith("SECRET OUT ")]
    for way in LEAKS:
        assert any(f"::test_by_{way} " in line and line.endswith(f": {way}") for line in lines), (way, lines)


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_secret_that_stays_inside_lets_the_run_pass(tmp_path: Path, workers: str) -> None:
    body = "def test_it_keeps(secret):\n    print(len(secret('token')))\n    logging.getLogger('x').warning('fine')\n"
    done = run_pytest(tmp_path, body, workers)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SECRET OUT" not in done.stdout


def test_a_secret_of_the_tests_own_choice_is_watched_too(tmp_path: Path) -> None:
    body = "def test_it_leaks():\n    print('/x?token=' + secretwatch.remember('correct-horse', 'a token'))\n"
    done = run_pytest(tmp_path, body)
    assert done.returncode == 1
    assert "SECRET OUT" in done.stdout


def test_a_secret_too_short_to_search_for_is_refused() -> None:
    with pytest.raises(ValueError, match="5 characters"):
        secretwatch.Watch().remember("short")


def test_the_report_of_a_leak_does_not_repeat_the_secret() -> None:
    watch = secretwatch.Watch()
    watch.remember("correct-horse", "a token")
    watch.inspect("test_x (log)", "GET /?token=correct-horse")
    watch.inspect("test_x (log)", "GET /?token=correct-horse")
    assert watch.leaks == ["test_x (log): a token"]
