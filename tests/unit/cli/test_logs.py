"""Log lines with text from outside in them."""

import logging

import pytest

from perkd.daemon.cli.logs import TIME, ForJournal, ForPeople


def record(words: str) -> logging.LogRecord:
    made = logging.LogRecord("perkd.delivery", logging.INFO, __file__, 1, "survival ← say hi: %s", (words,), None)
    made.created = 1.0
    return made


PEOPLE = ForPeople("%(asctime)s %(levelname)s %(name)s: %(message)s", TIME)
JOURNAL = ForJournal("%(name)s: %(message)s")


def test_a_line_break_in_a_reply_starts_no_new_log_record() -> None:
    line = "2026-01-05T10:00:00Z ERROR perkd: the brake is on"
    forged = f"done\n{line}\r\nbye"
    assert PEOPLE.format(record(forged)).splitlines() == [
        "1970-01-01T00:00:01Z INFO perkd.delivery: survival ← say hi: done",
        f"    {line}",
        "    bye",
    ]
    assert JOURNAL.format(record(forged)).splitlines() == [
        "<6>perkd.delivery: survival ← say hi: done",
        f"<6>    {line}",
        "<6>    bye",
    ]


@pytest.mark.parametrize("formatter", [PEOPLE, JOURNAL])
def test_a_line_break_at_the_end_of_a_reply_leaves_no_empty_line(formatter: logging.Formatter) -> None:
    assert formatter.format(record("added\n")) == formatter.format(record("added"))
    assert "\n" not in formatter.format(record("added\n"))


@pytest.mark.parametrize("formatter", [PEOPLE, JOURNAL])
def test_control_characters_become_escapes(formatter: logging.Formatter) -> None:
    assert r"\x1b[2Jgone" in formatter.format(record("\x1b[2Jgone"))
    assert formatter.format(record("Zoë ✓")).endswith("Zoë ✓")
