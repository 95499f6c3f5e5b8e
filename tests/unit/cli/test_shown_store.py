"""The whole text of what `perkd store` shows, and of every error of the store and the command line, as snapshots."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from syrupy.assertion import SnapshotAssertion

from perkd.daemon import cli
from perkd.daemon.cli.errors import CliError, NotWell, WrongUse
from perkd.daemon.cli.output import as_json
from perkd.daemon.cli.store import assign_bulk as storeassign, create_bulk as storenewcustomers
from perkd.daemon.cli.store.bulk import LineResult, LineState, Work, report
from perkd.daemon.cli.store.rows import read_assignments, read_new_customers
from perkd.daemon.cli.store.sending import Record, Sending, recorded
from perkd.daemon.cli.store.session import ended, message_of
from perkd.daemon.cli.store.text import customer_details, customers_table, items_table, products_table
from perkd.daemon.paynow import game_server as gameserver, keyed
from perkd.daemon.paynow.documents import Customer, Product, StoreItem
from perkd.daemon.paynow.errors import Limited, ServerFault, StoreError, while_running
from perkd.daemon.paynow.transport import failures
from tests.flow.bulkfiles import HEAD

Shown = pytest.CaptureFixture[str]
NOW = datetime(2026, 8, 30, 12, 0, tzinfo=UTC)
TIME = "2026-08-30T12:00:00Z"

ANN = Customer.model_validate(
    {
        "id": "7",
        "name": "Ann",
        "profile": {"id": "x", "platform": "minecraft", "name": "Ann"},
        "steam_id": "76561198000000001",
        "minecraft_uuid": "069a79f4-44e9-4726-a5be-fca90e38aaf5",
        "created_at": TIME,
        "metadata": {"team": "red"},
    }
)
NOBODY = Customer.model_validate({"id": "8"})


def item(number: int, **more: Any) -> StoreItem:
    return StoreItem.model_validate({"id": str(number), "state": "active", "added_at": TIME, **more})


VIP = {"id": "1", "slug": "vip", "version_id": "11"}


def test_the_tables_of_the_store(capsys: Shown, snapshot: SnapshotAssertion) -> None:
    customers_table([ANN, NOBODY])
    customer_details(ANN)
    customer_details(NOBODY)
    items_table(
        [
            item(1, product=VIP, order_id="5", expires_at=TIME, subscription_id="6", gift=True),
            item(2, product=VIP, added_by={"id": "3"}, skip_commands=True, execute_on_gameserver_id="9"),
            item(3, product=VIP, state="revoked", revoked_at=TIME),
            item(4),
        ]
    )
    expires = {"remove_after_enabled": True, "remove_after_time_value": 30, "remove_after_time_scale": "day"}
    commands = [{"stage": stage, "content": "x"} for stage in ("on_purchase", "on_expire", "on_expire")]
    products_table(
        [
            Product.model_validate({"id": "1", "slug": "vip", "name": "VIP", "version_id": "11", **expires}),
            Product.model_validate({"id": "2", "slug": "kit", "name": "Kit", "commands": commands}),
        ]
    )
    assert capsys.readouterr().out == snapshot


# Bulk verbs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test runs in this folder, so file names need no path."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shown_report(work: Work, rows: int, verb: Any = storeassign, file: str = "gifts.csv") -> str:
    rests = {line: {"name": str(line)} for line in range(2, rows + 2)}
    try:
        report(Path(file), ["name"], rests, work, verb.WORDS, Record(Path(file), verb.VERB, lambda: NOW), json=False)
    except NotWell as error:
        return str(error)
    return "well"


def said(*states: LineState) -> list[LineResult]:
    return [LineResult(line, state) for line, state in enumerate(states, 2)]


DONE, PART, UNDONE, UNKNOWN = LineState
WORKS = {
    "all done": Work(said(DONE, DONE)),
    "stopped": Work(said(DONE, PART, UNDONE, UNKNOWN), stopped="line 4: the store failed"),
    "all unknown": Work(said(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN), stopped="it was interrupted"),
}


@pytest.mark.parametrize("verb", [storeassign, storenewcustomers], ids=["assign", "create"])
@pytest.mark.parametrize("name", WORKS)
@pytest.mark.usefixtures("folder")
def test_the_report_of_a_bulk_verb(name: str, verb: Any, capsys: Shown, snapshot: SnapshotAssertion) -> None:
    ended = shown_report(WORKS[name], 2 if name == "all done" else 4, verb)
    shown = capsys.readouterr().out
    here = f"{Path.cwd()}/"
    assert (shown, ended.replace(here, "")) == snapshot


def refusal(read: Callable[[], object]) -> str:
    with pytest.raises(CliError) as refused:
        read()
    return str(refused.value)


BAD = {
    "": "nothing",
    HEAD: "only a header",
    "customer_id,product_version,foo\n1,2,3\n": "other columns",
    "customer_id,customer_id\n": "a column twice, and one missing",
    'customer_id,product_version_id\n"1,2\n': "a quote that is open",
    f"{HEAD}1,2,0,,,\nabc,2,1,x,2020-01-01T00:00:00Z,maybe\n,1.24E+17,,,,\n1,2,3,4,,,7,8\n": "rows",
}


@pytest.mark.parametrize("text", BAD, ids=BAD.get)
def test_a_file_that_cannot_be_sent(folder: Path, text: str, snapshot: SnapshotAssertion) -> None:
    (folder / "gifts.csv").write_text(text)
    assert refusal(lambda: read_assignments(Path("gifts.csv"), NOW)) == snapshot


def test_new_customers_that_cannot_be_sent(folder: Path, snapshot: SnapshotAssertion) -> None:
    uuid = "069a79f4-44e9-4726-a5be-fca90e38aaf5"
    rows = f"Ann,{uuid},\nAnn2,{uuid},\nBob,,7\n{'x' * 51},,\n"
    (folder / "new.csv").write_text(f"name,minecraft_uuid,steam_id\n{rows}")
    assert refusal(lambda: read_new_customers(Path("new.csv"))) == snapshot


def left(folder: Path, **changes: Any) -> Record:
    """The record of a run of gifts.csv that was killed."""
    (folder / "gifts.csv").write_text(HEAD)
    facts: dict[str, Any] = {"verb": storeassign.VERB, "file": "gifts.csv", "sha256": "0", "store_id": "1"}
    facts |= {"started_at": NOW, "written_at": NOW, "done": (2, 3), "sending": (4, 5, 6)} | changes
    (folder / "gifts.csv.sending").write_text(Sending(**facts).model_dump_json())
    with recorded(Path("gifts.csv"), storeassign.VERB) as record:
        return record


def digest(folder: Path) -> str:
    (folder / "gifts.csv").write_text(HEAD)
    return Record(Path("gifts.csv"), "x", lambda: NOW)._sha256


def test_the_record_of_a_run_that_was_killed(folder: Path, snapshot: SnapshotAssertion) -> None:
    sha256 = digest(folder)
    found = left(folder, sha256=sha256)
    texts = [
        found.story(),
        left(folder, sha256=sha256, done=()).story(),
        left(folder, sha256=sha256, sending=()).story(),
    ]
    texts += [refusal(lambda: found.for_store("2")), refusal(lambda: found.fits([2, 3]))]
    texts.append(refusal(lambda: left(folder, sha256=sha256, verb=storenewcustomers.VERB)))
    texts.append(refusal(lambda: left(folder)))
    assert [text.replace(sha256, "<digest>").replace(str(folder), "/home/owner") for text in texts] == snapshot


# Errors


STATUSES = (301, 400, 401, 403, 404, 408, 410, 418, 422, 499, 500, 502, 600)
BODIES = {
    "nothing": b"",
    "words": b'{"message": "no", "trace_id": "t1", "errors": [{"path": "[2].name", "message": "is too long"}]}',
    "a web page": b"<html></html>",
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    "meanings", [failures.CUSTOMER, keyed._MEANINGS, gameserver._MEANINGS], ids=["customer", "key", "server"]
)
def test_the_message_for_each_status(meanings: failures.Meanings, body: str, snapshot: SnapshotAssertion) -> None:
    found = [
        failures.of_status(status, BODIES[body], "host", "/path", location="https://other/x", meanings=meanings)
        for status in STATUSES
    ]
    assert [(error.status, error.code, error.row, str(error)) for error in found] == snapshot


def test_the_message_for_each_failed_connection(snapshot: SnapshotAssertion) -> None:
    key: Any = aiohttp.client_reqrep.ConnectionKey("host", 1, False, None, None, None, None)  # type: ignore[arg-type]  # unread
    raised: list[Exception] = [
        aiohttp.ClientConnectorCertificateError(key, Exception("x")),
        aiohttp.ClientConnectorDNSError(key, OSError(1, "x")),
        aiohttp.ConnectionTimeoutError("x"),
        TimeoutError(),
        aiohttp.ClientConnectorError(key, OSError(111, "refused")),
        aiohttp.ServerDisconnectedError(),
    ]
    found = [failures.of_transport(error, "host", "/path") for error in raised]
    found += [failures.html("host", "/path"), failures.too_large("/path"), failures.CUSTOMER.unusable("/path")]
    assert [(error.code, str(error)) for error in found] == snapshot


def limited() -> Limited:
    return Limited("too often", path="/x", status=429, retry_after_s=61.0, wait_s=61.0)


def test_each_message_of_an_error_says_what_happens_next(snapshot: SnapshotAssertion) -> None:
    found: list[StoreError] = [StoreError("it is so"), ServerFault("it failed"), limited()]
    assert [
        (while_running(error), message_of(error), message_of(error, retry_hint=False)) for error in found
    ] == snapshot


class Ends:
    """A command line that ends with an error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self, **_: object) -> None:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(WrongUse("bad_value", "what it is", options=["--name"]), id="wrong use"),
        pytest.param(ended(limited(), changes=True), id="limited"),
        pytest.param(ended(ServerFault("it failed"), changes=True), id="may have happened"),
    ],
)
def test_an_error_is_text_on_stderr_and_json_on_stdout(
    error: CliError, monkeypatch: pytest.MonkeyPatch, capsys: Shown, snapshot: SnapshotAssertion
) -> None:
    monkeypatch.setattr(cli, "app", Ends(error))
    monkeypatch.setattr(as_json, "asked", True)
    monkeypatch.setattr(as_json, "said", False)
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert (exit_.value.code, *capsys.readouterr()) == snapshot
