"""Group commit: readings wait together in memory for a moment, because each commit costs the flash several pages."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from edge_agent.errors import OutboxError
from edge_agent.outbox.outbox import NewRow, Outbox

log = logging.getLogger(__name__)

IDLE_S: Final = 1.0
RETRY_S: Final = 1.0
MEMORY_ROWS: Final = 10_000
"""While the disk is full this many rows wait in memory before a source that can wait has to."""


class GroupCommit:
    """Collects rows and commits them together.

    After ``commit_ms``, at ``commit_rows``, at once for a priority row, or when `flush` is called.

    Args:
        outbox: where the rows go.
        commit_ms: the longest a row waits, ms of real time.
        commit_rows: at so many the offering thread commits itself, which slows it to what the disk can do.
        committed: called after each commit, in the thread that made it.
    """

    def __init__(self, outbox: Outbox, commit_ms: int, commit_rows: int, committed: Callable[[], None]) -> None:
        self._outbox = outbox
        self._wait_s = commit_ms / 1000
        self._most = commit_rows
        self._committed = committed
        self._committing = threading.Lock()
        self._filling = threading.Condition(threading.Lock())
        self._rows: list[NewRow] = []
        self._positions: dict[str, int] = {}
        self._oldest_s = 0.0
        self._not_before_s = 0.0  # after a failure, no commit is tried before this
        self._leaving = 0

    @property
    def waiting(self) -> int:
        """Rows in memory that no commit holds yet, those of a commit under way included."""
        with self._filling:
            return len(self._rows) + self._leaving

    def add(self, row: NewRow, source: str = "", position: int | None = None) -> None:
        """Take one row. Storage trouble does not reach the caller: the rows stay in memory and are tried again."""
        with self._filling:
            if not self._rows:
                self._oldest_s = time.monotonic()
                self._filling.notify_all()
            self._rows.append(row)
            if position is not None:
                self._positions[source] = position
            now = (row.priority or len(self._rows) >= self._most) and time.monotonic() >= self._not_before_s
        if now:
            self.try_flush()

    def flush(self) -> None:
        """Commit what is waiting. Raises OutboxError; the rows stay in memory then, and are tried again."""
        with self._committing:
            with self._filling:
                rows, positions = self._rows, self._positions
                self._rows, self._positions = [], {}
                self._leaving = len(rows)
            if not rows:
                return
            try:
                self._outbox.append(rows, positions)
            except BaseException:
                self._put_back(rows, positions)
                raise
            self._not_before_s = 0.0
            with self._filling:
                self._leaving = 0
                self._filling.notify_all()
        self._committed()

    def try_flush(self) -> None:
        """As `flush`, but storage trouble is logged; the commit is tried again each second, for as long as it takes."""
        try:
            self.flush()
        except OutboxError as error:
            log.error("%d events wait in memory: %s", self.waiting, error)

    def wait_for_work(self) -> None:
        """Sleep until the oldest row has waited long enough, at most `IDLE_S`."""
        with self._filling:
            if not self._rows:
                self._filling.wait(IDLE_S)
            due_s = self._due_s()
            if due_s is not None and due_s > time.monotonic():
                self._filling.wait(min(due_s - time.monotonic(), IDLE_S))

    def interrupt(self) -> None:
        """Wake the thread in `wait_for_work`."""
        with self._filling:
            self._filling.notify_all()

    def commit_if_due(self) -> None:
        """Commit when the oldest row has waited long enough."""
        with self._filling:
            due_s = self._due_s()
        if due_s is not None and due_s <= time.monotonic():
            self.try_flush()

    def wait_for_room(self, timeout_s: float) -> bool:
        """Wait until memory has room for rows of a source that can wait; whether it has."""
        with self._filling:
            return self._filling.wait_for(lambda: len(self._rows) < MEMORY_ROWS, timeout_s)

    def _due_s(self) -> float | None:
        if not self._rows:
            return None
        return max(self._oldest_s + self._wait_s, self._not_before_s)

    def _put_back(self, rows: list[NewRow], positions: dict[str, int]) -> None:
        with self._filling:
            self._not_before_s = time.monotonic() + RETRY_S
            self._leaving = 0
            self._rows = rows + self._rows
            self._positions = positions | self._positions
