"""What must never stop says so: each duty records when it last went well, for the auditor, a process of its own.

Any number of processes may share a duty; the row tells of whichever did it last. A duty that goes wrong is not recorded
as done, so that an error that repeats looks to the auditor as what it is: a duty that is not done. Errors are counted.
"""

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, Engine, select, update

from store.schema import duties, duty_errors
from store.upserts import add_once, put_rows

EVERY_S: Final = 2.0
"""A duty is recorded at most this often: what is done every second need not be written every second."""


class Duty(StrEnum):
    """What must never stop."""

    ENGINE = "engine"
    """Opens and moves incidents."""
    SENDER = "sender"
    """Sends what is due."""
    INGEST = "ingest"
    """Takes in what the homes send."""
    LEARNING = "learning"
    """Teaches the rhythms, once a night."""


class DutyBook:
    """Records the duties of one process.

    Args:
        db: the relational store.
        owner: name of this process.
        monotonic_s: seconds that only grow, of real time also where the rest runs on a simulated clock.
    """

    def __init__(self, db: Engine, owner: str, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._owner = owner
        self._monotonic_s = monotonic_s
        self._written_s: dict[Duty, float] = {}

    def done(self, duty: Duty, now_ms: int) -> None:
        """The duty went through without an error at ``now_ms`` (ms UTC)."""
        at_s = self._monotonic_s()
        if at_s - self._written_s.get(duty, -EVERY_S) < EVERY_S:
            return
        with self._db.begin() as connection:
            put_rows(connection, duties, [{"name": duty, "owner": self._owner, "at_ms": now_ms}])
        self._written_s[duty] = at_s

    def failed(self, duty: Duty, errors: int, now_ms: int) -> None:
        """So many things went wrong in one turn of the duty at ``now_ms`` (ms UTC); they will be tried again."""
        with self._db.begin() as connection:
            if not add_once(connection, duty_errors, {"name": duty, "errors": errors, "at_ms": now_ms}):
                more = {"errors": duty_errors.c.errors + errors, "at_ms": now_ms}
                connection.execute(update(duty_errors).where(duty_errors.c.name == duty).values(more))


def read_errors(connection: Connection) -> dict[str, int]:
    """How many things ever went wrong in each duty, by its name; one in which nothing did is missing."""
    return {row.name: row.errors for row in connection.execute(select(duty_errors))}


def read_duties(connection: Connection) -> dict[str, int]:
    """When each duty was last done, ms UTC, by its name; one that never was is missing."""
    return {row.name: row.at_ms for row in connection.execute(select(duties))}
