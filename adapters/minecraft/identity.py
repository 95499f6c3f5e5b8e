"""Who a customer is on a Minecraft server. This depends on how the server names its players. PURE.

`adapter.py` calls it; it makes one adapter for each of these ways:

- online: Mojang's UUIDs.
- offline: vanilla makes the UUID from the exact name, `UUID.nameUUIDFromBytes("OfflinePlayer:" + name)`. "Ann" and
  "ann" are two players.
- floodgate: Java players as with online. A Bedrock player's UUID is (0, XUID). Their name is the prefix and the
  gamertag, at most 16 characters, with underscores for spaces (Floodgate's `isFloodgateId`, `username-prefix`,
  `replace-spaces`).
"""

import hashlib
import re
import uuid as uuids
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..base import Identity, Player, Unsafe, Who
from .values import NAME, UUID

IDENTITIES: Final = (Identity.ONLINE, Identity.OFFLINE, Identity.FLOODGATE)

NAME_MOST: Final = 16
XUID_DIGITS: Final = 16
_PREFIX: Final = re.compile(r"[.*+]?[A-Za-z0-9_]{0,15}")
_NIL: Final = str(uuids.UUID(int=0))
_UUID: Final = re.compile(UUID)
_UUID_DIGITS: Final = re.compile(r"[0-9a-f]{32}")
_NAME: Final = re.compile(NAME)
_DIGITS: Final = re.compile(r"[0-9]+")
_FLOODGATE: Final = "00000000-0000-0000-"  # every Bedrock player's UUID begins so, and no Java player's

_FIELDS: Final[Mapping[tuple[Identity, str], str]] = {
    (Identity.ONLINE, "name"): "minecraft_uuid (the store finds the name with it)",
    (Identity.ONLINE, "uuid"): 'minecraft_uuid (identity = "online" knows Java players only)',
    (Identity.OFFLINE, "name"): "the Minecraft name",
    (Identity.OFFLINE, "uuid"): 'the Minecraft name (identity = "offline" makes the UUID from it)',
    (Identity.FLOODGATE, "name"): "the Minecraft name, or a Bedrock player's gamertag,",
    (Identity.FLOODGATE, "uuid"): "minecraft_uuid, or xbox_xuid for a Bedrock player,",
}


@dataclass(frozen=True, slots=True)
class Naming:
    """How one server names its players. `bedrock_prefix` is for floodgate only, and empty otherwise."""

    identity: Identity = Identity.ONLINE
    bedrock_prefix: str = ""


@dataclass(frozen=True, slots=True)
class _Account:
    """What the store says about a customer's Minecraft accounts; "" for what it does not say."""

    java: str  # the UUID of the Java account
    xuid: str  # the XUID of the Bedrock account, digits
    id_name: str  # the id, if it is a name: in an offline-mode store
    name: str  # the name in the game, without Floodgate's prefix
    bedrock: bool  # whether `name` is a Bedrock player's
    platform: str  # the store's word: "java", "bedrock"
    customer_name: str  # the customer's name in the store, for any game


def naming(identity: Identity, bedrock_prefix: str) -> Naming:
    """Raises ValueError for an identity that is not in IDENTITIES, Unsafe for a prefix that no name may begin with."""
    if identity not in IDENTITIES:
        raise ValueError(f"a Minecraft server has one of the identities {', '.join(IDENTITIES)}")
    if identity is not Identity.FLOODGATE:
        return Naming(identity)
    if len(bedrock_prefix) >= NAME_MOST or _PREFIX.fullmatch(bedrock_prefix) is None:
        raise Unsafe("at most 15 characters: first one of . * + (or none of them), then letters, digits and _")
    return Naming(identity, bedrock_prefix)


def offline_uuid(name: str) -> str:
    """The UUID that an offline-mode server gives to this name: version 3 of RFC 4122, without a namespace."""
    digest = hashlib.md5(f"OfflinePlayer:{name}".encode("utf-8", "replace"), usedforsecurity=False).digest()
    return str(uuids.UUID(bytes=digest, version=3))


def floodgate_uuid(xuid: str) -> str:
    """The UUID that Floodgate gives to this XUID; "" if it is not a XUID."""
    number = int(xuid) if re.fullmatch(r"[0-9]{1,20}", xuid) else 0
    return str(uuids.UUID(int=number)) if 0 < number < 2**64 else ""


def xuid_of(uuid: str) -> str:
    """The XUID in a Floodgate UUID; "" for the UUID of a Java player."""
    if not uuid.startswith(_FLOODGATE) or _UUID.fullmatch(uuid) is None:
        return ""
    number = int(uuid.removeprefix(_FLOODGATE).replace("-", ""), 16)
    return str(number) if number else ""


def bedrock_name(gamertag: str, prefix: str) -> str:
    """A Bedrock player's name on the server. Some stores write the prefix in front of the gamertag; it is not added
    again if no gamertag can begin with it."""
    known = bool(prefix) and not prefix.isalnum() and gamertag.startswith(prefix)
    return (gamertag if known else prefix + gamertag)[:NAME_MOST].replace(" ", "_")


def identify(profile: Mapping[str, str], how: Naming) -> Who:
    """The player that a customer is on a server with this naming."""
    account = _account(profile, how)
    if how.identity is Identity.OFFLINE:
        name = "" if account.bedrock else account.id_name or account.name
        name = name or _only_name(profile, account)
        return _who(offline_uuid(name) if name else "", name, account.xuid)
    floodgate = floodgate_uuid(account.xuid) if how.identity is Identity.FLOODGATE else ""
    if floodgate and (account.platform == "bedrock" or not account.java):
        tag = account.name if account.bedrock else ""
        tag = tag or ("" if account.java or account.platform == "java" else account.customer_name)
        return _who(floodgate, bedrock_name(tag, how.bedrock_prefix) if tag else "", account.xuid)
    given = "" if account.bedrock else account.name
    if account.java:
        return _who(account.java, given or ("" if account.bedrock else account.customer_name), account.xuid)
    # Without a UUID the name identifies the player. The customer's name is not used: it may come from another game.
    return Who(given or None, _values("", given, account.xuid))


def store_keys(player: Player, how: Naming) -> tuple[tuple[str, str], ...]:
    """How the store's customer lookup finds a player of the server's list. The customer it finds is this player only
    if `identify` says so too, because the store may compare names less exactly."""
    if how.identity is Identity.OFFLINE:
        return _by_name(player.name)
    if re.fullmatch(UUID, player.id) is None:
        prefix = how.bedrock_prefix
        if prefix and not prefix.isalnum() and player.name.startswith(prefix):
            return (("minecraft_bedrock_name", player.name.removeprefix(prefix)), ("name", player.name))
        return _by_name(player.name)
    xuid = xuid_of(player.id) if how.identity is Identity.FLOODGATE else ""
    return (*((("xbox_xuid", xuid),) if xuid else ()), ("minecraft_uuid", player.id))


def names_of(name: str, how: Naming) -> tuple[str, ...]:
    """A gamertag may contain spaces; a name in the game never does."""
    java = (name,) if name and not re.search(r"\s", name) else ()
    if how.identity is not Identity.FLOODGATE or not name.strip():
        return java
    return tuple(dict.fromkeys((*java, bedrock_name(name, how.bedrock_prefix))))


def fields(variable: str, how: Naming) -> str:
    """What the store must know about a customer so that the variable has a value."""
    return "xbox_xuid" if variable == "xuid" else _FIELDS[how.identity, variable.partition("_")[0]]


def _by_name(name: str) -> tuple[tuple[str, str], ...]:
    return (("minecraft_java_name", name), ("name", name))


def _account(profile: Mapping[str, str], how: Naming) -> _Account:
    """Reads the customer's accounts. A Bedrock customer's `minecraft_id` is the XUID, and `minecraft_uuid` is generated
    from it (the store's own description), so these are not a name and not a Java player's UUID."""
    source = profile.get("profile_platform", "")
    generic = profile if source.startswith("minecraft") or source == "xbox_xuid" else {}
    of_bedrock = source in ("minecraft_bedrock_name", "xbox_xuid") and "minecraft_id" not in profile
    platform = profile.get("minecraft_platform", "")
    of_bedrock = platform == "bedrock" or (not platform and of_bedrock)
    xuid, said_id = profile.get("xbox_xuid", ""), profile.get("minecraft_id") or generic.get("profile_id", "")
    if _DIGITS.fullmatch(said_id) and (
        xuid == said_id or of_bedrock or (how.identity is Identity.FLOODGATE and len(said_id) == XUID_DIGITS)
    ):
        xuid, said_id = xuid or said_id, ""
    id_uuid = _uuid(said_id)
    every = [one for one in (_uuid(profile.get("minecraft_uuid", "")), id_uuid) if one]
    # A Bedrock customer's `minecraft_uuid` may differ from Floodgate's: the store does not say how it makes it.
    said = [id_uuid] if platform == "bedrock" else every
    java = next((one for one in said if one and not xuid_of(one)), "")
    xuid = xuid or next(filter(None, map(xuid_of, every)), "")
    id_name = "" if id_uuid or said_id == _NIL else said_id
    name = profile.get("minecraft_name") or generic.get("profile_name", "")
    if not name and _NAME.fullmatch(id_name):
        name = id_name
    return _Account(
        java=java,
        xuid=xuid,
        id_name=id_name,
        name=name,
        bedrock=of_bedrock or (platform != "java" and bool(xuid) and not java),
        platform=platform,
        customer_name=profile.get("customer_name", ""),
    )


def _only_name(profile: Mapping[str, str], account: _Account) -> str:
    """The customer's name in the store, if nothing says that it comes from another game."""
    elsewhere = profile.get("steam_id") or account.xuid or account.bedrock
    source = profile.get("profile_platform", "")
    other = bool(source) and not source.startswith(("minecraft", "paynow"))
    return "" if elsewhere or other else account.customer_name


def _who(player: str, name: str, xuid: str) -> Who:
    return Who(player or None, _values(player, name, xuid))


def _values(uuid: str, name: str, xuid: str) -> dict[str, str]:
    values = {"name": name, "uuid": uuid, "uuid_plain": uuid.replace("-", ""), "xuid": xuid}
    return {key: value for key, value in values.items() if value}


def _uuid(text: str) -> str:
    """The UUID with dashes, in small letters; "" if it is not a UUID or the empty UUID."""
    if _UUID.fullmatch(text):  # almost always: the store writes them in this form
        return "" if text == _NIL else text
    digits = text.replace("-", "").lower()
    if _UUID_DIGITS.fullmatch(digits) is None or (text.lower() != digits and not _UUID.fullmatch(text.lower())):
        return ""
    dashed = str(uuids.UUID(digits))
    return "" if dashed == _NIL else dashed
