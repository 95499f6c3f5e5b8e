"""Errors that keep the daemon from starting although its configuration is correct."""

from enum import StrEnum


class StartCode(StrEnum):
    """A stable word for each reason."""

    HTTP_NOT_OPENED = "http_not_opened"
    SOCKET_IN_USE = "socket_in_use"  # another daemon answers there
    SOCKET_NOT_OPENED = "socket_not_opened"


class CannotStart(Exception):
    """Something outside the configuration prevents the start; the message says what it is and what to do."""

    def __init__(self, code: StartCode, message: str) -> None:
        super().__init__(message)
        self.code = code
