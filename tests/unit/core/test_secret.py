"""Only one method reveals a secret; no text form contains it."""

import pickle

import pytest

from perkd.adapters.base import Secret
from tests.secretwatch import mint


def test_a_secret_has_no_text_form() -> None:
    text = mint("a token")
    secret = Secret(text)
    assert secret.reveal() == text
    for shown in (str(secret), repr(secret), f"{secret}", f"{secret:>80}", f"{[secret]}"):
        assert text not in shown
        assert "Secret(…)" in shown


def test_a_secret_equals_only_itself_and_is_never_written_anywhere() -> None:
    secret = Secret("one of a kind")
    assert secret == Secret("one of a kind")
    assert len({secret, Secret("one of a kind"), Secret("another")}) == 2
    assert secret != "one of a kind"
    with pytest.raises(TypeError, match="not written anywhere"):
        pickle.dumps(secret)
