"""The pages behind a message's signed link: three large buttons, or the list of the cases that one message tells of.

Looking changes nothing; pressing a button answers.
"""

import logging
import secrets
from typing import Annotated, Final

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import Response

from alerts import responses
from alerts.errors import ExpiredLink, LinkError, UnusableAnswer
from alerts.links import Links
from dashboard.asked import Asked, Letter, extent_of, read_letter, wants_help
from dashboard.pages import RESPONDER_PATH, Pages, Site, redirect
from store.engine import reading

log = logging.getLogger(__name__)
OWN_CASE: Final = "case"
"""Below the link of a message that tells of several cases: the page of its own."""


def path_of(links: Links, letter: Letter, asked: Asked) -> str:
    """The address of the page of one case that a message tells of."""
    if asked is letter.own:
        token = links.sign(letter.own.row["id"], letter.own.row["created_ms"])
        return f"{RESPONDER_PATH}{token}/{OWN_CASE}"
    return f"{RESPONDER_PATH}{links.sign(asked.row['id'], asked.row['created_ms'])}"


def list_path(links: Links, letter: Letter, now_ms: int) -> str | None:
    """The address of the list in which a message is told; None: it stands for itself, or that link is over."""
    row = letter.own.row
    if letter.is_digest:
        return RESPONDER_PATH + links.sign(row["id"], row["created_ms"])
    if row["bundle_id"] is None:
        return None
    token = links.sign(row["bundle_id"], row["leader_created_ms"])
    try:
        links.read(token, now_ms)
    except ExpiredLink:
        return None
    return RESPONDER_PATH + token


def responder_routes(site: Site, pages: Pages) -> APIRouter:
    """``/r/{token}``: GET shows, POST answers; ``/r/{token}/case``: its own case, where it tells of several."""
    routes = APIRouter()

    def refused(request: Request, error: LinkError) -> Response:
        expired = isinstance(error, ExpiredLink)
        log.warning("a responder's link was refused: %s", "expired" if expired else "altered")
        status, key = (410, "expired") if expired else (404, "altered")
        return pages.message(request, status, site.clock.wall_ms(), key)

    def show_list(request: Request, letter: Letter, now_ms: int) -> Response:
        told = [(asked, path_of(site.links, letter, asked)) for asked in letter.told]
        preferred = letter.own.row["reader_language"]
        return pages.render(request, "digest.html", now_ms, told=told, zone=site.settings.zone, preferred=preferred)

    def show(request: Request, token: str, *, own_case: bool) -> Response:
        now_ms = site.clock.wall_ms()
        try:
            delivery_id = site.links.read(token, now_ms)
            with reading(site.db) as connection:
                letter = read_letter(connection, delivery_id, now_ms)
                asked = letter.own
                extent = extent_of(connection, asked) if asked.about_area else None
                helped = wants_help(connection, asked)
        except LinkError as error:
            return refused(request, error)
        if letter.is_digest and not own_case:
            return show_list(request, letter, now_ms)
        if letter.own_revoked:
            return pages.message(request, 410, now_ms, "revoked")
        return pages.render(
            request,
            "responder.html",
            now_ms,
            asked=asked,
            extent=extent,
            helped=helped,
            action=f"{RESPONDER_PATH}{token}",
            back=list_path(site.links, letter, now_ms),
            zone=site.settings.zone,
            once=secrets.token_urlsafe(12),
            preferred=asked.row["reader_language"],
        )

    @routes.api_route("/r/{token}", methods=["GET", "HEAD"])
    def ask(request: Request, token: str) -> Response:
        return show(request, token, own_case=False)

    @routes.api_route(f"/r/{{token}}/{OWN_CASE}", methods=["GET", "HEAD"])
    def ask_own(request: Request, token: str) -> Response:
        return show(request, token, own_case=True)

    @routes.post("/r/{token}")
    def answer(
        request: Request,
        token: str,
        answer: Annotated[str, Form()],
        once: Annotated[str, Form(max_length=32)] = "",
        minutes: Annotated[int | None, Form(ge=0, le=24 * 60)] = None,
    ) -> Response:
        now_ms = site.clock.wall_ms()
        try:
            delivery_id = site.links.read(token, now_ms)
            responses.answer(
                site.db,
                site.links,
                token,
                answer,
                now_ms,
                "page",
                # The same button of a page sent twice (a double tap, a reload) is one answer; another button, or the
                # page opened again, is another answer: whoever taps the wrong one first must still be heard.
                vendor_event_id=f"page:{delivery_id}:{once}:{answer}" if once else None,
                eta_s=None if minutes is None else minutes * 60,
            )
            with reading(site.db) as connection:
                letter = read_letter(connection, delivery_id, now_ms)
        except LinkError as error:
            return refused(request, error)
        except UnusableAnswer as error:
            raise HTTPException(400) from error
        if letter.own_revoked:  # the list does not say why the case is not on it
            return redirect(f"{RESPONDER_PATH}{token}/{OWN_CASE}")
        return redirect(list_path(site.links, letter, now_ms) or f"{RESPONDER_PATH}{token}")

    return routes
