# ruff: noqa: E501, RUF001 - files with text in Russian, one a line
"""A corpus of files of clients as people have them, each with what must come of it.

Made by code, tiny, and free of real people. An outcome is what each row leads to: the fields of
the client that it registers, or the code of the mistake for which it is rejected; or the code for
which the file is refused as a whole.
"""

import codecs
import gzip
import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import openpyxl

from services.catalog.domain.import_options import (
    DEFAULT_OPTIONS,
    Empty,
    ImportOptions,
    Key,
    Mode,
    Tags,
    UnknownColumns,
)

Row: TypeAlias = dict[str, Any] | str
ANYTHING = "application/octet-stream"
ANNA, BORIS = "79161234567", "79161234568"
IGNORE = ImportOptions(unknown_columns=UnknownColumns.IGNORE)


@dataclass(frozen=True)
class UglyFile:
    """A file, what the caller says of it, and what must come of it."""

    name: str
    data: bytes
    outcome: Sequence[Row] | str  # of each row; or why the file is refused
    options: ImportOptions = DEFAULT_OPTIONS
    content_type: str = ANYTHING
    found: dict[str, Any] = field(default_factory=dict)  # format, charset, delimiter


def client(phone: str = ANNA, full_name: str | None = None, **more: Any) -> dict[str, Any]:
    """Return what a client is to have."""
    return {"phone": phone, **({"full_name": full_name} if full_name else {}), **more}


TWO = [client(ANNA, "Анна"), client(BORIS, "Борис")]
RUSSIAN = f"Телефон;ФИО\r\n{ANNA};Анна\r\n{BORIS};Борис\r\n"
ENGLISH = f"phone,full_name\n{ANNA},Anna\n"
ONE = [client(ANNA, "Anna")]


def corpus() -> list[UglyFile]:
    """Return all files."""
    return [*_charsets(), *_delimiters(), *_lines(), *_headers(), *_phones(), *_cells(), *_json(),
            *_packed(), *_books(), *_no_lists(), *_options()]  # fmt: skip


def _charsets() -> Iterator[UglyFile]:
    for charset, found in (
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16-le"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("cp1251", "windows-1251"),
        ("cp866", "ibm866"),
    ):
        yield UglyFile(
            f"{charset} found out", RUSSIAN.encode(charset), TWO, found={"charset": found}
        )
    for charset in ("utf-8", "utf-16", "windows-1251", "cp866", "koi8-r"):
        named = ImportOptions(charset=charset)
        yield UglyFile(f"{charset} named", RUSSIAN.encode(charset), TWO, named)
    big_endian = codecs.BOM_UTF16_BE + RUSSIAN.encode("utf-16-be")
    yield UglyFile("utf-16 with its mark, other end first", big_endian, TWO)
    yield UglyFile("ascii", ENGLISH.encode(), ONE, found={"charset": "us-ascii"})
    late = ENGLISH + "".join(f"7916{n:07},\n" for n in range(2_000)) + f"{BORIS},Борис\n"
    many = [*ONE, *[client(f"7916{n:07}") for n in range(2_000)], client(BORIS, "Борис")]
    for charset in ("cp1251", "cp866", "utf-8"):
        yield UglyFile(f"{charset} far behind ascii", late.encode(charset), many)
    capitals = f"ТЕЛЕФОН;ФИО\n{ANNA};АННА ЁЖИКОВА\n"
    for charset in ("cp1251", "cp866"):
        capital = [client(ANNA, "АННА ЁЖИКОВА")]
        yield UglyFile(f"{charset} in capitals", capitals.encode(charset), capital)
    western = "phone,full_name\n79161234567,José\n".encode("cp1252")
    named = ImportOptions(charset="windows-1252")
    yield UglyFile("western, named", western, [client(ANNA, "José")], named)
    damaged = RUSSIAN.encode() + f"{ANNA};".encode() + b"\xd0\xc0\xff\r\n"
    yield UglyFile("utf-8 with a damaged row", damaged, [*TWO, "not_utf8"])
    wrong = ImportOptions(charset="utf-8")
    yield UglyFile("named wrong", RUSSIAN.encode("cp1251"), "not_utf8", wrong)
    emoji = f"phone,full_name\n{ANNA},Анна 🌷\n"
    yield UglyFile("utf-16 with emoji", emoji.encode("utf-16"), [client(ANNA, "Анна 🌷")])


def _delimiters() -> Iterator[UglyFile]:
    for name, mark in (("comma", ","), ("semicolon", ";"), ("tab", "\t"), ("bar", "|")):
        data = ENGLISH.replace(",", mark).encode()
        yield UglyFile(f"{name} found out", data, ONE, found={"delimiter": mark})
        yield UglyFile(f"{name} named", data, ONE, ImportOptions(delimiter=mark))
    yield UglyFile("as Excel names it", f"sep=;\r\n{RUSSIAN}".encode(), TWO)
    within = f'phone;full_name;comment\n{ANNA};"Smith; Anna";a, b\n'
    smith = client(ANNA, "Smith; Anna", comment="a, b")
    yield UglyFile("delimiters within cells", within.encode(), [smith])
    yield UglyFile("named otherwise than it is", RUSSIAN.encode(), "no_header",
                   ImportOptions(delimiter=","))  # fmt: skip
    yield UglyFile("one column", f"phone\n{ANNA}\n".encode(), [client()])
    tabs = f"phone\tfull_name\ttags\n{ANNA}\tAnna\tvip, new\n"
    yield UglyFile(
        "tabs with commas within", tabs.encode(), [client(ANNA, "Anna", tags=("vip", "new"))]
    )


def _lines() -> Iterator[UglyFile]:
    for name, end in (("crlf", "\r\n"), ("cr", "\r"), ("lf", "\n")):
        data = ENGLISH.replace("\n", end).encode()
        yield UglyFile(f"lines end in {name}", data, ONE)
        blank = f"{end}{end}phone,full_name{end}{end} {end}{ANNA},Anna{end}{end}"
        yield UglyFile(f"blank lines, {name}", blank.encode(), ONE)
        inside = f'phone,comment{end}{ANNA},"one{end}two"{end}{BORIS},b{end}'
        both = [client(comment=f"one{end}two"), client(BORIS, comment="b")]
        yield UglyFile(f"a line break in quotes, {name}", inside.encode(), both)
    yield UglyFile("no end of line at the end", ENGLISH.strip().encode(), ONE)
    yield UglyFile("rows of nothing but delimiters", (ENGLISH + ",\n,,\n" + f"{BORIS},\n").encode(),
                   [*ONE, client(BORIS)])  # fmt: skip
    quoted = f'"phone","full_name"\n"{ANNA}","Anna ""Ann"" Smith"\n'
    yield UglyFile("everything in quotes", quoted.encode(), [client(ANNA, 'Anna "Ann" Smith')])
    yield UglyFile("a quote that is not closed", f'{ENGLISH}{BORIS},"Boris\n79161234569,C\n'.encode(),
                   [*ONE, "quotes", client("79161234569", "C")])  # fmt: skip
    yield UglyFile(
        "a quote in the middle",
        f'{ENGLISH}{BORIS},5" disk\n'.encode(),
        [*ONE, client(BORIS, '5" disk')],
    )
    yield UglyFile("too few and too many cells", f"{ENGLISH}{BORIS}\n{BORIS},b,c\n".encode(),
                   [*ONE, "cells", "cells"])  # fmt: skip
    yield UglyFile("a row that is too long", f"{ENGLISH}{BORIS},{'x' * 70_000}\n".encode(),
                   [*ONE, "row_too_long"])  # fmt: skip


def _headers() -> Iterator[UglyFile]:
    for header in (
        "Phone,Full Name", "PHONE,FULL_NAME", " phone , full name ", "Phone Number,Name",
        "mobile,Customer name", "Tel.,Contact", "MSISDN,fullname", "Телефон,ФИО", "ТЕЛЕФОН:,Ф.И.О.",
        "Номер телефона,Имя", "Моб. телефон,Имя клиента", "Мобильный,Клиент", "телефон *,имя",
        "Сотовый телефон,Полное имя", "'phone','full_name'",
    ):  # fmt: skip
        yield UglyFile(f"header {header}", f"{header}\n{ANNA},Anna\n".encode(), ONE)
    everything = (
        "Телефон;Код оператора;Теги;Часовой пояс;Эл. почта;ФИО;Комментарий;Внешний ID\n"
        f"{ANNA};916;vip|new;Europe/Moscow;anna@example.com;Анна;звонить днём;CRM-1\n"
    )
    whole = client(
        ANNA, "Анна", operator_code="916", tags=("vip", "new"), time_zone="Europe/Moscow",
        email="anna@example.com", comment="звонить днём", external_id="CRM-1",
    )  # fmt: skip
    yield UglyFile("all columns in Russian", everything.encode("cp1251"), [whole])
    parts = f"Last Name,First Name,Phone\nSmith,Anna,{ANNA}\n,Boris,{BORIS}\n"
    yield UglyFile("a name in two columns", parts.encode(),
                   [client(ANNA, "Smith Anna"), client(BORIS, "Boris")])  # fmt: skip
    broken = f'"Phone\nnumber",Name\n{ANNA},Anna\n'
    yield UglyFile("a line break in the header", broken.encode(), ONE)
    other = f"Phone,Age,Name\n{ANNA},33,Anna\n"
    yield UglyFile("an unknown column", other.encode(), "unknown_column")
    yield UglyFile("an unknown column, ignored", other.encode(), ONE, IGNORE)
    trailing = f"phone,full_name,\n{ANNA},Anna,\n"
    yield UglyFile("a delimiter at the end", trailing.encode(), ONE, IGNORE)
    yield UglyFile("a column twice", f"phone,tel\n{ANNA},{ANNA}\n".encode(), "double_column")
    yield UglyFile("no phone", b"full_name,tags\nAnna,vip\n", "missing_column")
    yield UglyFile("no header", f"{ANNA},Anna\n".encode(), "no_header")
    mapped = ImportOptions(columns={"Кому": "full_name", "Куда": "phone", "Когда": None})
    letters = f"Кому,Куда,Когда\nАнна,{ANNA},завтра\n"
    yield UglyFile("named columns", letters.encode(), [client(ANNA, "Анна")], mapped)
    yield UglyFile("named columns that are not there", ENGLISH.encode(), "missing_column", mapped)
    export = (
        f"client_id,phone,version,created_at\n{'0' * 8}-0000-0000-0000-{'0' * 12},{ANNA},3,x\n"
    )
    yield UglyFile("as an export has it", export.encode(), [client()])
    again = f"reason,line,phone,full_name\nno phone,2,{ANNA},Anna\n"
    yield UglyFile("rejected rows, mended", again.encode(), ONE)


def _phones() -> Iterator[UglyFile]:
    for written in (
        "+7 (916) 123-45-67", "8 916 123 45 67", "89161234567", "9161234567", "+79161234567",
        "7-916-123-45-67", "8(916)1234567", "'+79161234567", "79161234567.0", "tel:+79161234567",
        "+7\u00a0916\u00a0123\u201145\u201167", "8-10-7-916-123-45-67", " 79161234567 ",
    ):  # fmt: skip
        yield UglyFile(f"phone {written}", f"phone;full_name\n{written};Anna\n".encode(), ONE)
    for written, phone in (
        ("8 (495) 123-45-67", "74951234567"),
        ("+7 701 123 45 67", "77011234567"),
        ("(812) 123-45-67", "78121234567"),
    ):
        yield UglyFile(f"phone {written}", f"phone\n{written}\n".encode(), [client(phone)])
    for wrong in (
        "7.91612E+10", "916123456", "+375 29 123-45-67", "+1 202 555 0100", "1234567890", "no",
        "89161234567 / 89161234568", "+89161234567", "8916123456789", "916-123-45-6x",
    ):  # fmt: skip
        yield UglyFile(
            f"no phone: {wrong}", f"phone\n{wrong}\n{ANNA}\n".encode(), ["phone", client()]
        )


def _cells() -> Iterator[UglyFile]:
    for cell, tags in (
        ('"vip,new"', ("vip", "new")), ("vip;new", ("vip", "new")), ("vip|new", ("vip", "new")),
        ('" vip , ,new,"', ("vip", "new")), ("vip;vip", ("vip",)), ("", ()),
    ):  # fmt: skip
        expected = client(tags=tags) if tags else client()
        yield UglyFile(f"tags {cell}", f"phone,tags\n{ANNA},{cell}\n".encode(), [expected])
    yield UglyFile("a formula of an export", f"phone,comment\n{ANNA},'=1+1\n".encode(),
                   [client(comment="=1+1")])  # fmt: skip
    yield UglyFile("an apostrophe of an export", f"phone,comment\n{ANNA},''=1\n".encode(),
                   [client(comment="'=1")])  # fmt: skip
    yield UglyFile("an apostrophe of a name", f"phone,full_name\n{ANNA},O'Hara\n".encode(),
                   [client(ANNA, "O'Hara")])  # fmt: skip
    yield UglyFile("a zone that is none", f"phone,time_zone\n{ANNA},MSK\n".encode(), ["time_zone"])
    yield UglyFile("an e-mail that is none", f"phone,email\n{ANNA},anna\n".encode(), ["email"])
    yield UglyFile("a zero in a cell", f"phone,comment\n{ANNA},a\0b\n".encode(),
                   ["control_character"])  # fmt: skip
    times = f"Телефон;Удобное время\n{ANNA};пн-пт 9:00, сб 11.30\n{BORIS};когда угодно\n"
    yield UglyFile("preferred times in Russian", times.encode("cp1251"),
                   [client(preferred_times="mon-fri 09:00, sat 11:30"), "preferred_times"])  # fmt: skip
    yield UglyFile("no phone in a row", f"phone,comment\n,a\n{ANNA},b\n".encode(),
                   ["missing", client(comment="b")])  # fmt: skip


def _json() -> Iterator[UglyFile]:
    one = f'{{"phone": "{ANNA}", "full_name": "Anna"}}\n'
    yield UglyFile("json", one.encode(), ONE, found={"format": "ndjson"})
    yield UglyFile("json with a mark", b"\xef\xbb\xbf" + one.encode(), ONE)
    yield UglyFile("json, cr lf and blank lines", f"{one}\r\n\r\n{one}".encode(), [*ONE, "same"])
    named = '{"Телефон": "+7 916 123-45-67", "Имя": "Anna"}\n'
    yield UglyFile("json with names in Russian", named.encode(), ONE)
    other = f'{{"phone": "{ANNA}", "age": 33, "full_name": "Anna"}}\n'
    yield UglyFile("json with an unknown field", other.encode(), ["unknown_field"])
    yield UglyFile("json with an unknown field, ignored", other.encode(), ONE, IGNORE)
    yield UglyFile("json that is cut", f'{one}{{"phone": "7916'.encode(), [*ONE, "json"])
    twice = f'{{"phone": "{ANNA}", "phone": "{BORIS}"}}\n'
    yield UglyFile("a field twice", twice.encode(), ["duplicate_field"])
    yield UglyFile("a field by two names", f'{{"phone": "{ANNA}", "tel": "1"}}\n'.encode(),
                   ["duplicate_field"])  # fmt: skip
    shown = f'{{"phone": "{ANNA}", "preferred_times": [{{"days": ["monday"], "at": "09:00", "id": "mon_09:00"}}]}}\n'
    yield UglyFile("json with times as they are shown", shown.encode(),
                   [client(preferred_times="mon 09:00")])  # fmt: skip
    array = f'[{{"phone": "{ANNA}"}}]\n'.encode()
    yield UglyFile("an array", array, ["json"], content_type="application/x-ndjson")


def zipped(*files: tuple[str, bytes]) -> bytes:
    """Return a ZIP with these files."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return written.getvalue()


def _packed() -> Iterator[UglyFile]:
    csv = RUSSIAN.encode("cp1251")
    yield UglyFile("gzip", gzip.compress(csv), TWO)
    half = len(csv) // 2
    yield UglyFile(
        "gzip in two members", gzip.compress(csv[:half]) + gzip.compress(csv[half:]), TWO
    )
    yield UglyFile("gzip, called csv", gzip.compress(csv), TWO, content_type="text/csv")
    yield UglyFile("gzip that is cut", gzip.compress(csv)[:-9], "gzip")
    yield UglyFile("zip", zipped(("clients.csv", csv)), TWO)
    mac = zipped(("clients.csv", csv), ("__MACOSX/._clients.csv", b"\0\5\x16\7"))
    yield UglyFile("zip of a Mac", mac, TWO)
    yield UglyFile("zip with a folder", zipped(("a/", b""), ("a/clients.csv", csv)), TWO)
    yield UglyFile("zip with two files", zipped(("a.csv", csv), ("b.csv", csv)), "zip")
    yield UglyFile("zip with none", zipped(), "zip")
    yield UglyFile("zip that is cut", zipped(("clients.csv", csv))[:-30], "zip")
    yield UglyFile("zip in gzip", gzip.compress(zipped(("clients.csv", csv))), TWO)
    deep = gzip.compress(gzip.compress(gzip.compress(csv)))
    yield UglyFile("packed again and again", deep, "packed")
    yield UglyFile("no gzip, called so", csv, "not_a_list", content_type="application/gzip")


def book(*rows: Sequence[Any], change: Callable[[Any], None] = lambda _: None) -> bytes:
    """Return a workbook with these rows."""
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    change(made)
    written = io.BytesIO()
    made.save(written)
    return written.getvalue()


def _books() -> Iterator[UglyFile]:
    header = ("Телефон", "ФИО")
    yield UglyFile("workbook", book(header, (ANNA, "Анна"), (BORIS, "Борис")), TWO,
                   found={"format": "xlsx", "charset": None})  # fmt: skip
    numbers = book(header, (int(ANNA), "Анна"), (float(BORIS), "Борис"))
    yield UglyFile("workbook, phones as numbers", numbers, TWO)
    gaps = book((), header, (), (ANNA, "Анна"), (None, None), (BORIS, "Борис"))
    yield UglyFile("workbook with blank rows", gaps, TWO)
    yield UglyFile(
        "workbook, short rows", book((*header, "Теги"), (ANNA, "Анна"), (BORIS, "Борис")), TWO
    )
    yield UglyFile("workbook, called old Excel", book(header, (ANNA, "Анна")), TWO[:1],
                   content_type="application/vnd.ms-excel")  # fmt: skip
    marks = book(header, (ANNA, 'Анна "A", \n B'))
    yield UglyFile("workbook, marks in cells", marks, ["line_break"])

    def second(made: Any) -> None:
        made.create_sheet("notes").append(("other",))

    yield UglyFile(
        "workbook with two sheets", book(header, (ANNA, "Анна"), change=second), TWO[:1]
    )

    def hidden(made: Any) -> None:
        made.create_sheet("shown").append(("phone",))
        made["shown"].append((BORIS,))
        made["Sheet"].sheet_state = "hidden"
        made.active = 1

    shown = book(header, (ANNA, "Анна"), change=hidden)
    yield UglyFile("workbook with a hidden sheet", shown, [client(BORIS)])
    yield UglyFile("workbook with nothing", book(), "empty")
    yield UglyFile("workbook, no known column", book(("a", "b"), (1, 2)), "no_header")
    fake = zipped(("xl/workbook.xml", b"<nothing/>"), ("[Content_Types].xml", b"<x/>"))
    yield UglyFile("no workbook inside", fake, "xlsx")
    yield UglyFile("no workbook, called so", ENGLISH.encode(), "not_a_list",
                   content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")  # fmt: skip


def _no_lists() -> Iterator[UglyFile]:
    for name, data in (
        ("picture", b"\x89PNG\r\n\x1a\n" + bytes(100)),
        ("photo", b"\xff\xd8\xff\xe0" + bytes(100)),
        ("page", b"<!DOCTYPE html><html><body>Log in</body></html>"),
        ("page, called csv", b"\n <html>"),
        ("xml", b"<?xml version='1.0'?><clients/>"),
        ("pdf", b"%PDF-1.7\n" + bytes(100)),
        ("old Excel", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100)),
        ("rar", b"Rar!\x1a\x07\x00" + bytes(100)),
        ("rich text", b"{\\rtf1 hello}"),
        ("program", b"\x7fELF" + bytes(100)),
    ):
        kind = "text/csv" if "called" in name else ANYTHING
        yield UglyFile(name, data, "not_a_list", content_type=kind)
    yield UglyFile("text", "Дорогие коллеги!\nВот список.\n".encode(), "no_header")
    yield UglyFile("nothing", b"", "empty")
    yield UglyFile("blank lines only", b"\r\n\r\n  \n", "empty")
    yield UglyFile("a mark only", b"\xef\xbb\xbf", "empty")
    yield UglyFile("a header only", b"phone,full_name\n", [])
    yield UglyFile("noise", bytes(range(1, 256)) * 3, "no_header")
    yield UglyFile("zeros", bytes(1_000), "no_header")


def _options() -> Iterator[UglyFile]:
    twice = f"phone,full_name,tags\n{ANNA},Anna,vip\n{ANNA},,new\n".encode()
    yield UglyFile("an empty cell clears", twice,
                   [client(ANNA, "Anna", tags=("vip",)), client(ANNA, tags=("new",))])  # fmt: skip
    keep = ImportOptions(empty=Empty.KEEP, tags=Tags.ADD)
    both = client(ANNA, "Anna", tags=("vip", "new"))
    yield UglyFile("an empty cell keeps, tags are added", twice,
                   [client(ANNA, "Anna", tags=("vip",)), both], keep)  # fmt: skip
    insert, update = ImportOptions(mode=Mode.INSERT), ImportOptions(mode=Mode.UPDATE)
    first = client(ANNA, "Anna", tags=("vip",))
    yield UglyFile("only new ones", twice, [first, "exists"], insert)
    yield UglyFile("only those that are there", twice, ["unknown", "unknown"], update)
    mails = b"email,full_name\nanna@example.com,Anna\nANNA@example.com,Ann\n,X\n"
    by_mail = ImportOptions(keys=(Key.EMAIL,))
    yield UglyFile("by e-mail", mails, [
        {"email": "anna@example.com", "full_name": "Anna"},
        {"email": "ANNA@example.com", "full_name": "Ann"}, "missing"], by_mail)  # fmt: skip
    numbers = f"external_id,phone\nA1,{ANNA}\nA1,{BORIS}\nA2,{ANNA}\nA3,{BORIS}\n".encode()
    by_id = ImportOptions(keys=(Key.EXTERNAL_ID,))
    yield UglyFile("by external id", numbers, [
        client(ANNA, external_id="A1"), client(BORIS, external_id="A1"), "taken", "taken"],
        by_id)  # fmt: skip
    either = f"phone,email\n{ANNA},a@example.com\n,a@example.com\n,b@example.com\n".encode()
    phone_or_mail = ImportOptions(keys=(Key.PHONE, Key.EMAIL))
    yield UglyFile("by phone, else by e-mail", either, [
        client(ANNA, email="a@example.com"), {"email": "a@example.com"},
        {"email": "b@example.com"}], phone_or_mail)  # fmt: skip
