"""Who can be asked, in which steps, and how long each has: the ladder that an incident keeps. Plain values."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, Self

_MINUTE_S: Final = 60


class Audience(StrEnum):
    """Who can be asked at a step."""

    PERSON = "person"
    NEIGHBOURS = "neighbours"
    COUNCIL = "council"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the ladder.

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
        going_s: travel time of a responder who names none; grace_s is added before the claim expires.
        longest_going_s: a later arrival is cut to this.
        extensions: how often a claim may be prolonged by its holder.
        follow_up_s: how often staff are asked for the outcome after 119 was called.
        quiet: hours of the day (from, to) in which the council is not asked; None: it always is.
        zone: IANA zone of those hours.
        hold_s: of an area: how long staff are told of it instead of a silent person there by name.
        recheck_s: of an area: how often the devices of one of its homes are looked at again.
    """

    steps: tuple[Step, ...]
    least_answer_s: int = 10 * _MINUTE_S
    going_s: int = 20 * _MINUTE_S
    grace_s: int = 10 * _MINUTE_S
    longest_going_s: int = 60 * _MINUTE_S
    extensions: int = 2
    follow_up_s: int = 30 * _MINUTE_S
    quiet: tuple[int, int] | None = None
    zone: str = "Asia/Tokyo"
    hold_s: int = 60 * _MINUTE_S
    recheck_s: int = 6 * 60 * _MINUTE_S

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
        quiet = data.get("quiet")
        return cls(**{**data, "steps": steps, "quiet": tuple(quiet) if quiet else None})
