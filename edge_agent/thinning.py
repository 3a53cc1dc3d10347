"""What a full outbox gives up first: repeats, the oldest first, and never what a person did on purpose."""

import sqlite3
from dataclasses import dataclass
from typing import Final

from contracts.events import Kind

STRETCH: Final = 20_000
"""Numbers looked at in one transaction, so that a commit of new events never waits long."""


@dataclass(frozen=True, slots=True)
class Step:
    """Of the readings of ``kind`` that say the same, keep one per sensor and ``every_s``."""

    kind: Kind
    every_s: int


STEPS: Final = (
    Step(Kind.MOTION, 60),
    Step(Kind.POWER, 60),
    Step(Kind.MOTION, 600),
    Step(Kind.POWER, 600),
    Step(Kind.ENERGY, 600),
    Step(Kind.MOTION, 3_600),
)
"""In this order. Motion of the same hour still shows that there was life; a contact or a button is told only once."""

_DELETE: Final = """
DELETE FROM event WHERE n IN (
  SELECT n FROM (
    SELECT n, row_number() OVER (
      PARTITION BY boot, t / ?, json_extract(tail, '$.s'), json_extract(tail, ?) ORDER BY n
    ) AS place
    FROM (SELECT n, boot, t, '{' || body AS tail FROM event WHERE n BETWEEN ? AND ? AND priority = 0)
    WHERE json_extract(tail, '$.k') = ?
  ) WHERE place > 1
)
"""
_SAYS: Final = {Kind.MOTION: "$.x.motion"}
"""What tells two readings of a kind apart; of the others, one stands for all of its stretch of time."""


def thin_stretch(db: sqlite3.Connection, step: Step, first: int, last: int) -> int:
    """Delete the repeats among the rows numbered ``first`` to ``last``; how many went."""
    says = _SAYS.get(step.kind, "$.none")
    return db.execute(_DELETE, (step.every_s * 1000, says, first, last, str(step.kind))).rowcount
