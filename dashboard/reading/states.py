"""In which state a home is shown: pure decisions from what the store says, worst first."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from contracts.signals import SignalKind


class BoardState(StrEnum):
    """How a person's home stands, in words of the page. Each has its own word, shape and colour."""

    EMERGENCY = "emergency"
    """119 was called; staff own the incident."""
    NEEDS = "needs"
    """Someone must go, and nobody is on the way: others than the person were called, or the person cannot be asked."""
    GOING = "going"
    """Someone is on the way, with an arrival time."""
    ASKING = "asking"
    """The person alone is being asked."""
    DUE = "due"
    """The time to ask has come and no incident is open yet."""
    DEFERRED = "deferred"
    """An open incident that waits, for an absence to end."""
    ABSENT = "absent"
    """A registered absence covers this moment."""
    UNKNOWN = "unknown"
    """The devices are not proven alive, so nothing is known of the person."""
    LEARNING = "learning"
    """The rhythm is not learned yet: the general limits watch. Never "all is well"."""
    QUIET = "quiet"
    """Devices proven alive, life as usual so far."""

    @property
    def needs_someone(self) -> bool:
        """Whether somebody must act now and nobody has said they will."""
        return self in (BoardState.EMERGENCY, BoardState.NEEDS)

    @property
    def is_incident(self) -> bool:
        """Whether an incident about the person is open."""
        return self in INCIDENT_ORDER


INCIDENT_ORDER: Final = (
    BoardState.EMERGENCY,
    BoardState.NEEDS,
    BoardState.GOING,
    BoardState.ASKING,
    BoardState.DEFERRED,
)
"""How open incidents are shown, the most urgent first."""
_RANK = {
    BoardState.EMERGENCY: 0,
    BoardState.NEEDS: 0,
    BoardState.GOING: 1,
    BoardState.ASKING: 2,
    BoardState.DUE: 3,
    BoardState.DEFERRED: 4,
}
_REST = 5
_NEVER_MS = 2**62


def concerns_person(kind: str) -> bool:
    """Whether an incident of this kind is about a person. A kind of a later version is taken to be: the safer guess."""
    return SignalKind(kind).concerns_person if kind in tuple(SignalKind) else True


def state_of_incident(state: str, *, person_alone: bool) -> BoardState:
    """How one open incident about a person is shown.

    Args:
        state: ``incidents.state``.
        person_alone: whether the person is being asked, and nobody else was called.
    """
    match state:
        case "emergency":
            return BoardState.EMERGENCY
        case "claimed":
            return BoardState.GOING
        case "deferred":
            return BoardState.DEFERRED
        case "notifying" if person_alone:
            return BoardState.ASKING
        case _:
            return BoardState.NEEDS


def is_proven_alive(proven_ms: int | None, now_ms: int, within_s: float) -> bool:
    """Whether the last proof that the devices live is fresh enough."""
    return proven_ms is not None and now_ms - proven_ms <= within_s * 1000


def state_of_home(
    incidents: Sequence[BoardState],
    *,
    alive: bool,
    absent: bool,
    ready: bool,
    ask_at_ms: int | None,
    now_ms: int,
) -> BoardState:
    """How a home is shown. An open incident outranks all else; unknown outranks everything that says something good."""
    if incidents:
        return min(incidents, key=INCIDENT_ORDER.index)
    if absent:
        return BoardState.ABSENT
    if not alive:
        return BoardState.UNKNOWN
    if ask_at_ms is not None and ask_at_ms <= now_ms:
        return BoardState.DUE
    return BoardState.QUIET if ready else BoardState.LEARNING


def order(state: BoardState, next_ms: int | None) -> tuple[int, int]:
    """Sorting key of the board: who needs someone first, then whose next deadline comes first."""
    return _RANK.get(state, _REST), _NEVER_MS if next_ms is None else next_ms
