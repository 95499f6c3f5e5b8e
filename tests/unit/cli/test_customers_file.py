"""The file of `perkd customers import`: CSV in many forms, TOML, and messages that never show a token."""

from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from perkd.daemon.cli.customers.file import LONGEST, read_customers
from perkd.daemon.config.secret_references import SecretError
from perkd.daemon.config.tokens_file import TokenList
from perkd.daemon.core.mistakes import ConfigError, Mistake

MintSecret = Callable[[str], str]


def read(folder: Path, text: str, name: str = "list.csv") -> TokenList:
    (folder / name).write_text(text, "utf-8", newline="")
    return read_customers(folder / name)


def mistakes(folder: Path, text: str, name: str = "list.csv") -> tuple[Mistake, ...]:
    with pytest.raises(ConfigError) as caught:
        read(folder, text, name)
    return caught.value.mistakes


def rows(found: TokenList) -> list[tuple[str, str, str, str]]:
    return [(entry.token.reveal(), entry.name, entry.note, entry.where) for entry in found.entries]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_csv_with_any_separator_is_read(tmp_path: Path, secret: MintSecret, delimiter: str, end: str) -> None:
    token = secret("customer token")
    text = f"Note{delimiter}TOKEN{end}{end}since May{delimiter}{token}{end}"
    assert rows(read(tmp_path, text)) == [(token, "", "since May", "line 3")]


def test_a_row_over_several_lines_is_named_by_its_first_line(tmp_path: Path, secret: MintSecret) -> None:
    one, two = secret("customer token"), secret("customer token")
    found = read(tmp_path, f'token,note\n{one},"a\nb, ""c"""\n{two}\n')
    assert rows(found) == [(one, "", 'a\nb, "c"', "line 2"), (two, "", "", "line 4")]


def test_a_token_that_is_there_twice_is_read_once_with_a_warning(tmp_path: Path, secret: MintSecret) -> None:
    token = secret("customer token")
    found = read(tmp_path, f"token\n{token}\n{token} \n")
    assert [entry.where for entry in found.entries] == ["line 2"]
    assert [(warning.where, warning.code) for warning in found.warnings] == [
        ("line 3", "token_trimmed"),
        ("line 3", "duplicate_token"),
    ]


def test_a_toml_file_is_recognised_by_its_content_or_its_name(tmp_path: Path, secret: MintSecret) -> None:
    token = secret("customer token")
    text = f'# mine\n\n[[customer]]\ntoken = "{token}"\n [[ customer ]]\ntoken = "{token}x"\nname = "B"\n'
    for name in ("list", "list.txt", "list.TOML"):
        assert rows(read(tmp_path, text, name)) == [(token, "", "", "line 3"), (f"{token}x", "B", "", "line 5")]
    assert mistakes(tmp_path, f"token\n{token}\n", "list.toml")


def test_all_wrong_rows_are_named_together(tmp_path: Path, secret: MintSecret) -> None:
    token = secret("customer token")
    text = f"token,name\n,Ann\nCustomer {token},Bob\n{token},a,b\nfile:/x,Cleo\n{token}é,Dora\n{token}"
    found = mistakes(tmp_path, text)
    assert [mistake.where for mistake in found] == [f"line {n}" for n in (2, 3, 4, 5, 6)]
    assert [mistake.code for mistake in found] == [
        "missing",
        "token_has_space",
        "too_many_cells",
        "token_is_reference",
        "token_has_odd_character",
    ]


@pytest.mark.parametrize(
    ("text", "where", "code"),
    [
        ("{}\n{}x\n", "line 1", "no_token_column"),
        ("", "the file", "no_token_column"),
        ("token,token\n{},{}\n", "line 1", "duplicate"),
        ('token\n"{}\n', "line 2", "not_csv"),
        (f"token,note\n{{}},{'x' * (LONGEST + 1)}\n", "line 2", "too_long"),
    ],
)
def test_the_mistakes_of_a_file_are_named_without_a_token(
    tmp_path: Path, secret: MintSecret, text: str, where: str, code: str
) -> None:
    token = secret("customer token")
    (mistake,) = mistakes(tmp_path, text.format(token, token))
    assert (mistake.where, mistake.code) == (where, code)
    assert token not in repr(mistake)


def test_a_file_without_customers_and_unused_columns_give_warnings(tmp_path: Path) -> None:
    warnings = read(tmp_path, "token,email\n").warnings
    assert [(one.where, one.code) for one in warnings] == [("line 1", "column_not_used"), ("the file", "no_customer")]
    assert '"email"' in warnings[0].text


def test_each_message_about_a_file_of_customers(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    warned = [read(tmp_path, text).warnings for text in ("token,email\n", "token\nx1\nx1 \n")]
    warned += [read(tmp_path, text, "list.toml").warnings for text in ("", '[[customer]]\ntoken = "x1 "\n')]
    wrong = ["x\n", "", "token,token\nx,y\n", 'token\n"x\n', f"token,note\nx1,{'x' * (LONGEST + 1)}\n"]
    wrong.append("token,name\n,Ann\nCustomer x1,Bob\nx1,a,b\nfile:/x,Cleo\nx1é,Dora\nx1")
    assert (warned, [mistakes(tmp_path, text) for text in wrong]) == snapshot


@pytest.mark.parametrize("name", ["nowhere.csv", "."])
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, name: str) -> None:
    with pytest.raises(SecretError):
        read_customers(tmp_path / name)
