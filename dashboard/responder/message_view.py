"""What a message behind a signed link is about: its incident, or the several incidents that are told in it at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, select
from sqlalchemy.engine import RowMapping

from alerts.decisions.model import Purpose
from alerts.errors import InvalidLink
from alerts.incidents.consents import consents_of
from alerts.signals.standings import standing_of
from contracts.signals import SignalKind
from contracts.statements import StatementKind
from dashboard.reading.incident_queries import open_claims, responses
from dashboard.reading.states import concerns_person
from store.schema import TERMINAL_STATES, deliveries, homes, incidents, organisations, people

_NEWS: Final = Purpose.NEWS


@dataclass(frozen=True, slots=True)
class IncidentView:
    """What a responder's page shows of a message.

    Attributes:
        row: message, incident, home and both people; home and person are None where it is about an area.
        claim: the reader's own open claim; None: not going.
        answer: the reader's newest answer, a `StatementKind`; None: none yet.
        others: names of others who are on the way.
    """

    row: RowMapping
    claim: RowMapping | None
    answer: str | None
    others: Sequence[str]

    @property
    def closed(self) -> bool:
        """Whether the incident has ended."""
        return self.row["incident_state"] in TERMINAL_STATES

    @property
    def to_self(self) -> bool:
        """Whether the reader is the person it is about."""
        return bool(self.row["reader_id"] == self.row["subject_id"])

    @property
    def calls_neighbours(self) -> bool:
        """Whether neighbours are on the ladder of this incident."""
        return any("neighbours" in step["audiences"] for step in self.row["policy"]["steps"])

    @property
    def noticed(self) -> bool:
        """Whether it is about something noticed besides silence: the person still moves, or is out."""
        return self.row["kind"] in (SignalKind.DECLINE, SignalKind.NO_RETURN)

    @property
    def about_person(self) -> bool:
        """Whether it is about a person; False: about devices, or an area."""
        return concerns_person(self.row["kind"])

    @property
    def about_area(self) -> bool:
        """Whether it is about a whole area."""
        return bool(self.row["kind"] == SignalKind.AREA_OUTAGE)

    @property
    def standing(self) -> str:
        """Where the incident stands for its reader, a key of the locales under ``standing.``."""
        if self.closed:
            return "closed"
        if not self.about_person:
            return "area" if self.about_area else "devices"
        if self.claim is not None:
            return "you_go"
        if self.row["incident_state"] == "emergency":
            return "emergency"
        if self.others:
            return "others_go"
        return "you_cannot" if self.answer == StatementKind.CANNOT else "open"


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message with all that is told in it.

    Attributes:
        own: its own incident.
        incidents: each incident once, its own first; without those of which the reader may not hear any more.
        own_revoked: whether the reader may not hear of its own incident any more.
    """

    own: IncidentView
    incidents: Sequence[IncidentView]
    own_revoked: bool = False

    @property
    def is_bundle(self) -> bool:
        """Whether other messages are told in this one."""
        return any(asked.row["bundle_id"] == self.own.row["id"] for asked in self.incidents)


def read_message_view(connection: Connection, delivery_id: str, now_ms: int) -> MessageView:
    """What the page of one message shows at ``now_ms`` (ms UTC), by the consents that hold then.

    As many statements for a hundred incidents as for one.

    Raises:
        InvalidLink: nobody knows the message.
    """
    told = (deliveries.c.id == delivery_id) | (deliveries.c.bundle_id == delivery_id)
    rows = connection.execute(_messages().where(told)).mappings().all()
    own = next((row for row in rows if row["id"] == delivery_id), None)
    if own is None:
        raise InvalidLink("the message of this link is not known any more; open the newest message")
    concerned = incidents.c.id.in_(select(deliveries.c.incident_id).where(told))
    going, said = open_claims(connection, concerned), responses(connection, concerned)
    asked = [_asked(row, going[row["incident_id"]], said[row["incident_id"]]) for row in rows]
    first = next(each for each in asked if each.row is own)
    consents = consents_of(connection, own["reader_id"], now_ms)
    shown = [each for each in asked if consents.cover(each.row["subject_id"], each.row["organisation_id"])]
    shown.sort(key=lambda each: each is not first)
    return MessageView(first, _each_incident_once(shown), own_revoked=all(each is not first for each in shown))


def wants_help(connection: Connection, view: IncidentView, now_ms: int) -> bool:
    """Whether help is called for the person, of whom the ended incident of this message says that all is well."""
    return view.closed and view.to_self and standing_of(connection, view.row["home_id"], now_ms).help_is_called


def _each_incident_once(views: Sequence[IncidentView]) -> list[IncidentView]:
    """Of several messages about one incident the first that asks for something, so that its answer counts."""
    by_case: dict[str, IncidentView] = {}
    for asked in views:
        known = by_case.setdefault(asked.row["incident_id"], asked)
        if known.row["purpose"] == _NEWS and asked.row["purpose"] != _NEWS:
            by_case[asked.row["incident_id"]] = asked
    return list(by_case.values())


def _messages() -> Select[Any]:
    subject, reader, leader = people.alias("subject"), people.alias("reader"), deliveries.alias("leader")
    return (
        select(
            *deliveries.c["id", "created_ms", "purpose", "incident_id", "bundle_id"],
            leader.c.created_ms.label("leader_created_ms"),
            *incidents.c["kind", "policy", "opened_ms", "home_id", "organisation_id"],
            incidents.c.state.label("incident_state"),
            incidents.c.area.label("whole_area"),
            *homes.c["zone", "area"],
            organisations.c.name.label("organisation"),
            subject.c.id.label("subject_id"),
            subject.c.name.label("subject_name"),
            subject.c.kana.label("subject_kana"),
            reader.c.id.label("reader_id"),
            reader.c.language.label("reader_language"),
        )
        .join(incidents, incidents.c.id == deliveries.c.incident_id)
        .join(organisations, organisations.c.id == incidents.c.organisation_id)
        .join(reader, reader.c.id == deliveries.c.person_id)
        .outerjoin(homes, homes.c.id == incidents.c.home_id)  # null: about an area
        .outerjoin(subject, subject.c.id == incidents.c.person_id)
        .outerjoin(leader, leader.c.id == deliveries.c.bundle_id)
        .order_by(deliveries.c.created_ms, deliveries.c.id)
    )


def _asked(row: RowMapping, going: Sequence[RowMapping], said: Sequence[RowMapping]) -> IncidentView:
    own = next((claim for claim in going if claim["person_id"] == row["reader_id"]), None)
    others = [claim["name"] for claim in going if claim["person_id"] != row["reader_id"]]
    newest = {answer["said_by"]: answer["kind"] for answer in said}
    return IncidentView(row, own, newest.get(row["reader_id"]), others)
