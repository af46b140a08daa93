"""The Python client, against the whole stack: as its README says, and through a mailing's life."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from mailings_client import (
    AsyncCatalog,
    Catalog,
    Conflict,
    Dispatcher,
    Invalid,
    NotFound,
    StaleVersion,
    Stats,
    paged,
    paged_async,
)
from mailings_client.catalog import (
    ClientChanges,
    FilterBody,
    MailingChanges,
    NewClient,
    NewMailing,
)

from deploy.local.stack import Stack
from shared.testing import eventually

README = Path(__file__).parents[2] / "sdk" / "python" / "README.md"
IN_AN_HOUR = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def catalog(stack: Stack) -> Iterator[Catalog]:
    with Catalog(stack.env["CATALOG_URL"]) as found:
        yield found


def phone() -> str:
    return f"7999{uuid4().int % 10**7:07}"


def test_the_readme_s_example_works(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    [example] = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    number = phone()
    code = example.replace("http://127.0.0.1:8001", stack.env["CATALOG_URL"])

    exec(code.replace("79161234567", number), {})  # noqa: S102 - what the README shows

    assert f"{number} ['vip']" in capsys.readouterr().out.splitlines()


async def test_a_mailing_is_planned_sent_and_read_back(stack: Stack, catalog: Catalog) -> None:
    tag = uuid4().hex
    clients = [
        catalog.register_client(NewClient(phone=phone(), tags=[tag]), idempotency_key=uuid4().hex)
        for _ in range(5)
    ]
    listed = [each.client_id for each in paged(catalog.list_clients, tag=[tag], limit=2)]
    mailing = catalog.create_mailing(
        NewMailing(
            name=f"client {tag}",
            body="Hello",
            ends_at=IN_AN_HOUR,
            gateway="http",
            filter=FilterBody(tags=[tag]),
        )
    )
    with ExitStack() as opened:
        dispatcher = opened.enter_context(Dispatcher(stack.env["DISPATCHER_URL"]))
        stats = opened.enter_context(Stats(stack.env["STATS_URL"]))

        async def is_finished() -> bool:
            return catalog.get_mailing(mailing.mailing_id).status == "finished"

        await eventually(is_finished, within=60)
        [run] = paged(dispatcher.list_runs, mailing_id=mailing.mailing_id)
        messages = [*paged(dispatcher.list_messages, run_id=run.run_id, limit=2)]

        async def is_counted() -> bool:
            figures = stats.get_mailing(mailing.mailing_id)
            return figures.by_status.delivered == len(clients)

        await eventually(is_counted, within=120)

    assert listed == [each.client_id for each in reversed(clients)]
    assert {each.client_id for each in messages} == set(listed)
    assert {each.status for each in messages} == {"delivered"}
    history = [each.type for each in paged(catalog.list_mailing_events, mailing.mailing_id)]
    assert history[-1] == "MailingCreated"
    with catalog.export_clients(format="csv", tag=[tag]) as pieces:
        assert len(b"".join(pieces).splitlines()) == 1 + len(clients)


def test_who_comes_second_is_told_so(catalog: Catalog) -> None:
    client = catalog.register_client(NewClient(phone=phone()))
    catalog.change_client(client.client_id, ClientChanges(comment="mine"), if_match=client.version)

    with pytest.raises(StaleVersion) as caught:
        catalog.change_client(
            client.client_id, ClientChanges(comment="theirs"), if_match=client.version
        )

    assert caught.value.status == 412
    now = catalog.get_client(client.client_id)
    assert (now.comment, now.version) == ("mine", client.version + 1)
    emptied = catalog.change_client(client.client_id, ClientChanges(comment=None))
    assert emptied.comment is None


def test_a_repeated_request_with_the_same_key_creates_no_second_one(catalog: Catalog) -> None:
    new, key = NewClient(phone=phone()), uuid4().hex

    assert catalog.register_client(new, idempotency_key=key) == catalog.register_client(
        new, idempotency_key=key
    )


def test_refusals_say_what_is_wrong(catalog: Catalog) -> None:
    taken = catalog.register_client(NewClient(phone=phone()))

    with pytest.raises(NotFound, match="ClientUnknown"):
        catalog.get_client(uuid4())
    with pytest.raises(Conflict) as conflict:
        catalog.register_client(NewClient(phone=taken.phone or ""))
    with pytest.raises(Invalid) as invalid:
        catalog.register_client(NewClient(phone="1"))

    assert conflict.value.type == "PhoneTaken"
    assert [each.pointer for each in invalid.value.errors] == ["/phone"]
    assert catalog.remove_client(taken.client_id) is None


async def test_the_same_is_awaited(stack: Stack) -> None:
    tag = uuid4().hex
    async with AsyncCatalog(stack.env["CATALOG_URL"]) as catalog:
        lines = f"phone,tags\n{phone()},{tag}\n{phone()},{tag}\n1,{tag}\n"
        done = await catalog.import_clients(lines.encode(), content_type="text/csv")
        found = [each async for each in paged_async(catalog.list_clients, tag=[tag], limit=1)]
        begins = IN_AN_HOUR - timedelta(minutes=1)
        planned = NewMailing(name=tag, body="Hello", starts_at=begins, ends_at=IN_AN_HOUR)
        mailing = await catalog.create_mailing(planned)
        await catalog.change_mailing(mailing.mailing_id, MailingChanges(name="x"), if_match=1)
        with pytest.raises(StaleVersion):
            await catalog.delete_mailing(mailing.mailing_id, if_match=1)
        await catalog.delete_mailing(mailing.mailing_id, if_match=2)
        async with catalog.export_clients(tag=[tag]) as pieces:
            exported = b"".join([each async for each in pieces])

    assert (done.rows, done.created, done.rejected) == (3, 2, 1)
    assert len(found) == len(exported.splitlines()) == 2
