"""From when a press of a button counts. Pure.

In doubt a call for help is new and an OK is old: the one must not be taken for answered, the other must not answer what
began after it.

Presses that count from their arrival count in the order in which they were pressed, a millisecond apart where they came
together: help and then OK in one message is answered, OK and then help is a call for help, as in two messages.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from contracts.clock import ClockQuality
from contracts.events import Event, Press
from contracts.statements import StatementKind

SLOWEST_MS: Final = 900_000
"""A clock that had been set is not this far behind: what seems older did wait, even when it was not back-filled."""
UNKNOWN_MS: Final = 0
"""From when an OK counts that waited nobody knows how long: it answers nothing."""


@dataclass(frozen=True, slots=True)
class ButtonPress:
    """One press of help or OK.

    Attributes:
        gateway, epoch: the outbox that it came from.
        event: as it came, see `ingest.intake.points.normalise_press`.
        received_ms: when, ms UTC.
        overtaken: something that its outbox took in later was heard before it.
    """

    gateway: str
    epoch: str
    event: Event
    received_ms: int
    overtaken: bool = False

    @property
    def at_ms(self) -> int:
        """When it was made by its own clock, and never later than it was received (ms UTC)."""
        return min(self.event.t, self.received_ms)


@dataclass(frozen=True, slots=True)
class Before:
    """What the ledger has of the home.

    Attributes:
        last_ms: from when the newest call for help, or answer to one, counts (ms UTC); 0: there is none.
        later_calls: from when those calls for help count that the same outbox took in later (ms UTC).
    """

    last_ms: int = 0
    later_calls: tuple[int, ...] = ()


def in_order(presses: Iterable[ButtonPress]) -> list[ButtonPress]:
    """The order in which presses are taken: as they came, and those of one moment as their outbox numbered them."""
    return sorted(presses, key=lambda press: (press.received_ms, press.event.n))


def dated(press: ButtonPress, before: Before, help_valid_s: float) -> tuple[StatementKind, int]:
    """What a press says, and from when it counts (ms UTC).

    Args:
        press: of help or OK.
        before: what is known of the home.
        help_valid_s: a call for help that is older when it arrives calls nobody.
    """
    if press.event.x.get("press") == Press.OK:
        return StatementKind.OK, _said_ok_ms(press, before)
    at_ms = _called_ms(press, before)
    late = press.received_ms - at_ms > help_valid_s * 1000
    return (StatementKind.HELP_EXPIRED if late else StatementKind.HELP), at_ms


def _called_ms(press: ButtonPress, before: Before) -> int:
    """As it arrived, unless it was back-filled and its clock had been set.

    A device whose clock is behind must not press before the last incident ended: its call for help would be taken for
    one that was answered.
    """
    own_time = press.event.bf and press.event.q is not ClockQuality.NEVER_SYNCED
    return press.at_ms if own_time else _arrived_ms(press, before)


def _said_ok_ms(press: ButtonPress, before: Before) -> int:
    """As it arrived, unless it had waited, by a clock that had been set or by its number.

    An OK must not answer the call for help that was pressed next and came first, nor the silence that followed while it
    waited for the backend.
    """
    overtaken = press.overtaken or bool(before.later_calls)
    if press.event.q is ClockQuality.NEVER_SYNCED:
        return UNKNOWN_MS if overtaken else _arrived_ms(press, before)
    waited = press.event.bf or overtaken or press.received_ms - press.at_ms > SLOWEST_MS
    if not waited:
        return _arrived_ms(press, before)
    return min([press.at_ms, *(at_ms - 1 for at_ms in before.later_calls)])


def _arrived_ms(press: ButtonPress, before: Before) -> int:
    return max(press.received_ms, before.last_ms + 1)
