"""The doors: what they let in, from where, and how they answer for those who are away."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.home import PROJECT
from tests.web.doors import Door, door, echo_service, files

DOCUMENTS = sorted((PROJECT / "docs" / "openapi").glob("*.json"))
STREAM = "/public/v1/live"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return files(tmp_path_factory.mktemp("page") / "a folder")


@pytest.fixture(scope="module")
def services() -> Iterator[dict[str, str]]:
    with echo_service() as address:
        yield dict.fromkeys(("CATALOG", "SCHEDULER", "DISPATCHER", "STATS"), address)


@pytest.fixture(scope="module")
def public(root: Path, services: dict[str, str]) -> Iterator[Door]:
    with door("public", root, services) as opened:
        yield opened


@pytest.fixture(scope="module")
def admin(root: Path, services: dict[str, str]) -> Iterator[Door]:
    with door("admin", root, services) as opened:
        yield opened


def paths() -> Iterator[tuple[str, str]]:
    for document in DOCUMENTS:
        for path in json.loads(document.read_text())["paths"]:
            yield document.stem, re.sub(r"\{[^}]*\}", "0191f6c0-0000-7000-8000-000000000000", path)


def test_the_public_door_knows_no_path_of_the_services_but_public_figures(public: Door) -> None:
    reached = {
        (path, method)
        for service, path in paths()
        for asked in (path, f"/api/{service}{path}")
        for method in METHODS
        if (method, asked) != ("GET", STREAM)
        and public.client.request(method, asked).status_code not in (404, 204)
    }
    assert all(path.startswith("/public/v1/") and method == "GET" for path, method in reached)
    for path in ("/admin.html", "/public.html", "/mailings", "/api/catalog/v1/clients", "/docs"):
        assert public.client.get(path).status_code == 404


def test_public_figures_are_only_read(public: Door) -> None:
    assert public.client.get("/public/v1/mailings").status_code == 200
    for method in ("HEAD", "POST", "PUT", "PATCH", "DELETE"):
        assert public.client.request(method, "/public/v1/mailings").status_code == 404


def test_the_public_door_hands_on_links_out_of_mails_and_no_secrets(public: Door) -> None:
    secrets = {"Authorization": "Bearer x", "Cookie": "session=1"}
    for method in ("GET", "POST"):
        answer = public.client.request(method, "/u/abc", headers=secrets)
        assert answer.json()["path"] == "/u/abc"
        assert not {"authorization", "cookie"} & set(answer.json()["headers"])


def test_a_service_gets_its_own_name_and_whose_request_it_is(public: Door, admin: Door) -> None:
    spoofed = {"X-Forwarded-For": "6.6.6.6, 7.7.7.7", "Origin": admin.origin}
    seen = admin.client.post("/api/catalog/v1/mailings", headers=spoofed).json()
    assert seen["path"] == "/v1/mailings"
    assert seen["headers"]["host"].startswith("127.0.0.1:")
    assert str(admin.client.base_url.port) not in seen["headers"]["host"]
    assert "origin" not in seen["headers"]
    assert "," not in public.client.get("/public/v1/x").json()["headers"]["x-forwarded-for"]


@pytest.mark.parametrize("host", ["evil.example", "8.8.8.8", "localhost.evil.example"])
def test_the_admin_door_has_only_its_own_names(admin: Door, host: str) -> None:
    answer = admin.client.get("/api/catalog/v1/clients", headers={"Host": host})
    assert (answer.status_code, answer.json()["type"]) == (421, "MisdirectedRequest")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_pages_of_other_sites_change_nothing(admin: Door, headers: dict[str, str]) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = admin.client.request(method, "/api/catalog/v1/mailings", headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (403, "CrossSite")


def test_the_page_itself_changes_what_it_wants(admin: Door) -> None:
    ours = {"Sec-Fetch-Site": "same-origin", "Origin": admin.origin}
    assert admin.client.post("/api/dispatcher/v1/x", headers=ours).json()["path"] == "/v1/x"


def test_no_answer_lets_other_sites_read_it(public: Door, admin: Door) -> None:
    for opened in (public, admin):
        answer = opened.client.get("/", headers={"Origin": "https://evil.example"})
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_bodies_are_bounded_but_for_imports(admin: Door, public: Door) -> None:
    much = b"x" * 1_100_000
    assert admin.client.post("/api/catalog/v1/mailings", content=much).status_code == 413
    assert admin.client.post("/api/catalog/v1/imports", content=much).status_code == 200
    assert public.client.post("/u/abc", content=much).status_code == 413


def test_each_screen_has_the_admin_page_and_missing_files_have_none(admin: Door) -> None:
    for path in ("/", "/mailings", "/mailings/0191f6c0/edit"):
        assert admin.client.get(path).text == "the admin page"
    for path in ("/assets/gone-1.js", "/api/nobody/v1/x"):
        answer = admin.client.get(path)
        assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")


def test_files_are_kept_for_a_year_and_pages_are_asked_for_anew(public: Door) -> None:
    page = public.client.get("/")
    assert (page.text, page.headers["cache-control"]) == ("the public page", "no-cache")
    file = public.client.get("/assets/public-1.js", headers={"Accept-Encoding": "br"})
    assert "immutable" in file.headers["cache-control"]
    assert file.headers["content-encoding"] == "br"


def test_the_page_may_run_nothing_but_its_own_files(public: Door, admin: Door) -> None:
    for opened in (public, admin):
        headers = opened.client.get("/").headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


def test_figures_are_compressed_and_streams_come_at_once(public: Door) -> None:
    answer = public.client.get("/public/v1/mailings", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    wanted = {"Accept-Encoding": "gzip"}
    with public.client.stream("GET", "/public/v1/live", headers=wanted) as stream:
        assert "content-encoding" not in stream.headers
        assert next(stream.iter_text()).startswith("event: snapshot")


def test_who_is_away_is_a_problem_like_any_other(root: Path) -> None:
    with door("admin", root, {}) as opened:
        answer = opened.client.get("/api/catalog/v1/mailings")
    assert answer.status_code in (502, 503)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "Unavailable"
    assert "retry-after" in answer.headers


def test_a_door_closes_in_time_though_somebody_watches(
    root: Path, services: dict[str, str]
) -> None:
    with (
        door("public", root, services) as opened,
        opened.client.stream("GET", "/public/v1/live") as stream,
    ):
        next(stream.iter_text())
        opened.end(within_s=20)  # who watches would never leave
