"""Work that coverage does not measure: what the tests themselves compute, and sheer volume."""

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def unmeasured() -> Iterator[None]:
    """Inside it this thread runs without a trace function; other threads and processes are measured as ever."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)
