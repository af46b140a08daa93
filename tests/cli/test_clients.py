"""The commands about clients."""

import asyncio
import io
import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx import ASGITransport

from cli import EXAMPLE_ID, Exit, Failure, export
from cli.api import Api
from cli.generate import csv_pieces
from cli.upload import PIECE_BYTES, TRIES, Kind, import_file
from services.catalog.projections import project
from services.catalog.routes import routers
from shared.database import Pool
from shared.event import Instant
from shared.event_store.postgres import PostgresEventStore
from shared.http import create_app
from shared.testing import FrozenClock
from tests.cli.conftest import Answer, Json, Mailings, Services, page

REJECTIONS = "/v1/imports/5/rejections"


@pytest.fixture
async def catalog(catalog_pool: Pool, now: Instant) -> AsyncIterator[Api]:
    """Give the API of a real catalog."""
    store = PostgresEventStore("catalog", catalog_pool, project)
    app = create_app("catalog", routers, catalog_pool, FrozenClock(now), store)
    async with Api(lambda _: "http://catalog", ASGITransport(app)) as api:
        yield api


def test_the_times_that_a_client_prefers_are_shown_added_and_removed(
    services: Services, mailings: Mailings
) -> None:
    key = "01890a5d-ac96-774b-bcce-b302099a8057"
    path = f"/v1/clients/{key}"
    times = [{"id": "mon-fri_09:00", "days": ["monday"], "at": "09:00"}]
    services.answer(path, {"client_id": key, "preferred_times": times})
    services.answer(f"{path}/preferred-times", {"items": times})

    added = mailings("clients", "prefer", key, "пн 9:00; sat 11:30")
    bodies = [json.loads(each.body) for each in services.asked if each.method == "POST"]
    mailings("clients", "prefer", key, "mon 9:00", "--only")
    changed = json.loads(services.asked[-1].body)
    refused = mailings("clients", "prefer", key, "someday 9:00")

    assert "mon-fri_09:00" in added.out
    assert bodies == [
        {"days": ["monday"], "at": "09:00"},
        {"days": ["saturday"], "at": "11:30"},
    ]
    assert changed == {"preferred_times": [{"days": ["monday"], "at": "09:00"}]}
    assert (refused.code, "mon-fri 09:00" in refused.err) == (2, True)


def imported(rejected: int = 0) -> Json:
    counters = {"rows": 3, "created": 3 - rejected, "changed": 0, "unchanged": 0, "bytes": 99}
    return {"import_id": "5", "status": "completed", "rejected": rejected, **counters}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clients.csv"
    path.write_bytes(b"".join(csv_pieces(3)))
    return path


async def test_generated_clients_are_all_imported_and_again_change_nothing(catalog: Api) -> None:
    content = b"".join(csv_pieces(500))

    first = await import_file(catalog, io.BytesIO(content), Kind.CSV, lambda _: None)
    second = await import_file(catalog, io.BytesIO(content), Kind.CSV, lambda _: None)

    assert (first["created"], first["rejected"], first["bytes"]) == (500, 0, len(content))
    assert (second["created"], second["unchanged"]) == (0, 500)


async def test_a_list_goes_on_over_pages_up_to_its_limit(catalog: Api) -> None:
    content = b"".join(csv_pieces(1_300))
    await import_file(catalog, io.BytesIO(content), Kind.CSV, lambda _: None)

    some, has_more = await catalog.items("catalog", "/v1/clients", {}, 1_200)
    everything, nothing_more = await catalog.items("catalog", "/v1/clients", {}, 5_000)

    assert (len(some), has_more) == (1_200, True)
    assert (len({each["client_id"] for each in everything}), nothing_more) == (1_300, False)


async def test_a_file_that_is_no_list_of_clients_is_refused(catalog: Api) -> None:
    with pytest.raises(Failure, match="no column 'phone'") as refused:
        await import_file(catalog, io.BytesIO(b"name\nAnna\n"), Kind.CSV, lambda _: None)

    assert refused.value.code is Exit.ERROR


def test_a_file_goes_out_as_it_is_read(
    services: Services, mailings: Mailings, tmp_path: Path
) -> None:
    path = tmp_path / "many.ndjson"
    path.write_bytes(b'{"phone": "79161234567"}\n' * (PIECE_BYTES // 10))
    services.answer("/v1/imports", imported(), status=201)

    result = mailings("clients", "import", str(path))

    assert result.code == Exit.OK
    [sent] = [each for each in services.asked if each.method == "POST"]
    assert sent.body == path.read_bytes()
    assert "import_id" in sent.parameters


def test_rejected_rows_are_shown_with_row_column_code_and_reason(
    services: Services, mailings: Mailings, file: Path
) -> None:
    services.answer("/v1/imports", imported(rejected=1), status=201)
    services.answer(
        REJECTIONS, page([{"row": 2, "column": "phone", "code": "missing", "reason": "no phone"}])
    )

    result = mailings("clients", "import", str(file))

    assert ["2", "phone", "missing", "no", "phone"] in [
        line.split() for line in result.out.splitlines()
    ]
    assert "1 of 3 rows were rejected" in result.err
    assert "./mailings imports rejections 5 --output mend.csv" in result.err


@pytest.mark.parametrize(("options", "code"), [((), Exit.OK), (("--strict",), Exit.ERROR)])
def test_rejected_rows_are_an_error_only_for_the_strict(
    services: Services, mailings: Mailings, file: Path, options: tuple[str, ...], code: Exit
) -> None:
    services.answer("/v1/imports", imported(rejected=1), status=201)
    services.answer(REJECTIONS, page([]))

    assert mailings("clients", "import", str(file), *options).code == code


BUSY = "As many imports are running as may be at once."


def test_an_import_that_breaks_off_says_how_it_goes_on(
    services: Services, mailings: Mailings, file: Path
) -> None:
    services.answer("/v1/imports", imported(), status=201)
    services.busy("/v1/imports", times=TRIES, retry_after="0", title=BUSY)
    services.answer(f"/v1/imports/{EXAMPLE_ID}", {"bytes": 5})

    result = mailings("clients", "import", str(file), "--resume", EXAMPLE_ID)

    assert result.code == Exit.UNAVAILABLE
    assert f"import the same file again with --resume {EXAMPLE_ID}" in result.err


def test_of_an_import_that_never_began_there_is_nothing_to_resume(
    monkeypatch: pytest.MonkeyPatch, mailings: Mailings, file: Path
) -> None:
    monkeypatch.setenv("CATALOG_URL", "http://127.0.0.1:1")

    result = mailings("clients", "import", str(file))

    assert result.code == Exit.UNAVAILABLE
    assert "--resume" not in result.err


async def test_who_did_not_name_an_import_is_not_told_to_resume_it(services: Services) -> None:
    services.answer("/v1/imports", imported(), status=201)
    services.busy("/v1/imports", times=TRIES, retry_after="0", title=BUSY)
    services.everything = Answer(200, b'{"bytes": 5}')

    async with Api() as api:
        with pytest.raises(Failure) as failed:
            await import_file(api, io.BytesIO(b"phone\n"), Kind.CSV, lambda _: None)

    assert "--resume" not in str(failed.value)


def test_an_import_that_has_to_wait_for_others_says_so_and_is_sent_again(
    services: Services, mailings: Mailings, file: Path
) -> None:
    services.answer("/v1/imports", imported(), status=201)
    services.busy("/v1/imports", times=2, retry_after="0", title=BUSY)

    result = mailings("clients", "import", str(file))

    assert result.code == Exit.OK
    assert result.err.count(f"{BUSY} The file is sent again in 0 s.") == 2
    sent = [each for each in services.asked if each.method == "POST"]
    assert [each.body for each in sent] == [file.read_bytes()] * 3
    assert len({each.parameters["import_id"] for each in sent}) == 1


@pytest.mark.parametrize(("retry_after", "sent"), [("0", TRIES), (None, 1), ("later", 1)])
def test_an_import_is_not_sent_again_for_ever_nor_where_nothing_says_that_it_may_be(
    services: Services, mailings: Mailings, file: Path, retry_after: str | None, sent: int
) -> None:
    services.answer("/v1/imports", imported(), status=201)
    services.busy("/v1/imports", times=TRIES, retry_after=retry_after, title=BUSY)

    result = mailings("clients", "import", str(file))

    assert (result.code, BUSY in result.err) == (Exit.UNAVAILABLE, True)
    assert len([each for each in services.asked if each.method == "POST"]) == sent


async def test_what_cannot_be_read_again_is_not_sent_again(services: Services) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    services.answer("/v1/imports", imported(), status=201)
    services.busy("/v1/imports", times=1, retry_after="0", title=BUSY)

    async with Api(lambda _: services.url) as api:
        with pytest.raises(Failure, match=BUSY):
            await import_file(api, Pipe(b"phone\n"), Kind.CSV, lambda _: None)


def test_an_import_as_json_has_its_rejections(
    services: Services, mailings: Mailings, file: Path
) -> None:
    rejection = {"row": 2, "column": None, "reason": "1 cells"}
    services.answer("/v1/imports", imported(rejected=1), status=201)
    services.answer(REJECTIONS, page([rejection]))

    result = mailings("clients", "import", str(file), "-o", "json")

    assert result.json == {**imported(rejected=1), "rejections": [rejection]}


@pytest.mark.parametrize(
    ("name", "options", "content_type"),
    [
        ("clients.csv", (), "text/csv"),
        ("clients", (), "application/octet-stream"),
        ("clients.csv.gz", (), "application/octet-stream"),
        ("clients", ("--format", "csv"), "text/csv"),
    ],
)
def test_what_a_file_is_its_name_says_or_an_option_or_its_content(
    services: Services,
    mailings: Mailings,
    tmp_path: Path,
    name: str,
    options: tuple[str, ...],
    content_type: str,
) -> None:
    path = tmp_path / name
    path.write_text("phone\n79161234567\n")
    services.answer("/v1/imports", imported(), status=201)

    assert mailings("clients", "import", str(path), *options).code == Exit.OK
    [sent] = [each for each in services.asked if each.method == "POST"]
    assert sent.content_type == content_type
    assert sent.parameters["file_name"] == name


def test_what_is_said_of_a_file_goes_with_it(
    services: Services, mailings: Mailings, file: Path
) -> None:
    services.answer("/v1/imports", imported(), status=201)
    options = (
        "--charset cp1251 --delimiter tab --unknown ignore --mode update --key phone --tags add "
        "--empty keep --dry-run --resume 01a223e7-6a60-70b3-918e-ee3db44241bc"
    )

    result = mailings(
        "clients", "import", str(file), *options.split(), "--column", "Tel=phone", "--column", "A="
    )

    assert result.code == Exit.OK, result.err
    [sent] = [each for each in services.asked if each.method == "POST"]
    assert sent.parameters == {
        "import_id": "01a223e7-6a60-70b3-918e-ee3db44241bc",
        "file_name": file.name,
        "charset": "cp1251",
        "delimiter": "tab",
        "columns": '{"Tel": "phone", "A": null}',
        "unknown_columns": "ignore",
        "mode": "update",
        "key": "phone",
        "tags": "add",
        "empty": "keep",
        "dry_run": "true",
    }
    assert "Nothing was changed" in result.err


def test_a_column_that_is_named_otherwise_is_a_header_and_a_field(
    mailings: Mailings, file: Path
) -> None:
    result = mailings("clients", "import", str(file), "--column", "phone")

    assert result.code == Exit.USAGE
    assert "HEADER=FIELD" in result.err


def test_an_import_is_cancelled(services: Services, mailings: Mailings) -> None:
    import_id = "01a223e7-6a60-70b3-918e-ee3db44241bc"
    view = {"import_id": import_id, "status": "cancelled", "rows": 2_000}
    services.answer(f"/v1/imports/{import_id}/cancel", view)

    assert "cancelled after 2,000 rows" in mailings("imports", "cancel", import_id).err


def test_a_file_that_is_not_there_is_a_mistake_of_usage(mailings: Mailings) -> None:
    assert mailings("clients", "import", "nowhere.csv").code == Exit.USAGE


def test_clients_are_listed_by_what_they_have(services: Services, mailings: Mailings) -> None:
    services.answer("/v1/clients", page([], next_cursor="more"), page([]))

    result = mailings("clients", "list", "--tag", "vip", "--phone", "79161234567", "-o", "json")

    assert result.json == []
    first, second = (each.parameters for each in services.asked)
    assert first == {"tag": "vip", "phone": "79161234567", "limit": "50"}
    assert second == {**first, "cursor": "more"}


def test_a_list_that_goes_on_says_so(services: Services, mailings: Mailings) -> None:
    names = ("phone", "operator_code", "full_name", "tags", "time_zone", "email", "client_id")
    services.answer("/v1/clients", page([dict.fromkeys(names)], next_cursor="more"))

    assert "more than these 1" in mailings("clients", "list", "--limit", "1").err


CLIENT = "01a201e4-6c68-70f0-baaf-d5cbd070123b"


@pytest.fixture
def client() -> Json:
    profile = dict.fromkeys(("operator_code", "time_zone", "email", "full_name", "comment"))
    times = {"created_at": "2026-01-01T12:00:00Z", "changed_at": "2026-01-01T12:00:00Z"}
    known = {"client_id": CLIENT, "phone": "79161234567", "tags": ["vip"], "version": 1}
    return {**profile, **times, **known}


@pytest.mark.parametrize("typed", [CLIENT, "79161234567"])
def test_a_client_is_found_by_identifier_or_phone(
    services: Services, mailings: Mailings, client: Json, typed: str
) -> None:
    services.answer(f"/v1/clients/{CLIENT}", client)
    services.answer("/v1/clients", page([client]))

    assert CLIENT in mailings("clients", "show", typed).out


def test_an_edit_sends_only_what_is_named_and_null_for_what_is_emptied(
    services: Services, mailings: Mailings, client: Json
) -> None:
    services.answer(f"/v1/clients/{CLIENT}", client)
    change = ("--full-name", "Анна", "--email", "", "--no-tags")

    result = mailings("clients", "edit", CLIENT, *change)

    assert result.code == Exit.OK
    sent = services.asked[-1]
    assert sent.method == "PATCH"
    assert json.loads(sent.body) == {"full_name": "Анна", "email": None, "tags": []}


def test_a_client_is_removed(services: Services, mailings: Mailings, client: Json) -> None:
    services.answer(f"/v1/clients/{CLIENT}", client)

    result = mailings("clients", "remove", CLIENT)

    assert result.code == Exit.OK
    assert services.asked[-1].method == "DELETE"


@pytest.mark.parametrize(
    ("typed", "code"), [("nobody", Exit.USAGE), ("79160000000", Exit.NOT_FOUND), (CLIENT, 3)]
)
def test_a_client_that_is_not_there_is_an_error_with_advice(
    services: Services, mailings: Mailings, typed: str, code: Exit
) -> None:
    services.answer("/v1/clients", page([]))
    services.refuse(f"/v1/clients/{CLIENT}", 404, title="No client has this identifier.")

    result = mailings("clients", "show", typed)

    assert (result.code, "./mailings clients list" in result.err) == (code, True)


def test_identifiers_alone_are_printed_for_the_quiet(
    services: Services, mailings: Mailings, client: Json
) -> None:
    services.answer("/v1/clients", page([client]))

    assert mailings("clients", "list", "-q").out == f"{CLIENT}\n"


def test_an_empty_list_says_that_it_is(services: Services, mailings: Mailings) -> None:
    services.answer("/v1/clients", page([]))

    assert "There are no such clients." in mailings("clients", "list", "--tag", "x").err
    assert mailings("clients", "list", "-o", "json").json == []


def test_imports_are_listed_and_shown_with_their_rejections(
    services: Services, mailings: Mailings
) -> None:
    view = {
        **imported(rejected=1),
        "import_id": CLIENT,
        "failure_reason": None,
        "started_at": "2026-01-01T12:00:00Z",
        "ended_at": None,
    }
    services.answer("/v1/imports", page([view]))
    services.answer(f"/v1/imports/{CLIENT}", view)
    rejection = {"row": 2, "column": "phone", "reason": "no phone"}
    services.answer(f"/v1/imports/{CLIENT}/rejections", page([rejection]))

    assert CLIENT in mailings("imports", "list").out
    assert "no phone" in mailings("imports", "show", CLIENT).out
    assert mailings("imports", "list", "-q").out == f"{CLIENT}\n"


async def test_who_interrupts_an_import_reads_what_becomes_of_it(
    catalog: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    class Endless(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            task.cancel()
            return b"phone\n79161234567\n"

    task = asyncio.ensure_future(import_file(catalog, Endless(), Kind.CSV, lambda _: None))
    with pytest.raises(asyncio.CancelledError):
        await task

    said = capsys.readouterr().err
    assert "the rows that are in stay in" in said
    assert "./mailings imports show" in said


CLIENTS_EXPORT = "/v1/clients/export"
AT, ONE, TWO = "2026-01-01T12:00:00+00:00", EXAMPLE_ID, EXAMPLE_ID.replace("01a2", "01a1")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (
            "clients.csv",
            [
                f'\ufeffclient_id,comment,created_at\r\n{ONE},"a\r\nb",{AT}\r\n{TWO},"c\r\n',
                f'{TWO},"c\r\nd",{AT}\r\n',
            ],
        ),
        (
            "clients.ndjson",
            [
                f'{{"client_id": "{ONE}", "created_at": "{AT}"}}\n{{"client_id',
                f'{{"client_id": "{TWO}", "created_at": "{AT}"}}\n',
            ],
        ),
    ],
)
def test_an_export_of_clients_that_breaks_off_goes_on_behind_its_last_whole_line(
    services: Services,
    mailings: Mailings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    parts: list[str],
) -> None:
    monkeypatch.setattr(export, "PAUSE_S", 0.0)
    first, rest = (part.encode() for part in parts)
    services.answers[CLIENTS_EXPORT] = [Answer(200, first, missing=5), Answer(200, rest)]

    result = mailings("clients", "export", "--tag", "vip", "--output", str(tmp_path / name))

    assert result.code == Exit.OK, result.err
    written = (tmp_path / name).read_bytes()
    assert written == first[: first.rindex(TWO.encode() if b"," in first[:20] else b"{")] + rest
    begun, again = services.asked
    assert "cursor" not in begun.parameters
    assert urlsafe_b64decode(again.parameters["cursor"]).decode() == f"{AT},{ONE}"
    assert again.parameters["tag"] == "vip"


def test_clients_are_looked_for_by_words_and_several_tags(
    services: Services, mailings: Mailings
) -> None:
    services.answer("/v1/clients", page([]))

    mailings("clients", "list", "anna smi", "--tag", "vip", "--tag", "new")

    [asked] = services.asked
    assert asked.parameters["q"] == "anna smi"
    assert asked.query.count("tag=") == 2


@pytest.mark.parametrize("typed", ["79161234567", "+7 (916) 123-45-67", "8 916 123 45 67"])
@pytest.mark.parametrize("command", [("list", "--phone"), ("export", "--phone"), ("show",)])
def test_a_phone_is_taken_as_people_write_it(
    services: Services, mailings: Mailings, command: tuple[str, ...], typed: str
) -> None:
    services.answer("/v1/clients", page([]))
    services.stream("/v1/clients/export", b"")

    mailings("clients", *command, typed)

    assert services.asked[-1].parameters["phone"] == "79161234567"


@pytest.mark.parametrize("typed", ["7.91612E+10", "916", "+375 29 123-45-67", "anna"])
def test_what_is_no_phone_is_refused_with_how_one_is_written(
    mailings: Mailings, typed: str
) -> None:
    result = mailings("clients", "list", "--phone", typed)

    assert result.code == Exit.USAGE
    assert "+7 916 123-45-67" in " ".join(result.err.split())
