"""Unsubscribe links: whoever has one may use it, and only the button changes something."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from httpx import ASGITransport, AsyncClient, Response
from pydantic import SecretStr

from services.catalog.domain.contact_keys import ContactKeys
from services.catalog.domain.mailing_state import in_stream
from services.catalog.projections import project
from services.catalog.routes import routers
from shared.contracts.catalog import SuppressedKind
from shared.database import Pool
from shared.event_store.postgres import PostgresEventStore
from shared.http import Callers, create_app
from shared.testing import FrozenClock
from shared.unsubscribe import Links

LINKS = Links("https://mail.shop.example", (b"l" * 32,))
KEYS = ContactKeys((b"k" * 32,))
TOKEN = "t" * 32
ANNA = {"phone": "79161234567", "email": "anna@example.com"}
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
async def http(catalog_pool: Pool, clock: FrozenClock) -> AsyncIterator[AsyncClient]:
    store = PostgresEventStore("catalog", catalog_pool, project, in_stream, KEYS.published)
    callers = Callers(("mail.shop.example",), SecretStr(TOKEN))
    app = create_app("catalog", routers, catalog_pool, clock, store, callers=callers)
    app.state.contact_keys, app.state.links = KEYS, LINKS
    async with AsyncClient(transport=ASGITransport(app), base_url=LINKS.base) as client:
        yield client


OURS = {"Authorization": f"Bearer {TOKEN}"}


async def registered(http: AsyncClient) -> UUID:
    answer = await http.post("/v1/clients", json=ANNA, headers=OURS)
    return UUID(answer.json()["client_id"])


async def suppressed(http: AsyncClient) -> set[tuple[str, str, str | None, str, str]]:
    items = (await http.get("/v1/suppressions", headers=OURS)).json()["items"]
    names = ("subject", "kind", "topic", "reason", "source")
    return {tuple(each[name] for name in names) for each in items}


async def click(http: AsyncClient, link: str) -> Response:
    """Unsubscribe as a mail program does it, from wherever it is."""
    return await http.post(link, data=ONE_CLICK, headers={"Sec-Fetch-Site": "cross-site"})


async def test_to_look_at_a_link_changes_nothing_and_shows_one_button(http: AsyncClient) -> None:
    link = LINKS.of_topic("news")(await registered(http))

    page = await http.get(link)

    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.text.count("<button") == 1
    assert "color-scheme:light dark" in page.text
    assert "news" in page.text
    assert ANNA["email"] not in page.text
    assert await suppressed(http) == set()


async def test_the_button_suppresses_the_client_and_its_mail_once(http: AsyncClient) -> None:
    client = await registered(http)
    link = LINKS.of_topic("news")(client)

    answers = [await click(http, link) for _ in range(2)]

    assert [each.status_code for each in answers] == [200, 200]
    (of_mail,) = KEYS.hashes(SuppressedKind.EMAIL, ANNA["email"])
    assert await suppressed(http) == {
        (str(client), "client", "news", "unsubscribed", "link"),
        (of_mail, "email", "news", "unsubscribed", "link"),
    }


async def test_a_link_works_when_its_client_is_gone(http: AsyncClient) -> None:
    client = await registered(http)
    await http.delete(f"/v1/clients/{client}", headers=OURS)

    assert (await click(http, LINKS.of_topic(None)(client))).status_code == 200

    assert {each[:3] for each in await suppressed(http)} == {(str(client), "client", None)}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_link_of_somebody_else_does_nothing(http: AsyncClient, method: str) -> None:
    forged = Links(LINKS.base, (b"x" * 32,)).of_topic(None)(await registered(http))

    answer = await http.request(method, forged)

    assert (answer.status_code, "<button" in answer.text) == (404, False)
    assert await suppressed(http) == set()


async def test_all_else_wants_the_token_as_before(http: AsyncClient) -> None:
    paths = ("/v1/suppressions", "/u", "/unknown")

    assert [(await http.get(path)).status_code for path in paths] == [401, 401, 401]
    from_elsewhere = OURS | {"Sec-Fetch-Site": "cross-site"}
    refused = await http.post("/v1/clients", json=ANNA, headers=from_elsewhere)
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("wanted", "words"),
    [("ru-RU,ru;q=0.9", "Отписаться"), ("de, en;q=0.5", "Unsubscribe"), ("", "Unsubscribe")],
)
async def test_the_page_speaks_the_language_of_the_browser(
    http: AsyncClient, wanted: str, words: str
) -> None:
    link = LINKS.of_topic(None)(UUID(int=1))

    assert words in (await http.get(link, headers={"Accept-Language": wanted})).text


@pytest.mark.parametrize(
    "text", ["{{ unsubscribe_url }}", "{% if email %}{{unsubscribe_url}}{% endif %}"]
)
async def test_a_text_with_a_link_is_refused_where_there_are_none(
    http: AsyncClient, catalog_pool: Pool, store: PostgresEventStore, clock: FrozenClock, text: str
) -> None:
    mailing = {"name": "a", "body": text, "ends_at": "2026-01-01T14:00:00Z"}
    app = create_app("catalog", routers, catalog_pool, clock, store)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://catalog") as without:
        refused = await without.post("/v1/mailings", json=mailing)
        plain = (await without.post("/v1/mailings", json=mailing | {"body": "b"})).json()
        path = f"/v1/mailings/{plain['mailing_id']}"
        changed = await without.patch(path, json={"body": text})
    taken = await http.post("/v1/mailings", json=mailing, headers=OURS)
    preview = await http.post("/v1/mailings/preview", json=mailing, headers=OURS)

    assert [
        (each.status_code, each.json()["errors"][0]["pointer"]) for each in (refused, changed)
    ] == [
        (422, "/body"),
        (422, "/body"),
    ]
    assert taken.status_code == 201
    assert preview.json()["missing"] == ({} if "if" not in text else {"email": 0})
