# ruff: noqa: RUF001 - words in Russian
"""The columns of a client are known by what people and other tools call them."""

import pytest

from services.catalog.files.words import FIELD_OF, NAME_PARTS, WORDS, plain

# Of mailing tools, CRMs, address books and tables that people write themselves.
HEADERS = {
    "full_name": [
        *("First and last name", "Full name", "Name and surname", "Client", "Customer", "Name"),
        *("Имя и фамилия", "Фамилия Имя", "Ф.И.О.", "ФИО клиента", "Покупатель"),
        *("Полное имя контакта", "Контактное лицо", "Фамилия Имя Отчество", "Subscriber name"),
    ],
    NAME_PARTS: ["First Name", "LAST NAME", "Given Name", "Family Name", "Отчество"],
    "phone": [
        *("Phone Number", "Mobile phone", "Mobile Phone Number", "Phone 1 - Value", "Phone No."),
        *("Мобильный телефон", "Номер телефона", "Тел.", "Телефон для связи", "Сотовый номер"),
    ],
    "email": [
        *("Email Address", "E-mail", "E-mail 1 - Value", "EmailAddress", "Subscriber email"),
        *("Адрес почты", "Электронный адрес", "E-mail клиента"),
    ],
    "tags": ["TAGS", "Groups", "Segments", "Метки клиента", "Contact tags"],
    "external_id": ["Customer number", "Contact ID", "Код контрагента", "ID подписчика"],
}


@pytest.mark.parametrize(
    ("header", "field"), [(name, field) for field, names in HEADERS.items() for name in names]
)
def test_a_column_is_known_by_what_it_is_called(header: str, field: str) -> None:
    assert FIELD_OF.get(plain(header)) == field


@pytest.mark.parametrize("header", ["Loyalty points", "Баллы", "Last order", "SMS", "Согласие"])
def test_what_may_be_anything_is_taken_for_nothing(header: str) -> None:
    assert FIELD_OF.get(plain(header)) is None


def test_no_word_is_of_two_fields() -> None:
    words = [word for each in WORDS.values() for word in each.split("|")]

    assert len(words) == len(set(words))
    assert [word for word in words if plain(word) != word] == []
