"""Resolves the keys of config.toml that hold secret references, and notes every mistake.

`sections` and `servers` use it.
"""

from dataclasses import dataclass

from perkd.adapters.base import Secret

from ..core.mistakes import Findings, WarningCode
from .secret_references import NotChecked, SecretError, SecretSources, read_document, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRules:
    """How secrets are resolved for this file: where references lead, whether the file may contain secrets themselves,
    and whether a credential that only the service can read is a mistake or a warning."""

    sources: SecretSources
    literal_allowed: bool
    need_secrets: bool

    def secret(self, reference: str, where: str, findings: Findings) -> Secret | None:
        """The secret; None if a mistake was noted."""
        try:
            return resolve(reference, self.sources, literal_allowed=self.literal_allowed)
        except SecretError as problem:
            self._note(problem, where, findings)
            return None

    def document(self, reference: str, where: str, findings: Findings) -> str | None:
        """The text of a secret document; None if a mistake was noted."""
        try:
            return read_document(reference, self.sources)
        except SecretError as problem:
            self._note(problem, where, findings)
            return None

    def _note(self, problem: SecretError, where: str, findings: Findings) -> None:
        if isinstance(problem, NotChecked) and not self.need_secrets:
            findings.warn(where, WarningCode.NOT_CHECKED, f"not checked: {problem.found}")
        else:
            findings.mistake(where, problem.code, found=problem.found, expected=problem.expected, fix=problem.fix)
