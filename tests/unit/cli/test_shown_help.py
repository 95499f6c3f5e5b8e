"""The whole help of every verb, at 100 columns and without colour, as snapshots."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from syrupy.assertion import SnapshotAssertion
from typer.testing import CliRunner

from perkd.daemon import cli


def verbs(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, command in getattr(group, "commands", {}).items():
        yield from verbs(command, (*path, name))


@pytest.mark.parametrize("verb", sorted(verbs(typer.main.get_command(cli.app))), ids=" ".join)
def test_the_help_of_each_verb(verb: tuple[str, ...], snapshot: SnapshotAssertion) -> None:
    env = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    said = CliRunner().invoke(cli.app, [*verb, "--help"], prog_name="perkd", env=env)
    assert said.exit_code == 0
    assert said.output == snapshot
