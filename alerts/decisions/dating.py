"""From when a statement counts, settled once, when it is written. Pure.

In doubt a call for help is new and a word that all is well is old: the one must not be taken for answered, the other
must not answer what came after it. What is pressed in the home is dated by ingest, by the same rule.
"""

from collections.abc import Iterable
from typing import Final

from contracts.statements import Statement, StatementKind

LATE_MS: Final = 60_000
"""A word that all is well which took longer than this to reach us counts from when it was said."""
ALL_WELL: Final = (StatementKind.OK, StatementKind.SAFE)


def counts_from_ms(
    kind: StatementKind,
    channel: str,
    said_ms: int,
    received_ms: int,
    earlier: Iterable[Statement],
    *,
    answered_ms: int | None = None,
) -> int:
    """The moment from which a statement counts (ms UTC).

    As it arrived, and after all that was written before it about the home, but for a word that all is well which comes
    late: that counts from when it was said. A vendor that could not reach us delivers again, in any order: by its own
    clock an older "I am all right" stays before the call for help that it delivered first. What came in before a call
    and waited here for the store, while the call was written, stays before it too.

    Args:
        kind: what was said.
        channel: how it came.
        said_ms: when it was said, by the clock of the channel (ms UTC).
        received_ms: when it reached us (ms UTC).
        earlier: of `CALLS_AND_ANSWERS`, what was written before about the home.
        answered_ms: when that was said or seen which ended the incident that it is about (ms UTC); None: it is open.
    """
    before = list(earlier)
    calls = [each for each in before if each.kind == StatementKind.HELP]
    # No more than this: our clock may have been set back, and then a later answer seems to be older.
    newer = [each.at_ms for each in calls if 0 < each.received_ms - received_ms <= LATE_MS]
    if newer and kind in (*ALL_WELL, StatementKind.CLOSED):
        return min([said_ms, received_ms, *(at_ms - 1 for at_ms in newer)])
    arrived_ms = max([received_ms, *(each.at_ms + 1 for each in before)])
    if kind is StatementKind.HELP:  # whatever ended the incident did not know of this
        return max(arrived_ms, (answered_ms or 0) + 1)
    if kind not in ALL_WELL:
        return arrived_ms
    overtaken_by = [each.at_ms for each in calls if each.channel == channel and each.said_ms > said_ms]
    if overtaken_by:
        return min([said_ms, *(at_ms - 1 for at_ms in overtaken_by)])
    if received_ms - said_ms <= LATE_MS:
        return arrived_ms
    answered = [each.at_ms + 1 for each in calls if each.channel == channel]  # by that clock said before it
    return max([said_ms, *answered])
