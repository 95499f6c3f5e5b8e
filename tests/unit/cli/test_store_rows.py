"""The CSV files of `perkd store`: the rest file reads back the same, and every fault is reported."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from perkd.daemon.cli.errors import Code, WrongUse
from perkd.daemon.cli.store.fields import Faulty, an_id, end_time, faults, pairs, shown, wrong
from perkd.daemon.cli.store.remainder import numbers, spans, write_rows
from perkd.daemon.cli.store.rows import ASSIGNMENT_COLUMNS, read_assignments
from perkd.daemon.paynow.requests import Assignment, BulkAssignment, CustomerFields

NOW = datetime(2026, 8, 30, 12, 0, tzinfo=UTC)

flakes = st.integers(1, 2**63 - 1).map(str)
cells = st.fixed_dictionaries(
    {
        "customer_id": flakes,
        "product_version_id": flakes,
        "quantity": st.sampled_from(["", "1", "20"]),
        "execute_on_gameserver_id": st.one_of(st.just(""), flakes),
        "override_expires_at": st.sampled_from(["", "2099-01-01T00:00:00Z", "2099-01-01T02:00:00.5+02:00"]),
        "skip_commands": st.sampled_from(["", "true", "FALSE"]),
    }
)


@given(st.lists(cells, min_size=1, max_size=30))
def test_the_rows_written_to_the_rest_file_read_back_the_same(rows: list[dict[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first = write_rows(Path(folder) / "a.csv", "rest", ASSIGNMENT_COLUMNS, rows)
        read = read_assignments(first, NOW)
        second = write_rows(first, "rest", read.header, [line.cells for line in read.lines])
        again = read_assignments(second, NOW)
    assert [line.number for line in read.lines] == list(range(2, len(rows) + 2))
    assert (first.name, second.name) == ("a.rest.csv", "a.rest2.csv")
    assert [line.body for line in again.lines] == [line.body for line in read.lines]
    assert [line.body.customer_id for line in read.lines] == [row["customer_id"] for row in rows]


@given(st.sets(st.integers(2, 200)))
def test_spans_name_each_line_once_and_read_back(lines: set[int]) -> None:
    named: list[int] = []
    for span in filter(None, spans(lines).split(", ")):
        first, _, last = span.partition("-")
        named += range(int(first), int(last or first) + 1)
    assert named == sorted(lines)
    assert numbers(spans(lines)) == tuple(named)


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "12345678901234567890", str(2**63), "١٢"])
def test_a_text_that_is_not_an_id_is_refused(text: str) -> None:
    with pytest.raises(WrongUse) as refused:
        an_id("customer", text)
    assert (refused.value.code, refused.value.facts) == (Code.BAD_VALUE, {"options": ["customer"]})


@pytest.mark.parametrize("text", ["1.50353E+17", "1,50353E+17", "1e+17"])
def test_an_id_that_a_spreadsheet_rounded_is_recognised(text: str) -> None:
    with pytest.raises(WrongUse, match="spreadsheet"):
        an_id("customer", text)
    assert "spreadsheet" in wrong("steam_id", text).text


@pytest.mark.parametrize("text", ["", "soon", "2099-01-01", "2099-01-01T00:00:00", "4102444800"])
def test_an_end_needs_its_offset(text: str) -> None:
    with pytest.raises(Faulty) as refused:
        end_time(text, NOW)
    assert refused.value.fault == wrong("override_expires_at", text)


def test_an_end_in_the_past_is_refused_and_one_in_the_future_is_not() -> None:
    with pytest.raises(Faulty):
        end_time(NOW.isoformat(), NOW)
    later = NOW + timedelta(seconds=1)
    assert end_time(later.isoformat(), NOW) == later


def test_every_wrong_field_is_reported_once() -> None:
    assert faults(BulkAssignment, {"customer_id": "1", "product_version_id": "2"}) == []
    found = faults(BulkAssignment, {"customer_id": "x", "quantity": "21", "skip_commands": "perhaps"})
    assert [fault.field for fault in found] == [
        "customer_id",
        "product_version_id",
        "quantity",
        "skip_commands",
    ]
    [metadata] = faults(CustomerFields, {"metadata": {"k" * 41: "v"}})
    assert (metadata.field, metadata.option) == ("metadata", "--metadata")
    [together] = faults(Assignment, {"quantity": 1})
    assert (together.field, together.as_option()) == ("", str(together))
    assert all(field in together.text for field in ("product_id", "product_version_id"))


def test_a_value_that_could_be_a_secret_is_not_shown() -> None:
    secret = "s" * 41
    assert "41" in shown(secret)
    assert secret not in str(wrong("customer_id", secret))
    with pytest.raises(WrongUse) as refused:
        pairs([secret], "--metadata")
    assert secret not in str(refused.value)
