"""How a verb ends when it cannot do what was asked: one type for each exit code, the message made for the owner.

Every module of `cli` raises these; `main` prints the message and exits with the code.
"""


class CliError(Exception):
    """Not done; the message says why and what to do."""

    code = 1


class NotWell(CliError):
    """What was asked about is not well, or what was asked for is not possible."""


class WrongUse(CliError):
    """The command line was used wrongly."""

    code = 2


class OutOfReach(CliError):
    """The daemon or the store does not answer."""

    code = 69


class Misconfigured(CliError):
    """The config, or what it points at, has to change first."""

    code = 78
