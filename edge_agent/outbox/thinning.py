"""What a full outbox gives up first: repeats, the oldest first, and never what a person did on purpose."""

import sqlite3
from dataclasses import dataclass
from typing import Final

from contracts.events import Kind

STRETCH: Final = 5_000
"""Numbers looked at in one transaction, so that a commit of new events never waits long."""


@dataclass(frozen=True, slots=True)
class ThinningStep:
    """Of the readings of ``kind`` that say the same, keep one per sensor and ``every_s``."""

    kind: Kind
    every_s: int


STEPS: Final = (
    ThinningStep(Kind.MOTION, 60),
    ThinningStep(Kind.POWER, 60),
    ThinningStep(Kind.MOTION, 600),
    ThinningStep(Kind.POWER, 600),
    ThinningStep(Kind.ENERGY, 600),
    ThinningStep(Kind.MOTION, 3_600),
)
"""In this order. Motion of the same hour still shows that there was life; a contact or a button is told only once."""

_ROWS_TO_STAY: Final = """
SELECT n, boot, t, q, m, priority, body FROM (
  SELECT *, row_number() OVER (
    PARTITION BY repeats, boot, t / ?, json_extract(tail, '$.s'), json_extract(tail, ?), iif(repeats, 0, n) ORDER BY n
  ) AS place
  FROM (
    SELECT *, priority = 0 AND json_extract(tail, '$.k') = ? AS repeats
    FROM (SELECT *, '{' || body AS tail FROM event WHERE n BETWEEN ? AND ?)
  )
) WHERE place = 1 ORDER BY n
"""
_SAYS: Final = {Kind.MOTION: "$.x.motion"}
"""What tells two readings of a kind apart; of the others, one stands for all of its stretch of time."""


def thin_stretch(db: sqlite3.Connection, step: ThinningStep, first: int, last: int) -> int:
    """Delete the repeats among the rows numbered ``first`` to ``last``; how many went.

    The others are taken out and put back: SQLite joins pages only when they are nearly empty, so deleting every
    second row of a page would free nothing.
    """
    says = _SAYS.get(step.kind, "$.none")
    kept = db.execute(_ROWS_TO_STAY, (step.every_s * 1000, says, str(step.kind), first, last)).fetchall()
    before = db.execute("SELECT count(*) FROM event WHERE n BETWEEN ? AND ?", (first, last)).fetchone()[0]
    if len(kept) < before:
        db.execute("DELETE FROM event WHERE n BETWEEN ? AND ?", (first, last))
        db.executemany("INSERT INTO event (n, boot, t, q, m, priority, body) VALUES (?,?,?,?,?,?,?)", kept)
    return int(before - len(kept))
