"""What can be noticed besides silence. A note says what was seen, against what is usual here, and how unusual it is."""

from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Final

from anomaly.packing import DataRecord
from anomaly.settings import check_budgets
from contracts.signals import Sentence


class NoteKind(StrEnum):
    """What was noticed."""

    DECLINE = "decline"
    """Life goes on, far below the usual."""
    NO_RETURN = "no_return"
    """Out longer, or later, than ever usual here."""
    UNREST = "unrest"
    """Far more up and about by night than usual."""
    DRIFT = "drift"
    """The days have been different for weeks: for the care plan, pages no one."""
    MISSED_ROUTINE = "missed_routine"
    """Something that is done every day by now was not, although there is life at home."""
    POWER_LEFT_ON = "power_left_on"
    """Something big has been on for far longer than anything of its size ever was."""
    POWER_FLAT = "power_flat"
    """The power has not changed for far longer than it ever did."""


METER_KINDS: Final = frozenset({NoteKind.POWER_LEFT_ON, NoteKind.POWER_FLAT})
"""What a meter shows; a `Noticer` finds the others."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was noticed.

    Attributes:
        kind: what.
        since_s: what it dates from, seconds on the wall clock; a note of the same kind and moment is the same note.
        at_s: when it was noticed, on the same clock.
        score: how unusual against the home's own limit; 1 is at the limit, more is more unusual.
        reason: one plain sentence.
        evidence: the numbers behind it: what was seen and what is usual.
    """

    kind: NoteKind
    since_s: float
    at_s: float
    score: float
    reason: Sentence
    evidence: DataRecord

    def evidence_json(self) -> dict[str, Any]:
        """The evidence as JSON values."""
        return asdict(self.evidence)


@dataclass(frozen=True, slots=True)
class NoteSettings:
    """How patient the notes are; each kind has a budget of its own, "about once in so many days for nothing".

    Attributes:
        decline_every_days, no_return_every_days, unrest_every_days, routine_every_days: budgets, 1 to 365 days.
        drift_every_days: the same for what lasts over weeks.
        ready_after_days: days with life that must be known before anything is noted.

    Raises:
        ValueError: a value is out of range; the message names the setting and the range.
    """

    decline_every_days: float = 30.0
    no_return_every_days: float = 30.0
    unrest_every_days: float = 30.0
    routine_every_days: float = 30.0
    drift_every_days: float = 180.0
    ready_after_days: int = 14

    def __post_init__(self) -> None:
        check_budgets(self, *(field.name for field in fields(self) if field.name.endswith("_every_days")))
        if self.ready_after_days < 14:
            raise ValueError(f"ready_after_days must be at least 14, not {self.ready_after_days!r}")
