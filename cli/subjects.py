"""The commands about a person's own data: all of it in one document, and none of it any more."""

from cli import Exit, Failure, Output
from cli.api import Api, run
from cli.clients import Client, find_client, identifier
from cli.clients import app as clients
from cli.phones import phone_of
from cli.render import Format, Json, facts, instant, note, show, show_line

PAGE = 50  # messages with all that was tried, in one request


async def _id_of(api: Api, client: str) -> str:
    """Return the identifier of a client; of one that is removed, only its own is taken.

    Raises:
        Failure: No client has the phone, or it is neither.
    """
    if phone_of(client):
        return str((await find_client(api, client))["client_id"])
    return str(identifier(client))


@clients.command("erase")
def erase_client(client: Client, output: Format = Output.TABLE) -> None:
    """Remove a client and all that is known of the person, for good; a removed one too.

    Statistics stay, and so do hashes of what the person refused to get.
    """

    async def work(api: Api) -> Json:
        client_id = await _id_of(api, client)
        return await api.delete("catalog", f"/v1/clients/{client_id}?erase=true")

    done = run(work)
    show(output, done, lambda: facts(_facts(done)))
    note("Not here any more. In the log of Kafka it goes by compaction, in backups with them.")


def _facts(done: Json) -> list[tuple[str, object]]:
    kept = [f"{each['kind']} {each['topic'] or 'all'}" for each in done["kept_suppressions"]]
    return [
        ("client_id", done["client_id"]),
        ("erased", instant(done["erased_at"])),
        ("gone from Kafka", instant(done["log_compacted_by"])),
        ("still suppressed", ", ".join(kept) or None),
    ]


@clients.command("export-subject")
def export_subject(client: Client) -> None:
    """Print all that there is of a person, as one JSON document.

    By the phone of somebody who is no client: whether it is suppressed.
    """
    show_line(run(lambda api: _subject(api, client)))


async def _subject(api: Api, client: str) -> Json:
    try:
        client_id = await _id_of(api, client)
    except Failure as failure:
        if failure.code is not Exit.NOT_FOUND:
            raise
        having = {"phone": phone_of(client)}
        found, _ = await api.items("catalog", "/v1/suppressions", having, 1_000)
        if not found:
            raise
        return {"client_id": None, "catalog": {"suppressions": found}, "dispatcher": None}
    path = f"/v1/clients/{client_id}/subject-data"
    catalog = await api.get("catalog", path)
    dispatcher = await api.get("dispatcher", path, {"limit": PAGE})
    cursor = dispatcher.pop("next_cursor")
    while cursor is not None:
        more = await api.get("dispatcher", path, {"limit": PAGE, "cursor": cursor})
        dispatcher["messages"] += more["messages"]
        cursor = more["next_cursor"]
    return {"client_id": client_id, "catalog": catalog, "dispatcher": dispatcher}
