"""PayNow's published description of its API as something answers can be held against.

test_sandbox_speaks_openapi.py uses it. The description is not part of this repository: it is read from the folder that
the environment variable PERKD_PAYNOW_OPENAPI names (github.com/paynow-gg/openapi).
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

FILES = {"customer": "storefront-api.json", "key": "management-api.json", "gameserver": "gameserver-api.json"}

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


class Description:
    """One of the files. With `nulls` an optional property that is a reference may be null too."""

    def __init__(self, file: Path, *, nulls: bool) -> None:
        description = json.loads(file.read_text("utf-8"))
        self._schemas: dict[str, Any] = deepcopy(description["components"]["schemas"])
        self._routes = {
            (method.upper(), nameless(path)): operation
            for path, methods in description["paths"].items()
            for method, operation in methods.items()
        }
        for name, schema in self._schemas.items() if nulls else ():
            for key, inner in schema.get("properties", {}).items():
                optional = "$ref" in inner and key not in schema.get("required", ())
                if optional or (name, key) in NULL_IN_PRACTICE:
                    schema["properties"][key] = {"anyOf": [{"type": "null"}, inner]}

    def has(self, method: str, path: str) -> bool:
        return (method, nameless(path)) in self._routes

    def mistakes(self, method: str, path: str, status: int, body: bytes) -> list[str]:
        """What of an answer the description does not allow. Raises KeyError for a route it does not have."""
        key = (method, nameless(path))
        answers: Mapping[str, Any] = self._routes[key]["responses"]
        if str(status) not in answers and status < 400:
            return [f"status {status}, described: {', '.join(answers)}"]
        answer = answers.get(str(status), answers["default"])
        if "content" not in answer:
            return ["a body where none is described"] if body else []
        schema = answer["content"]["application/json"]["schema"]
        if status < 400 and key in LISTS_BY_MISTAKE:
            schema = schema["items"]
        whole = {**schema, "components": {"schemas": self._schemas}}
        validator = Draft202012Validator(whole, format_checker=FORMATS)
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(json.loads(body))]


def nameless(path: str) -> str:
    """The path with `{}` for each piece that may be anything."""
    return re.sub(r"\{\w+\}", "{}", path)
