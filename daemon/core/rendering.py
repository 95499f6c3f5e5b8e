"""Renders one command for one server: its text, or why it cannot be sent and where to add what is missing. PURE.

`commands` calls `render` for every command it plans.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from perkd.adapters.base import Adapter, Unsafe

from . import templates
from .changes import Hold
from .model import CommandSpec
from .templates import VARIABLES, MissingValue


@dataclass(frozen=True, slots=True)
class Rendered:
    """The text, the values as they are in it, and the problem if it cannot be sent; then the text is the template."""

    text: str
    values: Mapping[str, str]
    problem: tuple[Hold, str] | None = None


def render(spec: CommandSpec, values: Mapping[str, str], adapter: Adapter | None) -> Rendered:
    """The command for these values. `adapter` None: the game of its server is not known any more."""
    source = spec.run.source
    if adapter is None:
        why = "perkd does not know any more which game this server has: `perkd commands retry` or `skip` this command"
        return Rendered(source, {}, (Hold.VALUE, why))
    try:
        text = templates.render(spec.run, values, adapter.quote)
    except MissingValue as missing:
        why = f"{missing}: {_where_to_add(missing.variable, adapter, values['customer_id'])}"
        return Rendered(source, {}, (Hold.VALUE, why))
    except Unsafe as unsafe:
        return Rendered(source, {}, (Hold.VALUE, f"unsafe value: {unsafe}"))
    used = {name: adapter.quote(VARIABLES[name].kind, values[name]) for name in spec.run.variables}
    size = len(text.encode())
    if size > adapter.max_command_bytes:
        limit = adapter.max_command_bytes
        return Rendered(
            text, used, (Hold.VALUE, f"the command has {size} bytes, this game takes at most {limit}: shorten it")
        )
    return Rendered(text, used)


def _where_to_add(variable: str, adapter: Adapter, customer_id: str) -> str:
    if VARIABLES[variable].identity:
        return (
            f"{adapter.store_fields(variable)} is not set at the customer {customer_id}: add it in the store's "
            f"dashboard or with `perkd store customers update {customer_id}`; perkd reads it again by itself"
        )
    if variable == "expires_at":
        return "the item has no end; remove {expires_at} from the command or sell a product that expires"
    return f"items assigned by hand have none; remove {{{variable}}} from the command"
