"""The page behind a message's signed link: three large buttons. Looking at it changes nothing; pressing one answers."""

import logging
import secrets
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy import Connection, select
from sqlalchemy.engine import RowMapping

from alerts import responses
from alerts.errors import ExpiredLink, InvalidLink, LinkError, UnusableAnswer
from alerts.model import Answer
from contracts.signals import SignalKind
from dashboard.pages import Pages, Site, redirect
from dashboard.states import concerns_person
from store.engine import reading
from store.schema import TERMINAL_STATES, claims, deliveries, homes, incidents, organisations, people
from store.schema import responses as answers

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a responder's page shows of a message.

    Attributes:
        row: message, incident, home and both people.
        claim: the reader's own open claim; None: not going.
        answer: the reader's newest answer; None: none yet.
        others: names of others who are on the way.
    """

    row: RowMapping
    claim: RowMapping | None
    answer: str | None
    others: list[str]

    @property
    def closed(self) -> bool:
        """Whether the case has ended."""
        return self.row["incident_state"] in TERMINAL_STATES

    @property
    def to_self(self) -> bool:
        """Whether the reader is the person it is about."""
        return bool(self.row["reader_id"] == self.row["subject_id"])

    @property
    def calls_neighbours(self) -> bool:
        """Whether neighbours are on the ladder of this case."""
        return any("neighbours" in step["audiences"] for step in self.row["policy"]["steps"])

    @property
    def noticed(self) -> bool:
        """Whether it is about something noticed besides silence: the person still moves, or is out."""
        return self.row["kind"] in (SignalKind.DECLINE, SignalKind.NO_RETURN)

    @property
    def about_person(self) -> bool:
        """Whether it is about a person; False: about devices."""
        return concerns_person(self.row["kind"])


def read_asked(connection: Connection, delivery_id: str) -> Asked:
    """What the page of one message shows.

    Raises:
        InvalidLink: nobody knows the message.
    """
    subject, reader = people.alias("subject"), people.alias("reader")
    query = (
        select(
            deliveries.c.purpose,
            deliveries.c.incident_id,
            incidents.c.kind,
            incidents.c.policy,
            incidents.c.state.label("incident_state"),
            incidents.c.outcome,
            homes.c.zone,
            homes.c.area,
            organisations.c.name.label("organisation"),
            subject.c.id.label("subject_id"),
            subject.c.name.label("subject_name"),
            subject.c.kana.label("subject_kana"),
            reader.c.id.label("reader_id"),
            reader.c.name.label("reader_name"),
            reader.c.language.label("reader_language"),
        )
        .join(incidents, incidents.c.id == deliveries.c.incident_id)
        .join(homes, homes.c.id == incidents.c.home_id)
        .join(organisations, organisations.c.id == incidents.c.organisation_id)
        .join(subject, subject.c.id == incidents.c.person_id)
        .join(reader, reader.c.id == deliveries.c.person_id)
        .where(deliveries.c.id == delivery_id)
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        raise InvalidLink("the message of this link is not known any more; open the newest message")
    going = _going(connection, row["incident_id"])
    own = next((claim for claim in going if claim["person_id"] == row["reader_id"]), None)
    others = [claim["name"] for claim in going if claim["person_id"] != row["reader_id"]]
    return Asked(row, own, _newest_answer(connection, row), others)


def _going(connection: Connection, incident_id: str) -> list[RowMapping]:
    query = (
        select(claims.c.person_id, claims.c.eta_ms, people.c.name)
        .join(people, people.c.id == claims.c.person_id)
        .where(claims.c.incident_id == incident_id, claims.c.ended_ms.is_(None))
    )
    return list(connection.execute(query).mappings().all())


def _newest_answer(connection: Connection, row: RowMapping) -> str | None:
    query = (
        select(answers.c.kind)
        .where(answers.c.incident_id == row["incident_id"], answers.c.person_id == row["reader_id"])
        .where(answers.c.kind.in_(list(Answer)))
        .order_by(answers.c.at_ms.desc(), answers.c.id.desc())
        .limit(1)
    )
    kind: str | None = connection.execute(query).scalar()
    return kind


def responder_routes(site: Site, pages: Pages) -> APIRouter:
    """``/r/{token}``: GET shows, POST answers."""
    routes = APIRouter()

    def refused(request: Request, error: LinkError) -> Response:
        expired = isinstance(error, ExpiredLink)
        log.warning("a responder's link was refused: %s", "expired" if expired else "altered")
        status, key = (410, "expired") if expired else (404, "altered")
        return pages.message(request, status, site.clock.wall_ms(), key)

    @routes.api_route("/r/{token}", methods=["GET", "HEAD"])
    def ask(request: Request, token: str) -> Response:
        now_ms = site.clock.wall_ms()
        try:
            delivery_id = site.links.read(token, now_ms)
            with reading(site.db) as connection:
                asked = read_asked(connection, delivery_id)
        except LinkError as error:
            return refused(request, error)
        once = secrets.token_urlsafe(12)
        preferred = asked.row["reader_language"]
        return pages.render(request, "responder.html", now_ms, asked=asked, once=once, preferred=preferred)

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
            responses.answer(
                site.db,
                site.links,
                token,
                answer,
                now_ms,
                "page",
                # The same button of a page sent twice (a double tap, a reload) is one answer; another button, or the
                # page opened again, is another answer: whoever taps the wrong one first must still be heard.
                vendor_event_id=f"page:{site.links.read(token, now_ms)}:{once}:{answer}" if once else None,
                eta_s=None if minutes is None else minutes * 60,
            )
        except LinkError as error:
            return refused(request, error)
        except UnusableAnswer as error:
            raise HTTPException(400) from error
        return redirect(f"/r/{token}")

    return routes
