"""How alerts behave: who is asked, in which order, how long an answer may take. Built once, checked, never changed."""

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Final, Self

from alerts.errors import SettingsError
from contracts.signals import SignalKind

MINUTE_S: Final = 60
LINK_VALID_S: Final = 3 * 24 * 60 * MINUTE_S
_LEAST: Final = {"extensions": 0, "grace_s": 0}  # every other number must be at least 1


class Audience(StrEnum):
    """Who can be asked at a step."""

    PERSON = "person"
    NEIGHBOURS = "neighbours"
    COUNCIL = "council"


@dataclass(frozen=True, slots=True)
class Step:
    """One rung of the ladder.

    Attributes:
        audiences: who is asked, all at the same time.
        answer_s: how long they have before the next step; at the last step, how often they are asked again, for ever.
        at_once: how many neighbours are asked at the same time.
    """

    audiences: tuple[Audience, ...]
    answer_s: int
    at_once: int = 2


@dataclass(frozen=True, slots=True)
class Policy:
    """The ladder of one kind of incident. An incident keeps the one it was opened with.

    Attributes:
        steps: in order; the last one is repeated until a human records an outcome.
        least_answer_s: nobody is given less than this before the next step, however late it is.
        going_s: travel time of a responder who names none; grace_s is added before the claim lapses.
        longest_going_s: a later arrival is cut to this.
        extensions: how often a claim may be prolonged by its holder.
        follow_up_s: how often staff are asked for the outcome after 119 was called.
    """

    steps: tuple[Step, ...]
    least_answer_s: int = 10 * MINUTE_S
    going_s: int = 20 * MINUTE_S
    grace_s: int = 10 * MINUTE_S
    longest_going_s: int = 60 * MINUTE_S
    extensions: int = 2
    follow_up_s: int = 30 * MINUTE_S

    @property
    def last(self) -> int:
        """Index of the step that is repeated for ever."""
        return len(self.steps) - 1

    def to_json(self) -> dict[str, Any]:
        """The snapshot that an incident keeps."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read a snapshot."""
        steps = tuple(
            Step(tuple(Audience(word) for word in step["audiences"]), step["answer_s"], step["at_once"])
            for step in data["steps"]
        )
        return cls(**{**data, "steps": steps})


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set. Defaults are the sane ones; times in seconds.

    Attributes:
        person_answer_s: how long the person has to answer before neighbours are asked.
        neighbours_at_once: how many neighbours are asked at the same time.
        neighbours_answer_s: how long they have before the council is asked.
        council_repeat_s: how often the council is asked again.
        least_answer_s: nobody is given less than this to answer.
        going_s: travel time assumed of a responder who names none.
        grace_s: how long after the arrival time a claim lapses.
        extensions: how often a claim may be prolonged.
        device_repeat_s: how often staff are reminded of a lost gateway.
        gateway_lost_s: how long a gateway may be unheard of before it is lost.
        unproven_s: how long a gateway that is heard of may leave its home unproven before staff are told.
        lease_s: how long a worker may hold one delivery; a channel must return within half of it.
        retry_first_s: wait after the first failed try; it doubles up to retry_longest_s.
        retry_longest_s: longest wait between tries.
        link_valid_s: how long the link of a message answers.
    """

    person_answer_s: int = 30 * MINUTE_S
    neighbours_at_once: int = 2
    neighbours_answer_s: int = 60 * MINUTE_S
    council_repeat_s: int = 30 * MINUTE_S
    least_answer_s: int = 10 * MINUTE_S
    going_s: int = 20 * MINUTE_S
    grace_s: int = 10 * MINUTE_S
    extensions: int = 2
    device_repeat_s: int = 24 * 60 * MINUTE_S
    gateway_lost_s: int = 15 * MINUTE_S
    unproven_s: int = 60 * MINUTE_S
    lease_s: int = 60
    retry_first_s: int = 15
    retry_longest_s: int = 5 * MINUTE_S
    link_valid_s: int = LINK_VALID_S

    def __post_init__(self) -> None:
        for key in self.names():
            value = getattr(self, key)
            least = _LEAST.get(key, 1)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise SettingsError(f"alerts.{key} must be a whole number, at least {least}")

    @classmethod
    def names(cls) -> list[str]:
        """The names that a settings file may use."""
        return [item.name for item in fields(cls)]

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Read the ``alerts`` section of a settings file.

        Raises:
            SettingsError: unknown key (names the nearest valid one) or a value out of range.
        """
        for key in values:
            if key not in cls.names():
                near = difflib.get_close_matches(key, cls.names(), n=1, cutoff=0)[0]
                raise SettingsError(f"alerts.{key} is not a setting; did you mean alerts.{near}?")
        return cls(**values)

    def policy(self, kind: SignalKind) -> Policy:
        """The ladder for incidents of this kind."""
        return self._ladder(*self._steps(kind))

    def _steps(self, kind: SignalKind) -> tuple[Step, ...]:
        person = Step((Audience.PERSON,), self.person_answer_s)
        neighbours = Step((Audience.NEIGHBOURS,), self.neighbours_answer_s, self.neighbours_at_once)
        council = Step((Audience.COUNCIL,), self.council_repeat_s)
        everybody = Step((Audience.NEIGHBOURS, Audience.COUNCIL), self.council_repeat_s, self.neighbours_at_once)
        match kind:
            case SignalKind.SILENCE:
                return person, neighbours, council
            case SignalKind.HELP:
                return everybody, council
            case SignalKind.GATEWAY_LOST | SignalKind.SENSOR_LOST:
                return (Step((Audience.COUNCIL,), self.device_repeat_s),)

    def _ladder(self, *steps: Step) -> Policy:
        return Policy(
            steps,
            least_answer_s=self.least_answer_s,
            going_s=self.going_s,
            grace_s=self.grace_s,
            extensions=self.extensions,
        )
