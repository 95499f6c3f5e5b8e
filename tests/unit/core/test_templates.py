"""Templates: what compiles, what is refused and why, and that rendering inserts each value once."""

import pytest
from hypothesis import given, strategies as st

from perkd.adapters.base import Kind, Unsafe
from perkd.daemon.core import templates
from perkd.daemon.core.templates import VARIABLES, MissingValue, TemplateError

VALUES = {name: f"<{name}>" for name in VARIABLES}


def as_is(_kind: Kind, value: str) -> str:
    return value


def rendered(source: str, **values: str) -> str:
    return templates.render(templates.compile(source), values or VALUES, as_is)


def refusal(source: str) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        templates.compile(source)
    return caught.value


def test_a_template_is_literals_and_variables_in_turn() -> None:
    template = templates.compile("lp user {uuid} parent add {perk}")
    assert template.parts == ("lp user ", "uuid", " parent add ", "perk", "")
    assert template.variables == ("uuid", "perk")
    assert template.source == "lp user {uuid} parent add {perk}"


def test_a_command_without_variables_is_itself() -> None:
    assert rendered("save-all") == "save-all"


@pytest.mark.parametrize("name", VARIABLES)
def test_every_variable_of_the_table_compiles_and_renders(name: str) -> None:
    assert rendered(f"say {{{name}}}!") == f"say <{name}>!"


def test_the_table_says_which_variables_are_a_players_identity() -> None:
    identity = {name for name, variable in VARIABLES.items() if variable.identity}
    assert identity == {"name", "uuid", "uuid_plain", "xuid", "steam_id", "steam_id2", "steam_id3"}


def test_every_variable_has_one_line_for_the_owner() -> None:
    assert all(variable.text.isprintable() and variable.text for variable in VARIABLES.values())


def test_doubled_braces_are_literal_ones() -> None:
    assert rendered('tellraw {name} {{"text":"Thank you"}}') == 'tellraw <name> {"text":"Thank you"}'


def test_a_variable_may_be_inside_literal_braces() -> None:
    assert rendered("{{{name}}}") == "{<name>}"


def test_an_unknown_variable_is_named_with_its_place_and_what_was_meant() -> None:
    error = refusal("give {nmae} bread")
    assert (error.code, error.position) == ("unknown_variable", 6)
    assert "{nmae}" in error.found
    assert "{name}" in error.fix
    assert all(part in str(error) for part in ("6", error.found, error.fix))


@pytest.mark.parametrize(
    ("written", "meant"), [("{ name }", "{name}"), ("{NAME}", "{name}"), ("{steamid}", "{steam_id}")]
)
def test_the_suggestion_corrects_spaces_and_capitals(written: str, meant: str) -> None:
    assert meant in refusal(f"say {written}").fix


def test_two_likely_variables_are_both_suggested() -> None:
    fix = refusal("say {uid}").fix
    assert "{uuid}" in fix
    assert "{xuid}" in fix


def test_a_variable_that_resembles_none_gets_the_whole_list() -> None:
    error = refusal("say {zzzzzz}")
    assert all(f"{{{name}}}" in error.fix for name in VARIABLES)


@pytest.mark.parametrize(
    ("source", "position"),
    [('tellraw {name} {"text":"hi"}', 16), ("say {", 5), ("say {name", 5), ("say }", 5), ("{name}}", 7), ("say {}", 5)],
)
def test_a_single_brace_is_refused_and_the_fix_says_to_double_it(source: str, position: int) -> None:
    error = refusal(source)
    assert (error.code, error.position) == ("single_brace", position)
    assert "{{" in error.fix
    assert "}}" in error.fix


@pytest.mark.parametrize("char", ["\n", "\r", "\0", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"])
def test_a_control_character_is_refused_with_its_place(char: str) -> None:
    error = refusal(f"say{char}hi")
    assert (error.code, error.position) == ("control_character", 4)
    assert f"U+{ord(char):04X}" in error.found


@pytest.mark.parametrize("source", ["", "   "])
def test_an_empty_command_is_refused(source: str) -> None:
    assert refusal(source).code == "empty_command"


def test_a_missing_value_names_the_variable() -> None:
    with pytest.raises(MissingValue) as caught:
        rendered("lp user {uuid} parent add {perk}", perk="vip")
    assert caught.value.variable == "uuid"
    assert "{uuid}" in str(caught.value)


def test_an_unsafe_value_passes_through_with_the_variable_in_front() -> None:
    def refuse(kind: Kind, _value: str) -> str:
        raise Unsafe(f"no {kind}")

    with pytest.raises(Unsafe, match=r"^\{name\}: no name$"):
        templates.render(templates.compile("give {name} bread"), {"name": "a;b"}, refuse)


def test_each_value_is_quoted_as_its_own_kind() -> None:
    seen: list[tuple[Kind, str]] = []

    def note(kind: Kind, value: str) -> str:
        seen.append((kind, value))
        return f"'{value}'"

    line = templates.render(templates.compile("{uuid} {reason} {uuid}"), {"uuid": "u", "reason": "r"}, note)
    assert line == "'u' 'r' 'u'"
    assert seen == [(Kind.UUID, "u"), (Kind.TEXT, "r"), (Kind.UUID, "u")]


def test_a_value_that_looks_like_a_variable_is_never_expanded() -> None:
    assert rendered("say {name} {perk}", name="{perk}{{}}", perk="vip") == "say {perk}{{}} vip"


braces_and_names = st.text(alphabet=st.sampled_from("{}ab ")) | st.sampled_from([f"{{{name}}}" for name in VARIABLES])


@given(st.text() | braces_and_names, st.text() | braces_and_names)
def test_all_values_are_in_the_line_unchanged(name: str, perk: str) -> None:
    assert rendered("a {name} b {perk} c {name}", name=name, perk=perk) == f"a {name} b {perk} c {name}"


@given(st.lists(st.sampled_from(["say ", "{", "}", "§", '"', *VARIABLES]), min_size=1))
def test_any_text_with_doubled_braces_renders_as_the_text(pieces: list[str]) -> None:
    text = "x" + "".join(pieces)
    assert rendered(text.replace("{", "{{").replace("}", "}}")) == text


@given(st.text(alphabet="{}na me_"))
def test_every_text_either_compiles_or_is_refused_at_a_place_inside_it(source: str) -> None:
    place = 1
    try:
        template = templates.compile(source)
    except TemplateError as error:
        place = error.position
    else:
        assert set(template.variables) <= set(VARIABLES)
        assert len(template.parts) % 2 == 1
    assert 1 <= place <= max(len(source), 1)
