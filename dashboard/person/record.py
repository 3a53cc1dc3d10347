"""What staff record on a page. Each form posts, is checked, is handed to ``alerts``, and leads back to its page."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, HTTPException
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from alerts.errors import UnknownIncident, UnusableAnswer
from alerts.incidents import answers, response_log
from alerts.incidents.response_log import LONGEST_NOTE
from dashboard.reading import incident_queries, queries
from dashboard.site.rendering import Page, PageOf, redirect
from store.engine import reading

SAID: Final = ("phoned", "going", "closed", "called_119", "kept", "refused")
"""What the page can say after a form, as a key of the locales under ``said.``."""
PERSON_OUTCOMES: Final = ("safe", "hospital", "away", "died", "other", "false_alarm", "test")
DEVICE_OUTCOMES: Final = ("repaired", "other", "false_alarm", "test")
CHANNEL: Final = "board"
routes: Final = APIRouter(prefix="/homes/{home_id}")

Text = Annotated[str, Form()]
Note = Annotated[str, Form(max_length=LONGEST_NOTE)]


@dataclass(frozen=True, slots=True)
class StaffForm:
    """A form about an incident that was checked: alerts takes on trust whose incident it is, and that staff sent it.

    Attributes:
        page: what was asked for with it.
        back: the path that it leads back to.
        incident: its id.
        by: person id of who sent it.
    """

    page: Page
    back: str
    incident: str
    by: str

    def record(
        self, said: str, act: Callable[..., answers.Recorded | None], *words: str, **more: int
    ) -> RedirectResponse:
        """Do ``act`` of alerts with what the form holds; the page says ``said`` then, where that changed something."""
        try:
            recorded = act(self.page.site.db, self.incident, self.by, *words, self.page.now_ms, CHANNEL, **more)
        except UnknownIncident as error:
            raise HTTPException(404) from error
        except UnusableAnswer:
            return redirect(f"{self.back}?said=refused#main")
        changed = recorded is None or recorded.changed
        return redirect(f"{self.back}?said={said if changed else 'kept'}#main")


def check_staff(connection: Connection, by: str, person_id: str, organisation_id: str, now_ms: int) -> None:
    """Nobody but the staff of a person or of an organisation may record anything."""
    if by not in [one["id"] for one in queries.staff_of(connection, person_id, organisation_id, now_ms)]:
        raise HTTPException(403)


def _home_form(page: PageOf, home_id: str, incident: Text, by: Text) -> StaffForm:
    with reading(page.site.db) as connection:
        homes = queries.homes_now(connection, page.now_ms, home_id)
        if not homes or not incident_queries.is_incident_of(connection, incident, home_id):
            raise HTTPException(404)
        check_staff(connection, by, homes[0]["person_id"], homes[0]["organisation_id"], page.now_ms)
    return StaffForm(page, f"/homes/{home_id}", incident, by)


HomeForm = Annotated[StaffForm, Depends(_home_form)]


@routes.post("/phoned")
def phoned(form: HomeForm, note: Note) -> RedirectResponse:
    """Somebody was telephoned; it moves nothing."""
    return form.record("phoned", response_log.phoned, note.strip())


@routes.post("/going")
def going(form: HomeForm, minutes: Annotated[int, Form(ge=0, le=24 * 60)]) -> RedirectResponse:
    """Staff are on the way."""
    return form.record("going", answers.answer_for, "going", eta_s=minutes * 60)


@routes.post("/close")
def close(form: HomeForm, outcome: Text, reason: Note = "") -> RedirectResponse:
    """How it ended."""
    return form.record("closed", answers.close, outcome, reason)


@routes.post("/emergency")
def emergency(form: HomeForm) -> RedirectResponse:
    """119 was called."""
    return form.record("called_119", answers.answer_for, "called_119")
