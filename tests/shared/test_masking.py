"""The masking of what a caller wrote in a wrong place."""

import pytest

from shared.masking import MASK, given_name, masked


@pytest.mark.parametrize("name", ["age", "fullName", "Phone2", "x-y_z", "_", "a" * 40])
def test_a_name_as_programs_have_them_is_shown(name: str) -> None:
    assert given_name(name) == f"'{name}'"


@pytest.mark.parametrize(
    "text",
    [
        "79161234567",
        "+7 916 123-45-67",
        "tel79161234567",
        "anna@example.com",
        "Anna Petrova",
        "\u0410\u043d\u043d\u0430",
        "a" * 41,
        "a\nb",
        "age\n",
        "1st",
        "\u0661\u0662",
        "",
    ],
)
def test_what_may_be_a_value_is_masked(text: str) -> None:
    assert given_name(text) == f"'{MASK}'"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_a_token_in_a_text_is_masked(scheme: str) -> None:
    assert (
        masked(f"Authorization: {scheme} c0ffee; refused")
        == f"Authorization: {scheme} {MASK} refused"
    )
