# ruff: noqa: RUF001 - words in Russian
"""What people and other programs call the fields of a client, in English and in Russian."""

import re
import unicodedata
from collections.abc import Mapping

from services.catalog.domain.profile import FIELDS

CLIENT_ID = "client_id"
# What an export or a list of rejected rows has beside them: it is passed over.
OURS = ("version", "created_at", "changed_at", "reason", "reason_code", "line")
NAME_PARTS = "name_part"  # of a full name, that stand in columns of their own

# As they are written in the exports of other tools and in tables of people; without what
# `plain` makes alike.
WORDS: Mapping[str, str] = {
    "phone": "phone number|mobile|mobile phone|mobile number|cell|cell phone|cellphone|tel"
    "|telephone|msisdn|phone mobile|телефон|номер|номер телефона|телефон клиента|мобильный"
    "|мобильный телефон|мобильный номер|моб телефон|моб тел|моб|тел|сотовый"
    "|сотовый телефон|контактный телефон"
    "|phone no|phone num|phonenumber|mobile no|mobile phone number|mobilephone|contact number"
    "|customer phone|client phone|phone 1 value|номер мобильного|сотовый номер"
    "|номер сотового|телефон для связи|телефон контакта|телефон 1",
    "operator_code": "operator|code|def code|код оператора|код мобильного оператора|def код|код",
    "tags": "tag|label|labels|group|groups|segment|segments|list|lists|тег|теги|метка|метки"
    "|группа|группы|сегмент|сегменты"
    "|contact tags|customer tags|client tags|теги клиента|теги контакта|метки клиента",
    "time_zone": "timezone|tz|часовой пояс|таймзона|временная зона|зона",
    "email": "e mail|mail|email address|e mail address|почта|электронная почта|эл почта"
    "|адрес электронной почты|имейл|емейл|мейл|е mail"
    "|emailaddress|mail address|customer email|client email|contact email|subscriber email"
    "|email 1|e mail 1 value|email 1 value|емаил|адрес почты|электронный адрес|адрес email"
    "|адрес e mail|email адрес|email клиента|e mail клиента|почта клиента|почта контакта",
    "full_name": "name|fullname|client|client name|customer|customer name|contact|contact name"
    "|fio|фио|ф и о|полное имя|имя клиента|клиент|контакт|имя и фамилия|фамилия и имя"
    "|фамилия имя отчество|фамилия имя"
    "|first and last name|last and first name|first name and last name|last name and first name"
    "|first last name|last name first name|name and surname|surname and name|name surname"
    "|person|subscriber|subscriber name|recipient|recipient name|buyer|buyer name|user name"
    "|имя фамилия|имя фамилия отчество|имя отчество|имя и отчество|имя отчество фамилия"
    "|фамилия имя и отчество|имя контакта|полное имя контакта|контактное лицо|имя получателя"
    "|получатель|покупатель|имя покупателя|подписчик|имя подписчика|абонент|имя абонента"
    "|фио клиента|фио контакта|фио получателя|фио покупателя|ф и о клиента",
    NAME_PARTS: "first name|firstname|given name|last name|lastname|surname|family name"
    "|middle name|имя|фамилия|отчество"
    "|forename|additional name|second name",
    "comment": "comments|note|notes|remark|remarks|description|комментарий|комментарии|примечание"
    "|примечания|заметка|заметки|описание",
    "preferred_times": "preferred time|preferred|best time|удобное время|время|часы"
    "|предпочтительное время|предпочитаемое время|удобное время для связи|время для связи",
    "external_id": "id external|crm id|customer id|customer number|client number|внешний id"
    "|внешний идентификатор|внешний код|код клиента|id клиента|номер клиента|id crm|id в crm"
    "|customer code|client code|contact id|user id|subscriber id|id контакта|код контакта"
    "|код контрагента|id пользователя|id подписчика",
}
SEPARATORS = re.compile(r"[\s_.:*\-\u2010-\u2015]+")


def plain(name: str) -> str:
    """Return a name without what differs from table to table."""
    text = unicodedata.normalize("NFKC", name).casefold().replace("ё", "е")
    return SEPARATORS.sub(" ", text.replace("\ufeff", "")).strip(" '\"")


FIELD_OF = {
    plain(word): field
    for field, words in WORDS.items()
    for word in ([] if field == NAME_PARTS else [field]) + words.split("|")
} | {plain(name): name for name in (CLIENT_ID, *FIELDS, *OURS)}
