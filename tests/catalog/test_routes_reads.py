"""The catalog's reads: each of them takes one round trip to the database."""

import pytest
from httpx import AsyncClient

from services.catalog.routes import routers
from shared.database import Pool
from tests.reading import reads, statements

NEW_MAILING = {
    "name": "Spring",
    "body": "Hello {{ full_name }}",
    "ends_at": "2026-03-01T18:00:00Z",
}
ROWS = "phone,operator_code\n79161234567,916\n79161234568,916\n1,\n2,\n"
READS = {
    "/v1/clients": 1,
    "/v1/clients?limit=1&operator_code=916": 1,
    "/v1/clients?tag=vip": 2,  # the next clients do not fill the page: the index is asked as well
    "/v1/clients?phone=79161234567&operator_code=916&tag=vip": 1,
    "/v1/audiences": 1,
    "/v1/audiences/{audience_id}": 1,
    "/v1/clients/facets": 3,  # the count, tags and codes
    "/v1/clients/{client_id}": 1,
    "/v1/clients/{client_id}/preferred-times": 1,
    "/v1/suppressions": 1,
    "/v1/suppressions/clients?ids={client_id}": 2,  # their contacts, and these as hashes
    "/v1/gateways": 1,
    "/v1/imports": 1,
    "/v1/imports/{import_id}": 1,
    "/v1/imports/{import_id}/rejections": 1,
    "/v1/imports/{import_id}/rejections?limit=1": 1,
    "/v1/mailings": 1,
    "/v1/mailings?status=created&gateway=http": 1,
    "/v1/mailings?q=spring": 2,  # which they are, and then these
    "/v1/mailings?q=spring&ids={mailing_id}": 1,
    "/v1/mailings/{mailing_id}": 1,
    "/v1/mailings/{mailing_id}/events": 1,
}


# Files that are streamed page by page, what is asked once for a person, and a page of words.
OTHERS = {
    "/u/{token}",
    "/v1/clients/export",
    "/v1/clients/{client_id}/subject-data",
    "/v1/imports/{import_id}/rejections/export",
    "/v1/suppressions/export",
}


def test_every_read_stands_in_the_table() -> None:
    assert {path.partition("?")[0] for path in READS} == reads(routers) - OTHERS


@pytest.mark.parametrize("path", READS)
async def test_a_read_takes_as_many_round_trips_as_it_says(
    http: AsyncClient, catalog_pool: Pool, path: str
) -> None:
    mailing = (await http.post("/mailings", json=NEW_MAILING)).json()
    csv = {"Content-Type": "text/csv"}
    imported = (await http.post("/imports", content=ROWS, headers=csv)).json()
    audience = (await http.post("/audiences", json={"name": "all", "filter": {}})).json()
    client, _ = (await http.get("/clients")).json()["items"]
    named = path.format(**client | imported | mailing | audience).removeprefix("/v1")

    with statements(catalog_pool) as sent:
        answer = await http.get(named)

    assert answer.status_code == 200, answer.text
    assert sent == [False] * READS[path], answer.text
