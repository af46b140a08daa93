"""The generation of clients: as many as one likes, as they might be; none of them exists.

The same seed gives the same clients. Phones are unique, mail addresses are in domains that
nobody can own (RFC 2606), and rows are made as they are read: memory does not grow with them.
"""
# ruff: noqa: RUF001 - people here have Russian names

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random
from typing import TypeVar

T = TypeVar("T")

COLUMNS = ("phone", "operator_code", "tags", "time_zone", "email", "full_name", "comment")

MOST = 10_000_000  # numbers of seven digits, each of them once
STRIDE = 7_368_787  # shares no factor with MOST: a walk over all numbers before one comes again
BLOCK = 1_000  # rows in a piece

OPERATOR_CODES = (
    *range(900, 907), 908, 909, *range(910, 921), *range(921, 940), 950, 951, 952, 953, 958,
    *range(960, 970), 977, 978, 980, 981, 982, 983, 985, 987, 988, 989, 991, 995, 996, 999,
)  # fmt: skip

# Zones of Russia by how many people live there, in per mille. Source: Rosstat 2021, rounded.
ZONES = {
    "Europe/Moscow": 640,
    "Asia/Yekaterinburg": 118,
    "Europe/Samara": 38,
    "Asia/Krasnoyarsk": 50,
    "Asia/Novosibirsk": 41,
    "Asia/Omsk": 13,
    "Asia/Irkutsk": 23,
    "Asia/Vladivostok": 24,
    "Asia/Yakutsk": 21,
    "Europe/Volgograd": 17,
    "Europe/Kaliningrad": 7,
    "Asia/Magadan": 5,
    "Asia/Kamchatka": 3,
}

# Tags of a client by how often they come, in per mille.
TAGS = {
    "": 300,
    "news": 220,
    "loyal": 130,
    "news|loyal": 90,
    "sale": 90,
    "sale|news": 60,
    "vip": 30,
    "vip|loyal|birthday": 20,
    "new": 60,
}

COMMENTS = {"": 960, "звонить после 18:00": 15, "просил не звонить": 10, "оптовый клиент": 15}
DOMAINS = ("example.com", "example.org", "example.net")

MEN = (
    "Александр", "Дмитрий", "Максим", "Сергей", "Андрей", "Алексей", "Артём", "Илья", "Кирилл",
    "Михаил", "Никита", "Матвей", "Роман", "Егор", "Иван", "Тимофей", "Владимир", "Павел",
    "Николай", "Фёдор",
)  # fmt: skip
WOMEN = (
    "Анастасия", "Мария", "Анна", "Дарья", "Елизавета", "Полина", "Виктория", "Екатерина",
    "Александра", "Ксения", "София", "Ольга", "Татьяна", "Наталья", "Ирина", "Светлана", "Юлия",
    "Елена", "Людмила", "Вероника",
)  # fmt: skip
# Fathers, as a man's patronymic; a woman's ends otherwise.
PATRONYMICS = (
    "Александрович", "Дмитриевич", "Сергеевич", "Андреевич", "Алексеевич", "Михайлович",
    "Иванович", "Владимирович", "Павлович", "Николаевич", "Фёдорович", "Петрович", "Викторович",
    "Юрьевич", "Олегович", "Игоревич",
)  # fmt: skip
# As a man's; a woman's has one letter more.
SURNAMES = (
    "Иванов", "Смирнов", "Кузнецов", "Попов", "Васильев", "Петров", "Соколов", "Михайлов",
    "Новиков", "Фёдоров", "Морозов", "Волков", "Алексеев", "Лебедев", "Семёнов", "Егоров",
    "Павлов", "Козлов", "Степанов", "Николаев", "Орлов", "Андреев", "Макаров", "Никитин",
    "Захаров", "Зайцев", "Соловьёв", "Борисов", "Яковлев", "Григорьев", "Романов", "Воробьёв",
)  # fmt: skip

LATIN = str.maketrans({
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "zh", "з": "z",
    "и": "i", "й": "y", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r",
    "с": "s", "т": "t", "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh",
    "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya",
})  # fmt: skip


def clients(count: int, seed: int = 1) -> Iterator[tuple[str, ...]]:
    """Give `count` clients as rows of `COLUMNS`, all values as text.

    Raises:
        ValueError: There are not as many phones.
    """
    if not 0 <= count <= MOST:
        raise ValueError(f"between 0 and {MOST:,} clients, not {count:,}")
    random = Random(seed)  # noqa: S311 (no secret)
    number = random.randrange(MOST)
    choices = zip(
        _choices(random, OPERATOR_CODES),
        _choices(random, _people()),
        _choices(random, PATRONYMICS),
        _choices(random, SURNAMES),
        _choices(random, tuple(ZONES), tuple(ZONES.values())),
        _choices(random, tuple(TAGS), tuple(TAGS.values())),
        _choices(random, tuple(COMMENTS), tuple(COMMENTS.values())),
        strict=True,
    )
    for code, (first, login, is_woman), patronymic, surname, *rest in islice(choices, count):
        number = (number + STRIDE) % MOST
        zone, tags, comment = rest
        father = f"{patronymic[:-2]}на" if is_woman else patronymic
        family = f"{surname}а" if is_woman else surname
        email = f"{login}.{number:07}@{DOMAINS[number % len(DOMAINS)]}" if number % 4 else ""
        full_name = f"{family} {first} {father}"
        yield f"7{code}{number:07}", str(code), tags, zone, email, full_name, comment


def csv_pieces(count: int, seed: int = 1) -> Iterator[bytes]:
    """Give `count` clients as a CSV file, in pieces of whole lines; the first has the header.

    Raises:
        ValueError: There are not as many phones.
    """
    rows: Iterator[Sequence[str]] = clients(count, seed)
    block: list[Sequence[str]] = [COLUMNS]
    while block:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(block)
        yield text.getvalue().encode()
        block = list(islice(rows, BLOCK))


def _people() -> tuple[tuple[str, str, bool], ...]:
    """Return first names, each with its Latin spelling and whether it is a woman's."""
    men = ((name, name.lower().translate(LATIN), False) for name in MEN)
    women = ((name, name.lower().translate(LATIN), True) for name in WOMEN)
    return (*men, *women)


def _choices(
    random: Random, among: Sequence[T], weights: Sequence[int] | None = None
) -> Iterator[T]:
    """Give one after the other, for ever; chosen by the block, which is fast."""
    while True:
        yield from random.choices(among, weights, k=BLOCK)
