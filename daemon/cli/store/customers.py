"""`perkd store customers`: lists, exports, looks up and shows customers. Reads only."""

import csv
from collections.abc import Callable, Iterable
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from ...paynow import CustomerFields
from ..errors import Code, NotWell, WrongUse
from ..options import Config, Json
from ..output import many, say, say_json
from ..progress import counting
from .fields import an_id, body, shown, texts
from .remainder import write_new
from .session import StoreAccess, access_of, ask, every_customer
from .text import customer_details, customers_table, list_json, name_of, plain, when

if TYPE_CHECKING:
    from ...paynow import Customer, Management

SHOWN = 100
COLUMNS = (
    "id",
    "name",
    "display_name",
    "steam_id",
    "minecraft_uuid",
    "minecraft_platform",
    "xbox_xuid",
    "created_at",
    "updated_at",
    "metadata",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet runs a cell that begins with one of these

CustomerId = Annotated[str, typer.Argument(metavar="ID", help="The customer's id.")]
Search = Annotated[
    str, typer.Option("--search", metavar="TEXT", help="Only customers that the store finds for this text.")
]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help=f"At most this many. Without it, a list shows {SHOWN}.")
]
Export = Annotated[
    Path | None, typer.Option("--export", metavar="FILE", help="Instead, write all of them to a new CSV file.")
]
ExportFile = Annotated[Path, typer.Argument(metavar="FILE", help="A new CSV file.")]
SteamId = Annotated[str | None, typer.Option("--steam-id", metavar="ID", help="A SteamID64.")]
Uuid = Annotated[str | None, typer.Option("--minecraft-uuid", metavar="UUID", help="With or without dashes.")]
Xuid = Annotated[str | None, typer.Option("--xbox-xuid", metavar="XUID", help="The XUID of a Bedrock player.")]
JavaName = Annotated[str | None, typer.Option("--java-name", metavar="NAME", help="A Minecraft Java name.")]
BedrockName = Annotated[
    str | None, typer.Option("--bedrock-name", metavar="NAME", help="A Minecraft Bedrock gamertag.")
]
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="The customer's name in the store.")]
Id = Annotated[str | None, typer.Option("--id", metavar="ID", help="The customer's id in the store.")]


def list_(
    *, search: Search = "", limit: Limit = None, to: Export = None, config: Config = None, json: Json = False
) -> None:
    """List the customers of the store, oldest first."""
    where = access_of(config)
    if to is not None:
        _export(where, to, search, limit, json=json)
        return
    most = limit or SHOWN
    found: list[Customer] = []

    async def work(management: "Management") -> None:
        async for page in every_customer(management, search, step):
            found.extend(page)
            if len(found) > most:
                return

    with counting("reading customers", "read {done} customers") as step:
        ask(where, work)
    more = len(found) > most
    if json:
        list_json("customers", found[:most], more=more)
    elif found:
        customers_table(found[:most])
        if more:
            say(f"there are more than these {most}: --limit sets how many, --export FILE writes all to a file")
    else:
        say(f"the store finds no customer for {shown(search)}" if search else "the store has no customers yet")


def export(
    file: ExportFile, *, search: Search = "", limit: Limit = None, config: Config = None, json: Json = False
) -> None:
    """Write all customers to a new CSV file.

    Only you can read the file. A text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    _export(access_of(config), file, search, limit, json=json)


def lookup(  # noqa: PLR0913 - one argument for each option
    *,
    steam_id: SteamId = None,
    minecraft_uuid: Uuid = None,
    xbox_xuid: Xuid = None,
    java_name: JavaName = None,
    bedrock_name: BedrockName = None,
    name: Name = None,
    id_: Id = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Find one customer by an id or a name.

    Exits with 1 when the store has no such customer.
    """
    asked = {
        "steam_id": steam_id,
        "minecraft_uuid": minecraft_uuid,
        "xbox_xuid": xbox_xuid,
        "minecraft_java_name": java_name,
        "minecraft_bedrock_name": bedrock_name,
        "name": name,
        "id": id_,
    }
    given = {key: value.strip() for key, value in texts(asked).items()}
    if len(given) != 1:
        raise WrongUse(
            Code.WRONG_CHOICE,
            "give exactly one of --steam-id, --minecraft-uuid, --xbox-xuid, --java-name, --bedrock-name, --name and "
            "--id",
        )
    [(key, value)] = given.items()
    if key == "id":
        an_id("--id", value)
    elif key in CustomerFields.model_fields:
        body(CustomerFields, given)
    found: Customer | None = ask(access_of(config), lambda management: management.customers.lookup(given))
    if json:
        say_json(plain(found) if found else None)
    elif found:
        customer_details(found)
    if found is None:
        raise NotWell(Code.NO_SUCH_CUSTOMER, f"the store has no customer whose {key} is {shown(value)}")


def show(customer_id: CustomerId, *, config: Config = None, json: Json = False) -> None:
    """Show one customer: names, ids in games, metadata."""
    an_id("customer", customer_id)
    found: Customer = ask(access_of(config), lambda management: management.customers.show(customer_id))
    if json:
        say_json(plain(found))
    else:
        customer_details(found)


def _export(where: StoreAccess, file: Path, search: str, limit: int | None, *, json: bool) -> None:
    """Writes to FILE.part first, so that FILE is always complete."""
    _refuse_old(file)
    part = file.with_name(f"{file.name}.part")
    try:
        write_new(part, "")
    except FileExistsError:
        text = f"{part} exists: another export is running, or one was killed. If none is running, delete it"
        raise NotWell(Code.FILE_IN_USE, text) from None
    try:
        with part.open("w", encoding="utf-8", newline="") as out:
            count = _write(where, out, search, limit)
        _refuse_old(file)
        part.replace(file)
    except OSError as error:
        raise NotWell(Code.FILE_UNWRITABLE, f"{file} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    if json:
        say_json({"file": str(file), "customers": count})
    else:
        say(f"{many(count, 'customer')} written to {file}")


def _write(where: StoreAccess, out: TextIO, search: str, limit: int | None) -> int:
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    count = 0

    async def work(management: "Management", step: Callable[[int], None]) -> None:
        nonlocal count
        async for page in every_customer(management, search, step):
            rows = page if limit is None else page[: limit - count]
            writer.writerows(_rows(rows))
            count += len(rows)
            if count == limit:
                return

    with counting("exporting customers", "exported {done} customers") as step:
        ask(where, lambda management: work(management, step))
    return count


def _rows(customers: "Iterable[Customer]") -> Iterable[list[str]]:
    for customer in customers:
        document: dict[str, Any] = plain(customer)
        texts = {
            "display_name": name_of(customer),
            "created_at": when(customer.created_at, none=""),
            "updated_at": when(customer.updated_at, none=""),
            "metadata": dumps(customer.metadata, ensure_ascii=False) if customer.metadata else "",
        }
        yield [_cell(texts.get(column, document.get(column))) for column in COLUMNS]


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _refuse_old(file: Path) -> None:
    if file.exists() or file.is_symlink():
        text = f"{file} exists already, and perkd does not overwrite it: name another file, or delete it"
        raise WrongUse(Code.FILE_EXISTS, text)
