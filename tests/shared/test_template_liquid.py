"""Templates with tags and filters: what they can do, and what none can."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.domain.profile import TAG_LIMIT, TAGS, TEXTS
from shared.template import VARIABLES, RenderFailed, Template, TemplateInvalid, compile_template
from shared.template.cost import COST_LIMIT, LENGTHS, LOOP, TAG
from shared.template.liquid import FILTERS


def client(**fields: Any) -> SimpleNamespace:
    return SimpleNamespace(**dict.fromkeys(VARIABLES) | {"tags": []} | fields)


ANNA = client(full_name="Anna", operator_code="916", tags=["vip", "new"], comment="one two")


def compiled(source: str, *, is_html: bool = False) -> Template:
    return compile_template(source, "/body", is_html=is_html)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Dear {{ full_name | default: 'friend' }}", "Dear Anna"),
        ("{{ email | default: phone | default: 'none' }}", "none"),
        ("[{{ email | upcase }}]", "[]"),
        ("{{ full_name }} {{ email | default: '-' }}", "Anna -"),
        ("{% if email %}mail{% elsif phone %}call{% else %}write{% endif %}", "write"),
        ("{% unless email %}no mail{% endunless %}", "no mail"),
        ("{% case operator_code %}{% when '915', '916' %}M{% else %}O{% endcase %}", "M"),
        ("{% for tag in tags %}{{ forloop.index }} {{ tag }}, {% endfor %}", "1 vip, 2 new, "),
        ("{% for tag in tags reversed %}{{ tag }}{% break %}{% endfor %}", "new"),
        ("{% if tags contains 'vip' %}VIP{% endif %}", "VIP"),
        ("{{ tags | join: ', ' }} {{ tags.size }} {{ tags[0] }} {{ tags.last }}",
         "vip, new 2 vip new"),
        ("{{ full_name | upcase }} {{ full_name.size }}", "ANNA 4"),
        ("{{ comment | truncatewords: 1 }}", "one..."),
        ("a {%- if full_name -%} b {%- endif -%} c", "abc"),
        ("100 % } | {% if full_name %}%s{% endif %}", "100 % } | %s"),
    ],
)  # fmt: skip
def test_tags_and_filters_do_what_liquid_says(source: str, text: str) -> None:
    assert compiled(source).render(ANNA) == text


def test_a_bar_outside_of_a_variable_is_text() -> None:
    assert compiled("a | b {{ full_name }}").render(ANNA) == "a | b Anna"


@pytest.mark.parametrize("name", FILTERS)
def test_in_html_nothing_of_a_client_becomes_a_tag(name: str) -> None:
    arguments = {"default": ": full_name", "join": ": full_name", "truncate": ": 900, full_name"}
    sly = "<script a='&' b=\"\n\">"
    source = f"{{{{ comment | {name}{arguments.get(name, '')} }}}}{{{{ tags | {name} }}}}"

    html = compiled(source, is_html=True).render(client(full_name=sly, comment=sly, tags=[sly]))

    assert not set(html.replace("<br />", "")) & set("<>'\"")


def test_what_the_author_writes_stays_as_it_is_in_html() -> None:
    html = compiled("<p>{{ email | default: '<b>' }} & {{ full_name }}</p>", is_html=True)

    assert html.render(client(full_name="A&B")) == "<p><b> & A&amp;B</p>"


MISTAKES = [
    ("a\nb {{ full_name | }}", "syntax", 2, 3),
    ("{% if full_name = 1 %}{% endif %}", "syntax", 1, 17),
    ("x\n{% if tags contains %}{% endif %}", "syntax", 2, 1),
    ("{% endif %}", "syntax", 1, 4),
    ("{% if phone %}{% endfor %}", "syntax", 1, 18),
    ("{% if phone %}\n {% if email %}{% endif %}", "not_closed", 1, 1),
    ("ab\n{{ full_name | shout }}", "unknown_filter", 2, 16),
    ("{{ full_name | replace: 'a', comment }}", "unknown_filter", 1, 16),
    ("{{ 'now' | date: '%s' }}", "unknown_filter", 1, 12),
    ("{{ nmae | upcase }}", "unknown_variable", 1, 4),
    ("{{ now | upcase }}", "unknown_variable", 1, 4),
    ("{% if full_name %}{{ full_name.first_name }}{% endif %}", "unknown_variable", 1, 22),
    ("{{ tags[full_name] | upcase }}", "unknown_variable", 1, 4),
    ("{% for a in tags %}{% endfor %}{{ a }}", "unknown_variable", 1, 35),
    ("{% assign a = 1 %}", "unknown_tag", 1, 1),
    ("{% include 'x' %}", "unknown_tag", 1, 1),
    ("{% raw %}{{{% endraw %}", "unknown_tag", 1, 1),
    ("{% for a in (1..9) %}{% endfor %}", "loop", 1, 4),
    ("{% for a in full_name %}{% endfor %}", "loop", 1, 4),
    ("{{ full_name | truncate: 'x' }}", "cannot_render", 1, 16),
    ("{% if full_name > 3 %}{% endif %}", "cannot_render", 1, 17),
    ("{% break %}", "cannot_render", 1, 4),
]


@pytest.mark.parametrize(("source", "code", "line", "column"), MISTAKES)
def test_a_mistake_is_told_where_it_is(source: str, code: str, line: int, column: int) -> None:
    with pytest.raises(TemplateInvalid) as refusal:
        compiled(source)

    place = refusal.value.field_errors[0]
    assert (place.pointer, place.code) == ("/body", code)
    assert place.detail.startswith(f"line {line}, column {column}: ")


def test_all_mistakes_of_a_kind_are_told() -> None:
    with pytest.raises(TemplateInvalid) as refusal:
        compiled("{% if 1 = 2 %}{% endif %}\n{{ phone | }}\n{{ phone phone | size }}")

    lines = [each.detail[:6] for each in refusal.value.field_errors]
    assert lines == ["line 1", "line 2", "line 3"]


BOMBS = {
    "loops in loops in loops": "{% for a in tags %}" * 3 + "x" + "{% endfor %}" * 3,
    "much in a loop": "{% for a in tags %}" + "{{ a }}" * 60 + "{% endfor %}",
    "much in two loops": "{% for a in tags %}{% for b in tags %}{{ a }}{{ b }}"
    + "{% endfor %}" * 2,
    "what grows and grows": "{{ comment" + " | url_encode" * 9 + " | truncate: 9 }}",
    "what is slow": "{{ comment | url_encode | truncate: 9 }}" * 60,
    "many values": "{{ phone | upcase }}" * 1_001,
    "long conditions": ("{% if " + "phone or " * 50 + "email %}{% endif %}") * 80,
    "many conditions": "{% if phone == email or phone == comment %}{% endif %}" * 800,
    "brackets in brackets": "{{ " + "a[" * 80 + "1" + "]" * 80 + " | size }}",
    "blocks in blocks": "{% if phone %}" * 11 + "{% endif %}" * 11,
    "a long text": "{% for a in tags %}" + "x" * 5_000 + "{% endfor %}",
    "long separators": "{{ tags | join: comment }}{{ tags | join: comment }}",
}


@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS)
def test_what_could_hold_a_dispatcher_up_is_refused(source: str) -> None:
    with pytest.raises(TemplateInvalid):
        compiled(source)


def test_brackets_in_brackets_are_refused_before_they_are_parsed() -> None:
    with pytest.raises(TemplateInvalid) as refusal:
        compiled(BOMBS["brackets in brackets"])

    [place] = refusal.value.field_errors
    assert (place.code, place.detail) == ("too_many", "line 1, column 1: at most 4 brackets")


def test_what_is_as_large_as_it_may_be_is_rendered() -> None:
    loop = "{% for a in tags %}{% for b in tags %}{% endfor %}{% endfor %}"

    assert compiled(loop + "{{ phone | size }}" * 500).render(ANNA) == "0" * 500


def test_more_tags_than_a_client_can_have_fail_one_message_and_are_not_waited_for() -> None:
    template = compiled("{% for a in tags %}{{ a }}{% endfor %}")
    many = client(tags=["vip"] * (COST_LIMIT + 1))

    with pytest.raises(RenderFailed):
        template.render(many)


def test_the_bounds_are_those_of_clients() -> None:
    limits = {name: limit for name, limit in TEXTS if name in VARIABLES}

    assert (LOOP, TAG) == (TAGS, TAG_LIMIT)
    assert {name: LENGTHS[name] for name in limits} == limits
    assert LENGTHS.keys() == {*VARIABLES, "tags"}


PIECES = st.sampled_from([
    *("{% if phone %}", "{% endif %}", "{% for a in tags %}", "{% endfor %}", "{% else %}"),
    *("{% case phone %}", "{% when 1 %}", "{% endcase %}", "{{ a }}", "{{ tags[0] | upcase }}"),
    *("{{ full_name | default: 'x' }}", "{{", "}}", "{%", "%}", "{{ phone | ", "'", "["),
])  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=9), max_size=12).map("".join), st.booleans())
def test_whatever_is_written_is_refused_or_rendered(source: str, is_html: bool) -> None:
    try:
        template = compiled(source, is_html=is_html)
    except TemplateInvalid:
        return
    for each in (ANNA, client(), client(tags=["<a>"] * LOOP, full_name="\0&{{")):
        template.render(each)
