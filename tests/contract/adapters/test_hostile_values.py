"""No value can make a command mean something else: it stands in its place and changes nothing, or the row is blocked.

Every value of tests/hostile.py, in every variable, for every game perkd can speak to. Most of it without sockets,
through the emulated console's own grammar; a sample over the wire.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from perkd.adapters import ADAPTERS
from perkd.adapters.base import Kind, Unsafe, Who
from perkd.daemon.core import templates
from perkd.daemon.core.changes import Hold
from perkd.daemon.core.model import State
from perkd.daemon.core.templates import VARIABLES
from perkd.daemon.sandbox.games.minecraft_console import Console
from tests.builders import catalogue, item, known, looked, perk, planned, specs
from tests.contract.games import EVERY
from tests.hostile import GROUNDS, HARMLESS, VALUES, Ground, expected, lines

Quote = Callable[[Kind, str], str]

UNSEEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


def variables(game: str) -> list[str]:
    """What a template for this game can hold; the others stop `perkd check`."""
    return [name for name, one in VARIABLES.items() if not one.identity or name in ADAPTERS[game].variables]


PLACES = [(game, variable) for game in ADAPTERS for variable in variables(game)]


def harmed(ground: Ground, quote: Quote, variable: str, value: str) -> list[str]:
    """The lines that came to mean something else. A refused value leaves none."""
    kind, found = VARIABLES[variable].kind, []
    for template, source in lines(ground, kind, variable):
        try:
            text = templates.render(templates.compile(source), {variable: value}, quote)
        except Unsafe:
            continue
        if ground.meaning(text) != expected(ground, template, kind, value) or unsendable(text):
            found.append(text)
    return found


def unsendable(text: str) -> bool:
    return any(unicodedata.category(character) in UNSEEN for character in text)


def test_the_corpus_is_large_and_every_game_has_its_ground() -> None:
    assert len(VALUES) >= 200
    assert set(GROUNDS) == set(ADAPTERS)
    for game in ADAPTERS:
        assert {VARIABLES[variable].kind for variable in variables(game)} <= set(GROUNDS[game].templates)


@pytest.mark.volume
@pytest.mark.parametrize(("game", "variable"), PLACES)
def test_a_value_stands_in_its_place_or_the_command_is_not_made(game: str, variable: str) -> None:
    ground, quote, kind = GROUNDS[game], ADAPTERS[game].quote, VARIABLES[variable].kind
    assert quote(kind, HARMLESS[kind]) == HARMLESS[kind]
    assert [line for value in VALUES for line in harmed(ground, quote, variable, value)] == []


@pytest.mark.volume
@pytest.mark.parametrize("game", ["minecraft", "source"])
def test_the_same_values_do_harm_where_nothing_is_quoted(game: str) -> None:
    """Without an adapter in between every template can be made to mean something else. All Source games have one."""
    ground = GROUNDS[game]
    for kind, templates_of_kind in ground.templates.items():
        variable = next(name for name, one in VARIABLES.items() if one.kind is kind)
        done = Counter[str]()
        for value in VALUES:
            for template, source in lines(ground, kind, variable):
                text = templates.render(templates.compile(source), {variable: value}, lambda _, raw: raw)
                done[template] += ground.meaning(text) != expected(ground, template, kind, value)
        assert min(done[template] for template in templates_of_kind) >= 15, done


@pytest.mark.parametrize("game", ADAPTERS)
@given(data=st.data())
def test_no_text_at_all_changes_what_a_command_means(game: str, data: st.DataObject) -> None:
    variable = data.draw(st.sampled_from(variables(game)))
    value = data.draw(
        st.text(st.sampled_from("@aens[]{}()\"'`\\;:/ \n\t\0§#*^!$%<>|&,.-_Ann19\u200b\u202e\u3000é漢😀"), max_size=12)
    )
    assert harmed(GROUNDS[game], ADAPTERS[game].quote, variable, value) == []


@pytest.mark.parametrize("game", ADAPTERS)
def test_a_refusal_can_be_read_by_an_owner_and_carries_nothing_hostile(game: str) -> None:
    told = [refusal(game, kind, value) for kind in Kind for value in VALUES]
    assert [text for text in told if not text.isprintable() or len(text) > 300] == []


def refusal(game: str, kind: Kind, value: str) -> str:
    try:
        ADAPTERS[game].quote(kind, value)
    except Unsafe as unsafe:
        return str(unsafe)
    return ""


@pytest.mark.parametrize("game", ADAPTERS)
def test_a_hostile_name_blocks_its_row_and_nothing_else(game: str) -> None:
    sold = catalogue(perk(grant=specs("say {name} is here", "say thanks")), servers=("survival",))
    adapters = {"survival": ADAPTERS[game]}
    for name in VALUES:
        somebody = Who("player-1", {"name": name, "uuid": "player-1"})
        changes = looked(known(), item(), sold=sold, somebody=somebody)
        [change] = planned(changes, sold, known(), somebody, adapters=adapters)
        check_blocked(game, change.grant[0].state, change.grant[0].hold, change.grant[0].text, Kind.NAME, name)
        assert (change.grant[1].state, change.grant[1].text) == (State.PLANNED, "say thanks")


@pytest.mark.parametrize("game", ADAPTERS)
def test_a_hostile_product_blocks_its_row(game: str) -> None:
    sold = catalogue(perk(grant=specs("say {product} is here")), servers=("survival",))
    for product in VALUES:
        if not product:
            continue  # the store's slug stands in for an empty name
        changes = looked(known(), item(product_name=product), sold=sold)
        [change] = planned(changes, sold, adapters={"survival": ADAPTERS[game]})
        check_blocked(game, change.grant[0].state, change.grant[0].hold, change.grant[0].text, Kind.TEXT, product)


def check_blocked(game: str, state: State, hold: Hold | None, text: str, kind: Kind, value: str) -> None:
    if refusal(game, kind, value):
        assert (state, hold) == (State.BLOCKED, Hold.VALUE)
        assert "{" in text, "a blocked row shows the template as it was written"
    else:
        assert (state, hold, text) == (State.PLANNED, None, f"say {value} is here")


PEOPLE = ("Ann", "Bob", "Sam", "Kim", "Eve")


def reached(line: str) -> tuple[set[str], Console]:
    """Who is touched by one line on a Minecraft server with five people, by name."""
    console = Console()
    for name in PEOPLE:
        console.join(name)
    console.run(line.partition("\0")[0])
    touched = {given.uuid for given in console.items} | {one for one, _ in console.told} | set(console.groups)
    touched |= console.ops | set(console.bans) | console.whitelist | (set(console.names) - set(console.online))
    return {console.names.get(one, one) for one in touched}, console


REACHING = (
    "give {name} diamond 3", "op {name}", "ban {name} x", "kick {name}", "whitelist add {name}",
    "lp user {name} parent add vip", 'tellraw {name} {{"text":"x"}}', "execute as {name} run op {name}",
)  # fmt: skip


@pytest.mark.parametrize("source", REACHING)
def test_in_minecraft_no_name_reaches_anybody_but_its_own_player(source: str) -> None:
    """Neither a selector, nor a look-alike (older servers fold "ſam" to "Sam"), nor words behind the name."""
    command, unquoted = templates.compile(source), 0
    for value in VALUES:
        allowed = {name for name in PEOPLE if name.lower() == value.lower() and value.isascii()}
        unquoted += not reached(templates.render(command, {"name": value}, lambda _, raw: raw))[0] <= allowed
        try:
            line = templates.render(command, {"name": value}, ADAPTERS["minecraft"].quote)
        except Unsafe:
            continue
        assert reached(line)[0] <= allowed
    assert unquoted >= 5, "these values reach others where nothing is quoted"


def test_in_minecraft_no_product_selects_players_in_what_is_said() -> None:
    command, unquoted = templates.compile("say thanks for {product}eager buyers"), 0
    for value in VALUES:
        said = reached(templates.render(command, {"product": value}, lambda _, raw: raw))[1].said
        unquoted += said != [f"thanks for {value}eager buyers"]
        try:
            line = templates.render(command, {"product": value}, ADAPTERS["minecraft"].quote)
        except Unsafe:
            continue
        assert reached(line)[1].said == [f"thanks for {value}eager buyers"]
    assert unquoted >= 15


SAMPLE = VALUES[:: max(1, len(VALUES) // 60)]


@pytest.mark.parametrize("row", EVERY)
async def test_over_the_wire_the_server_runs_exactly_that_line(row: str, secret: Callable[[str], str]) -> None:
    game, adapter = EVERY[row], ADAPTERS[EVERY[row].adapter]
    wanted: list[str] = []
    async with (
        game.server(secret("an RCON password")) as server,
        adapter.connect(game.endpoint(server, server.password)) as session,
    ):
        for kind, variable in ((Kind.NAME, "name"), (Kind.TEXT, "product"), (Kind.FLAKE, "item_id")):
            for value in (*SAMPLE, HARMLESS[kind]):
                for _, source in lines(GROUNDS[game.adapter], kind, variable):
                    try:
                        text = templates.render(templates.compile(source), {variable: value}, adapter.quote)
                    except Unsafe:
                        continue
                    await session.send(text)
                    wanted += [text] if game.adapter == "minecraft" else [part.strip() for part in text.split(";")]
    assert server.executed == wanted
    assert len(wanted) >= 20
