"""How people behave when they are asked or called: a pure policy, drawn from the seed for each person and responder.

A well person mostly answers; a collapsed one never does. A neighbour goes, cannot, or does not hear the phone; whoever
goes enters the home, and says what was found.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from zlib import crc32

from numpy.random import Generator

from simulators.people.household import Condition
from simulators.people.streams import StreamPurpose, stream

ConditionAt = Callable[[int], Condition]
"""How somebody is at a moment (ms UTC)."""
_MINUTE_MS: Final = 60_000


class ActKind(StrEnum):
    """What a responder does. All but `ENTERS` are responses of the alerts part."""

    GOING = "going"
    CANNOT = "cannot"
    SAFE = "safe"
    CALLED_119 = "called_119"
    ENTERS = "enters"
    """Opens the door of the home and goes in: the sensors see it."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing a responder does, ``delay_ms`` after the message reached them."""

    delay_ms: int
    kind: ActKind


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message that reached somebody.

    Attributes:
        person: id of whom it is about; responder: id of who got it (the same for the question to the person).
        purpose: ask, call, staff or news, as the delivery says.
        at_ms: when it arrived, ms UTC.
        occasion: how many incidents this person had before this one, in this run.
        nth: how many messages of this incident this responder had before this one.
    """

    person: str
    responder: str
    purpose: str
    at_ms: int
    occasion: int = 0
    nth: int = 0


def decide(seed: int, message: ReceivedMessage, person: ConditionAt, responder: ConditionAt | None = None) -> list[Act]:
    """What the responder does about a message, in order of time; an empty list is no answer at all.

    Args:
        seed: seed of the run.
        message: what arrived.
        person: how the person is at a moment, as far as it can be told now.
        responder: the same for the responder, if they are watched too; None for somebody always well.
    """
    names = (crc32(message.person.encode()), crc32(message.responder.encode()), message.occasion, message.nth)
    rng = stream(seed, StreamPurpose.RESPONDER, *names)
    match message.purpose:
        case "ask":
            return _person(rng, person(message.at_ms))
        case "call":
            able = Condition.WELL if responder is None else responder(message.at_ms)
            return _neighbour(rng, message, able, person)
        case "staff":
            return _staff(rng, message, person)
        case _:
            return []  # news wants no answer


_ANSWERS: Final = {  # the person asked: probability of an answer, minutes until it
    Condition.WELL: (0.93, 1.0, 12.0),
    Condition.AWAY: (0.6, 2.0, 25.0),
    Condition.ASLEEP: (0.75, 2.0, 20.0),  # the telephone stands by the bed
}
_NOTICES: Final = {Condition.WELL: 0.85, Condition.AWAY: 0.6, Condition.ASLEEP: 0.5}
"""Probability that a neighbour in this condition notices the message."""


def _person(rng: Generator, condition: Condition) -> list[Act]:
    draw, wait = rng.random(2)
    chance, least_min, most_min = _ANSWERS.get(condition, (0.0, 0.0, 0.0))
    if draw >= chance:
        return []
    return [Act(_ms(least_min + wait * (most_min - least_min)), ActKind.SAFE)]


def _neighbour(rng: Generator, message: ReceivedMessage, able: Condition, person: ConditionAt) -> list[Act]:
    hears, goes, wait, way, look = rng.random(5)
    if hears >= _NOTICES.get(able, 0.0):
        return []
    answer_ms = _ms(1.0 + 8.0 * wait)
    if able is Condition.AWAY or goes < 0.25:
        return [Act(answer_ms, ActKind.CANNOT)]
    enters_ms = answer_ms + _ms(4.0 + 11.0 * way)
    return [Act(answer_ms, ActKind.GOING), *_look(message, enters_ms, look, person)]


def _staff(rng: Generator, message: ReceivedMessage, person: ConditionAt) -> list[Act]:
    """Staff telephone first; they go only where nobody answers. Of somebody in hospital they hear an hour later."""
    hears, wait, phone, way, look = rng.random(5)
    if hears >= 0.8:
        return []
    condition = person(message.at_ms)
    if condition is Condition.HOSPITAL:
        return [Act(_ms(45.0 + 45.0 * wait), ActKind.SAFE)]
    answer_ms = _ms(2.0 + 10.0 * wait)
    if phone < _ANSWERS.get(condition, (0.0,))[0]:
        return [Act(answer_ms, ActKind.SAFE)]
    enters_ms = answer_ms + _ms(15.0 + 15.0 * way)
    return [Act(answer_ms, ActKind.GOING), *_look(message, enters_ms, look, person)]


def _look(message: ReceivedMessage, enters_ms: int, look: float, person: ConditionAt) -> list[Act]:
    collapsed = person(message.at_ms + enters_ms) is Condition.COLLAPSED
    said_ms = enters_ms + _ms(1.0 + 2.0 * look if collapsed else 3.0 + 5.0 * look)
    return [Act(enters_ms, ActKind.ENTERS), Act(said_ms, ActKind.CALLED_119 if collapsed else ActKind.SAFE)]


def _ms(minutes: float) -> int:
    return round(minutes * _MINUTE_MS)
