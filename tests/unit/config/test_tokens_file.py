"""The list of customer tokens: what is read, what is corrected, and that no text ever shows a token."""

from collections.abc import Callable

import pytest

from perkd.daemon.config.tokens_file import read_tokens
from perkd.daemon.core.mistakes import ConfigError, Mistake

MintSecret = Callable[[str], str]
WHERE = "customers.tokens"


def mistakes(text: str) -> tuple[Mistake, ...]:
    with pytest.raises(ConfigError) as caught:
        read_tokens(text, WHERE)
    return caught.value.mistakes


def only(text: str) -> Mistake:
    (mistake,) = mistakes(text)
    return mistake


def test_entries_come_in_their_order_with_their_words(secret: MintSecret) -> None:
    first, second = secret("customer token"), secret("customer token")
    tokens = read_tokens(
        f'[[customer]]\ntoken = "{first}"\n[[customer]]\ntoken = "{second}"\nname = "Alex"\nnote = "since May"\n', WHERE
    )
    assert [(entry.token.reveal(), entry.name, entry.note) for entry in tokens.entries] == [
        (first, "", ""),
        (second, "Alex", "since May"),
    ]
    assert tokens.warnings == ()


def test_a_list_and_its_entries_have_no_text_form_of_a_token(secret: MintSecret) -> None:
    token = secret("customer token")
    assert token not in repr(read_tokens(f'[[customer]]\ntoken = "{token}"', WHERE))


@pytest.mark.parametrize("pasted", [" {}", "{} ", "{}\\n", "\\t{}\\r\\n"])
def test_a_pasted_space_or_line_end_is_removed_with_a_warning(secret: MintSecret, pasted: str) -> None:
    token = secret("customer token")
    tokens = read_tokens(f'[[customer]]\nname = "Alex"\ntoken = "{pasted.format(token)}"', WHERE)
    assert tokens.entries[0].token.reveal() == token
    (warning,) = tokens.warnings
    assert (warning.where, warning.code) == ('customers.tokens: customer[0] "Alex".token', "token_trimmed")


def test_a_token_given_twice_counts_once_with_a_warning(secret: MintSecret) -> None:
    token = secret("customer token")
    tokens = read_tokens(f'[[customer]]\nname = "Alex"\ntoken = "{token}"\n[[customer]]\ntoken = "{token}"', WHERE)
    assert [entry.name for entry in tokens.entries] == ["Alex"]
    (warning,) = tokens.warnings
    assert (warning.where, warning.code) == ("customers.tokens: customer[1].token", "duplicate_token")
    assert 'customer[0] "Alex"' in warning.text


def test_an_empty_list_is_a_warning() -> None:
    tokens = read_tokens("# nobody yet\n", WHERE)
    assert tokens.entries == ()
    assert [(warning.where, warning.code) for warning in tokens.warnings] == [(WHERE, "no_customer")]


@pytest.mark.parametrize(
    ("entry", "place", "code"),
    [
        ("", "token", "missing"),
        ('token = "  "', "token", "missing"),
        ("token = 12345678", "token", "wrong_type"),
        ('token = "Customer abcdefgh"', "token", "token_has_space"),
        ('token = "abc\\u00e9defgh"', "token", "token_has_odd_character"),
        ('token = "abc\\u0000defgh"', "token", "token_has_odd_character"),
        ('token = "env:TOKEN"', "token", "token_is_reference"),
        ('token = "abcdefgh"\nname = 5', "name", "wrong_type"),
        ('token = "abcdefgh"\nnmae = "Alex"', "nmae", "unknown_key"),
    ],
)
def test_a_mistake_in_an_entry_names_the_entry(entry: str, place: str, code: str) -> None:
    mistake = only(f'[[customer]]\ntoken = "12345678"\n[[customer]]\n{entry}\n')
    assert mistake.where.startswith("customers.tokens: customer[1]")
    assert mistake.where.endswith(place)
    assert mistake.code == code
    assert "abcdefgh" not in repr(mistake)


def test_a_key_outside_the_entries_is_refused() -> None:
    first, second = mistakes('token = "12345678"\n[[custmer]]\n')
    assert (first.where, first.code) == ("customers.tokens: token", "unknown_section")
    assert "[customer]" in first.fix
    assert (second.where, second.code) == ("customers.tokens: custmer", "unknown_section")
    assert '"customer"' in second.fix


def test_one_bracket_where_two_are_needed_is_a_mistake() -> None:
    mistake = only('[customer]\ntoken = "12345678"')
    assert mistake.code == "not_a_list"
    assert "[[customer]]" in mistake.fix


def test_an_entry_that_is_no_table_is_a_mistake() -> None:
    mistake = only('customer = ["12345678"]')
    assert (mistake.where, mistake.code) == ("customers.tokens: customer[0]", "not_a_table")
    assert "12345678" not in repr(mistake)


def test_invalid_toml_is_reported_with_its_line() -> None:
    mistake = only('[[customer]]\ntoken = abcdefgh\nname = "x"\n')
    assert (mistake.where, mistake.code) == ("customers.tokens: line 2, column 9", "not_toml")
    assert "abcdefgh" not in repr(mistake)


def test_all_mistakes_are_reported_at_once() -> None:
    text = '[[customer]]\n[[customer]]\ntoken = "a b"\n[[customer]]\ntoken = 5\nnote = 6\n'
    assert [mistake.where.removeprefix("customers.tokens: ") for mistake in mistakes(text)] == [
        "customer[0].token",
        "customer[1].token",
        "customer[2].token",
        "customer[2].note",
    ]
