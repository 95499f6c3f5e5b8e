"""Checks `identity` and `bedrock_prefix` of a `[[server]]`: how the server identifies its players.

`servers` calls it for each server whose game is known.
"""

from perkd.adapters.base import Adapter, Identity, Unsafe

from ..core.mistakes import Findings, MistakeCode, listed, quoted
from .file_tables import ServerTable
from .tables import Read

DEFAULT_PREFIX = ServerTable().bedrock_prefix


def identity_of(table: ServerTable) -> str:
    """How the server identifies its players, as an owner writes it in the file."""
    floodgate = Identity(table.identity) is Identity.FLOODGATE
    prefix = f" and bedrock_prefix = {quoted(table.bedrock_prefix)}" if floodgate else ""
    return f"identity = {quoted(table.identity)}{prefix}"


NAMES_ARE_IDS = identity_of(ServerTable(identity="offline"))


def check_identity(read: Read[ServerTable], game: str, adapter: Adapter, findings: Findings) -> None:
    """Notes a key that the game does not use, an identity it does not have, and a prefix no name may begin with."""
    table, written = read.table, read.table.model_fields_set
    if not adapter.identities:
        for key in ("identity", "bedrock_prefix"):
            if key in written and read.sound(key):
                findings.mistake(
                    read.at(key),
                    MistakeCode.NOT_IN_THIS_GAME,
                    found=f"{quoted(getattr(table, key))} on a server of {game}",
                    expected=f"no such key: {game} identifies its players in one way only",
                    fix="remove this key; it is for Minecraft servers",
                )
        return
    if not (read.sound("identity") and read.sound("bedrock_prefix")):
        return
    if table.identity not in adapter.identities:
        findings.mistake(
            read.at("identity"),
            MistakeCode.NOT_IN_THIS_GAME,
            found=f"{quoted(table.identity)}, which {game} does not have",
            expected=listed(adapter.identities),
            fix=f"write {quoted(adapter.identities[0])}, or remove this key",
        )
    elif Identity(table.identity) is not Identity.FLOODGATE:
        if table.bedrock_prefix != DEFAULT_PREFIX:
            findings.mistake(
                read.at("bedrock_prefix"),
                MistakeCode.NEEDS_FLOODGATE,
                found=f"{quoted(table.bedrock_prefix)} with identity = {quoted(table.identity)}",
                expected='a prefix only with identity = "floodgate"',
                fix='write identity = "floodgate" if Bedrock players join this server, or remove this key',
            )
    else:
        try:
            adapter.for_identity(Identity(table.identity), table.bedrock_prefix)
        except Unsafe as unsafe:
            findings.mistake(
                read.at("bedrock_prefix"),
                MistakeCode.UNSAFE_PREFIX,
                found=quoted(table.bedrock_prefix),
                expected=str(unsafe),
                fix="set such a username-prefix in Floodgate's config.yml, and write the same prefix here",
            )
