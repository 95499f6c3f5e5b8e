"""Secret references: where each scheme leads, and errors that tell the owner what to do."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from perkd.daemon.config.secret_references import (
    NotChecked,
    SecretError,
    SecretSources,
    read_document,
    read_text,
    resolve,
)

MintSecret = Callable[[str], str]
NOBODY = 65534


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Runs the block as an ordinary user, because root may read everything. For other users it changes nothing."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def sources(tmp_path: Path, **env: str) -> SecretSources:
    return SecretSources.of(env, outside=tmp_path)


def service(tmp_path: Path) -> SecretSources:
    return SecretSources.of({"CREDENTIALS_DIRECTORY": str(tmp_path)})


def problem(reference: str, where: SecretSources, *, literal_allowed: bool = False) -> SecretError:
    with pytest.raises(SecretError) as caught:
        resolve(reference, where, literal_allowed=literal_allowed)
    return caught.value


def put(path: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def test_env_names_an_environment_variable(tmp_path: Path, secret: MintSecret) -> None:
    password = secret("rcon password")
    assert resolve("env:RCON", sources(tmp_path, RCON=password), literal_allowed=False).reveal() == password


def test_file_names_a_file(tmp_path: Path, secret: MintSecret) -> None:
    password = secret("rcon password")
    path = put(tmp_path / "rcon", password)
    assert resolve(f"file:{path}", sources(tmp_path), literal_allowed=False).reveal() == password


def test_a_credential_of_the_service_lies_in_systemds_folder(tmp_path: Path, secret: MintSecret) -> None:
    password = secret("rcon password")
    put(tmp_path / "rcon", password, mode=0o440)
    assert resolve("credential:rcon", service(tmp_path), literal_allowed=False).reveal() == password


def test_a_credential_outside_the_service_lies_where_the_unit_takes_it_from(tmp_path: Path, secret: MintSecret) -> None:
    password = secret("rcon password")
    put(tmp_path / "rcon", password)
    assert resolve("credential:rcon", sources(tmp_path), literal_allowed=False).reveal() == password


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_line_ends_after_a_secret_are_removed(tmp_path: Path, secret: MintSecret, end: str) -> None:
    password = secret("rcon password")
    put(tmp_path / "rcon", password + end)
    assert resolve("credential:rcon", sources(tmp_path), literal_allowed=False).reveal() == password


def test_a_literal_is_taken_from_a_private_file_only(tmp_path: Path, secret: MintSecret) -> None:
    password = secret("rcon password")
    assert resolve(password, sources(tmp_path), literal_allowed=True).reveal() == password
    error = problem(password, sources(tmp_path))
    assert error.code == "literal_secret"
    assert "chmod 600" in error.fix
    assert password not in str(error)


def test_a_literal_may_hold_a_colon(tmp_path: Path) -> None:
    assert resolve("pass:word", sources(tmp_path), literal_allowed=True).reveal() == "pass:word"


@pytest.mark.parametrize(
    ("written", "meant"), [("credentials:rcon", "credential:"), ("ENV:RCON", "env:"), ("files:/etc/rcon", "file:")]
)
def test_a_misspelt_scheme_never_becomes_the_secret(tmp_path: Path, written: str, meant: str) -> None:
    error = problem(written, sources(tmp_path), literal_allowed=True)
    assert error.code == "not_a_reference"
    assert meant in error.fix


def test_a_missing_environment_variable_is_named(tmp_path: Path) -> None:
    error = problem("env:RCON", sources(tmp_path))
    assert error.code == "no_environment_variable"
    assert "RCON" in error.found
    assert "EnvironmentFile=" in error.fix
    assert problem("env:", sources(tmp_path)).code == "no_environment_variable"


@pytest.mark.parametrize("content", ["", "\n", "   \n"])
def test_an_empty_secret_is_a_mistake_in_every_source(tmp_path: Path, content: str) -> None:
    path = put(tmp_path / "rcon", content)
    for reference in (f"file:{path}", "credential:rcon", "env:RCON"):
        error = problem(reference, sources(tmp_path, RCON=content))
        assert error.code == "empty_secret"
        assert reference in error.fix
        assert not isinstance(error, NotChecked)


def test_a_secret_is_one_line(tmp_path: Path, secret: MintSecret) -> None:
    password = secret("rcon password")
    path = put(tmp_path / "rcon", f"{password}\nanother\n")
    error = problem(f"file:{path}", sources(tmp_path))
    assert error.code == "secret_not_one_line"
    assert password not in str(error)


@pytest.mark.parametrize("bom", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])
def test_a_byte_order_mark_is_named_and_how_to_save_without(tmp_path: Path, bom: bytes) -> None:
    path = put(tmp_path / "rcon", bom + b"hunter-two")
    error = problem(f"file:{path}", sources(tmp_path))
    assert error.code == "byte_order_mark"
    assert str(path) in error.found
    assert "hunter" not in str(error)


def test_a_file_that_is_no_utf8_says_where(tmp_path: Path) -> None:
    path = put(tmp_path / "rcon", b"abc\xe9")
    error = problem(f"file:{path}", sources(tmp_path))
    assert error.code == "not_utf8"
    assert "byte 3" in error.found


def test_a_directory_is_no_secret(tmp_path: Path) -> None:
    assert problem(f"file:{tmp_path}", sources(tmp_path)).code == "not_a_file"


def test_a_device_is_no_secret(tmp_path: Path) -> None:
    assert problem("file:/dev/null", sources(tmp_path)).code == "not_a_file"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    error = problem(f"file:{tmp_path}/nowhere", sources(tmp_path))
    assert error.code == "file_missing"
    assert f"{tmp_path}/nowhere" in error.found


def test_a_file_below_a_file_is_missing_too(tmp_path: Path) -> None:
    path = put(tmp_path / "rcon", "x")
    assert problem(f"file:{path}/deeper", sources(tmp_path)).code == "file_missing"


def test_a_path_the_system_cannot_follow_says_why(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    error = problem(f"file:{loop}", sources(tmp_path))
    assert error.code == "file_unreadable"
    assert os.strerror(errno.ELOOP) in error.found


def test_a_path_with_a_nul_is_refused(tmp_path: Path) -> None:
    assert problem("file:/a\0b", sources(tmp_path)).code == "not_a_path"


def test_a_file_this_user_may_not_read_says_who_asked(tmp_path: Path) -> None:
    path = put(tmp_path / "rcon", "x", mode=0)
    with ordinary_user():
        error = problem(f"file:{path}", sources(tmp_path))
        assert f"uid {os.geteuid()}" in error.found
    assert error.code == "file_not_permitted"


def test_a_relative_path_is_refused(tmp_path: Path) -> None:
    assert problem("file:rcon", sources(tmp_path)).code == "not_a_path"


@pytest.mark.parametrize("name", ["", "../shadow", "a/b", "/etc/shadow", "..", "a b"])
def test_a_credential_has_a_plain_name(tmp_path: Path, name: str) -> None:
    assert problem(f"credential:{name}", sources(tmp_path)).code == "not_a_credential_name"


def test_a_missing_credential_of_the_service_says_what_the_unit_lacks(tmp_path: Path) -> None:
    error = problem("credential:rcon", service(tmp_path))
    assert error.code == "no_credential"
    assert "LoadCredential=rcon:/etc/perkd/credentials/rcon" in error.fix
    assert not isinstance(error, NotChecked)


def test_a_missing_credential_outside_the_service_is_not_checked(tmp_path: Path) -> None:
    error = problem("credential:rcon", sources(tmp_path))
    assert isinstance(error, NotChecked)
    assert error.code == "credential_not_checked"
    assert str(tmp_path / "rcon") in error.fix


def test_a_credential_this_user_may_not_read_is_not_checked(tmp_path: Path) -> None:
    put(tmp_path / "rcon", "x", mode=0)
    with ordinary_user():
        assert isinstance(problem("credential:rcon", sources(tmp_path)), NotChecked)


def test_a_credential_the_service_may_not_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "service").mkdir(mode=0o755)
    put(tmp_path / "service" / "rcon", "x", mode=0)
    tmp_path.chmod(0o755)
    with ordinary_user():
        assert not isinstance(problem("credential:rcon", service(tmp_path / "service")), NotChecked)


def test_a_broken_credential_outside_the_service_is_still_a_problem(tmp_path: Path) -> None:
    (tmp_path / "rcon").mkdir()
    error = problem("credential:rcon", sources(tmp_path))
    assert error.code == "not_a_file"
    assert not isinstance(error, NotChecked)


def test_a_document_keeps_its_lines(tmp_path: Path) -> None:
    path = put(tmp_path / "tokens", "one\ntwo\n")
    assert read_document(f"file:{path}", sources(tmp_path)) == "one\ntwo\n"
    assert read_document("credential:tokens", sources(tmp_path)) == "one\ntwo\n"
    assert read_document("env:T", sources(tmp_path, T="one\ntwo\n")) == "one\ntwo\n"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
@pytest.mark.parametrize("scheme", ["file", "credential"])
def test_a_document_others_can_read_is_refused(tmp_path: Path, mode: int, scheme: str) -> None:
    path = put(tmp_path / "tokens", "text", mode=mode)
    reference = f"file:{path}" if scheme == "file" else "credential:tokens"
    with pytest.raises(SecretError) as caught:
        read_document(reference, sources(tmp_path))
    assert caught.value.code == "readable_by_others"
    assert f"chmod 600 {path}" in caught.value.fix


def test_systemd_itself_decides_who_reads_a_credential_of_the_service(tmp_path: Path) -> None:
    put(tmp_path / "tokens", "text", mode=0o440)
    assert read_document("credential:tokens", service(tmp_path)) == "text"


def test_a_document_is_never_a_literal_or_empty(tmp_path: Path) -> None:
    for reference, code in (("[[customer]]", "not_a_reference"), ("env:T", "empty_secret")):
        with pytest.raises(SecretError) as caught:
            read_document(reference, sources(tmp_path, T=" \n"))
        assert caught.value.code == code


def test_text_is_read_as_utf8(tmp_path: Path) -> None:
    assert read_text(put(tmp_path / "text", "grün")) == "grün"
