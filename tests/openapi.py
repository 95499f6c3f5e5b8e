"""Checks requests and answers against PayNow's published API description.

tests/storewatch.py checks the traffic of every test with it. The description is not part of this repository: it is read
from the folder that the environment variable PERKD_PAYNOW_OPENAPI names (github.com/paynow-gg/openapi).
"""

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators

FILES = {"customer": "storefront-api.json", "key": "management-api.json", "gameserver": "gameserver-api.json"}
WORDS = {"customer": "Customer", "key": "APIKey", "gameserver": "Gameserver"}  # the word before the secret

# The description says that these are never null; the product's first documents say that a profile's name may be, and no
# server is linked before it was.
NULL_IN_PRACTICE = {
    ("CustomerGenericProfileDto", "name"),
    ("CustomerSteamProfileDto", "name"),
    ("CustomerMinecraftProfileDto", "name"),
    ("GameServerDto", "linked_to"),
}
# The description says that this is a list of game servers. There is one in the path.
LISTS_BY_MISTAKE = {("GET", "/v1/stores/{}/gameservers/{}")}

# Old paths that the description no longer has are checked against the path that replaced them.
EARLIER = re.compile(r"(?:(?<=\})|(?<=store/customer))/(?:inventory|command_delivery)\b")
BULK_BEFORE = "/v1/stores/{storeId}/customers/bulk/command_delivery"  # answered 201 without a body
INVALIDATE_ALL = "/v1/stores/{storeId}/customers/tokens"  # same answer as the path for one customer
BECAME = {
    BULK_BEFORE: "/v1/stores/{storeId}/delivery/items",
    INVALIDATE_ALL: "/v1/stores/{storeId}/customers/{customerId}/tokens",
}

FORMATS = FormatChecker([])


@FORMATS.checks("flake-id")
def is_flake(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9]{1,19}", value) is not None and int(value) < 1 << 63


@FORMATS.checks("steam-id")
def is_steam_id(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("7656119[0-9]{10}", value) is not None


@FORMATS.checks("date-time", raises=ValueError)
def is_moment(value: object) -> bool:
    return not isinstance(value, str) or (value.endswith("Z") and datetime.fromisoformat(value).tzinfo is not None)


@FORMATS.checks("ip-address", raises=ValueError)
def is_ip_address(value: object) -> bool:
    return not isinstance(value, str) or bool(ipaddress.ip_address(value))


@FORMATS.checks("int32")
def is_int32(value: object) -> bool:
    return not isinstance(value, int) or -(1 << 31) <= value < 1 << 31


# Left out when empty, also with `nulls`: an official plugin fails on null.
LEFT_OUT = {("LinkGameServerResponseDto", "previously_linked")}


class Seen:
    """The keyword `properties` with a cache: a value that was valid in a place is not checked there again. Most values
    of an item are the same in other items."""

    def __init__(self) -> None:
        self._good: set[tuple[int, str]] = set()

    def properties(
        self, validator: Any, properties: Mapping[str, Any], instance: object, _schema: Mapping[str, Any]
    ) -> Iterator[ValidationError]:
        if not isinstance(instance, dict):
            return
        for name, schema in properties.items():
            if name not in instance:
                continue
            known = (id(schema), json.dumps(instance[name]))
            if known in self._good:
                continue
            errors = list(validator.descend(instance[name], schema, path=name, schema_path=name))
            if not errors:
                self._good.add(known)
            yield from errors


class Description:
    """One file of the description. With `nulls` an optional property that is a reference may also be null, and a good
    answer must have every field."""

    def __init__(self, file: Path, *, nulls: bool) -> None:
        self._file = json.loads(file.read_text("utf-8"))
        self._nulls = nulls
        self._operations: dict[tuple[str, str], dict[str, Any]] = {
            (method.upper(), nameless(path)): operation
            for path, methods in self._file["paths"].items()
            for method, operation in methods.items()
        }
        self._validators: dict[str, Draft202012Validator] = {}
        self._good: set[tuple[str, int]] = set()  # values that were valid before: each poll sends an item again
        self._validator = validators.extend(Draft202012Validator, {"properties": Seen().properties})

    def has(self, method: str, path: str) -> bool:
        return (method, nameless(now_called(path))) in self._operations

    def answer(self, method: str, path: str, status: int, body: bytes) -> list[str]:
        """The mistakes in an answer. Raises KeyError for a route that is not in the description."""
        answers: Mapping[str, Any] = self._operation(method, path)["responses"]
        if path == BULK_BEFORE and status < 400:
            return [] if status == 201 and not body else ["was 201 without a body"]
        if str(status) not in answers and status < 400:
            return [f"status {status}, described: {', '.join(answers)}"]
        described = answers[str(status)] if str(status) in answers else answers["default"]
        if "content" not in described:
            return ["a body where none is described"] if body else []
        schema = described["content"]["application/json"]["schema"]
        if status < 400 and (method, nameless(path)) in LISTS_BY_MISTAKE:
            schema = schema["items"]
        return list(self._json(schema, body, whole=self._nulls and status < 400))

    def request(self, method: str, path: str, sent: "Sent") -> list[str]:
        """The mistakes in a request. Raises KeyError for a route that is not in the description."""
        operation = self._operation(method, path)
        found = list(self._values(operation.get("parameters", ()), sent))
        if "requestBody" not in operation:
            return [*found, "a body where none is described"] if sent.body else found
        described = operation["requestBody"]["content"]
        if not sent.body:
            return [*found, "no body"]
        if sent.content_type not in described:
            return [*found, f"a body of the type {sent.content_type!r}"]
        return [*found, *self._json(described[sent.content_type]["schema"], sent.body)]

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        return self._operations[method, nameless(now_called(path))]

    def _values(self, parameters: list[dict[str, Any]], sent: "Sent") -> Iterator[str]:
        """The mistakes in the parts of the path and of the query."""
        pieces = [one for one in parameters if one["in"] == "path"]
        for parameter, text in zip(pieces, sent.pieces, strict=False):  # an old path may have one part less
            yield from self._value(parameter, text)
        known = {one["name"]: one for one in parameters if one["in"] == "query"}
        asked = parse_qsl(sent.query, keep_blank_values=True)
        for name, text in asked:
            if name not in known:
                yield f"no such query: {name}"
                continue
            schema = self._resolved(known[name]["schema"])
            if schema["type"] == "array":
                schema = schema["items"]
            elif [one for one, _ in asked].count(name) > 1:
                yield f"the query {name} twice"
            yield from self._value({"name": name, "schema": schema}, text)
        yield from (f"no {name}" for name, one in known.items() if one.get("required") and name not in dict(asked))

    def _value(self, parameter: dict[str, Any], text: str) -> Iterator[str]:
        kind = self._resolved(parameter["schema"])["type"]
        value: object = text
        if kind == "boolean":
            value = {"true": True, "false": False}.get(text, text)
        elif kind == "integer" and re.fullmatch("-?[0-9]+", text):
            value = int(text)
        yield from (f"{parameter['name']}: {error}" for error in self._wrong(parameter["schema"], value))

    def _json(self, schema: dict[str, Any], body: bytes, *, whole: bool = False) -> Iterator[str]:
        try:
            document = json.loads(body)
        except ValueError:
            yield "is not JSON"
            return
        if schema.get("type") != "array" or not isinstance(document, list):
            yield from self._wrong(schema, document, whole=whole)
            return
        for place, one in enumerate(document):
            yield from (f"[{place}]: {error}" for error in self._wrong(schema["items"], one, whole=whole))

    def _wrong(self, schema: dict[str, Any], value: object, *, whole: bool = False) -> Iterator[str]:
        name = json.dumps([schema, whole], sort_keys=True)
        known = (name, hash(json.dumps(value)))
        if known in self._good:
            return
        validator = self._validators.get(name)
        if validator is None:
            validator = self._validator(self._resolved(schema, whole=whole), format_checker=FORMATS)
            self._validators[name] = validator
        errors = [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]
        if not errors:
            self._good.add(known)
        yield from errors

    def _resolved(self, schema: dict[str, Any], *, whole: bool = False) -> dict[str, Any]:
        """The schema with its references resolved; resolving them at each check would be slow."""
        name = schema.get("$ref", "").rpartition("/")[2]
        if name:
            schema = self._file["components"]["schemas"][name]
        inner = {key: value for key, value in schema.items() if key not in {"properties", "items"}}
        if "items" in schema:
            inner["items"] = self._resolved(schema["items"], whole=whole)
        properties = schema.get("properties", {})
        if properties:
            inner["properties"] = {key: self._property(name, schema, key, whole=whole) for key in properties}
            if whole:
                inner["required"] = [key for key in properties if (name, key) not in LEFT_OUT]
        return inner

    def _property(self, name: str, schema: dict[str, Any], key: str, *, whole: bool) -> dict[str, Any]:
        found = schema["properties"][key]
        optional = "$ref" in found and key not in schema.get("required", ())
        resolved = self._resolved(found, whole=whole)
        if self._nulls and (optional or (name, key) in NULL_IN_PRACTICE):
            return {"anyOf": [{"type": "null"}, resolved]}
        return resolved


class Sent:
    """The parts of a request that the description defines; `pieces` are the variable parts of the path."""

    def __init__(self, pieces: list[str], query: str, content_type: str, body: bytes) -> None:
        self.pieces, self.query, self.content_type, self.body = pieces, query, content_type, body


def now_called(path: str) -> str:
    """The current path for an old one; any other path unchanged."""
    return BECAME.get(path) or EARLIER.sub("/delivery/items", path)


def nameless(path: str) -> str:
    """The path with `{}` for each variable part."""
    return re.sub(r"\{\w+\}", "{}", path)
