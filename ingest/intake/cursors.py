"""The cursors of all outboxes: remembered in memory, compared with the store at every commit.

One process ingests. The comparison notices a second one, and a store that was put back from a copy: the commit fails,
what was remembered is dropped, and the next try reads the store.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, func, insert, select, tuple_, update

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
            self._known |= stored(connection, unknown)
        return {outbox: self._known.get(outbox, OutboxProgress()) for outbox in wanted}

    def save(self, connection: Connection, changed: Mapping[Outbox, OutboxProgress], now_ms: int) -> None:
        """Write what changed against what is remembered; call `remember` once it is committed.

        Raises:
            CursorConflict: the store holds something else than what is remembered.
        """
        for outbox, progress in changed.items():
            before, row = self._known.get(outbox), _row(outbox, progress) | {"updated_ms": now_ms}
            if before is None:
                connection.execute(insert(cursors).values(row))
            elif before != progress:
                _replace(connection, _row(outbox, before), row)

    def remember(self, changed: Mapping[Outbox, OutboxProgress]) -> None:
        """Take what was committed for what the store holds."""
        self._known.update(changed)

    def forget(self) -> None:
        """Read the store again from now on."""
        self._known.clear()


def stored(connection: Connection, outboxes: Iterable[Outbox]) -> dict[Outbox, OutboxProgress]:
    """The progress of those of these outboxes that the store knows."""
    key = tuple_(cursors.c.gateway, cursors.c.epoch)
    rows = connection.execute(select(cursors).where(key.in_(sorted(outboxes))))
    return {(row.gateway, row.epoch): progress_of(row) for row in rows}


def newest(connection: Connection) -> list[tuple[Outbox, Cursor]]:
    """The cursor of the outbox that each gateway used last."""
    latest = func.max(cursors.c.updated_ms).label("last_ms")
    last = select(cursors.c.gateway, latest).group_by(cursors.c.gateway).subquery()
    rows = connection.execute(
        select(cursors).join(last, (cursors.c.gateway == last.c.gateway) & (cursors.c.updated_ms == last.c.last_ms))
    )
    return [((row.gateway, row.epoch), progress_of(row).cursor) for row in rows]


def _replace(connection: Connection, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    # What is compared grows with every change, so equal numbers mean an unchanged row.
    unchanged = and_(*(cursors.c[name] == value for name, value in before.items() if name != "missing"))
    if connection.execute(update(cursors).where(unchanged).values(after)).rowcount != 1:
        raise CursorConflict(
            f"the cursor of gateway {after['gateway']} was changed by somebody else; let one process only do the ingest"
        )


def _row(outbox: Outbox, progress: OutboxProgress) -> dict[str, Any]:
    return {
        "gateway": outbox[0],
        "epoch": outbox[1],
        "upto": progress.cursor.upto,
        "missing": [list(span) for span in progress.cursor.missing],
        "gone": progress.gone,
        "events": progress.events,
        "quarantined": progress.quarantined,
    }


def progress_of(row: Row[Any]) -> OutboxProgress:
    """The progress that a row of ``cursors`` holds."""
    cursor = Cursor(row.upto, tuple((int(first), int(last)) for first, last in row.missing))
    return OutboxProgress(cursor, row.gone, row.events, row.quarantined)
