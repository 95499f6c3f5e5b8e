"""What keeps the daemon from starting though its configuration is in order."""


class CannotStart(Exception):
    """Something outside the configuration is in the way; the message says what it is and what to do."""
