"""The codes of errors: each type of store error and each error of a verb has its own."""

import re
from collections.abc import Iterator

import perkd.daemon.app
import perkd.daemon.cli
import perkd.daemon.cli.store.sending
from perkd.daemon.cli.doctor.servers import ServerState
from perkd.daemon.cli.errors import CliError, Code
from perkd.daemon.paynow.errors import StoreError
from perkd.daemon.servers.link import LinkState

MODULES = (
    perkd.daemon.app,
    perkd.daemon.cli.store.sending,
)  # importing them imports every module that defines store errors


def kinds(kind: type[StoreError] = StoreError) -> Iterator[type[StoreError]]:
    yield kind
    for more in kind.__subclasses__():
        yield from kinds(more)


def test_each_store_error_has_a_code_of_its_own() -> None:
    found = [kind for kind in kinds() if kind.__module__.startswith("perkd.daemon.")]
    assert len(found) > 15
    assert [kind.__name__ for kind in found if "code" not in vars(kind)] == []
    codes = [kind.code for kind in found]
    assert sorted(set(codes)) == sorted(codes)


def test_each_code_is_unique_and_one_word() -> None:
    codes = [*Code, *(kind.code for kind in kinds())]
    assert sorted(set(codes)) == sorted(codes)
    assert [code for code in codes if not re.fullmatch(r"[a-z]+(_[a-z]+)*", code)] == []


def test_an_error_of_the_command_line_is_a_document_with_its_facts() -> None:
    error = CliError(Code.BAD_FILE, "no", lines=[2], retry_after_s=None)
    assert error.to_json() == {"error": {"code": "bad_file", "message": "no", "lines": [2]}}


def test_check_knows_every_state_a_daemon_gives_a_server() -> None:
    assert {state.value for state in LinkState} <= {state.value for state in ServerState}
