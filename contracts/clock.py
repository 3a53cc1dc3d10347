"""Time on the wire: wall milliseconds with a quality, and the monotonic clock that repairs them."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol


class ClockQuality(IntEnum):
    """How far the wall time of an event can be trusted."""

    NEVER_SYNCED = 0
    """The clock was never set since this boot: the date itself may be wrong."""
    HOLD_OVER = 1
    """Set earlier in this boot, the source of time is out of reach now."""
    SYNCED = 2
    """The source of time answers."""


class Clock(Protocol):
    """Where a part that is not pure reads the time. Simulations hand in one that they move themselves."""

    def wall_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""
        ...

    def monotonic_ms(self) -> int:
        """Milliseconds on a clock that is never set; its zero means nothing outside this boot."""
        ...


@dataclass(frozen=True, slots=True)
class SyncPoint:
    """A moment of one boot at which both clocks were known to be right.

    Attributes:
        boot: boot id that the two readings belong to.
        wall_ms: wall clock, ms UTC.
        monotonic_ms: monotonic clock of the same moment, ms.
    """

    boot: int
    wall_ms: int
    monotonic_ms: int
