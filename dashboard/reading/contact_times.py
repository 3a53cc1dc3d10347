"""When the person is asked and others are called next, or when that was done: what a time that has passed means."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from alerts.decisions.reasons import is_still_true
from contracts.signals import Sentence
from dashboard.reading.home_rows import HomeRow
from dashboard.reading.queries import Row
from dashboard.reading.states import BoardState, concerns_person


class ContactStatus(StrEnum):
    """How it stands with a contact; a key of the locales under ``ask_time.`` and ``call_time.``."""

    NONE = "none"
    """Nothing is to come."""
    TO_COME = "to_come"
    NOW = "now"
    """Its time has come, and it is being made."""
    LATE = "late"
    """Its time passed a while ago, and it was not made: the watching is behind."""
    MADE = "made"
    AWAY = "away"
    """Its time has passed or will pass during a registered absence: not made before that ends."""
    HELD = "held"
    """Its time has passed while nobody knows whether the devices live: not made."""
    NOT_MADE = "not_made"
    """Its time has passed and an incident is open, in which the person is not asked; only of the question."""


@dataclass(frozen=True, slots=True)
class ContactTime:
    """One contact.

    Attributes:
        at_ms: when it comes, was made, or the absence ends for which it waits (ms UTC); None: none is known.
        again: how it stands with the next one, of a contact that was made; None: none will follow by itself.
    """

    status: ContactStatus
    at_ms: int | None = None
    again: "ContactTime | None" = None


def coming(at_ms: int | None, now_ms: int, behind_s: float) -> ContactTime:
    """A contact that was not made yet: to come, due now, or late by more than ``behind_s``."""
    if at_ms is None:
        return ContactTime(ContactStatus.NONE)
    if at_ms > now_ms:
        return ContactTime(ContactStatus.TO_COME, at_ms)
    return ContactTime(ContactStatus.NOW if now_ms - at_ms <= behind_s * 1000 else ContactStatus.LATE, at_ms)


def ask_time(home_row: HomeRow, incidents: Iterable[Row], now_ms: int, behind_s: float) -> ContactTime:
    """When the person is asked, or was asked since the last sign of life.

    Args:
        home_row: of the home.
        incidents: its last incidents, open or closed.
        now_ms: now, ms UTC.
        behind_s: how long a contact that is due may take.
    """
    due_ms = home_row.deadlines.ask_at_ms
    if home_row.held_until_ms is not None:
        return ContactTime(ContactStatus.AWAY, home_row.held_until_ms)
    if due_ms is None or due_ms > now_ms:
        return coming(due_ms, now_ms, behind_s)
    made_ms = _made(home_row, incidents, "asked_ms")
    if made_ms is not None:
        return ContactTime(ContactStatus.MADE, made_ms)
    if home_row.incidents:
        return ContactTime(ContactStatus.NOT_MADE)
    return _held(home_row) or coming(due_ms, now_ms, behind_s)


def call_time(home_row: HomeRow, incidents: Iterable[Row], now_ms: int, behind_s: float) -> ContactTime:
    """When others are called, or were first called; of an open incident with who is called next. As `ask_time`."""
    made_ms = _made(home_row, incidents, "called_ms", "council_ms")
    if home_row.incidents:
        again = coming(home_row.incidents[0].row["next_due_ms"], now_ms, behind_s)
        return again if made_ms is None else ContactTime(ContactStatus.MADE, made_ms, again)
    if home_row.held_until_ms is not None:
        return ContactTime(ContactStatus.AWAY, home_row.held_until_ms)
    due_ms = home_row.deadlines.call_at_ms
    if due_ms is None or due_ms > now_ms:
        return coming(due_ms, now_ms, behind_s)
    if made_ms is not None:
        return ContactTime(ContactStatus.MADE, made_ms)
    return _held(home_row) or coming(due_ms, now_ms, behind_s)


def why_asked(home_row: HomeRow, now_ms: int) -> Sentence | None:
    """What the rhythm says of the time of the question, come or to come; None: nothing that holds.

    A time to come is said as a condition by whoever shows it: the sentence tells how it will be then.
    """
    home, ask_at_ms = home_row.home, home_row.deadlines.ask_at_ms
    if not home["reason_ja"]:
        return None
    holds = ask_at_ms is None or is_still_true(home["ask_at_ms"], ask_at_ms, max(ask_at_ms, now_ms), home["zone"])
    return Sentence(home["reason_ja"], home["reason_en"]) if holds else None


def _held(home_row: HomeRow) -> ContactTime | None:
    return ContactTime(ContactStatus.HELD) if home_row.state is BoardState.UNKNOWN else None


def _made(home_row: HomeRow, incidents: Iterable[Row], *names: str) -> int | None:
    """When it was first done in the incidents that are open, else since the deadlines count."""
    open_ids = {incident.row["id"] for incident in home_row.incidents}
    since_ms = home_row.deadlines.since_ms
    mine = [row for row in incidents if concerns_person(row["kind"])]
    if open_ids:
        mine = [row for row in mine if row["id"] in open_ids]
    found = [row[name] for row in mine for name in names if row[name] is not None]
    return min((ms for ms in found if open_ids or since_ms is None or ms >= since_ms), default=None)
