"""Open incidents as the pages show them: who was asked, who is going, what happens next."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection

from alerts.decisions.model import IncidentState, Purpose
from alerts.decisions.sending.delivery import FAILED
from contracts.signals import SignalKind
from contracts.statements import StatementKind
from dashboard.reading import incident_queries
from dashboard.reading.states import INCIDENT_ORDER, BoardState, IncidentFacts, concerns_person, state_of_incident

Row = Mapping[Any, Any]
AREAS: Final = ""
"""The key of `read_open_incidents` under which the incidents about an area stand: they are about no one home."""


@dataclass(frozen=True, slots=True)
class Contacted:
    """One person who was told of an incident, or answered untold; their newest message and answer.

    Attributes:
        name: the person's name; channel: by which the newest message went; purpose: ask, call, staff or news. News say
            that much only of those who were asked nothing.
        delivery: state of that message; at_ms: when it was made. Empty, and None, where there was no message.
        answer: a `StatementKind`; None when there is no answer yet.
        answered_ms: when it was given.
        news_ms: when the newest news were sent to somebody who had been asked; None: none were.
        expired: whether they said that they were going, and are not counted on any more: they did not report in time.
        by_person: whether this is the person of the incident, whose answers mean other things than a neighbour's.
    """

    name: str
    channel: str
    purpose: str
    delivery: str
    at_ms: int | None
    answer: str | None
    answered_ms: int | None
    news_ms: int | None
    by_person: bool = False
    expired: bool = False

    @property
    def answer_word(self) -> str:
        """The word of the page for the answer, under ``answer.``."""
        if self.expired:
            return "going_lapsed"
        return self.answer or ""


@dataclass(frozen=True, slots=True)
class ActiveClaim:
    """Someone on the way: until ``eta_ms``, and counted on until ``expires_ms``."""

    name: str
    eta_ms: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """One open incident.

    Attributes:
        home_id: `AREAS` where it is about an area, which is in ``area`` then.
        shown: how it is shown; None where it is about devices, or an area.
        policy: the ladder as it was when the incident was opened, see `alerts.decisions.policy.Policy`.
        group_id: the incident of the whole area that it belongs to; None: it stands for itself.
        step: which step it is on, counting from 1; steps: how many the policy has.
        step_word: who is asked on it: person, neighbours, council, neighbours_council.
        facts: what decides how it is shown.
        said_help: whether the person answered that they need help, as `alerts.signals.conditions.wants_help` reads it.
        next_ms: when something happens by itself next.
        contacted: who was told, newest message first; claims: who is on the way, first arrival first.
        deferred: why it is deferred until ``next_ms``, a `DeferredFor` or ``other``; empty: it is not.
    """

    id: str
    home_id: str
    kind: str
    state: str
    shown: BoardState | None
    step: int
    steps: int
    step_word: str
    facts: IncidentFacts
    said_help: bool
    opened_ms: int
    since_ms: int
    next_ms: int | None
    reason_ja: str
    reason_en: str
    policy: Row
    area: str
    group_id: str | None
    deferred: str
    contacted: Sequence[Contacted] = field(default=())
    claims: Sequence[ActiveClaim] = field(default=())

    @property
    def headline(self) -> str:
        """What it is about, as a word of the page under ``kind.``: what the person said outranks what was noticed."""
        return "said_help" if self.said_help else self.kind


def urgency(incident: OpenIncident) -> tuple[int, bool, int]:
    """Sorting key of the incidents about one person: who waits for help, then calls for help, then the oldest.

    One about devices comes last.
    """
    rank = len(INCIDENT_ORDER) if incident.shown is None else INCIDENT_ORDER.index(incident.shown)
    return rank, not (incident.said_help or incident.kind == SignalKind.HELP), incident.opened_ms


def read_open_incidents(connection: Connection, home_id: str | None = None) -> dict[str, list[OpenIncident]]:
    """Every open incident (of one home, or of all), by home id. Five statements at most, however many there are."""
    rows = incident_queries.open_incidents(connection, home_id)
    told = _by_incident(incident_queries.latest_deliveries(connection, home_id))
    going = _by_incident(incident_queries.open_claims(connection, home_id))
    said = _by_incident(incident_queries.latest_responses(connection, home_id))
    incidents: dict[str, list[OpenIncident]] = defaultdict(list)
    for row in rows:
        contacted = _contacted(
            told[row["id"]], said[row["id"]], row["person_id"], {line["person_id"] for line in going[row["id"]]}
        )
        claims = [ActiveClaim(line["name"], line["eta_ms"], line["expires_ms"]) for line in going[row["id"]]]
        incidents[row["home_id"] or AREAS].append(_open_incident(row, contacted, claims))
    return incidents


def _by_incident(rows: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["incident_id"]].append(row)
    return groups


def _contacted(
    messages: Sequence[Row], answers: Iterable[Row], person: str | None, going: Collection[str]
) -> list[Contacted]:
    """Everybody who has to do with an incident: those asked last first, then those who were told or answered only.

    Args:
        messages: of the incident, see `incident_queries.latest_deliveries`.
        answers: of the incident, oldest first.
        person: whom it is about; None: an area.
        going: ids of those who are counted on.
    """
    asked = {row["person_id"]: row for row in messages if row["purpose"] != Purpose.NEWS}
    news = {row["person_id"]: row for row in messages if row["purpose"] == Purpose.NEWS}
    newest = {row["said_by"]: row for row in answers}
    everybody = dict.fromkeys([*asked, *news, *newest])
    return [
        _one_contacted(asked.get(who), news.get(who), newest.get(who), by_person=who == person, goes=who in going)
        for who in everybody
    ]


def _one_contacted(
    asked: Row | None, news: Row | None, answer: Row | None, *, by_person: bool, goes: bool
) -> Contacted:
    shown = asked or news
    known = shown or answer or {}
    return Contacted(
        name=known["name"],
        channel=shown["channel"] if shown else "",
        purpose=shown["purpose"] if shown else "",
        delivery=shown["state"] if shown else "",
        at_ms=shown["created_ms"] if shown else None,
        answer=answer["kind"] if answer else None,
        answered_ms=answer["at_ms"] if answer else None,
        news_ms=news["created_ms"] if asked and news else None,
        by_person=by_person,
        expired=answer is not None and answer["kind"] == StatementKind.GOING and not goes,
    )


def _open_incident(row: Row, contacted: Sequence[Contacted], claims: Sequence[ActiveClaim]) -> OpenIncident:
    facts = IncidentFacts(row["state"], _person_alone(row, contacted))
    return OpenIncident(
        id=row["id"],
        home_id=row["home_id"] or AREAS,
        kind=row["kind"],
        state=row["state"],
        shown=state_of_incident(facts) if concerns_person(row["kind"]) else None,
        step=row["step"] + 1,
        steps=len(_steps(row["policy"])),
        step_word=_step_word(row),
        facts=facts,
        said_help=row["said_help"],
        opened_ms=row["opened_ms"],
        since_ms=row["since_ms"],
        next_ms=row["next_due_ms"],
        reason_ja=row["reason_ja"],
        reason_en=row["reason_en"],
        policy=row["policy"],
        area=row["area"] or "",
        group_id=row["group_id"],
        deferred=row["deferred_for"] or ("other" if row["state"] == IncidentState.DEFERRED else ""),
        contacted=contacted,
        claims=claims,
    )


def _person_alone(row: Row, contacted: Iterable[Contacted]) -> bool:
    """Whether the person, and nobody else, is being asked. A question that could not be delivered asks nobody."""
    if row["asked_ms"] is None or row["called_ms"] is not None or row["council_ms"] is not None:
        return False
    return not any(told.purpose == Purpose.ASK and told.delivery in FAILED for told in contacted)


def _steps(policy: Row) -> Sequence[Row]:
    # The snapshot of alerts.decisions.policy.Policy; an incident keeps the one it was opened with.
    return policy["steps"]  # type: ignore[no-any-return]


def _step_word(row: Row) -> str:
    return "_".join(_steps(row["policy"])[row["step"]]["audiences"])
