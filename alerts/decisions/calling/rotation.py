"""Who may be called at a moment, and whose turn it is. Pure.

Load: nobody is called a second time before everybody who can be called was called once; that is a round.

Night: within a round the order is free, and that is where the nights are shared out. Who had fewest night calls is
first at night and last by day, so that of every round the nights go to those who had fewest. With the same people all
the time, one called at a time, night calls differ by at most one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from store.register.hours import covers, is_night

NIGHTS_COUNT_MS: Final = 180 * 24 * 3_600_000
"""A night call counts this long: who joins later does not have to make up for years of nights."""


@dataclass(frozen=True, slots=True)
class Availability:
    """When a responder may be called.

    Attributes:
        person: id.
        zone: IANA zone of their wall clock.
        hours: weekly hours, as `store.register.hours` keeps them; empty: always.
        leaves: from and to of each leave, ms UTC; ``to`` is not part of it.
    """

    person: str
    zone: str = "Asia/Tokyo"
    hours: str = ""
    leaves: tuple[tuple[int, int], ...] = ()

    def on_leave(self, at_ms: int) -> bool:
        """Whether they are away at a moment (ms UTC)."""
        return any(from_ms <= at_ms < to_ms for from_ms, to_ms in self.leaves)

    def is_free(self, at_ms: int) -> bool:
        """Whether they may be called at a moment (ms UTC)."""
        return not self.on_leave(at_ms) and covers(self.hours, self.zone, at_ms)


@dataclass(frozen=True, slots=True)
class CallHistory:
    """What the rotation looks at: when a responder was called (ms UTC, in any order), and the zone of their night."""

    person: str
    called_ms: tuple[int, ...] = ()
    zone: str = "Asia/Tokyo"

    def nights(self, now_ms: int) -> int:
        """How many of the calls that still count came at night."""
        return sum(now_ms - at_ms < NIGHTS_COUNT_MS and is_night(self.zone, at_ms) for at_ms in self.called_ms)


def rotated(turns: Iterable[CallHistory], now_ms: int) -> tuple[str, ...]:
    """Whose turn it is first, at ``now_ms`` (ms UTC); nothing is left to chance.

    First those not called in this round, then the others. Among them by night calls (see above), then who was not
    called for longest, then by id.
    """
    everybody = list(turns)
    served = _served(everybody)
    return tuple(turn.person for turn in sorted(everybody, key=lambda turn: _place(turn, served, now_ms)))


def on_duty(staff: Iterable[Availability], now_ms: int) -> tuple[str, ...]:
    """The staff to ask at ``now_ms`` (ms UTC): those free; else those off their hours; else those on leave.

    The council is the last step and is asked for ever, so that hours that leave a gap must not leave an incident alone.
    """
    everybody = sorted(staff, key=lambda duty: duty.person)
    present = [duty for duty in everybody if not duty.on_leave(now_ms)]
    free = [duty for duty in present if duty.is_free(now_ms)]
    return tuple(duty.person for duty in free or present or everybody)


def _served(turns: list[CallHistory]) -> set[str]:
    """Who was called in the round that is under way. The rounds are those of the people who are asked about."""
    calls: dict[int, list[str]] = {}
    for turn in turns:
        for at_ms in turn.called_ms:
            calls.setdefault(at_ms, []).append(turn.person)
    served: set[str] = set()
    for at_ms in sorted(calls):
        for person in sorted(calls[at_ms], key=lambda who: who in served):  # the last of a round before the next one
            served.add(person)  # called twice in a round: nobody else could be then; it stays one round
            if len(served) == len(turns):
                served = set()
    return served


def _place(turn: CallHistory, served: set[str], now_ms: int) -> tuple[bool, int, int, str]:
    nights = turn.nights(now_ms)
    by_night = nights if is_night(turn.zone, now_ms) else -nights
    return turn.person in served, by_night, max(turn.called_ms, default=-1), turn.person
