"""Asserts errors by class and code, not by text: `with raises(LedgerForeign, "newer_schema"):`."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def raises(kind: type[Exception], code: str) -> Iterator[pytest.ExceptionInfo[Exception]]:
    with pytest.raises(kind) as raised:
        yield raised
    assert getattr(raised.value, "code", None) == code
