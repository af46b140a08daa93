"""The dry run of a mailing: what it says, to whom it would go, and when, before it is saved."""

from rich.console import Group, RenderableType

from cli import Failure, Output
from cli.api import Api, run
from cli.audiences import audience, audience_facts, find_audience, sendable
from cli.filtering import note_unknown
from cli.mailing_tables import note_remarks, preview_table
from cli.render import Json, facts, note, show
from cli.schedules import preview_of_schedule, schedule_table
from cli.statistics.progress import SELECTS_NOBODY

SHOWN = 5  # clients, and occurrences


def dry_run(plan: Json, output: Output) -> None:
    """Show what a mailing would be; create nothing."""
    preview = run(lambda api: _preview(api, plan))
    show(output, preview, lambda: _table(preview))
    if preview.get("audience"):
        note_unknown(plan.get("filter", {}), preview["audience"])
    if preview["schedule"]:
        note_remarks(preview["schedule"])
    if not preview["clients"]:
        note(SELECTS_NOBODY, "yellow")


async def _preview(api: Api, plan: Json) -> Json:
    """Return the previews of all services as one; what is refused, the catalog refuses first."""
    found: Json = await api.post("catalog", "/v1/mailings/preview", plan)
    when = None
    if plan.get("schedule"):
        window = {"starts_at": plan["starts_at"], "ends_at": plan["ends_at"], "limit": SHOWN}
        by_clock = {"time_policy": plan["time_policy"]} if plan.get("time_policy") else {}
        body = {"schedule": plan["schedule"], **window, **by_clock}
        when = await preview_of_schedule(api, body)
    try:
        wanted = plan.get("filter")
        if wanted is None:
            wanted = sendable((await find_audience(api, plan["audience"]))["filter"])
        topic, times = plan.get("topic"), _times(plan, when)
        whom = await audience(api, wanted, plan["gateway"], SHOWN, topic=topic, times=times)
    except Failure as failure:  # also of a dispatcher of an older release
        note(f"Who is left out is not known. {failure}", "yellow")
        whom = None
    return {**found, "audience": whom, "schedule": when}


TIMES = ("message_class", "time_policy", "quiet_hours")


def _times(plan: Json, when: Json | None) -> Json:
    """Return the times of the mailing's first run, as far as they are known."""
    times = {name: plan[name] for name in TIMES if plan.get(name) is not None}
    first = when["occurrences"][0] if when and when["occurrences"] else None
    if first is None:
        return times | {"starts_at": plan["starts_at"], "ends_at": plan["ends_at"]}
    window = {"starts_at": first["at"], "ends_at": first["ends_at"]}
    return times | window | {"nominal": first["nominal"]}


def _table(preview: Json) -> RenderableType:
    parts = [preview_table(preview)]
    if preview["audience"]:
        parts.append(facts(audience_facts(preview["audience"])))
    if preview["schedule"]:
        parts.append(schedule_table(preview["schedule"]))
    return Group(*parts)
