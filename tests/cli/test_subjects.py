"""The commands about a person's own data."""

import json

from cli import Exit
from tests.cli.conftest import Json, Mailings, Services, page

CLIENT = "01948a2c-0001-7000-8000-000000000001"
PHONE = "79161234567"
PATH = f"/v1/clients/{CLIENT}"
SUPPRESSED: Json = {"kind": "phone", "topic": None, "subject": "Zm9yLWFubmEtYXQtaG9tZQ"}
ERASED: Json = {
    "client_id": CLIENT,
    "erased_at": "2026-01-01T12:00:00Z",
    "log_compacted_by": "2026-01-08T12:00:01Z",
    "kept_suppressions": [SUPPRESSED],
}


def test_a_client_is_erased_by_its_identifier_though_it_is_removed(
    services: Services, mailings: Mailings
) -> None:
    services.answer(PATH, ERASED)

    done = mailings("clients", "erase", CLIENT)

    assert (done.code, "phone all" in done.out) == (Exit.OK, True)
    [asked] = services.asked
    assert (asked.method, asked.path, asked.parameters) == ("DELETE", PATH, {"erase": "true"})


def test_a_client_is_erased_by_its_phone(services: Services, mailings: Mailings) -> None:
    services.answer("/v1/clients", page([{"client_id": CLIENT}]))
    services.answer(PATH, ERASED)

    done = mailings("clients", "erase", PHONE, "-o", "json")

    assert (done.code, json.loads(done.out)) == (Exit.OK, ERASED)


def test_a_subject_gets_all_pages_in_one_document(services: Services, mailings: Mailings) -> None:
    catalog: Json = {"client": None, "events": []}
    services.answer(
        f"{PATH}/subject-data",
        catalog,
        {"copy": None, "messages": [1], "next_cursor": "more"},
        {"copy": None, "messages": [2], "next_cursor": None},
    )

    done = mailings("clients", "export-subject", CLIENT)

    assert (done.code, json.loads(done.out)) == (
        Exit.OK,
        {
            "client_id": CLIENT,
            "catalog": catalog,
            "dispatcher": {"copy": None, "messages": [1, 2]},
        },
    )
    assert services.asked[-1].parameters["cursor"] == "more"


def test_who_is_no_client_hears_whether_the_phone_is_suppressed(
    services: Services, mailings: Mailings
) -> None:
    services.answer("/v1/clients", page([]))
    services.answer("/v1/suppressions", page([SUPPRESSED]))

    done = mailings("clients", "export-subject", PHONE)

    assert json.loads(done.out)["catalog"] == {"suppressions": [SUPPRESSED]}
    services.answer("/v1/suppressions", page([]))
    assert mailings("clients", "export-subject", PHONE).code == Exit.NOT_FOUND
