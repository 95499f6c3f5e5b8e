"""The JSON bodies that the control interface accepts: strict types, no unknown fields. `control.py` reads them."""

from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .people import Nonsense


class Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Switched(Body):
    """The store's switches. A field that is left out keeps its value; null is not allowed for a true/false switch."""

    nulls: bool = True
    etags: bool = False
    show_commandless: bool = False
    invalidate_all_exists: bool = False
    queue_twice: bool = False
    queue_everybody: bool = False
    permissions: list[str] | None = None
    per_s: float | None = Field(default=None, ge=0, le=100_000)
    burst: int = Field(default=1, ge=1, le=100_000)


class NewCustomer(Body):
    name: str | None = Field(default=None, min_length=1, max_length=50)
    minecraft_uuid: str | None = None
    steam_id: str | None = None
    xbox_xuid: str | None = None
    offline: bool = False


class NewGameServer(Body):
    name: str = Field(min_length=1)
    enabled: bool = True


class Command(Body):
    content: str = Field(min_length=1)
    stage: str = "on_purchase"
    online_only: bool = False
    gameservers: list[str] = Field(default_factory=list)


class NewProduct(Body):
    slug: str = Field(min_length=1)
    name: str = ""
    lasts_s: float | None = Field(default=None, gt=0, le=10 * 366 * 86400)
    has_commands: bool = True
    commands: list[Command] = Field(default_factory=list)
    gameservers: list[str] = Field(default_factory=list)
    single_game_server: bool = False


class Assign(Body):
    customer: str
    product: str
    quantity: int = Field(default=1, ge=1, le=1000)
    gameserver_id: str | None = Field(default=None, pattern=r"^[0-9]{1,19}$")
    skip_commands: bool = False
    ends_in_s: float | None = Field(default=None, gt=0, le=10 * 366 * 86400)


class Purchase(Body):
    customer: str
    product: str
    quantity: int = 1
    gift: bool = False
    gameserver_id: str | None = Field(default=None, pattern=r"^[0-9]{1,19}$")
    subscription: bool = False
    activate: bool = False


class Expire(Body):
    swept: bool = True


class Renew(Body):
    successor: bool = True


class Revoke(Body):
    reason: str | None = "admin"


class FaultOn(Body):
    fault: str
    customer: str | None = None
    times: int | None = Field(default=None, ge=1)
    path: str | None = None
    method: str | None = None


class Nothing(Body):
    pass


_B = TypeVar("_B", bound=Body)


async def read(request: web.Request, shape: type[_B]) -> _B:
    """The request's JSON body; no body counts as `{}`. Raises Nonsense, which lists the mistakes."""
    try:
        return shape.model_validate_json(await request.read() or b"{}")
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'the body'}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        known = ", ".join(shape.model_fields) or "none"
        raise Nonsense(f"{'; '.join(faults)} (fields: {known})") from None
