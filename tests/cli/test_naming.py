"""A mailing is named by its identifier, or by a name that no other has."""

import pytest

from cli import Exit
from tests.cli.conftest import Json, Mailings, Services, page

OTHER = "01a201e4-6c68-70f0-baaf-d5cbd070aaaa"
BY_NAME = (
    ("mailings", "show"),
    ("mailings", "start"),
    ("mailings", "pause"),
    ("mailings", "resume"),
    ("mailings", "stop"),
    ("stats",),
)


def named(mailing: Json, *names: str) -> list[Json]:
    ids = (mailing["mailing_id"], OTHER)
    return [
        mailing | {"mailing_id": each, "name": name}
        for each, name in zip(ids, names, strict=False)
    ]


@pytest.mark.parametrize("command", BY_NAME, ids=" ".join)
@pytest.mark.parametrize("typed", ["Spring sale", " spring SALE "])
def test_a_mailing_is_named_by_its_whole_name(
    services: Services, mailings: Mailings, mailing: Json, command: tuple[str, ...], typed: str
) -> None:
    services.answer("/v1/mailings", page(named(mailing, "Spring sale", "Spring sale 2")))

    mailings(*command, typed)

    assert services.asked[0].parameters["q"] == typed.strip()
    assert mailing["mailing_id"] in services.asked[1].path


def test_why_takes_a_name_too(services: Services, mailings: Mailings, mailing: Json) -> None:
    services.answer("/v1/mailings", page(named(mailing, "Spring sale")))
    run = {"run_id": OTHER, "mailing_id": mailing["mailing_id"], "code": "behind"}
    path = f"/v1/runs/{mailing['mailing_id']}/why"
    services.refuse(path, 404, title="No run has this identifier.")
    services.answer("/v1/runs", page([{"run_id": OTHER}]))
    services.answer(f"/v1/runs/{OTHER}/why", run | {"sentence": "It is late."})

    assert mailings("why", "spring sale").out.startswith("It is late.")


def test_of_several_with_a_name_none_is_taken(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    services.answer("/v1/mailings", page(named(mailing, "Daily", "daily")))

    result = mailings("mailings", "stop", "Daily")

    assert result.code == Exit.USAGE
    assert [each.method for each in services.asked] == ["GET"]
    for each in (mailing["mailing_id"], OTHER):
        assert each in result.err


def test_a_part_of_a_name_is_none_but_names_with_it_are_shown(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    services.answer("/v1/mailings", page(named(mailing, "Spring sale")))

    result = mailings("mailings", "stop", "Spring")

    assert result.code == Exit.NOT_FOUND
    assert f"{mailing['mailing_id']}  Spring sale" in result.err
    assert [each.method for each in services.asked] == ["GET"]


def test_what_names_nothing_says_where_mailings_are_listed(
    services: Services, mailings: Mailings
) -> None:
    services.answer("/v1/mailings", page([]))

    result = mailings("mailings", "pause", "Spring")

    assert result.code == Exit.NOT_FOUND
    assert "./mailings mailings list" in result.err


def test_a_name_may_stand_behind_more_mailings_than_are_looked_at(
    services: Services, mailings: Mailings, mailing: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.naming.LOOKED_AT", 1)
    services.answer("/v1/mailings", page(named(mailing, "Daily"), next_cursor="more"))

    assert mailings("mailings", "stop", "Daily").code == Exit.USAGE
