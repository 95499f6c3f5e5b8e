"""What one problem is: the modules that find problems make these, and every report shows them. PURE."""

from dataclasses import dataclass

SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class Problem:
    """`code` is a stable word for machines, `subject` what it is about, `text` what is wrong, `fix` what to do."""

    code: str
    severity: str
    subject: str
    text: str
    fix: str
