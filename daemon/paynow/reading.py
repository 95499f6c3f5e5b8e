"""Answers of the Management and Game Server API as typed documents. `keyed.py` and `gameserver.py` call this."""

import json
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from .errors import BadDocument, Unreadable
from .transport.exchange import Reply
from .wire import first_fault

M = TypeVar("M", bound=BaseModel)

_IDS = ("id", "customer_id", "attempt_id")  # what is left of a document that cannot be read


def read_one(reply: Reply, kind: type[M], path: str) -> M:
    """The answer's body as one document. Raises Unreadable with where it is not what the API promises."""
    if not reply.body:
        raise Unreadable(f"{path} answered {reply.status} without a document", path=path, status=reply.status)
    try:
        return kind.model_validate_json(reply.body)
    except ValidationError as error:
        raise _unreadable(error, path) from None


def read_list(reply: Reply, kind: type[M], path: str) -> list[M]:
    """A list of documents. One that cannot be read is left with its ids alone, so that it does not hide the others.
    Raises Unreadable when the answer is no list, or one of them has no id."""
    if not reply.body:
        raise Unreadable(f"{path} answered {reply.status} without a document", path=path, status=reply.status)
    try:
        documents: list[M] = _list_of(kind).validate_json(reply.body)
    except ValidationError as error:
        page = _json(reply.body)
        if not isinstance(page, list):
            raise _unreadable(error, path) from None
        return [_with_ids(raw, kind, path) for raw in page]
    return documents


@lru_cache
def _list_of(kind: type[BaseModel]) -> TypeAdapter[Any]:
    return TypeAdapter(list[kind])  # type: ignore[valid-type] # a type known at run time


def _with_ids(raw: object, kind: type[M], path: str) -> M:
    ids = {key: raw[key] for key in _IDS if key in raw} if isinstance(raw, dict) else {}
    fault: ValidationError | None = None
    for document in (raw, ids, {key: value for key, value in ids.items() if key != "customer_id"}):
        try:
            return kind.model_validate_json(json.dumps(document))
        except ValidationError as error:
            fault = fault or error
    assert fault is not None  # noqa: S101 - the loop ended by it
    raise _unreadable(fault, path)


def _json(body: bytes) -> object:
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document


def _unreadable(error: ValidationError, path: str) -> Unreadable:
    message = f"{path} answered with something else than the API promises: {first_fault(error)}"
    kind = BadDocument if error.errors()[0]["loc"] else Unreadable  # else it is no document at all
    return kind(message, path=path, status=200)
