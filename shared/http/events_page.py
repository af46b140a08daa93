"""The events as a page for people: topics, what is told there, and each field of it."""

from functools import cache
from html import escape
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, JSONResponse

from shared.http.asyncapi import Json, describe_events

# No script: what it shows is known when it is asked for.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
        "form-action 'none'"
    )
}
STYLE = """\
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; }
body { padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; }
tr { border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
code { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
nav ul { columns: 18rem; padding-left: 1.2rem; }
"""
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="events/events.css">
</head>
<body>
<main>
<h1>{title}</h1>
<p>{about}</p>
<p>The same for programs: <a href="../asyncapi.json">asyncapi.json</a> (AsyncAPI {version}).</p>
<nav aria-label="Events"><ul>{links}</ul></nav>
{topics}
</main>
</body>
</html>
"""

router = APIRouter(include_in_schema=False)


@router.get("/asyncapi.json")
async def document() -> Response:
    """Show the document."""
    return JSONResponse(_document())


@router.get("/docs/events")
async def page() -> Response:
    """Show the page."""
    return HTMLResponse(_page(), headers=HEADERS)


@router.get("/docs/events/events.css")
async def style() -> Response:
    """Show its style sheet."""
    return Response(STYLE, media_type="text/css", headers=HEADERS)


@cache
def _document() -> Json:
    return describe_events()


@cache
def _page() -> str:
    found = _document()
    names = [name for channel in found["channels"].values() for name in channel["messages"]]
    links = "".join(f'<li><a href="#{name}">{name}</a></li>' for name in names)
    return PAGE.format(
        title=escape(found["info"]["title"]),
        about=_prose(found["info"]["description"]),
        version=found["asyncapi"],
        links=links,
        topics="\n".join(_topic(found, name) for name in found["channels"]),
    )


def _topic(found: Json, name: str) -> str:
    channel = found["channels"][name]
    events = "\n".join(_event(found, each) for each in channel["messages"])
    return f"<h2><code>{name}</code></h2>\n<p>{_prose(channel['description'])}</p>\n{events}"


def _event(found: Json, name: str) -> str:
    message = found["components"]["messages"][name]
    payload = found["components"]["schemas"][message["title"]]
    rows = "".join(_row(payload, field, of) for field, of in payload["properties"].items())
    head = '<tr><th scope="col">Field</th><th scope="col">Type</th><th scope="col"></th></tr>'
    return (
        f'<h3 id="{name}"><code>{name}</code></h3>\n<p>{_prose(message["summary"])}</p>\n'
        f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
    )


def _row(payload: Json, field: str, of: Json) -> str:
    is_required = field in payload.get("required", ())
    note = "" if is_required else f"else <code>{escape(repr(of.get('default')))}</code>"
    cells = (f"<code>{field}</code>", escape(kind_of(of)), note)
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def kind_of(schema: Json) -> str:
    """Return the type of a field in words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(kind_of(way) for way in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    name, items = schema.get("type", "anything"), schema.get("items")
    if items:
        return f"list of {kind_of(items)}"
    return f"{name} ({schema['format']})" if "format" in schema else str(name)


def _prose(text: str) -> str:
    """Return text as HTML, with what stands in backticks as code."""
    parts: list[Any] = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts))
