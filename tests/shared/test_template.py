"""A template: what may stand in it, and what becomes of it."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.template import VARIABLES, RenderFailed, TemplateInvalid, as_line, compile_template


def client(**fields: str) -> SimpleNamespace:
    return SimpleNamespace(**dict.fromkeys(VARIABLES) | fields)


ANNA = client(full_name="Anna", phone="7916")


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


def test_in_html_what_a_client_has_is_escaped_and_what_was_written_is_not() -> None:
    sly = client(full_name="""<a href='x' title="y">&""", comment="plain")
    source = "<b>{{ full_name }}</b> & {{ comment }}{{ phone }} 100 %"

    html = compile_template(source, "/html", is_html=True).render(sly)

    escaped = "&lt;a href=&#x27;x&#x27; title=&quot;y&quot;&gt;&amp;"
    assert html == f"<b>{escaped}</b> & plain 100 %"


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_variable_can_be_used(variable: str) -> None:
    has_one = client(**{variable: "value"})

    assert compile_template(f"{{{{ {variable} }}}}", "/body").render(has_one) == "value"


def test_what_a_value_looks_like_is_never_read_as_a_template() -> None:
    sly = client(full_name="{{ phone }} %s")

    assert compile_template("{{ full_name }}", "/body").render(sly) == "{{ phone }} %s"


@pytest.mark.parametrize(
    ("source", "code", "where"),
    [
        ("{{ name }}", "unknown_variable", "line 1, column 1"),
        ("Hello,\n\n  {{ nmae }}", "unknown_variable", "line 3, column 3"),
        ("{{ }}", "unknown_variable", "line 1, column 1"),
        ("{{ full_name|upper }}", "unknown_filter", "line 1, column 14"),
        ("ab\ncd {{ full_name", "not_closed", "line 2, column 4"),
        ("{{ full_name }", "not_closed", "line 1, column 1"),
        ("{{ " + 500 * " " + "full_name }}", "not_closed", "line 1, column 1"),
        ("x {% if phone", "not_closed", "line 1, column 3"),
    ],
)
def test_a_mistake_is_told_with_line_and_column(source: str, code: str, where: str) -> None:
    with pytest.raises(TemplateInvalid) as refusal:
        compile_template(source, "/body")

    [place] = refusal.value.field_errors
    assert (place.pointer, place.code) == ("/body", code)
    assert place.detail.startswith(f"{where}: ")


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ("{{ full_nme }}", "full_name"),
        ("{{ Phone | upcase }}", "phone"),
        ("{% if fullname %}{% endif %}", "full_name"),
        ("{{ first_name }}", "full_name"),
        ("{{ order_total }}", None),
        ("{{ }}", None),
    ],
)
def test_a_variable_that_is_misspelt_is_told_with_the_one_that_is_meant(
    source: str, meant: str | None
) -> None:
    with pytest.raises(TemplateInvalid) as refusal:
        compile_template(source, "/body")

    [place] = refusal.value.field_errors
    assert place.detail.partition("; ")[2] == (f"did you mean {meant!r}?" if meant else "")


def test_every_mistake_is_told() -> None:
    with pytest.raises(TemplateInvalid) as refusal:
        compile_template("{{ a }}\n{{ b }}", "/body")

    assert [place.detail[:7] for place in refusal.value.field_errors] == ["line 1,", "line 2,"]


@given(st.lists(st.one_of(st.sampled_from(VARIABLES), st.text().filter(lambda t: "{" not in t))))
def test_a_template_is_rendered_as_if_each_variable_was_replaced(parts: list[str]) -> None:
    marked = [f"{{{{ {part} }}}}" if part in VARIABLES else part for part in parts]
    everything = client(**{name: f"<{name}>" for name in VARIABLES})

    text = compile_template("".join(marked), "/body").render(everything)

    assert text == "".join(f"<{part}>" if part in VARIABLES else part for part in parts)


@pytest.mark.parametrize(
    ("comment", "line"),
    [
        ("calls back", "Dear calls back"),
        ("a\r\nBcc: b@example.com", "Dear a Bcc: b@example.com"),
        ("a\nb\rc\u2028d\x85e", "Dear a b c d e"),
        ("a\u00a0b", "Dear a\u00a0b"),
    ],
)
def test_a_line_stays_one_whatever_a_client_has(comment: str, line: str) -> None:
    template = compile_template("Dear {{ comment }}", "/subject")

    assert as_line(template.render(client(comment=comment))) == line


@given(st.text())
def test_a_line_has_no_line_breaks(comment: str) -> None:
    line = as_line(compile_template("{{ comment }}", "/subject").render(client(comment=comment)))

    assert len(line.splitlines()) <= 1


@pytest.mark.parametrize("is_html", [False, True])
@pytest.mark.parametrize("end", ["", "{{ phone | upcase }}"], ids=["joined", "liquid"])
def test_a_text_that_becomes_too_long_is_not_rendered(*, end: str, is_html: bool) -> None:
    template = compile_template("{{ comment }}" * 99 + end, "/body", is_html=is_html)

    assert len(template.render(client(comment="x" * 2_000))) == 198_000
    with pytest.raises(RenderFailed):
        template.render(client(comment="x" * 2_100))


def test_only_the_first_mistakes_are_told() -> None:
    for source in ("{{" * 50_000, "{% x %}" * 10_000, "{{ x }}" * 10_000):
        with pytest.raises(TemplateInvalid) as refusal:
            compile_template(source, "/body")

        assert len(refusal.value.field_errors) == 20
