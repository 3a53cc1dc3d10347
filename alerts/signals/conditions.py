"""What several kinds of signals ask of the store: is a case open, what did people say, who is registered as away."""

from collections.abc import Callable, Collection, Iterable
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Select, bindparam, case, exists, func, or_, select

from alerts.decisions.model import CALLED_AGAIN, TERMINAL, Answer
from contracts.signals import SignalKind
from store.schema import absences, homes, incidents, live_states, responses

ABOUT_PERSON: Final = tuple(kind for kind in SignalKind if kind.concerns_person)
_ABOUT_DEVICES: Final = (SignalKind.GATEWAY_LOST, SignalKind.SENSOR_LOST)
NOT_HUMAN: Final = ("movement", "recovered")
"""Outcomes that no human gave."""
FOUND_WELL: Final = ("self_ok", "safe")
"""Outcomes by which somebody was heard or seen to be well."""


def is_open() -> ColumnElement[bool]:
    """Whether an incident has not ended."""
    return incidents.c.state.not_in(sorted(TERMINAL))


def has_open(home_id: ColumnElement[str], kinds: Collection[SignalKind]) -> ColumnElement[bool]:
    """Whether the home has an open incident of one of these kinds."""
    other = incidents.alias()
    return exists().where(
        other.c.home_id == home_id, other.c.kind.in_(sorted(kinds)), other.c.state.not_in(sorted(TERMINAL))
    )


def is_helped(home_id: ColumnElement[str], at_ms: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether a case of help of the home answers a call of ``at_ms``: it is open, or ended after it.

    One that ended by the button of OK answers no call that was made after the OK: both may have waited, and the alerts
    may have looked in between.
    """
    helped, said = incidents.alias(), live_states.alias()
    answer = responses.alias()
    # At the very moment of the end: what is said after it, or was overtaken, is kept and ended nothing.
    ended_it = (answer.c.kind == Answer.SAFE) & (answer.c.at_ms == helped.c.closed_ms)
    by_answer = exists().where(answer.c.incident_id == helped.c.id, ended_it).correlate(helped)
    by_button = (helped.c.outcome == "self_ok") & (said.c.ok_ms > helped.c.since_ms) & ~by_answer
    ended_ms = case((by_button, said.c.ok_ms), else_=helped.c.closed_ms)
    answers = or_(helped.c.state.not_in(sorted(TERMINAL)), (helped.c.closed_ms >= at_ms) & (ended_ms >= at_ms))
    found = select(helped.c.id).outerjoin(said, said.c.home_id == helped.c.home_id)
    return found.where(helped.c.home_id == home_id, helped.c.kind == SignalKind.HELP, answers).exists()


def ok_is_last_word() -> ColumnElement[bool]:
    """Whether the person of a home pressed OK and did not call for help after it, by the button or as an answer.

    An OK may have waited for the backend: it must not end the case of who has fallen since. And who presses OK and then
    for help before a tick would be left alone, the press being made while the case that ended by the OK was open.
    """
    about = incidents.alias()
    no_press = live_states.c.help_ms.is_(None) | (live_states.c.help_ms <= live_states.c.ok_ms)
    answered = exists().where(
        about.c.home_id == live_states.c.home_id,
        responses.c.incident_id == about.c.id,
        responses.c.person_id == about.c.person_id,
        responses.c.kind.in_([Answer.CANNOT, CALLED_AGAIN]),
        responses.c.at_ms > live_states.c.ok_ms,
    )
    return live_states.c.ok_ms.is_not(None) & no_press & ~answered


@cache  # building a statement costs more than running it
def calls_again() -> Select[Any]:
    """Home and moment (``at_ms``) of who said that they need help when their case had ended, and is not helped yet."""
    query = (
        select(homes.c.id.label("home_id"), responses.c.at_ms)
        .join(incidents, incidents.c.id == responses.c.incident_id)
        .join(homes, homes.c.id == incidents.c.home_id)
    )
    return query.where(responses.c.kind == CALLED_AGAIN, ~is_helped(homes.c.id, responses.c.at_ms))


def help_is_called(connection: Connection, home: str) -> bool:
    """Whether help is on the way up for the person of a home: their case of it is open, or about to be opened."""
    is_called = has_open(homes.c.id, [SignalKind.HELP])
    if connection.execute(select(homes.c.id).where(homes.c.id == home, is_called)).first():
        return True
    return connection.execute(of_home(calls_again, home), {"home": home}).first() is not None


def word_ms(home_id: ColumnElement[str]) -> ScalarSelect[Any]:
    """When a human last ended a case about the person of the home (ms UTC; null: never)."""
    ended = incidents.alias()
    return (
        select(func.max(ended.c.closed_ms))
        .where(ended.c.home_id == home_id, ended.c.kind.in_(ABOUT_PERSON), ended.c.outcome.not_in(NOT_HUMAN))
        .scalar_subquery()
    )


def back_ms(home: ColumnElement[str], ask_at_ms: ColumnElement[int]) -> ScalarSelect[Any]:
    """When the devices of a home were heard of again that were lost when its person was to be asked (ms UTC).

    The first such moment: a device that comes and goes puts a question off once and not for ever.
    """
    lost = incidents.alias()
    covers = (lost.c.since_ms <= ask_at_ms) & (lost.c.closed_ms >= ask_at_ms)
    return (
        select(func.min(lost.c.closed_ms))
        .where(lost.c.home_id == home, lost.c.kind.in_(_ABOUT_DEVICES), lost.c.outcome == "recovered", covers)
        .scalar_subquery()
    )


def wants_help() -> ColumnElement[bool]:
    """Whether the person of an incident answered that they need help: that waits for nothing."""
    return exists().where(
        responses.c.incident_id == incidents.c.id,
        responses.c.person_id == incidents.c.person_id,
        responses.c.kind == Answer.CANNOT,
    )


def of_home(query: Callable[[], Select[Any]], home: str | None) -> Select[Any]:
    """The query for one home alone, to be run with its id as ``home``; None for all."""
    return query() if home is None else _of_one(query)


@cache
def _of_one(query: Callable[[], Select[Any]]) -> Select[Any]:
    return query().where(homes.c.id == bindparam("home"))


def read_absences(connection: Connection, home_ids: Collection[str]) -> dict[str, list[tuple[int, int]]]:
    """From and to of the absences of those homes (ms UTC), in order of their beginning."""
    found: dict[str, list[tuple[int, int]]] = {}
    for row in connection.execute(_absences()) if home_ids else ():
        if row.home_id in home_ids:
            found.setdefault(row.home_id, []).append((row.from_ms, row.to_ms))
    return found


@cache
def _absences() -> Select[Any]:
    return select(absences).order_by(absences.c.from_ms)


def after_absences(at_ms: int, away: Iterable[tuple[int, int]]) -> int:
    """The first moment from ``at_ms`` on that no absence covers; the condition is looked at again then."""
    for from_ms, to_ms in away:  # in order of their beginning
        if from_ms <= at_ms < to_ms:
            at_ms = to_ms
    return at_ms
