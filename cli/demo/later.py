"""What the demo plans for later: a mailing each day, and one by each client's own clock."""

import asyncio
from datetime import UTC, datetime, timedelta

from cli.api import Api
from cli.render import Json, console, facts, grid, instant, note

MONTH, WINDOW = timedelta(days=30), timedelta(days=3)
ZONE = "Europe/Moscow"
DAILY = {"entries": [{"kind": "daily", "at": "09:00", "zone": ZONE}], "window_s": 43_200}
SHOWN = 3  # occurrences
WITHIN_S, EVERY_S = 60.0, 0.5


async def plan_for_later(api: Api, body: str) -> None:
    """Create both mailings, and show when what of them goes."""
    until = (datetime.now(UTC) + MONTH).isoformat()
    plan = {"name": "Demo each day", "body": body, "ends_at": until, "schedule": DAILY}
    daily = await api.post("catalog", "/v1/mailings", plan)
    preview = {"schedule": DAILY, "ends_at": until, "limit": SHOWN}
    found = await api.post("scheduler", "/v1/schedule-previews", preview)
    note(f"The mailing {daily['mailing_id']} goes each day; the next times:")
    rows = ([each["nominal"], instant(each["at"])] for each in found["occurrences"])
    console().print(grid(("local time", "at"), rows))
    await _by_their_clocks(api, body)


async def _by_their_clocks(api: Api, body: str) -> None:
    plan = {
        "name": "Demo at ten where they are",
        "body": body,
        "ends_at": (datetime.now(UTC) + WINDOW).isoformat(),
        "time_policy": {"kind": "recipient_local", "zone": ZONE, "at": "10:00"},
        "quiet_hours": {"begins": "21:00", "ends": "09:00"},
    }
    mailing = await api.post("catalog", "/v1/mailings", plan)
    note(f"The mailing {mailing['mailing_id']} goes at ten on each client's own clock:")
    why = await _waiting(api, mailing["mailing_id"])
    if why is None:
        note(f"Its run is being written down; ./mailings why {mailing['mailing_id']}", "yellow")
        return
    shown = [("messages", why["planned"]), ("not due yet", why["not_due"])]
    console().print(facts([*shown, ("the next are due", instant(why["until"]))]))


async def _waiting(api: Api, mailing_id: str) -> Json | None:
    """Return why the mailing's run waits, once it does; None if it does not for a minute."""
    asked = {"mailing_id": mailing_id, "limit": 1}
    for _ in range(int(WITHIN_S / EVERY_S)):
        runs = (await api.get("dispatcher", "/v1/runs", asked))["items"]
        if runs:
            path = f"/v1/runs/{runs[0]['run_id']}/why"
            why: Json = await api.get("dispatcher", path)
            if why["code"] == "waiting_for_time":
                return why
        await asyncio.sleep(EVERY_S)
    return None
