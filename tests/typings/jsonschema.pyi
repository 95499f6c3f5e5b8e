# jsonschema ships no types. Only what tests/openapi.py uses is here.
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

class ValidationError(Exception):
    message: str
    json_path: str

class FormatChecker:
    def __init__(self, formats: Iterable[str] | None = None) -> None: ...
    def checks(
        self, format: str, raises: type[Exception] | tuple[type[Exception], ...] = ()
    ) -> Callable[[Callable[[object], bool]], Callable[[object], bool]]: ...

class Draft202012Validator:
    def __init__(self, schema: Mapping[str, Any], *, format_checker: FormatChecker | None = None) -> None: ...
    def iter_errors(self, instance: object) -> Iterator[ValidationError]: ...

class validators:  # noqa: N801 - it is a module
    @staticmethod
    def extend(
        validator: type[Draft202012Validator], validators: Mapping[str, Callable[..., Iterator[ValidationError]]]
    ) -> type[Draft202012Validator]: ...
