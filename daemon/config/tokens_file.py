"""The owner's list of customer tokens: a TOML document of `[[customer]]` entries.

`sections` reads it for `[customers] tokens`, the command line for `perkd customers import`.
"""

from dataclasses import dataclass, field

from perkd.adapters.base import Secret

from ..core.mistakes import ConfigWarning, Findings, MistakeCode, WarningCode
from .secret_references import SCHEMES
from .tables import Table, parse_toml, read_list, unknown_sections


@dataclass(frozen=True, slots=True)
class TokenEntry:
    """One customer as the owner listed them: the token, a name and a note of the owner, and the place in the list:
    `where` in words, `place` counted from 0 if it is an entry of a list in TOML."""

    token: Secret
    name: str = ""
    note: str = ""
    where: str = field(default="", compare=False)
    place: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class TokenList:
    """The entries in the order of the document, each token once, and warnings about what perkd corrected."""

    entries: tuple[TokenEntry, ...]
    warnings: tuple[ConfigWarning, ...]


class CustomerTable(Table):
    token: str = ""
    name: str = ""
    note: str = ""


def read_tokens(text: str, where: str) -> TokenList:
    """The tokens in a document. `where` names it in the texts.

    Raises ConfigError with every mistake at once, never with a token.
    """
    findings = Findings()
    document = parse_toml(text, where, findings)
    unknown_sections(document, {"customer": CustomerTable}, where, findings)
    entries: dict[Secret, TokenEntry] = {}
    first_at: dict[Secret, str] = {}
    for place, read in enumerate(read_list(CustomerTable, document, "customer", findings, inside=where)):
        token = clean_token(read.table.token, read.at("token"), findings) if read.sound("token") else None
        if token in entries:
            findings.warn(
                read.at("token"), WarningCode.DUPLICATE_TOKEN, f"the same token as {first_at[token]}: perkd ignores it"
            )
        elif token is not None:
            entries[token] = TokenEntry(
                token,
                name=read.table.name.strip(),
                note=read.table.note,
                where=read.where.removeprefix(f"{where}: "),
                place=place,
            )
            first_at[token] = read.at("token")
    findings.raise_mistakes()
    if not entries:
        findings.warn(
            where or "the file", WarningCode.NO_CUSTOMER, "there is no [[customer]] in it: perkd reads no customer"
        )
    return TokenList(tuple(entries.values()), tuple(findings.warnings))


def clean_token(pasted: str, where: str, findings: Findings) -> Secret | None:
    """The token without spaces around it, with a warning if there were any; None if it cannot be a token. No text
    contains the token."""
    token = pasted.strip()
    scheme = token.partition(":")[0]
    fix = "paste the customer's token as the store shows it"
    if not token:
        findings.mistake(where, MistakeCode.MISSING, found="no token", expected="a customer's token", fix=fix)
    elif scheme in SCHEMES:
        findings.mistake(
            where,
            MistakeCode.TOKEN_IS_REFERENCE,
            found=f"a reference ({scheme}:…)",
            expected="the token itself",
            fix=fix,
        )
    elif " " in token:
        fix = "write only the token, without the word before it"
        findings.mistake(
            where, MistakeCode.TOKEN_HAS_SPACE, found="a token with a space inside", expected="one word", fix=fix
        )
    elif not (token.isascii() and token.isprintable()):
        findings.mistake(
            where,
            MistakeCode.TOKEN_HAS_ODD_CHARACTER,
            found="a token with a character that tokens never have",
            expected="letters and digits",
            fix=fix,
        )
    else:
        if token != pasted:
            findings.warn(where, WarningCode.TOKEN_TRIMMED, "perkd removed a space or line end around the token")
        return Secret(token)
    return None
