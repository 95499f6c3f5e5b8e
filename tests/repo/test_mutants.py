"""`make mutants`: which changes it makes, where they are seen, and that a survivor is told."""

import ast
import subprocess
import sys
from pathlib import Path

from tests import mutants
from tests.mutants import changes

CODE = '''
"""A text."""
@frozen(slots=True)
class One:
    size: int = 3

def judge(lines: list[str], most: int | None = None) -> bool:
    """A text."""
    found = 0
    for line in lines:
        if not line:
            continue
        found += 1
        note(line)
    return found == most and any(lines)
'''


def test_each_kind_of_change_is_made_once_and_texts_types_and_decorators_stay() -> None:
    made_of = []
    for number in range(len(list(changes(ast.parse(CODE))))):
        tree = ast.parse(CODE)
        list(changes(tree))[number][1]()
        made_of.append(ast.unparse(ast.fix_missing_locations(tree)))
    whole = ast.unparse(ast.parse(CODE))
    assert len(set(made_of)) == len(made_of)
    assert whole not in made_of
    for kept in ("@frozen(slots=True)", "size: int =", "most: int | None=None", '"""A text."""'):
        assert all(kept in one for one in made_of)
    for changed in ("size: int = 4", "found != most", "most or any", "all(lines)", "return None", "found -= 1", "pass"):
        assert any(changed in one for one in made_of), changed


TRIED = """
import sys, time
from tests.mutants import PACKAGE, Mutant, made, survivors
changes = [Mutant(PACKAGE / "daemon/core/roster.py", number, [], [sys.argv[1]]) for number in range(14)]
chosen = [one for one in changes if made(one)[1].endswith("False -> True")]
for mutant, survives in survivors(chosen, time.monotonic() + 60):
    print(survives, made(mutant)[1])
"""


def test_a_change_that_no_test_notices_is_told_from_one_that_is_noticed(tmp_path: Path) -> None:
    file, roster = tmp_path / "test_known.py", mutants.PACKAGE / "daemon/core/roster.py"
    file.write_text(
        "from perkd.daemon.core.roster import Roster\ndef test_new() -> None:\n    assert not Roster().known\n", "utf-8"
    )
    before = roster.read_bytes()
    run = subprocess.run(
        [sys.executable, "-c", TRIED, str(file)], cwd=mutants.ROOT, capture_output=True, text=True, check=True
    )
    assert sorted(line.partition(" ")[0] for line in run.stdout.splitlines()) == ["False", "True"], run.stdout
    assert roster.read_bytes() == before
