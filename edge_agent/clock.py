"""The clocks of a real device, and how far its wall clock can be trusted."""

import time
from collections.abc import Callable
from pathlib import Path

from contracts.clock import ClockQuality

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SYNC_MARKER = Path("/run/systemd/timesync/synchronized")
"""There while systemd-timesyncd runs and has set the clock in this boot; other time daemons have other files."""

QualitySource = Callable[[], ClockQuality]


class SystemClock:
    """The machine's clocks.

    Args:
        marker: a file that exists while the source of time answers and has set the clock in this boot.
        assume_synced: there is no such file to look at, and the wall clock is right by other means (an RTC, a host).
    """

    def __init__(self, marker: Path = SYNC_MARKER, *, assume_synced: bool = False) -> None:
        self._marker = marker
        self._assume_synced = assume_synced
        self._was_synced = False

    def wall_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC, as the machine believes."""
        return max(0, time.time_ns() // 1_000_000)

    def monotonic_ms(self) -> int:
        """Milliseconds since boot, whatever happens to the wall clock."""
        return time.monotonic_ns() // 1_000_000

    def quality(self) -> ClockQuality:
        """How far `wall_ms` can be trusted now."""
        if self._assume_synced or self._marker.exists():
            self._was_synced = True
            return ClockQuality.SYNCED
        return ClockQuality.HOLD_OVER if self._was_synced else ClockQuality.NEVER_SYNCED


def always_synced() -> ClockQuality:
    """The quality of a clock that is right by definition: that of a simulation."""
    return ClockQuality.SYNCED


def boot_token() -> str:
    """A word that changes with every boot of the machine; empty where the kernel offers none."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
