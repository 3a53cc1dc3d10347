"""What staff record on a person's page. Each form posts, is handed to ``alerts``, and leads back to the page."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, HTTPException
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from alerts.errors import UnknownIncident, UnusableAnswer
from alerts.incidents import answers, response_log
from alerts.incidents.response_log import LONGEST_NOTE
from dashboard.reading import incident_queries, queries
from dashboard.site.rendering import Site, SiteOf, redirect
from store.engine import reading

SAID: Final = ("phoned", "going", "closed", "called_119", "kept", "refused")
"""What the page can say after a form, as a key of the locales under ``said.``."""
PERSON_OUTCOMES: Final = ("safe", "hospital", "away", "died", "other", "false_alarm", "test")
DEVICE_OUTCOMES: Final = ("repaired", "other", "false_alarm", "test")
CHANNEL: Final = "board"
routes: Final = APIRouter(prefix="/homes/{home_id}")

Incident = Annotated[str, Form()]
By = Annotated[str, Form()]
Note = Annotated[str, Form(max_length=LONGEST_NOTE)]


@routes.post("/phoned")
def phoned(site: SiteOf, home_id: str, incident: Incident, by: By, note: Note) -> RedirectResponse:
    """Somebody was telephoned; it moves nothing."""

    def act(now_ms: int) -> None:
        response_log.phoned(site.db, incident, by, note.strip(), now_ms, CHANNEL)

    return _record(site, home_id, incident, by, "phoned", act)


@routes.post("/going")
def going(
    site: SiteOf, home_id: str, incident: Incident, by: By, minutes: Annotated[int, Form(ge=0, le=24 * 60)]
) -> RedirectResponse:
    """Staff are on the way."""

    def act(now_ms: int) -> answers.Recorded:
        return answers.answer_for(site.db, incident, by, "going", now_ms, CHANNEL, eta_s=minutes * 60)

    return _record(site, home_id, incident, by, "going", act)


@routes.post("/close")
def close(
    site: SiteOf, home_id: str, incident: Incident, by: By, outcome: Annotated[str, Form()], reason: Note = ""
) -> RedirectResponse:
    """How it ended."""

    def act(now_ms: int) -> answers.Recorded:
        return answers.close(site.db, incident, by, outcome, reason, now_ms, CHANNEL)

    return _record(site, home_id, incident, by, "closed", act)


@routes.post("/emergency")
def emergency(site: SiteOf, home_id: str, incident: Incident, by: By) -> RedirectResponse:
    """119 was called."""

    def act(now_ms: int) -> answers.Recorded:
        return answers.answer_for(site.db, incident, by, "called_119", now_ms, CHANNEL)

    return _record(site, home_id, incident, by, "called_119", act)


def _record(site: Site, home_id: str, incident: str, by: str, said: str, act: Callable[[int], Any]) -> RedirectResponse:
    now_ms = site.clock.wall_ms()
    with reading(site.db) as connection:
        _check(connection, home_id, incident, by, now_ms)
    return redirect(f"/homes/{home_id}?said={said_after(act, said, now_ms)}#main")


def said_after(act: Callable[[int], Any], said: str, now_ms: int) -> str:
    """Record something; gives what the page says then, which is ``said`` where it changed something."""
    try:
        recorded = act(now_ms)
    except UnknownIncident as error:
        raise HTTPException(404) from error
    except UnusableAnswer:
        return "refused"
    changed = not isinstance(recorded, answers.Recorded) or recorded.changed
    return said if changed else "kept"


def _check(connection: Connection, home_id: str, incident_id: str, by: str, now_ms: int) -> None:
    """The incident is one of this home, and ``by`` is staff of its person: alerts takes both on trust."""
    homes = queries.homes_now(connection, now_ms, home_id)
    if not homes or not incident_queries.is_incident_of(connection, incident_id, home_id):
        raise HTTPException(404)
    staff = queries.staff_of(connection, homes[0]["person_id"], homes[0]["organisation_id"], now_ms)
    if by not in [one["id"] for one in staff]:
        raise HTTPException(403)
