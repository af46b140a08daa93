"""The screens beside the mailings, of the page for those who run it, in a real browser."""

import json
import re
from base64 import b64encode
from functools import partial

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from deploy.local.stack import Stack
from shared.testing import eventually
from tests.e2e.browsing import PATIENCE_S, too_wide, violations, watched

LATER = {"starts_at": "2099-01-01T12:00:00Z", "ends_at": "2099-01-01T13:00:00Z"}
REFUSED = re.compile(r"status of 4(04|09|12|22)")  # the browser says each refusal, beside the page
SCREENS = ("clients", "clients/new", "imports/new", "audiences/new", "suppressions", "gateways")


# A file as a person drops it, anywhere on the page; false: nobody takes it yet.
DROP = """([name, encoded]) => {
    const bytes = Uint8Array.from(atob(encoded), each => each.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], name));
    return !window.dispatchEvent(new DragEvent("drop", { dataTransfer, cancelable: true }));
}"""


async def dropped(page: Page, name: str, content: bytes) -> None:
    await expect(page.get_by_text("Choose a file")).to_be_visible()
    file = [name, b64encode(content).decode()]
    await eventually(partial(page.evaluate, DROP, file), within=PATIENCE_S)


async def downloaded(page: Page, button: str) -> str:
    """Press a button, and return the text of the file that this saves."""
    async with page.expect_download() as saved:
        await page.get_by_role("button", name=button).click()
    return (await (await saved.value).path()).read_bytes().decode()


def unexpected(wrong: list[str]) -> list[str]:
    return [each for each in wrong if not REFUSED.search(each)]


async def test_a_file_is_shown_as_it_will_be_read_and_imported_but_for_what_is_wrong(
    seen: Stack, opened: Browser
) -> None:
    rows = 'Телефон;ФИО;Бонусы\n79165550001;Анна;5\n7916;Пётр;1\n79165550002;"Мария; Иванова";7\n'
    async with watched(opened) as found:
        page = found.page
        await page.goto(f"{seen.env['ADMIN_URL']}/imports/new")
        await dropped(page, "clients.csv", rows.encode("cp1251"))
        await expect(page.get_by_label("ФИО is read as")).to_have_value("full_name")
        await expect(page.get_by_role("cell", name="Мария; Иванова")).to_be_visible()
        await expect(page.get_by_text("1 column will be left out: Бонусы")).to_be_visible()
        await page.get_by_role("button", name="Check only").click()
        checked = page.get_by_role("table", name="Rejected").locator("tbody tr")
        # the file is still at hand
        await expect(checked).to_contain_text("Пётр, 7916PhoneNot a phone number")
        await page.get_by_role("button", name="Import", exact=True).click()
        await page.get_by_role("button", name="Show the result").click()
        await expect(page.get_by_role("heading", name="clients.csv")).to_be_visible()
        rejected = page.get_by_role("table", name="Rejected").locator("tbody tr")
        await expect(rejected).to_have_count(1)
        await expect(rejected).to_contain_text("7 and ten digits")
        had_back = await downloaded(page, "Download as CSV")
        assert "7916;" in had_back.replace(",", ";")
        assert found.wrong == []
        rejections = f"/v1/imports/{page.url.rpartition('/')[2]}/rejections/export?format=csv"
    async with httpx.AsyncClient(trust_env=False, base_url=seen.env["CATALOG_URL"]) as catalog:
        assert (await catalog.get(rejections)).text == had_back
        shown = (await catalog.get("/v1/clients", params={"phone": "79165550002"})).json()
    assert [each["full_name"] for each in shown["items"]] == ["Мария; Иванова"]


async def test_of_two_who_change_a_client_the_second_is_shown_both(
    seen: Stack, opened: Browser
) -> None:
    async with (
        httpx.AsyncClient(trust_env=False, base_url=seen.env["CATALOG_URL"]) as catalog,
        watched(opened) as found,
    ):
        page = found.page
        await page.goto(f"{seen.env['ADMIN_URL']}/clients/new")
        await page.get_by_label("Phone").fill("123")
        await page.get_by_role("button", name="Register").click()
        await expect(page.locator("#client-phone-problem")).to_contain_text("7 and ten digits")
        await page.get_by_label("Phone").fill("79165550003")
        await expect(page.locator("#client-phone-problem")).to_have_count(0)
        await expect(page.locator("[role=alert]")).to_have_count(0)
        await page.get_by_role("button", name="Register").click()
        await page.wait_for_url(re.compile("/clients/[0-9a-f-]{36}"))
        address = f"/v1/clients/{page.url.rsplit('/', 1)[1]}"
        await expect(page.get_by_role("button", name="Save")).to_be_visible()
        name = page.get_by_label("Name", exact=True)
        await name.fill("Anna")
        (
            await catalog.patch(address, json={"full_name": "Maria", "tags": ["vip"]})
        ).raise_for_status()
        await page.get_by_role("button", name="Save").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_role("row", name="Name Anna Maria")).to_be_visible()
        await dialog.get_by_role("button", name="Apply mine").click()
        await expect(page.get_by_text("Saved.")).to_be_focused()
        shown = (await catalog.get(address)).json()
        assert (shown["full_name"], shown["tags"]) == ("Anna", ["vip"])
        assert unexpected(found.wrong) == []


async def saved_audience(catalog: httpx.AsyncClient, name: str) -> str:
    made = await catalog.post("/v1/audiences", json={"name": name, "filter": {"tags": ["vip"]}})
    return f"/v1/audiences/{made.json()['audience_id']}"


async def test_of_two_who_change_an_audience_both_are_kept_and_what_is_wrong_in_a_list_is_named(
    seen: Stack, opened: Browser
) -> None:
    async with (
        httpx.AsyncClient(trust_env=False, base_url=seen.env["CATALOG_URL"]) as catalog,
        watched(opened) as found,
    ):
        page = found.page
        address = await saved_audience(catalog, "Regulars")
        await page.goto(f"{seen.env['ADMIN_URL']}{address.removeprefix('/v1')}")
        await page.get_by_label("Operator codes").fill("916, abc, 99999")
        await page.get_by_role("button", name="Save").click()
        refused = page.locator("#audience-operator_codes-problem")
        await expect(refused).to_have_text(
            "«abc», «99999»: Not an operator code; three digits are needed, as in 916"
        )
        await page.get_by_label("Operator codes").fill("916")
        theirs = {"filter": {"tags": ["vip", "new"]}}
        (await catalog.patch(address, json=theirs)).raise_for_status()
        await page.get_by_role("button", name="Save").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_role("row", name="Tags not changed vip, new")).to_be_visible()
        await dialog.get_by_role("button", name="Apply mine").click()
        await expect(page.get_by_text("Saved.")).to_be_focused()
        shown = (await catalog.get(address)).json()["filter"]
        assert (shown["operator_codes"], shown["tags"]) == (["916"], ["vip", "new"])
        assert unexpected(found.wrong) == []


@pytest.mark.parametrize(
    ("locale", "delete", "advice"),
    [
        ("en-US", "Delete…", "Give them another audience"),
        ("ru-RU", "Удалить…", "другую аудиторию"),
    ],
)
async def test_who_may_not_delete_an_audience_is_led_to_the_mailings_that_need_it(
    seen: Stack, opened: Browser, locale: str, delete: str, advice: str
) -> None:
    async with (
        httpx.AsyncClient(trust_env=False, base_url=seen.env["CATALOG_URL"]) as catalog,
        watched(opened, locale=locale) as found,
    ):
        page = found.page
        name = f"Needed in {locale}"
        address = await saved_audience(catalog, name)
        plan = {"name": f"Needs {name} (all)", "body": "Hello", "gateway": "log", **LATER}
        plan |= {"audience": address.rpartition("/")[2]}
        (await catalog.post("/v1/mailings", json=plan)).raise_for_status()
        await page.goto(f"{seen.env['ADMIN_URL']}{address.removeprefix('/v1')}")
        await page.get_by_role("button", name=delete).click()
        dialog = page.get_by_role("dialog")
        await dialog.locator("[type=submit]").click()
        await expect(dialog).to_contain_text(advice)
        await dialog.get_by_role("link", name=plan["name"]).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(plan["name"])
        assert unexpected(found.wrong) == []


async def test_what_was_changed_meanwhile_is_asked_about_anew_and_what_is_deleted_is_not_shown(
    seen: Stack, opened: Browser
) -> None:
    async with (
        httpx.AsyncClient(trust_env=False, base_url=seen.env["CATALOG_URL"]) as catalog,
        watched(opened) as found,
    ):
        page = found.page
        address = await saved_audience(catalog, "Mine")
        await page.goto(f"{seen.env['ADMIN_URL']}{address.removeprefix('/v1')}")
        await page.get_by_role("button", name="Delete…").click()
        (await catalog.patch(address, json={"name": "Theirs"})).raise_for_status()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_role("button", name="Delete").click()
        await expect(dialog).to_contain_text("Somebody else has changed it meanwhile")
        await expect(dialog).to_contain_text("Delete Theirs?")
        await dialog.get_by_role("button", name="Delete").click()
        await expect(page).to_have_url(re.compile("/audiences$"))
        await page.go_back()
        await expect(page.get_by_text("There is no such audience")).to_be_visible()
        await expect(page.get_by_role("button", name="Save")).to_have_count(0)
        assert unexpected(found.wrong) == []


async def test_a_person_is_erased_only_by_who_types_its_phone_and_is_on_no_screen_any_more(
    seen: Stack, opened: Browser
) -> None:
    phone = "79165550009"
    async with (
        httpx.AsyncClient(trust_env=False, base_url=seen.env["CATALOG_URL"]) as catalog,
        watched(opened) as found,
    ):
        page = found.page
        made = (await catalog.post("/v1/clients", json={"phone": phone})).json()
        address = f"/v1/clients/{made['client_id']}"
        await page.goto(f"{seen.env['ADMIN_URL']}/clients/{made['client_id']}")
        async with page.expect_download() as saved:
            await page.get_by_role("button", name="Download all data").click()
        whole = json.loads((await (await saved.value).path()).read_text())
        assert whole["catalog"]["client"]["phone"] == phone
        assert whole["dispatcher"]["messages"] == []
        await page.get_by_role("button", name="Delete…").click()
        await page.get_by_label("Erase the person").check()
        erase = page.get_by_role("button", name="Erase for good")
        await expect(erase).to_be_disabled()
        await page.get_by_label(f"To erase it, type {phone}").fill("+7 916 555-00-09")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Clients")
        await page.go_back()
        await expect(page.get_by_role("heading", level=1)).to_have_text("There is no such client")
        await expect(page.get_by_label("Phone")).to_have_count(0)
        left = (await catalog.get(f"{address}/subject-data")).json()
        assert left["client"] is None
        assert left["erased_at"] is not None
        assert unexpected(found.wrong) == []


async def test_a_gateway_is_paused_with_its_consequence_and_its_limits_hold(
    seen: Stack, opened: Browser
) -> None:
    async with (
        httpx.AsyncClient(trust_env=False, base_url=seen.env["DISPATCHER_URL"]) as dispatcher,
        watched(opened) as found,
    ):
        page = found.page
        await page.goto(f"{seen.env['ADMIN_URL']}/gateways/log")
        await page.get_by_label("Messages per second").fill("0")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#limit-rate-problem")).to_be_visible()
        await page.get_by_label("Messages per second").fill("50")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("Saved; it holds within a second.")).to_be_focused()
        await page.get_by_role("button", name="Pause…").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
        await dialog.get_by_role("button", name="Pause", exact=True).click()
        await expect(page.get_by_text("Messages wait until it is resumed")).to_be_visible()
        shown = (await dispatcher.get("/v1/gateways/log")).json()
        assert (shown["is_paused"], shown["description"]["rate"]) == (True, 50)
        await page.get_by_role("button", name="Resume").click()
        await expect(page.get_by_role("button", name="Pause…")).to_be_visible()
        await page.get_by_label("Messages per second").fill("60")
        await page.get_by_role("link", name="Gateways").first.click()
        await expect(dialog).to_contain_text("What you have changed is not saved")
        await dialog.get_by_role("button", name="Leave").click()
        await expect(page).to_have_url(re.compile("/gateways$"))
        assert unexpected(found.wrong) == []


@pytest.mark.parametrize(
    ("locale", "theme", "width"), [("ru-RU", "dark", 390), ("en-US", "light", 1280)]
)
async def test_nobody_is_kept_out(
    seen: Stack, opened: Browser, locale: str, theme: str, width: int
) -> None:
    size = {"width": width, "height": 900}
    async with watched(opened, locale=locale, color_scheme=theme, viewport=size) as found:
        for screen in (*SCREENS, "operations"):
            await found.page.goto(f"{seen.env['ADMIN_URL']}/{screen}")
            await expect(found.page.get_by_role("heading", level=1)).to_be_visible()
            await expect(found.page.locator(".skeleton")).to_have_count(0)
            assert await violations(found.page) == [], screen
            assert await too_wide(found.page) == 0, screen
        assert found.wrong == []
