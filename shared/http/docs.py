"""The documentation for people: Swagger UI, with all that it needs.

Its files come with the package `fastapi-swagger`, which follows Swagger UI's releases; FastAPI's
own page fetches them from servers on the internet.
"""

from functools import cache
from html import escape
from importlib.resources import files

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

PATH = "/docs"

# All addresses are relative, so that they hold behind a proxy's prefix as well.
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""

# Without a validator's address Swagger UI would ask one on the internet.
START = """\
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  validatorUrl: null,
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
"""

TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}

# Swagger UI sets styles from its scripts, and its style sheet holds images.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY}

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def page(request: Request) -> Response:
    """Show the page."""
    return HTMLResponse(PAGE.format(title=escape(request.app.title)), headers=HEADERS)


@router.get(f"{PATH}/start.js")
async def start() -> Response:
    """Show the script that starts Swagger UI: the policy allows none inside of the page."""
    return Response(START, media_type="text/javascript", headers=HEADERS)


def _add(name: str, media_type: str) -> None:
    @router.get(f"{PATH}/{name}", name=name)
    async def asset() -> Response:
        return Response(_read(name), media_type=media_type, headers=HEADERS)


for _name, _type in TYPES.items():
    _add(_name, _type)


@cache
def _read(name: str) -> bytes:
    return (files("fastapi_swagger.resources") / name).read_bytes()
