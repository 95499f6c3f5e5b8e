"""What a status without an inventory means, where the body decides."""

import json

import pytest

from daemon.paynow.errors import Refusal, ServerFault, TokenRefused
from daemon.paynow.failures import of_status


@pytest.mark.parametrize("status", [401, 403])
def test_a_firewalls_page_is_no_word_about_a_token(status: int) -> None:
    """A token that counts as refused is left alone for an hour, and its owner is told to make a new one."""
    page = of_status(status, b"\n<!doctype html><title>Just a moment</title>", "api.paynow.gg", "/v1/store/customer")
    assert isinstance(page, ServerFault)
    assert "web page" in str(page)
    for body in (b"", b'{"status":403,"code":"forbidden","message":"no"}'):
        assert isinstance(of_status(status, body, "api.paynow.gg", "/v1/store/customer"), TokenRefused)


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
def test_the_first_validation_errors_of_a_refusal_are_told(errors: object, text: str) -> None:
    assert Refusal.read(json.dumps({"message": "no", "errors": errors}).encode()).text == text


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"{", b'{"message": 5}', b"\xff", b"[" * 100_000])
def test_a_refusal_that_says_nothing_is_empty(body: bytes) -> None:
    assert Refusal.read(body).text == ""
