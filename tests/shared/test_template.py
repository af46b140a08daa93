"""A template: what may stand in it, and what becomes of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.template import VARIABLES, TemplateInvalid, compile_template

ANNA: dict[str, str | None] = dict.fromkeys(VARIABLES) | {"full_name": "Anna", "phone": "7916"}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("", ""),
        ("plain { } % text", "plain { } % text"),
        ("Hello {{ full_name }}!", "Hello Anna!"),
        ("{{full_name}}{{phone}}", "Anna7916"),
        ("{{  full_name\n}}", "Anna"),
        ("a closing }} alone is text", "a closing }} alone is text"),
        ("[{{ comment }}]", "[]"),
    ],
)
def test_variables_are_replaced_by_what_the_client_has(source: str, text: str) -> None:
    assert compile_template(source, "/body").render(ANNA) == text


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_variable_can_be_used(variable: str) -> None:
    values: dict[str, str | None] = dict.fromkeys(VARIABLES) | {variable: "value"}

    assert compile_template(f"{{{{ {variable} }}}}", "/body").render(values) == "value"


def test_what_a_value_looks_like_is_never_read_as_a_template() -> None:
    values = ANNA | {"full_name": "{{ phone }}"}

    assert compile_template("{{ full_name }}", "/body").render(values) == "{{ phone }}"


@pytest.mark.parametrize(
    ("source", "code", "where"),
    [
        ("{{ name }}", "unknown_variable", "line 1, column 1"),
        ("Hello,\n\n  {{ nmae }}", "unknown_variable", "line 3, column 3"),
        ("{{ }}", "unknown_variable", "line 1, column 1"),
        ("{{ full_name|upper }}", "unknown_variable", "line 1, column 1"),
        ("ab\ncd {{ full_name", "not_closed", "line 2, column 4"),
        ("{{ full_name }", "not_closed", "line 1, column 1"),
        ("x {% if phone %}", "no_tags", "line 1, column 3"),
    ],
)
def test_a_mistake_is_told_with_line_and_column(source: str, code: str, where: str) -> None:
    with pytest.raises(TemplateInvalid) as refusal:
        compile_template(source, "/body")

    [place] = refusal.value.places
    assert (place.pointer, place.code) == ("/body", code)
    assert place.detail.startswith(f"{where}: ")


def test_every_mistake_is_told() -> None:
    with pytest.raises(TemplateInvalid) as refusal:
        compile_template("{{ a }}\n{{ b }}", "/body")

    assert [place.detail[:7] for place in refusal.value.places] == ["line 1,", "line 2,"]


@given(st.lists(st.one_of(st.sampled_from(VARIABLES), st.text().filter(lambda t: "{" not in t))))
def test_a_template_is_rendered_as_if_each_variable_was_replaced(parts: list[str]) -> None:
    marked = [f"{{{{ {part} }}}}" if part in VARIABLES else part for part in parts]
    values: dict[str, str | None] = {name: f"<{name}>" for name in VARIABLES}

    text = compile_template("".join(marked), "/body").render(values)

    assert text == "".join(f"<{part}>" if part in VARIABLES else part for part in parts)
