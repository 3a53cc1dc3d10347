"""The pages behind a message's signed link: three large buttons, or the list of the incidents of one message.

Looking changes nothing; pressing a button answers.
"""

import logging
import secrets
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import Response

from alerts.errors import ExpiredLink, SignedLinkError, UnusableAnswer
from alerts.incidents import answers
from alerts.wording.links import Links
from dashboard.reading.area_queries import Extent
from dashboard.responder.message_view import IncidentView, MessageView, extent_of, read_message_view, wants_help
from dashboard.site.rendering import RESPONDER_PATH, Pages, PagesOf, Site, redirect
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
def ask(request: Request, pages: PagesOf, token: str) -> Response:
    """What a message asks: of one incident, or the list of those that it tells of. Looking changes nothing."""
    return _show(request, pages, token, own_incident=False)


@routes.api_route(f"/r/{{token}}/{OWN_INCIDENT}", methods=["GET", "HEAD"])
def ask_own(request: Request, pages: PagesOf, token: str) -> Response:
    """The message's own incident, where it tells of several."""
    return _show(request, pages, token, own_incident=True)


@routes.post("/r/{token}")
def answer(
    request: Request,
    pages: PagesOf,
    token: str,
    answer: Annotated[str, Form()],
    once: Annotated[str, Form(max_length=32)] = "",
    minutes: Annotated[int | None, Form(ge=0, le=24 * 60)] = None,
) -> Response:
    """A pressed button; ``once`` is the random mark of the page."""
    now_ms = pages.site.clock.wall_ms()
    try:
        view = _take(pages.site, token, answer, once, None if minutes is None else minutes * 60, now_ms)
    except SignedLinkError as error:
        return _refused(request, pages, error)
    except UnusableAnswer as error:
        raise HTTPException(400) from error
    if view.own_revoked:  # the list does not say why the incident is not on it
        return redirect(f"{RESPONDER_PATH}{token}/{OWN_INCIDENT}")
    return redirect(list_path(pages.site.links, view, now_ms) or f"{RESPONDER_PATH}{token}")


def _take(site: Site, token: str, answer: str, once: str, eta_s: int | None, now_ms: int) -> MessageView:
    """Record an answer; gives the message as it stands then. Raises SignedLinkError, UnusableAnswer."""
    delivery_id = site.links.read(token, now_ms)
    # The same button of a page sent twice (a double tap, a reload) is one answer; another button, or the page opened
    # again, is another answer: whoever taps the wrong one first must still be able to correct it.
    mark = f"page:{delivery_id}:{once}:{answer}" if once else None
    answers.answer(site.db, site.links, token, answer, now_ms, "page", vendor_event_id=mark, eta_s=eta_s)
    with reading(site.db) as connection:
        return read_message_view(connection, delivery_id, now_ms)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A message with what its own page shows besides."""

    message_view: MessageView
    extent: Extent | None
    helped: bool


def _open(site: Site, token: str, now_ms: int) -> _Opened:
    """Read what a link leads to. Raises SignedLinkError."""
    delivery_id = site.links.read(token, now_ms)
    with reading(site.db) as connection:
        view = read_message_view(connection, delivery_id, now_ms)
        extent = extent_of(connection, view.own) if view.own.about_area else None
        return _Opened(view, extent, wants_help(connection, view.own, now_ms))


def _show(request: Request, pages: Pages, token: str, *, own_incident: bool) -> Response:
    now_ms = pages.site.clock.wall_ms()
    try:
        opened = _open(pages.site, token, now_ms)
    except SignedLinkError as error:
        return _refused(request, pages, error)
    if opened.message_view.is_bundle and not own_incident:
        return _show_list(request, pages, opened.message_view, now_ms)
    if opened.message_view.own_revoked:
        return pages.message(request, 410, now_ms, "revoked")
    return _show_own(request, pages, token, opened, now_ms)


def _show_own(request: Request, pages: Pages, token: str, opened: _Opened, now_ms: int) -> Response:
    site, asked = pages.site, opened.message_view.own
    return pages.render(
        request,
        "responder.html",
        now_ms,
        asked=asked,
        extent=opened.extent,
        helped=opened.helped,
        action=f"{RESPONDER_PATH}{token}",
        back=list_path(site.links, opened.message_view, now_ms),
        zone=site.settings.zone,
        once=secrets.token_urlsafe(12),
        preferred=asked.row["reader_language"],
    )


def _show_list(request: Request, pages: Pages, message_view: MessageView, now_ms: int) -> Response:
    site = pages.site
    told = [(asked, path_of(site.links, message_view, asked)) for asked in message_view.incidents]
    preferred = message_view.own.row["reader_language"]
    return pages.render(request, "bundle.html", now_ms, told=told, zone=site.settings.zone, preferred=preferred)


def _refused(request: Request, pages: Pages, error: SignedLinkError) -> Response:
    expired = isinstance(error, ExpiredLink)
    log.warning("a responder's link was refused: %s", "expired" if expired else "altered")
    status, key = (410, "expired") if expired else (404, "altered")
    return pages.message(request, status, pages.site.clock.wall_ms(), key)
