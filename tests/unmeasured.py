"""Turns coverage off for work of the tests themselves and for tests with large amounts of data."""

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def unmeasured() -> Iterator[None]:
    """Inside it, coverage does not measure this thread; other threads and processes are measured as usual."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)
