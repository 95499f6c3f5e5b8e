"""perkd is one package: its folders are links inside `src/perkd`, and no module is ever loaded under two names."""

import ast
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("daemon", "adapters")

LOAD_ALL = """\
import collections, importlib, os, pkgutil, sys
import perkd
for module in pkgutil.walk_packages(perkd.__path__, "perkd."):
    if module.name != "perkd.__main__":
        importlib.import_module(module.name)
files = collections.defaultdict(set)
for name, module in list(sys.modules.items()):
    if getattr(module, "__file__", None):
        files[os.path.realpath(module.__file__)].add(name)
twice = {path: sorted(names) for path, names in files.items() if len(names) > 1 and path.startswith(sys.argv[1])}
ours = [path for path in files if path.startswith(sys.argv[1])]
print(len(ours) > 200, twice)
"""


def test_both_folders_are_links_into_the_package() -> None:
    for folder in FOLDERS:
        link = ROOT / "src" / "perkd" / folder
        assert link.is_symlink()
        assert str(link.readlink()) == f"../../{folder}"


def test_no_module_is_loaded_under_two_names() -> None:
    """The checkout is on the path, as in all tests, so `import daemon` would load a second copy of everything."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD_ALL, str(ROOT) + os.sep],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "True {}\n"), done.stderr


def test_nothing_imports_the_folders_by_their_own_names() -> None:
    found = []
    for path in [path for top in (*FOLDERS, "tests", "src") for path in (ROOT / top).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            found += [f"{path.relative_to(ROOT)}: {name}" for name in names if name.split(".")[0] in FOLDERS]
    assert found == []
