"""A world whose game server the store knows: its token in the config, and products with commands in the dashboard.

The flow tests of activation use it beside tests/world.py and tests/flow/owner.py.
"""

from datetime import timedelta

from perkd.daemon.sandbox.store.goods import GameServer, ProductCommand
from perkd.daemon.store_queue.problems import QueueState
from tests import secretwatch
from tests.flow.owner import Owner
from tests.world import KIT, VIP, World

QUEUE = "/v1/delivery/command-queue"
ACKNOWLEDGE = f"{QUEUE}/acknowledge"
LINK = "/v1/delivery/gameserver/link"
GOLD = VIP.replace('"vip"', '"gold"').replace("vip-30-days", "gold").replace("parent add vip", "parent add gold")
GOLD = GOLD.replace("parent remove vip", "parent remove gold")


def queue_of(world: World, *, run: bool = False, more: str = "", offline: str = "1s") -> GameServer:
    """The store's game server `survival`; perkd is that server from its next start or reload on."""
    found = [one for one in world.store.gameservers.values() if one.name == "survival"]
    server = found[0] if found else world.store.add_gameserver("survival")
    told(world, server, run=run, more=more, offline=offline)
    return server


def told(world: World, server: GameServer, *, run: bool = False, more: str = "", offline: str = "1s") -> None:
    """Writes the config with this server's token as it is now."""
    token = secretwatch.remember(server.token, "game server token")
    lines = f'paynow_token = "{token}"\nrun_store_commands = {"true" if run else "false"}\n'
    world.write_config(server=lines + more, perks=VIP + KIT + GOLD, offline=offline)


def sell(world: World, content: str, *, slug: str = "gold", online_only: bool = False, days: int = 30) -> None:
    """A product whose one command in the dashboard is `content`."""
    command = ProductCommand(content=content, online_only=online_only)
    world.store.add_product(slug, lasts=timedelta(days=days), commands=[command])


def state_of(world: World, item: str) -> str:
    return world.store.items[item].state


def queue_state(owner: Owner) -> QueueState:
    """The state of survival's queue, as perkd in this process sees it."""
    activation = owner.app.servers["survival"].activation
    assert activation is not None, "queue_of first"
    return activation.state


async def queue_read(owner: Owner, server: str = "survival") -> None:
    """The queue was handed out since now, and everything that led to is done but what the game answers."""
    await queue_asked(owner, server)
    activation = owner.app.servers[server].activation
    assert activation is not None, "queue_of first"
    before = activation.loop.passes
    activation.loop.wake.set()  # the pass that asked may be over already: then this is another one
    await owner.world.until(lambda: activation.loop.passes > before)


async def queue_asked(owner: Owner, server: str = "survival") -> None:
    """The store was asked for the queue since now: the task is made to ask at once, whatever it does at this moment."""
    activation, store = owner.app.servers[server].activation, owner.world.store
    assert activation is not None, "queue_of first"
    before = store.requests(QUEUE)

    def asked() -> bool:
        if store.requests(QUEUE) > before:
            return True
        activation._queue_at = 0.0  # a pass under way may have set it after the last look
        activation.loop.wake.set()
        return False

    await owner.world.until(asked)
