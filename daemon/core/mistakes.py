"""Mistakes in a file that an owner wrote: each with its place and how to fix it.

The modules of `config` collect them; the command line prints them and exits with 78.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum, unique
from pathlib import Path
from typing import Self


class _Code(StrEnum):
    """A stable word for programs, with its meaning."""

    meaning: str

    def __new__(cls, word: str, meaning: str) -> Self:
        member = str.__new__(cls, word)
        member._value_, member.meaning = word, meaning
        return member


@unique
class MistakeCode(_Code):
    """All kinds of mistakes."""

    # of any key
    NOT_TOML = "not_toml", "the file is not valid TOML"
    UNKNOWN_SECTION = "unknown_section", "a section or key at the top of the file that perkd does not know"
    UNKNOWN_KEY = "unknown_key", "a key that perkd does not know"
    NOT_A_TABLE = "not_a_table", "something else where a table belongs"
    NOT_A_LIST = "not_a_list", "something else where a list belongs"
    WRONG_TYPE = "wrong_type", "a value of the wrong sort, for example a number where text belongs"
    UNKNOWN_WORD = "unknown_word", "a word that is none of those allowed here"
    OUT_OF_RANGE = "out_of_range", "a number or time that is too small or too large"
    NOT_A_DURATION = "not_a_duration", "a time without a unit, or that cannot be read"
    MISSING = "missing", "a value that perkd needs is not there"
    NOT_A_NAME = "not_a_name", "a name with characters that are not allowed"
    NAME_TAKEN = "name_taken", "a name that is used already"
    DUPLICATE = "duplicate", "the same value a second time"
    NOT_AN_ID = "not_an_id", "something else where an id of the store belongs"
    NOT_A_PATH = "not_a_path", "a path that cannot be used here"
    NOT_AN_ADDRESS = "not_an_address", "something else where a host and a port belong"
    NOT_A_URL = "not_a_url", "something else where a URL belongs"
    NOT_HTTPS = "not_https", "a URL that would send customers' tokens without encryption"
    LOGIN_IN_URL = "login_in_url", "a URL with a user name or password in it"
    UNKNOWN_LEDGER = "unknown_ledger", "a ledger of a sort this version does not have"
    # what one setting needs of another
    NEEDS_STORE_ID = "needs_store_id", "an API key without the id of its store"
    NEEDS_API_KEY = "needs_api_key", "a setting that works with an API key only"
    NEEDS_TOKEN = "needs_token", "a setting that works with a game server's token only"
    NEEDS_FLOODGATE = "needs_floodgate", 'a prefix of Bedrock players without identity = "floodgate"'
    NEEDS_PLAYERS = "needs_players", "waiting for a player on a game whose player list does not say who is who"
    # servers
    UNKNOWN_GAME = "unknown_game", "a game that perkd does not know"
    NOT_IN_THIS_GAME = "not_in_this_game", "a setting or word that this game does not have"
    UNSAFE_PREFIX = "unsafe_prefix", "a prefix that no player's name may begin with"
    # perks
    UNKNOWN_SERVER = "unknown_server", "a name that is no [[server]]"
    STAR_NOT_ALONE = "star_not_alone", '"*" beside names of servers'
    MIXED_GAMES = "mixed_games", "servers of different games where a command is written before its server is known"
    MIXED_IDENTITIES = "mixed_identities", "servers that name players differently, where the same holds"
    SERVER_VARIABLE = "server_variable", "{server} in a command that is written before its server is known"
    NOT_A_PRODUCT = "not_a_product", "a slug or id with a space in it"
    UNKNOWN_REASON = "unknown_reason", "a reason in `revoke_on` that the store does not give"
    NO_REVOKE = "no_revoke", "a lasting perk that nothing takes back"
    ONLY_FOR_LASTING = "only_for_lasting", "a setting of lasting perks on one that is given once"
    NOT_A_PATTERN = "not_a_pattern", "a regular expression that cannot be read"
    EFFECT_SHARED = "effect_shared", "a perk that is given once with the effect of another one"
    TWO_CLOCKS = "two_clocks", "two perks with one product and effect but different `lasts`"
    # commands
    EMPTY_COMMAND = "empty_command", "a command without text"
    CONTROL_CHARACTER = "control_character", "a line break or control character in a command"
    UNKNOWN_VARIABLE = "unknown_variable", "a variable that perkd does not know"
    SINGLE_BRACE = "single_brace", "a brace that belongs to no variable"
    VARIABLE_NOT_IN_GAME = "variable_not_in_game", "a variable that this game's players do not have"
    REASON_IN_GRANT = "reason_in_grant", "{reason} in a command that gives"
    COMMAND_TOO_LONG = "command_too_long", "a command longer than the game takes"
    # files and secrets
    FILE_MISSING = "file_missing", "a file that is not there"
    FILE_NOT_PERMITTED = "file_not_permitted", "a file this user may not read"
    FILE_UNREADABLE = "file_unreadable", "a file that cannot be read for another reason"
    NOT_A_FILE = "not_a_file", "a directory or something else that is no file"
    NOT_UTF8 = "not_utf8", "a file that is not UTF-8"
    BYTE_ORDER_MARK = "byte_order_mark", "a file that starts with a byte order mark"
    READABLE_BY_OTHERS = "readable_by_others", "a file with secrets that others can read"
    LITERAL_SECRET = "literal_secret", "a secret written into a file that others can read"
    NOT_A_REFERENCE = "not_a_reference", "text where a reference to a secret belongs"
    EMPTY_SECRET = "empty_secret", "a reference that leads to nothing"
    SECRET_NOT_ONE_LINE = "secret_not_one_line", "a secret with a line break or control character"
    NO_ENVIRONMENT_VARIABLE = "no_environment_variable", "an environment variable that is not set"
    NO_CREDENTIAL = "no_credential", "a credential systemd did not give to the service"
    CREDENTIAL_NOT_CHECKED = "credential_not_checked", "a credential that only the service can read"
    NOT_A_CREDENTIAL_NAME = "not_a_credential_name", "a name systemd would not take"
    # lists of customers
    TOKEN_IS_REFERENCE = "token_is_reference", "a reference where the token itself belongs"
    TOKEN_HAS_SPACE = "token_has_space", "a token with a space inside"
    TOKEN_HAS_ODD_CHARACTER = "token_has_odd_character", "a token with a character no token has"
    NOT_CSV = "not_csv", "a row that is not valid CSV"
    NO_TOKEN_COLUMN = "no_token_column", "a CSV file without the column `token`"
    TOO_MANY_CELLS = "too_many_cells", "a CSV row with more cells than the header"
    TOO_LONG = "too_long", "a name or note that is too long"


@unique
class WarningCode(_Code):
    """All kinds of warnings: the config is valid, but something in it is doubtful."""

    NO_SERVER = "no_server", "the config has no [[server]]"
    NO_PERK = "no_perk", "the config has no [[perk]]"
    KEY_ENROLS_NOBODY = "key_enrols_nobody", 'an API key with enrol = "off"'
    POLLS_OFTEN = "polls_often", "an interval so short that the store may refuse"
    QUEUES_TAKE_THE_RATE = "queues_take_the_rate", "the command queues and the feed use most of `poll.rate`"
    RATE_TOO_LOW = "rate_too_low", "more customers than `poll.rate` lets perkd read in time"
    OPEN_TO_OTHERS = "open_to_others", "HTTP that other machines can reach"
    SAME_ADDRESS = "same_address", "two servers with one address"
    CHOSEN_WITHOUT_ID = "chosen_without_id", '"chosen", and no [[server]] has a paynow_id'
    IRREVERSIBLE_YET_REVOKE = "irreversible_yet_revoke", "irreversible = true on a perk with commands in `revoke`"
    SELECTOR_FROM_VALUE = "selector_from_value", "an @ right before a variable: together they can be a selector"
    NAME_CAN_CHANGE = "name_can_change", "{name} in a game that has an id which never changes"
    NOT_CHECKED = "not_checked", "a secret that only the service can read"
    NO_CUSTOMER = "no_customer", "a list of customers without a customer"
    DUPLICATE_TOKEN = "duplicate_token", "a token a second time: left out"
    TOKEN_TRIMMED = "token_trimmed", "a space or line end around a token: left out"
    COLUMN_NOT_USED = "column_not_used", "a CSV column that perkd does not use"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One mistake. `where` is a key path like `perk[0] "vip".grant[1]`, counted from 0. No field holds a secret."""

    code: MistakeCode
    where: str
    found: str
    expected: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigWarning:
    """Something doubtful at a place in a file. `where` is "" for a whole list of customers."""

    code: WarningCode
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}" if self.where else self.text


class ConfigError(Exception):
    """All mistakes in a configuration, in the order perkd found them."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(f"{mistake.where}: found {mistake.found}" for mistake in self.mistakes))

    def render(self, path: Path | None) -> str:
        """The mistakes as text for a terminal: a headline with the file, then a paragraph for each."""
        count = len(self.mistakes)
        lines = [f"{path or 'the configuration'}: {count} mistake{'' if count == 1 else 's'}"]
        for mistake in self.mistakes:
            lines += [
                "",
                mistake.where,
                f"    found:    {mistake.found}",
                f"    expected: {mistake.expected}",
                f"    fix:      {mistake.fix}",
            ]
        return "\n".join(lines)


@dataclass(slots=True)
class Findings:
    """Collects mistakes and warnings while a file is read, so that perkd can report all of them at once."""

    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[ConfigWarning] = field(default_factory=list)

    def mistake(self, where: str, code: MistakeCode, *, found: str, expected: str, fix: str) -> None:
        self.mistakes.append(Mistake(code=code, where=where, found=found, expected=expected, fix=fix))

    def warn(self, where: str, code: WarningCode, text: str) -> None:
        self.warnings.append(ConfigWarning(code=code, where=where, text=text))

    def raise_mistakes(self) -> None:
        """Raises ConfigError when there is any mistake."""
        if self.mistakes:
            raise ConfigError(self.mistakes)


def close_matches(word: str, known: Iterable[str], *, most: int = 1) -> list[str]:
    """The known words that `word` most likely means, best match first. Capital and small letters count as the same."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    return [by_lower[match] for match in get_close_matches(word.lower(), by_lower, n=most)]


def meant(word: str, known: Iterable[str], otherwise: str) -> str:
    """The fix for an unknown word: a similar known word, else `otherwise`."""
    matches = close_matches(word, known)
    return f"did you mean {quoted(matches[0])}?" if matches else otherwise


def quoted(text: str) -> str:
    """The text in quotes, always on one line, and shortened if it is long."""
    short = text if len(text) <= 80 else text[:77] + "…"
    printable = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in short)
    return json.dumps(short, ensure_ascii=False) if printable == short else f'"{printable}"'


def listed(words: Iterable[str]) -> str:
    """The words as an owner would write them: `"a", "b"`; "none" for an empty list."""
    return ", ".join(quoted(word) for word in words) or "none"
