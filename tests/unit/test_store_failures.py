"""What a status without an inventory means, where the body decides."""

import pytest

from daemon.paynow.errors import ServerFault, TokenRefused
from daemon.paynow.failures import of_status


@pytest.mark.parametrize("status", [401, 403])
def test_a_firewalls_page_is_no_word_about_a_token(status: int) -> None:
    """A token that counts as refused is left alone for an hour, and its owner is told to make a new one."""
    page = of_status(status, b"\n<!doctype html><title>Just a moment</title>", "api.paynow.gg", "/v1/store/customer")
    assert isinstance(page, ServerFault)
    assert "web page" in str(page)
    for body in (b"", b'{"status":403,"code":"forbidden","message":"no"}'):
        assert isinstance(of_status(status, body, "api.paynow.gg", "/v1/store/customer"), TokenRefused)
