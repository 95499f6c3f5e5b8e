"""The check of the traffic between perkd and the emulated store: a mistake fails its test, and no other test.

These tests use a small description of their own, so that they also run without PayNow's.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.openapi import FILES, Description, Sent
from tests.storewatch import VARIABLE

ROOT = Path(__file__).resolve().parents[2]

ERROR = {"description": "error", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
FLAKE = {"$ref": "#/components/schemas/Flake"}
ITEM = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": FLAKE,
        "state": {"type": "string", "enum": ["usable", "active"]},
        "order_id": FLAKE,
        "added_at": {"type": "string", "format": "date-time"},
    },
    "additionalProperties": False,
}
ITEMS = {"content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}}}}}
PATH = "/v1/stores/{storeId}/things"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """All three files, each with the same few routes."""
    parameters: list[dict[str, Any]] = [
        {"name": "storeId", "in": "path", "required": True, "schema": FLAKE},
        {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}},
        {"name": "asc", "in": "query", "schema": {"type": "boolean"}},
        {"name": "customer_id", "in": "query", "schema": {"type": "array", "items": FLAKE}},
    ]
    error = {"type": "object", "required": ["status"], "properties": {"status": {"type": "integer"}}}
    customer = {"type": "object", "properties": {"id": FLAKE}, "additionalProperties": False}
    customers = {"content": {"application/json": {"schema": customer}}}
    document = {
        "components": {
            "schemas": {"Flake": {"type": "string", "format": "flake-id"}, "Item": ITEM, "Error": error},
        },
        "paths": {
            PATH: {
                "get": {"parameters": parameters, "responses": {"200": ITEMS, "default": ERROR}},
                "post": {
                    "requestBody": ITEMS,
                    "parameters": parameters[:1],
                    "responses": {"204": {}, "default": ERROR},
                },
            },
            "/v1/stores/{storeId}/customers": {"get": {"responses": {"200": ITEMS, "default": ERROR}}},
            "/v1/store/customer": {"get": {"responses": {"200": customers, "default": ERROR}}},
        },
    }
    for name in FILES.values():
        (tmp_path / name).write_text(json.dumps(document))
    return tmp_path


GOOD = {"id": "5", "state": "active", "order_id": None, "added_at": "2026-03-01T12:00:00.1234567Z"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, []),
        ({"id": 5}, ["[0]: $.id: 5 is not of type 'string'", "[0]: $.id: 5 is not a 'flake-id'"]),
        ({"id": "9223372036854775808"}, ["[0]: $.id: '9223372036854775808' is not a 'flake-id'"]),
        ({"state": "gone"}, ["[0]: $.state: 'gone' is not one of ['usable', 'active']"]),
        (
            {"added_at": "2026-03-01T12:00:00+00:00"},
            ["[0]: $.added_at: '2026-03-01T12:00:00+00:00' is not a"],
        ),
        ({"more": 1}, ["[0]: $: Additional properties are not allowed ('more' was unexpected)"]),
        ({"state": None}, ["[0]: $.state: None is not of type 'string'", "[0]: $.state: None is not one of"]),
    ],
)
def test_what_is_wrong_with_an_answer_is_said(folder: Path, change: dict[str, object], says: list[str]) -> None:
    description = Description(folder / FILES["key"], nulls=True)
    for _ in range(2):  # a mistake is found each time
        found = description.answer("GET", PATH, 200, json.dumps([GOOD | change]).encode())
        assert len(found) == len(says)
        assert all(text.startswith(start) for text, start in zip(sorted(found), sorted(says), strict=True)), found


@pytest.mark.parametrize(("nulls", "field"), [(True, "state"), (True, "id"), (False, "id")])
def test_a_field_that_is_missing_is_noticed(folder: Path, *, nulls: bool, field: str) -> None:
    """With nulls every field must be there, without only the required ones."""
    description = Description(folder / FILES["key"], nulls=nulls)
    item = {key: value for key, value in GOOD.items() if key != field and value is not None}
    found = description.answer("GET", PATH, 200, json.dumps([item | ({"order_id": None} if nulls else {})]).encode())
    assert found == [f"[0]: $: {field!r} is a required property"]


def test_a_null_is_wrong_where_the_store_leaves_empty_fields_out(folder: Path) -> None:
    description = Description(folder / FILES["key"], nulls=False)
    assert description.answer("GET", PATH, 200, json.dumps([GOOD]).encode()) != []
    assert description.answer("GET", PATH, 200, b'[{"id": "5"}]') == []


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (404, b'{"status": 404}', []),
        (404, b"{}", ["$: 'status' is a required property"]),
        (404, b"<html>", ["is not JSON"]),
        (201, b"[]", ["status 201, described: 200, default"]),
    ],
)
def test_a_wrong_status_and_a_wrong_refusal_are_noticed(
    folder: Path, status: int, body: bytes, says: list[str]
) -> None:
    assert Description(folder / FILES["key"], nulls=True).answer("GET", PATH, status, body) == says


def test_a_body_where_none_belongs_is_noticed(folder: Path) -> None:
    description = Description(folder / FILES["key"], nulls=True)
    assert description.answer("POST", PATH, 204, b"") == []
    assert description.answer("POST", PATH, 204, b"{}") == ["a body where none is described"]


@pytest.mark.parametrize(
    ("method", "sent", "says"),
    [
        ("GET", Sent(["5"], "limit=100&asc=true&customer_id=1&customer_id=2", "", b""), ""),
        ("GET", Sent(["x"], "", "", b""), "storeId: "),
        ("GET", Sent(["5"], "count=5", "", b""), "no such query: count"),
        ("GET", Sent(["5"], "limit=101", "", b""), "limit: "),
        ("GET", Sent(["5"], "limit=ten", "", b""), "limit: "),
        ("GET", Sent(["5"], "asc=1", "", b""), "asc: "),
        ("GET", Sent(["5"], "asc=true&asc=true", "", b""), "the query asc twice"),
        ("GET", Sent(["5"], "customer_id=x", "", b""), "customer_id: "),
        ("GET", Sent(["5"], "", "application/json", b"[]"), "a body where none is described"),
        ("POST", Sent(["5"], "", "application/json", b'[{"id": "5"}]'), ""),
        ("POST", Sent(["5"], "", "application/json", b""), "no body"),
        ("POST", Sent(["5"], "", "text/plain", b"[]"), "a body of the type 'text/plain'"),
        ("POST", Sent(["5"], "", "application/json", b'[{"id": "5", "quantiti": 2}]'), "[0]: $: Additional properties"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(folder: Path, method: str, sent: Sent, says: str) -> None:
    found = Description(folder / FILES["key"], nulls=True).request(method, PATH, sent)
    assert (found == []) if not says else found and all(says in text for text in found)


# The check in a separate run

HEAD = """import aiohttp, pytest
from perkd.daemon.sandbox.store.faults import Fault
from perkd.daemon.sandbox.store.server import Store

async def ask(fault=None, path='/v1/store/customer', agent='perkd/1', query='', word='Customer', before=None):
    store = Store()
    store.before_answer = before
    await store.start()
    token = store.add_customer('Ann')
    if fault:
        store.fault(fault)
    headers = {'Authorization': f'{word} {token}', 'User-Agent': agent}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(store.url + path + query) as answer:
        await answer.read()
    await store.stop()
"""


def run_pytest(folder: Path, body: str, described: Path | None) -> str:
    """The output of pytest on one file with `body`, with this repository's conftest and settings."""
    file = folder / "test_sample.py"
    file.write_text(HEAD + body, encoding="utf-8")
    settings = ["-c", str(ROOT / "pyproject.toml"), f"--rootdir={folder}"]
    options = ["-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "--no-header", *settings, str(file)]
    env = {key: value for key, value in os.environ.items() if key != VARIABLE}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=ROOT,
        env=env | ({VARIABLE: str(described)} if described else {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return f"exit {done.returncode}\n{done.stdout}{done.stderr}"


def test_a_run_fails_at_the_tests_whose_traffic_does_not_fit_and_at_no_other(folder: Path) -> None:
    said = run_pytest(
        folder,
        """
async def test_an_answer():  # the customers of this description have no names
    await ask()
async def test_a_refusal():
    await ask(Fault.LIMITED)
async def test_nothing_there():
    await ask(path='/v1/nowhere', query='?x=1')
async def test_the_ping():
    await ask(path='/v1/')
async def test_a_fault_that_is_meant_to_be_none_of_paynows():
    await ask(Fault.TRUNCATED)
async def test_a_wrong_query():
    await ask(Fault.LIMITED, query='?asc=1')
async def test_a_wrong_query_of_the_tests_own():
    await ask(Fault.LIMITED, query='?asc=1', agent='curl')
async def test_a_word_in_another_case():
    await ask(Fault.LIMITED, word='customer')
async def test_a_store_that_breaks():
    await ask(before=lambda path: {}[path])
@pytest.mark.store_lies
async def test_lies():
    await ask()
@pytest.mark.store_lies
async def test_a_lie_excuses_no_request():
    await ask(query='?asc=1')
""",
        folder,
    )
    errors = [line for line in said.splitlines() if line.startswith("ERROR ") and "::" in line]
    failed = {line.rpartition("::")[2].split(" ")[0] for line in errors}
    assert failed == {
        "test_an_answer",
        "test_a_wrong_query",
        "test_a_word_in_another_case",
        "test_a_store_that_breaks",
        "test_a_lie_excuses_no_request",
    }, said
    assert "the answer: $: Additional properties are not allowed" in said
    assert "the request: no such query: asc" in said
    assert "the word 'customer' before the secret" in said


def test_a_run_without_a_description_says_so_and_fails_nothing(folder: Path) -> None:
    said = run_pytest(folder, "async def test_it():\n    await ask(query='?asc=1')\n", None)
    assert said.startswith("exit 0")
    assert f"NOT held against PayNow's description: set {VARIABLE}" in said
