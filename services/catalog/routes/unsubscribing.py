"""Unsubscribe links over HTTP: a page with one button, and what the button does.

Whoever has the link may use it: it is its own permission. To look at it changes nothing, for mail
programs and their scanners follow links by themselves; the button does, and so does a mail program
that unsubscribes by one click (RFC 8058).
"""

from html import escape

from fastapi import APIRouter, Request, status
from fastapi.responses import HTMLResponse

from services.catalog.domain.suppression import Unwanted
from services.catalog.handlers import suppressing
from services.catalog.queries.clients import email_of
from services.catalog.routes.dependencies import Keys, OwnLinks
from shared.contracts.catalog import SuppressedKind
from shared.contracts.dispatcher import SuppressedReason
from shared.database import autocommit
from shared.http import BusinessClock, DatabasePool, Store
from shared.unsubscribe import PATH

router = APIRouter(prefix=PATH.rstrip("/"), include_in_schema=False)

SOURCE = "link"
# Nothing is loaded, framed, kept or indexed, and no other site learns of the address.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<style>:root{{color-scheme:light dark}}
body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem}}
button{{font:inherit;padding:.5rem 1.5rem;cursor:pointer}}</style></head>
<body><h1>{title}</h1><p>{text}</p>{form}</body></html>
"""
FORM = '<form method="post"><button type="submit">{button}</button></form>'
WORDS = {
    "en": {
        "title": "Unsubscribe",
        "ask": "Stop sending you messages like this one?",
        "ask_topic": "Stop sending you messages about \u201c{topic}\u201d?",
        "button": "Unsubscribe",
        "done": "You are unsubscribed. What is on its way may still arrive.",
        "unknown": "This link is not known, or not whole. Copy it as it stands in the message.",
    },
    "ru": {
        "title": "Отписка",
        "ask": "Больше не присылать вам такие сообщения?",
        "ask_topic": "Больше не присылать вам сообщения на тему «{topic}»?",
        "button": "Отписаться",
        "done": "Вы отписаны. Отправленное ранее ещё может прийти.",
        "unknown": "Ссылка неизвестна или неполна. Скопируйте её из сообщения целиком.",
    },
}


@router.get("/{token}")
async def ask(token: str, request: Request, links: OwnLinks) -> HTMLResponse:
    """Show a page with one button; nothing is changed."""
    found = None if links is None else links.read(token)
    if found is None:
        return _unknown(request)
    _, topic = found
    words = _words(request)
    text = words["ask_topic"].format(topic=topic) if topic else words["ask"]
    return _page(request, text, form=FORM.format(button=escape(words["button"])))


@router.post("/{token}")
async def unsubscribe(  # noqa: PLR0913 - what it needs
    token: str,
    request: Request,
    links: OwnLinks,
    keys: Keys,
    store: Store,
    pool: DatabasePool,
    *,
    clock: BusinessClock,
) -> HTMLResponse:
    """Write no more to the client of the link, nor to the e-mail that it has now.

    What is in the body does not matter. Repeating it changes nothing.
    """
    found = None if links is None else links.read(token)
    if found is None:
        return _unknown(request)
    client_id, topic = found
    contacts = [(SuppressedKind.CLIENT, str(client_id))]
    async with autocommit(pool) as db:
        email = await email_of(db, client_id)
    if email is not None and keys:  # so it holds for whoever is registered with it later
        contacts.append((SuppressedKind.EMAIL, email))
    reason = SuppressedReason.UNSUBSCRIBED
    unwanted = [
        Unwanted(kind=kind, value=value, topic=topic, reason=reason, source=SOURCE)
        for kind, value in contacts
    ]
    await suppressing.suppress(store, keys, unwanted, await clock())
    return _page(request, _words(request)["done"])


def _words(request: Request) -> dict[str, str]:
    return WORDS[_language(request)]


def _language(request: Request) -> str:
    """Return the first language of the browser's that there are words in."""
    for each in request.headers.get("accept-language", "").split(","):
        language = each.strip().partition(";")[0].partition("-")[0].lower()
        if language in WORDS:
            return language
    return "en"


def _unknown(request: Request) -> HTMLResponse:
    return _page(request, _words(request)["unknown"], code=status.HTTP_404_NOT_FOUND)


def _page(
    request: Request, text: str, *, form: str = "", code: int = status.HTTP_200_OK
) -> HTMLResponse:
    language, title = _language(request), escape(_words(request)["title"])
    page = PAGE.format(language=language, title=title, text=escape(text), form=form)
    return HTMLResponse(page, code, HEADERS)
