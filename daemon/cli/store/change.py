"""`perkd store customers create` and `update`: one customer, with exactly the given fields."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ...paynow import CustomerFields
from ..errors import Code, OutOfReach, WrongUse
from ..options import Config, Json
from ..output import printable, say, say_json, warn
from .customers import CustomerId
from .fields import an_id, body, pairs, texts
from .session import LOST, access_of, ask, facts_of, message_of
from .text import customer_details, plain

if TYPE_CHECKING:
    from ...paynow import Customer, Management

CLEARABLE = ("name", "steam_id", "minecraft_uuid", "xbox_xuid", "metadata")

NewName = Annotated[str | None, typer.Option("--name", metavar="NAME", help="1 to 50 characters.")]
SteamId = Annotated[str | None, typer.Option("--steam-id", metavar="ID", help="A SteamID64.")]
Uuid = Annotated[str | None, typer.Option("--minecraft-uuid", metavar="UUID", help="With or without dashes.")]
Platform = Annotated[
    str | None, typer.Option("--minecraft-platform", metavar="PLATFORM", help="java, bedrock or unknown.")
]
Xuid = Annotated[str | None, typer.Option("--xbox-xuid", metavar="XUID", help="The XUID of a Bedrock player.")]
Metadata = Annotated[list[str] | None, typer.Option("--metadata", metavar="KEY=VALUE", help="Can be repeated.")]
Blank = Annotated[bool, typer.Option("--blank", help="Create a customer without any field.")]
UNSURE = "perkd does not know whether the customer was created"
LOOK = "Look with `perkd store customers lookup` or `list --search` before you try again"

Clear = Annotated[
    list[str] | None,
    typer.Option(
        "--clear", metavar="FIELD", help=f"Empty this field: {', '.join(CLEARABLE)} or metadata.KEY. Can be repeated."
    ),
]


def create(  # noqa: PLR0913 - one argument for each option
    *,
    name: NewName = None,
    steam_id: SteamId = None,
    minecraft_uuid: Uuid = None,
    minecraft_platform: Platform = None,
    xbox_xuid: Xuid = None,
    metadata: Metadata = None,
    blank: Blank = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Create a customer. The store cannot delete one.

    On a Minecraft store, the name or the UUID is enough: the store looks up the other one.
    """
    given = _given(name, steam_id, minecraft_uuid, minecraft_platform, xbox_xuid)
    if metadata:
        given["metadata"] = pairs(metadata, "--metadata")
    if not given and not blank:
        raise WrongUse(Code.WRONG_CHOICE, "give at least one field, or --blank to create a customer without any")
    fields = body(CustomerFields, given)

    async def work(management: "Management") -> "Customer":
        try:
            return await management.customers.create(fields)
        except LOST as error:
            text = f"{UNSURE}: {message_of(error, retry_hint=False)}. {LOOK}"
            raise OutOfReach(error.code, text, **facts_of(error, changes=True)) from None

    _show(ask(access_of(config), work, unsure=f"interrupted: {UNSURE}. {LOOK}"), "created", json=json)


def update(  # noqa: PLR0913 - one argument for each option
    customer_id: CustomerId,
    *,
    name: NewName = None,
    steam_id: SteamId = None,
    minecraft_uuid: Uuid = None,
    minecraft_platform: Platform = None,
    xbox_xuid: Xuid = None,
    metadata: Metadata = None,
    clear: Clear = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Change the given fields of a customer, and no others.

    Metadata keys that you do not name stay as they are.
    """
    an_id("customer", customer_id)
    given = _given(name, steam_id, minecraft_uuid, minecraft_platform, xbox_xuid, clearable=CLEARABLE)
    added = pairs(metadata or (), "--metadata")
    cleared = _cleared(clear or (), [*given, *(["metadata"] if added else []), *(f"metadata.{key}" for key in added)])
    dropped = [field.removeprefix("metadata.") for field in cleared if field.startswith("metadata.")]
    given |= dict.fromkeys((field for field in cleared if not field.startswith("metadata.")), None)
    if not given and not added and not dropped:
        raise WrongUse(Code.WRONG_CHOICE, "nothing to change: give at least one field, or --clear FIELD")
    body(CustomerFields, given | ({"metadata": added} if added else {}))

    async def work(management: "Management") -> "Customer":
        fields = dict(given)
        if added or dropped:  # the store replaces all metadata, so the rest is sent again
            had = (await management.customers.show(customer_id)).metadata
            fields["metadata"] = {key: value for key, value in had.items() if key not in dropped} | added
        return await management.customers.update(customer_id, body(CustomerFields, fields))

    changed: Customer = ask(
        access_of(config),
        work,
        unsure=f"interrupted: perkd does not know whether customer {customer_id} was changed. Look at `perkd store "
        f"customers show {customer_id}`. It is safe to send the same change again",
    )
    _show(changed, "changed", json=json)
    if left := _left(changed, cleared):
        warn(f"the store kept {', '.join(left)}: it does not allow this to be empty")


def _given(
    name: str | None,
    steam_id: str | None,
    minecraft_uuid: str | None,
    minecraft_platform: str | None,
    xbox_xuid: str | None,
    *,
    clearable: Sequence[str] = (),
) -> dict[str, object]:
    fields = {
        "name": name,
        "steam_id": steam_id,
        "minecraft_uuid": minecraft_uuid,
        "minecraft_platform": minecraft_platform,
        "xbox_xuid": xbox_xuid,
    }
    return dict(texts(fields, clearable=clearable))


def _cleared(fields: Sequence[str], given: Sequence[str]) -> list[str]:
    """The fields to empty, with the names of the API. Raises WrongUse."""
    found = [field if field.startswith("metadata.") else field.replace("-", "_") for field in fields]
    for field in found:
        if field not in CLEARABLE and not (field.startswith("metadata.") and field != "metadata."):
            raise WrongUse(
                Code.BAD_VALUE,
                f"--clear: {printable(field)[:40]} cannot be emptied, only {', '.join(CLEARABLE)} and metadata.KEY",
                options=["--clear"],
            )
        if field in given or ("metadata" in found and field != "metadata" and field.startswith("metadata.")):
            text = f"--clear {printable(field)}: you also give a value for it. Either set it or clear it"
            raise WrongUse(Code.WRONG_CHOICE, text, options=["--clear"])
    return found


def _left(customer: "Customer", cleared: Sequence[str]) -> list[str]:
    document = plain(customer)
    return [
        field
        for field in cleared
        if (document["metadata"].get(field.removeprefix("metadata.")) if "." in field else document.get(field))
    ]


def _show(customer: "Customer", what: str, *, json: bool) -> None:
    if json:
        say_json(plain(customer))
        return
    say(f"customer {customer.id} was {what}")
    say()
    customer_details(customer)
