"""What a status without an inventory means, where the body decides."""

import json

import pytest

from perkd.daemon.paynow.errors import BadAddress, NotFound, Refusal, ServerFault, TokenRefused
from perkd.daemon.paynow.transport.failures import of_status


@pytest.mark.parametrize("status", [401, 403])
def test_a_firewalls_page_says_nothing_about_a_token(status: int) -> None:
    """A refused token is not used for an hour, and the message asks for a new one."""
    page = of_status(status, b"\n<!doctype html><title>Just a moment</title>", "api.paynow.gg", "/v1/store/customer")
    assert isinstance(page, ServerFault)
    for body in (b"", b'{"status":403,"code":"forbidden","message":"no"}'):
        assert isinstance(of_status(status, body, "api.paynow.gg", "/v1/store/customer"), TokenRefused)


@pytest.mark.parametrize("status", [404, 410])
def test_a_404_without_the_stores_error_document_says_nothing_about_the_store(status: int) -> None:
    """Any web server answers 404 to a path of PayNow's. Read as "no such customer", a customer could be made twice."""
    for body in (b"<!doctype html><title>404</title>", b"404 page not found\n", b"null", b'["no"]', b"{", b"\xff"):
        found = of_status(status, body, "shop.example", "/v1/stores/1/customers/lookup")
        assert isinstance(found, BadAddress)
        assert found.status == status
        assert "shop.example" in str(found)
        assert "[store] api" in str(found)
    for body in (b"", b" \r\n", b"{}", b'{"status":404,"code":"not-found","message":"no"}', b'{"title":"Not Found"}'):
        assert isinstance(of_status(status, body, "api.paynow.gg", "/v1/stores/1/customers/lookup"), NotFound)


@pytest.mark.parametrize("status", [408, 499])
def test_a_gateway_that_gave_up_waiting_says_nothing_about_the_request(status: int) -> None:
    """Read as a refusal, an assignment that the store has made could be sent a second time."""
    found = of_status(status, b"", "api.paynow.gg", "/v1/stores/1/delivery/items")
    assert type(found) is ServerFault
    assert found.may_have_happened
    assert f"({status} on /v1/stores/1/delivery/items)" in str(found)


@pytest.mark.parametrize(
    ("errors", "text"),
    [
        (None, "no"),
        ([], "no"),
        ("broken", "no"),
        ([5, None, {}], "no"),
        ([{"path": "name", "message": "too long"}], "no; name: too long"),
        ([{"path": ["a", 0, "id"], "message": "is none"}], "no; a.0.id: is none"),
        ([{"path": 7, "message": "is none"}], "no; is none"),
        ([{"path": "name", "message": None}], "no; name"),
        ([{"path": "a\nb", "message": "c\x1b[31md"}], "no; a b: c [31md"),
        ([{"path": str(number), "message": "x"} for number in range(9)], "no; 0: x; 1: x; 2: x"),
    ],
)
def test_the_first_validation_errors_of_a_refusal_are_in_the_message(errors: object, text: str) -> None:
    assert Refusal.read(json.dumps({"message": "no", "errors": errors}).encode()).text == text


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"{", b'{"message": 5}', b"\xff", b"[" * 100_000])
def test_a_refusal_without_a_text_is_empty(body: bytes) -> None:
    assert Refusal.read(body).text == ""


@pytest.mark.parametrize(
    ("paths", "row"),
    [
        (["[2].name"], 2),
        (["[0]"], 0),
        (["12.quantity"], 12),
        ([[3, "name"]], 3),
        ([["4", "name"]], 4),
        (["name", "[1].name", "[5]"], 1),
        (["name"], None),
        (["2fa.code"], None),
        ([["name", 2]], None),
        ([True, -1, None, [], {}], None),
        ([], None),
    ],
)
def test_a_refusal_has_the_row_it_names(paths: list[object], row: int | None) -> None:
    errors = [{"path": path, "message": "no"} for path in paths]
    assert Refusal.read(json.dumps({"message": "[9]: no", "errors": errors}).encode()).row == row
    assert of_status(400, json.dumps({"errors": errors}).encode(), "host", "/x").row == row
