"""When a press of a button counts as made. Pure.

In doubt a call for help is new and an OK is old: the one must not be taken for answered, the other must not answer what
began after it.

Presses that count from their arrival count in the order in which they were pressed, a millisecond apart where they came
together: help and then OK in one message is answered, OK and then help is a call for help, as in two messages.
"""

from collections.abc import Iterable
from typing import Final

from contracts.clock import ClockQuality
from ingest.intake.deduplicate import Fresh

SLOWEST_MS: Final = 900_000
"""A clock that had been set is not this far behind: what seems older did wait, even when it was not back-filled."""


def in_turn(presses: Iterable[Fresh]) -> list[Fresh]:
    """The order in which presses are taken: as they came, and those of one moment as their outbox numbered them."""
    return sorted(presses, key=lambda fresh: (fresh.received_ms, fresh.event.n))


def called_ms(fresh: Fresh, last_ms: int) -> int:
    """When help was called (ms UTC): as it arrived, unless it was back-filled and its clock had been set.

    A device whose clock is behind must not press before the last case ended: its call for help would be taken for one
    that was answered.

    Args:
        fresh: the press.
        last_ms: of the press of the home that counts as the last so far, ms UTC; 0: there is none.
    """
    own_time = fresh.event.bf and fresh.event.q is not ClockQuality.NEVER_SYNCED
    return fresh.at_ms if own_time else _arrived_ms(fresh, last_ms)


def said_ok_ms(fresh: Fresh, last_ms: int) -> int | None:
    """When an OK was said (ms UTC): as it arrived, unless it had waited, by a clock that had been set or by its number.

    An OK must not answer the call for help that was pressed next and came first, nor the silence that followed while it
    waited for the backend. None: it had waited, nothing tells how long, and it answers nothing. ``last_ms``: as of
    `called_ms`.
    """
    if fresh.event.q is ClockQuality.NEVER_SYNCED:
        return None if fresh.overtaken else _arrived_ms(fresh, last_ms)
    waited = fresh.event.bf or fresh.overtaken or fresh.received_ms - fresh.at_ms > SLOWEST_MS
    return fresh.at_ms if waited else _arrived_ms(fresh, last_ms)


def _arrived_ms(fresh: Fresh, last_ms: int) -> int:
    return max(fresh.received_ms, last_ms + 1)
