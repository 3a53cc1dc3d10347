"""The cursors of all outboxes: remembered in memory, compared with the store at every commit.

One process ingests. The comparison notices a second one, and a store that was put back from a copy: the commit fails,
what was remembered is dropped, and the next try reads the store.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select, tuple_, update

from ingest.intake.dedupe import Cursor
from store.schema import cursors

Outbox = tuple[str, str]
"""``(gateway, epoch)``."""


class CursorConflict(RuntimeError):
    """The store's cursor is not the one remembered: another process ingests too, or the store was changed."""


NOTHING: Final = Cursor()


@dataclass(frozen=True, slots=True)
class OutboxProgress:
    """How far one outbox has been stored.

    Attributes:
        cursor: the numbers that need not be sent again.
        gone: numbers the device gave up.
        events: stored in the time series; quarantined: set aside singly.
    """

    cursor: Cursor = NOTHING
    gone: int = 0
    events: int = 0
    quarantined: int = 0


class CursorBook:
    """Progress of outboxes by ``(gateway, epoch)``."""

    def __init__(self) -> None:
        self._known: dict[Outbox, OutboxProgress] = {}

    def load(self, connection: Connection, outboxes: Iterable[Outbox]) -> dict[Outbox, OutboxProgress]:
        """The progress of each, read from the store where it is not remembered; without a row: nothing yet."""
        wanted = set(outboxes)
        unknown = wanted - self._known.keys()
        if unknown:
            key = tuple_(cursors.c.gateway, cursors.c.epoch)
            for row in connection.execute(select(cursors).where(key.in_(sorted(unknown)))):
                self._known[row.gateway, row.epoch] = progress_of(row)
        return {outbox: self._known.get(outbox, OutboxProgress()) for outbox in wanted}

    def save(self, connection: Connection, changed: Mapping[Outbox, OutboxProgress], now_ms: int) -> None:
        """Write what changed against what is remembered; call `remember` once it is committed.

        Raises:
            CursorConflict: the store holds something else than what is remembered.
        """
        for outbox, progress in changed.items():
            before = self._known.get(outbox)
            if before is None:
                key = {"gateway": outbox[0], "epoch": outbox[1]}
                connection.execute(insert(cursors).values(key | _values(progress, now_ms)))
            elif before != progress:
                _replace(connection, outbox, before, progress, now_ms)

    def remember(self, changed: Mapping[Outbox, OutboxProgress]) -> None:
        """Take what was committed for what the store holds."""
        self._known.update(changed)

    def forget(self) -> None:
        """Read the store again from now on."""
        self._known.clear()


def newest(connection: Connection) -> list[tuple[Outbox, Cursor]]:
    """The cursor of the outbox that each gateway used last."""
    latest = func.max(cursors.c.updated_ms).label("last_ms")
    last = select(cursors.c.gateway, latest).group_by(cursors.c.gateway).subquery()
    rows = connection.execute(
        select(cursors).join(last, (cursors.c.gateway == last.c.gateway) & (cursors.c.updated_ms == last.c.last_ms))
    )
    return [((row.gateway, row.epoch), progress_of(row).cursor) for row in rows]


def _replace(
    connection: Connection, outbox: Outbox, before: OutboxProgress, after: OutboxProgress, now_ms: int
) -> None:
    # What is compared grows with every change, so equal numbers mean an unchanged row.
    found = connection.execute(
        update(cursors)
        .where(
            cursors.c.gateway == outbox[0],
            cursors.c.epoch == outbox[1],
            cursors.c.upto == before.cursor.upto,
            cursors.c.gone == before.gone,
            cursors.c.events == before.events,
            cursors.c.quarantined == before.quarantined,
        )
        .values(**_values(after, now_ms))
    )
    if found.rowcount != 1:
        raise CursorConflict(
            f"the cursor of gateway {outbox[0]} was changed by somebody else; let one process only do the ingest"
        )


def _values(progress: OutboxProgress, now_ms: int) -> dict[str, Any]:
    return {
        "upto": progress.cursor.upto,
        "missing": [list(span) for span in progress.cursor.missing],
        "gone": progress.gone,
        "events": progress.events,
        "quarantined": progress.quarantined,
        "updated_ms": now_ms,
    }


def progress_of(row: Row[Any]) -> OutboxProgress:
    """The progress that a row of ``cursors`` holds."""
    missing = json.loads(row.missing) if isinstance(row.missing, str) else row.missing
    cursor = Cursor(row.upto, tuple((int(first), int(last)) for first, last in missing))
    return OutboxProgress(cursor, row.gone, row.events, row.quarantined)
