"""The pages behind a message's signed link: three large buttons, or the list of the incidents of one message.

Looking changes nothing; pressing a button answers.
"""

import logging
import secrets
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import Response

from alerts.errors import ExpiredLink, UnusableAnswer
from alerts.incidents import answers
from alerts.incidents.response_log import StatementSource
from alerts.wording.links import Links
from dashboard.reading.area_queries import extents
from dashboard.responder.message_view import IncidentView, MessageView, read_message_view, wants_help
from dashboard.site.rendering import RESPONDER_PATH, Page, PageOf, page_of, redirect
from store.engine import reading

log = logging.getLogger(__name__)
routes: Final = APIRouter()
OWN_INCIDENT: Final = "case"
"""Below the link of a message that tells of several incidents: the page of its own."""


def path_of(links: Links, message_view: MessageView, view: IncidentView) -> str:
    """The address of the page of one incident that a message tells of."""
    if view is message_view.own:
        token = links.sign(message_view.own.row["id"], message_view.own.row["created_ms"])
        return f"{RESPONDER_PATH}{token}/{OWN_INCIDENT}"
    return f"{RESPONDER_PATH}{links.sign(view.row['id'], view.row['created_ms'])}"


def list_path(links: Links, message_view: MessageView, now_ms: int) -> str | None:
    """The address of the list in which a message is told; None: it stands for itself, or that link is over."""
    row = message_view.own.row
    if message_view.is_bundle:
        return RESPONDER_PATH + links.sign(row["id"], row["created_ms"])
    if row["bundle_id"] is None:
        return None
    token = links.sign(row["bundle_id"], row["leader_created_ms"])
    try:
        links.read(token, now_ms)
    except ExpiredLink:
        return None
    return RESPONDER_PATH + token


@routes.api_route("/r/{token}", methods=["GET", "HEAD"])
def ask(page: PageOf, token: str) -> Response:
    """What a message asks: of one incident, or the list of those that it tells of. Looking changes nothing."""
    return _show(page, token, own_incident=False)


@routes.api_route(f"/r/{{token}}/{OWN_INCIDENT}", methods=["GET", "HEAD"])
def ask_own(page: PageOf, token: str) -> Response:
    """The message's own incident, where it tells of several."""
    return _show(page, token, own_incident=True)


@routes.post("/r/{token}")
def answer(
    page: PageOf,
    token: str,
    answer: Annotated[str, Form()],
    once: Annotated[str, Form(max_length=32)] = "",
    minutes: Annotated[int | None, Form(ge=0, le=24 * 60)] = None,
) -> Response:
    """A pressed button; ``once`` is the random mark of the page."""
    try:
        view = _take(page, token, answer, once, None if minutes is None else minutes * 60)
    except UnusableAnswer as error:
        raise HTTPException(400) from error
    if view.own_revoked:  # the list does not say why the incident is not on it
        return redirect(f"{RESPONDER_PATH}{token}/{OWN_INCIDENT}")
    return redirect(list_path(page.site.links, view, page.now_ms) or f"{RESPONDER_PATH}{token}")


def _take(page: Page, token: str, answer: str, once: str, eta_s: int | None) -> MessageView:
    """Record an answer; gives the message as it stands then. Raises SignedLinkError, UnusableAnswer."""
    site, now_ms = page.site, page.now_ms
    delivery_id = site.links.read(token, now_ms)
    # The same button of a page sent twice (a double tap, a reload) is one answer; another button, or the page opened
    # again, is another answer: whoever taps the wrong one first must still be able to correct it.
    mark = f"page:{delivery_id}:{once}:{answer}" if once else None
    answers.answer(site.db, site.links, token, answer, StatementSource(now_ms, "page", mark), eta_s)
    with reading(site.db) as connection:
        return read_message_view(connection, delivery_id, now_ms)


def _show(page: Page, token: str, *, own_incident: bool) -> Response:
    """Show what a link leads to. Raises SignedLinkError."""
    site, now_ms = page.site, page.now_ms
    delivery_id = site.links.read(token, now_ms)
    with reading(site.db) as connection:
        view = read_message_view(connection, delivery_id, now_ms)
        incident_id = view.own.row["incident_id"]
        extent = extents(connection, [incident_id])[incident_id] if view.own.about_area else None
        helped = wants_help(connection, view.own, now_ms)
    shown: dict[str, Any] = {"zone": site.settings.zone, "preferred": view.own.row["reader_language"]}
    if view.is_bundle and not own_incident:
        told = [(asked, path_of(site.links, view, asked)) for asked in view.incidents]
        return page.render("bundle.html", told=told, **shown)
    if view.own_revoked:
        return page.message(410, "revoked")
    return page.render(
        "responder.html",
        asked=view.own,
        extent=extent,
        helped=helped,
        action=f"{RESPONDER_PATH}{token}",
        back=list_path(site.links, view, now_ms),
        once=secrets.token_urlsafe(12),
        **shown,
    )


async def refuse(request: Request, error: Exception) -> Response:
    """A link that leads nowhere: altered, or too old."""
    expired = isinstance(error, ExpiredLink)
    log.warning("a responder's link was refused: %s", "expired" if expired else "altered")
    page = await page_of(request)
    return page.message(410, "expired") if expired else page.message(404, "altered")
