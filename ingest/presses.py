"""When a press of a button counts as made. Pure.

In doubt a call for help is new and an OK is old: the one must not be taken for answered, the other must not answer what
began after it.
"""

from typing import Final

from contracts.clock import ClockQuality
from ingest.sift import Fresh

SLOWEST_MS: Final = 900_000
"""A clock that had been set is not this far behind: what seems older did wait, even when it was not back-filled."""


def called_ms(fresh: Fresh) -> int:
    """When help was called (ms UTC): as it arrived, unless it was back-filled and its clock had been set.

    A device whose clock is behind must not press before the last case ended: its call for help would be taken for one
    that was answered.
    """
    own_time = fresh.event.bf and fresh.event.q is not ClockQuality.NEVER_SYNCED
    return fresh.at_ms if own_time else fresh.received_ms


def said_ok_ms(fresh: Fresh) -> int | None:
    """When an OK was said (ms UTC): as it arrived, unless it had waited, by a clock that had been set or by its number.

    An OK must not answer the call for help that was pressed next and came first, nor the silence that followed while it
    waited for the backend. None: it had waited, nothing tells how long, and it answers nothing.
    """
    if fresh.event.q is ClockQuality.NEVER_SYNCED:
        return None if fresh.overtaken else fresh.received_ms
    waited = fresh.event.bf or fresh.overtaken or fresh.received_ms - fresh.at_ms > SLOWEST_MS
    return fresh.at_ms if waited else fresh.received_ms
