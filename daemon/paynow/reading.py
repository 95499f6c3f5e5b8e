"""Reads answers of the store as documents. `keyed.py`, `game_server.py` and `own_items.py` call this."""

import json
from functools import lru_cache
from typing import Any, Final, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from .errors import BadDocument, Unreadable
from .transport.exchange import StoreAnswer
from .wire import NotADocument, NotAnAnswer, first_fault

M = TypeVar("M", bound=BaseModel)

_IDS: Final = ("id", "customer_id", "attempt_id")  # perkd keeps these of a document that cannot be read
_LONGEST_NUMBER: Final = 40  # digits


def read_one(answer: StoreAnswer, kind: type[M], path: str) -> M:
    """The answer's body as one document. Raises Unreadable, which names the field that is not as the API promises."""
    _check_body(answer, path)
    try:
        return kind.model_validate_json(answer.body)
    except ValidationError as error:
        raise _unreadable(_fault(error), path) from None


def read_list(answer: StoreAnswer, kind: type[M], path: str) -> list[M]:
    """As `read_page`, of the answer's body. Raises Unreadable."""
    _check_body(answer, path)
    try:
        return read_page(answer.body, kind)
    except NotAnAnswer as error:
        raise _unreadable(error, path) from None


def read_page(body: bytes, kind: type[M]) -> list[M]:
    """A list of documents. One that cannot be read keeps only its ids, so that the others can be used. Raises
    NotAnAnswer when the body is not a list, and NotADocument when a document has no id."""
    try:
        documents: list[M] = _list_of(kind).validate_json(body)
    except ValidationError as error:
        page = _json(body)
        if not isinstance(page, list):
            raise _fault(error) from None
        return [_alone(raw, kind) for raw in page]
    return documents


@lru_cache
def _list_of(kind: type[BaseModel]) -> TypeAdapter[Any]:
    return TypeAdapter(list[kind])  # type: ignore[valid-type] # a type known at run time


def _alone(raw: object, kind: type[M]) -> M:
    ids = {key: raw[key] for key in _IDS if key in raw} if isinstance(raw, dict) else {}
    faults = []
    for document in (raw, ids, {key: value for key, value in ids.items() if key != "customer_id"}):
        try:
            return kind.model_validate_json(json.dumps(document))
        except ValidationError as error:
            faults.append(error)
    raise _fault(faults[0])


def _json(body: bytes) -> object:
    """The JSON of a page with a fault, read so that as much as possible remains; None when it is not JSON."""
    try:
        document: object = json.loads(body.decode("utf-8", "replace"), parse_int=_whole)
    except (ValueError, RecursionError):
        return None
    return document


def _whole(text: str) -> float:
    """A whole number. One that is longer than any field allows is replaced: Python refuses to read thousands of
    digits."""
    return int(text) if len(text) <= _LONGEST_NUMBER else 0.5


def _check_body(answer: StoreAnswer, path: str) -> None:
    if not answer.body:
        raise Unreadable(f"{path} answered {answer.status} with an empty body", path=path, status=answer.status)


def _fault(error: ValidationError) -> NotAnAnswer:
    return (NotADocument if error.errors()[0]["loc"] else NotAnAnswer)(first_fault(error))


def _unreadable(error: NotAnAnswer, path: str) -> Unreadable:
    kind = BadDocument if isinstance(error, NotADocument) else Unreadable
    return kind(f"{path} sent an answer that is not as the API describes it: {error}", path=path, status=200)
