"""Open incidents as the pages show them: who was asked, who is going, what happens next."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from alerts.decisions.model import IncidentState, Purpose
from alerts.decisions.sending.delivery import FAILED
from contracts.signals import SignalKind
from contracts.statements import StatementKind
from dashboard.reading import incident_queries
from dashboard.reading.queries import Row
from dashboard.reading.states import INCIDENT_ORDER, BoardState, concerns_person, state_of_incident
from store.schema import incidents, is_open

AREAS: Final = ""
"""The key of `read_open_incidents` under which the incidents about an area stand: they are about no one home."""


@dataclass(frozen=True, slots=True)
class Contacted:
    """One person who was told of an incident, or answered untold.

    Attributes:
        message: the newest message that asked them something, else the newest news; None: there was none.
        news: the newest news to somebody who had been asked; None: none were sent.
        answer: what they answered last; None: nothing yet.
        is_going: whether they are counted on.
    """

    message: Row | None
    news: Row | None
    answer: Row | None
    is_going: bool

    @property
    def answer_word(self) -> str:
        """The word of the page for the answer, under ``answer.``: who went and did not report is not counted on."""
        if self.answer is None:
            return ""
        expired = self.answer["kind"] == StatementKind.GOING and not self.is_going
        return "going_lapsed" if expired else str(self.answer["kind"])


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """One open incident.

    Attributes:
        row: of `incident_queries.incidents_that`.
        messages: the newest to each person, newest first, see `incident_queries.latest_deliveries`.
        answers: what people answered, the newest that counts last.
        claims: who is on the way, first arrival first.
    """

    row: Row
    messages: Sequence[Row]
    answers: Sequence[Row]
    claims: Sequence[Row]

    @property
    def shown(self) -> BoardState | None:
        """How it is shown; None where it is about devices, or an area."""
        if not concerns_person(self.row["kind"]):
            return None
        return state_of_incident(self.row["state"], person_alone=self._person_alone)

    @property
    def _person_alone(self) -> bool:
        """Whether the person, and nobody else, is being asked. A question that could not be delivered asks nobody."""
        row = self.row
        if row["asked_ms"] is None or row["called_ms"] is not None or row["council_ms"] is not None:
            return False
        return not any(sent["purpose"] == Purpose.ASK and sent["state"] in FAILED for sent in self.messages)

    @property
    def step_word(self) -> str:
        """Who is asked on the present step: person, neighbours, council, neighbours_council."""
        return "_".join(self.row["policy"]["steps"][self.row["step"]]["audiences"])

    @property
    def headline(self) -> str:
        """What it is about, as a word of the page under ``kind.``: what the person said outranks what was noticed."""
        return "said_help" if self.row["said_help"] else str(self.row["kind"])

    @property
    def deferred(self) -> str:
        """Why it is deferred until ``next_due_ms``, a `DeferredFor` or ``other``; empty: it is not."""
        return self.row["deferred_for"] or ("other" if self.row["state"] == IncidentState.DEFERRED else "")

    @property
    def contacted(self) -> Sequence[Contacted]:
        """Everybody who has to do with it: those asked last first, then those who were told or answered only."""
        asked = {row["person_id"]: row for row in self.messages if row["purpose"] != Purpose.NEWS}
        news = {row["person_id"]: row for row in self.messages if row["purpose"] == Purpose.NEWS}
        newest = {row["said_by"]: row for row in self.answers}
        going = {row["person_id"] for row in self.claims}
        return [
            Contacted(
                asked.get(who) or news.get(who), news.get(who) if who in asked else None, newest.get(who), who in going
            )
            for who in dict.fromkeys([*asked, *news, *newest])
        ]


def urgency(incident: OpenIncident) -> tuple[int, bool, int]:
    """Sorting key of the incidents about one person: who waits for help, then calls for help, then the oldest.

    One about devices comes last.
    """
    rank = len(INCIDENT_ORDER) if incident.shown is None else INCIDENT_ORDER.index(incident.shown)
    calls_for_help = incident.row["said_help"] or incident.row["kind"] == SignalKind.HELP
    return rank, not calls_for_help, incident.row["opened_ms"]


def read_open_incidents(connection: Connection, home_id: str | None = None) -> dict[str, list[OpenIncident]]:
    """Every open incident (of one home, or of all), by home id. Four statements, however many there are."""
    which = is_open() if home_id is None else is_open() & (incidents.c.home_id == home_id)
    told = incident_queries.latest_deliveries(connection, which)
    said = incident_queries.responses(connection, which)
    going = incident_queries.open_claims(connection, which)
    found: dict[str, list[OpenIncident]] = defaultdict(list)
    for row in incident_queries.incidents_that(connection, which):
        incident = OpenIncident(row, told[row["id"]], said[row["id"]], going[row["id"]])
        found[row["home_id"] or AREAS].append(incident)
    return found
