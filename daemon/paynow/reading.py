"""Reads answers of the Management and Game Server API as documents. `keyed.py` and `game_server.py` call this."""

import json
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from .errors import BadDocument, Unreadable
from .transport.exchange import StoreAnswer
from .wire import first_fault

M = TypeVar("M", bound=BaseModel)

_IDS = ("id", "customer_id", "attempt_id")  # perkd keeps these of a document that cannot be read


def read_one(reply: StoreAnswer, kind: type[M], path: str) -> M:
    """The answer's body as one document. Raises Unreadable, which names the field that is not as the API promises."""
    if not reply.body:
        raise Unreadable(f"{path} answered {reply.status} with an empty body", path=path, status=reply.status)
    try:
        return kind.model_validate_json(reply.body)
    except ValidationError as error:
        raise _unreadable(error, path) from None


def read_list(reply: StoreAnswer, kind: type[M], path: str) -> list[M]:
    """The answer's body as a list of documents. One that cannot be read keeps only its ids, so that the others can be
    used. Raises Unreadable when the answer is not a list, or a document has no id."""
    if not reply.body:
        raise Unreadable(f"{path} answered {reply.status} with an empty body", path=path, status=reply.status)
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
    assert fault is not None  # noqa: S101 - else the loop returned
    raise _unreadable(fault, path)


def _json(body: bytes) -> object:
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document


def _unreadable(error: ValidationError, path: str) -> Unreadable:
    message = f"{path} sent an answer that is not as the API describes it: {first_fault(error)}"
    kind = BadDocument if error.errors()[0]["loc"] else Unreadable  # without a place, it is not a document at all
    return kind(message, path=path, status=200)
