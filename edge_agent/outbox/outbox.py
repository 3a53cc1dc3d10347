"""The outbox: what was seen at home and is not yet known to be stored by the backend, safe against a power cut."""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, Self

from contracts.clock import ClockQuality, SyncPoint
from contracts.envelope import Ack
from contracts.events import PRIORITY_KINDS, Event
from edge_agent.clock import boot_token
from edge_agent.errors import OutboxBroken, OutboxError
from edge_agent.outbox import file as outbox_file
from edge_agent.outbox import salvage, thinning

_INSERT: Final = "INSERT INTO event (n, boot, t, q, m, priority, body) VALUES (?,?,?,?,?,?,?)"

_NORMAL_ROWS: Final = (
    "SELECT n, boot, t, q, m, body FROM event WHERE n BETWEEN ? AND ? AND priority = 0 ORDER BY n LIMIT ?"
)
_PRIORITY_ROWS: Final = _NORMAL_ROWS.replace("priority = 0", "priority = 1")
_REPAIR: Final = "UPDATE event SET t = max(0, ? - (? - m)), q = ? WHERE q = ? AND boot = ? AND n > iif(priority, ?, ?)"
_FORGET: Final = "DELETE FROM command WHERE place <= (SELECT max(place) FROM command) - ?"
_DELETE: Final = "DELETE FROM event WHERE n BETWEEN ? AND ? AND n <= iif(priority, ?, ?)"


KNOWN_COMMANDS: Final = 500
"""A question is repeated for half an hour at most; this many are those of months."""

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class NewRow(NamedTuple):
    """An event without a number: what `Outbox.append` takes. Fields as in `contracts.events.Event`."""

    t: int
    q: int
    m: int
    priority: bool
    body: str


class OutboxRow(NamedTuple):
    """A stored event: ``n`` is its number, ``boot`` the boot it was made in, ``body`` the tail of its JSON."""

    n: int
    boot: int
    t: int
    q: int
    m: int
    body: str


class SentUpTo(NamedTuple):
    """The highest number of each lane that was ever handed to the broker, 0 for none."""

    priority: int
    normal: int


NOTHING_SENT: Final = SentUpTo(0, 0)
ALL_SENT: Final = SentUpTo(2**62, 2**62)


def new_row(event: Event) -> NewRow:
    """The row of an event; its ``n`` is not looked at, the outbox gives the number."""
    tail = {"s": event.s, "k": str(event.k), "x": dict(event.x), "bf": event.bf}
    body = _ENCODER.encode(tail)[1:]
    return NewRow(event.t, int(event.q), event.m, event.k in PRIORITY_KINDS, body)


class Outbox:
    """A queue on disk that one agent fills and empties; safe to use from several threads.

    Args:
        path: the file; made when missing. A corrupt one is set aside, and what can be read goes into a new one.
        token: a word that changes with every boot of the machine. None: ask the kernel.

    Raises:
        OutboxInUse: another agent holds the file.
        OutboxError: it cannot be opened or made.

    Attributes:
        epoch: random id of the file; numbers count within it. It changes when the file had to be replaced.
        boot: counts the boots of the machine that this file has seen.
        last_n: highest number given out so far, 0 for none.
        backlog: number of rows not yet acknowledged.
        thinned: rows given up since the outbox was made: thinned for want of space, or lost to a corrupt file.
    """

    def __init__(self, path: Path, token: str | None = None) -> None:
        self.path = path
        self._using = threading.RLock()
        self._changed = threading.Condition(threading.Lock())
        if path.is_dir():
            raise OutboxError(f"outbox.path: {path} is a folder; name a file in it")
        self._lock = outbox_file.FileLock(path.with_name(path.name + ".lock"))
        self._token = boot_token() if token is None else token
        try:
            self._db = self._open()
        except BaseException:
            self._lock.release()
            raise
        self._load()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let another agent have it."""
        with self._using:
            self._db.close()
            self._lock.release()

    # Filling.

    def append(self, rows: Sequence[NewRow], positions: Mapping[str, int] | None = None) -> int:
        """Commit rows, and how far their sources have come, in one transaction; on return both survive a power cut.

        Returns:
            The number of the last row given out.

        Raises:
            StorageFull: nothing was stored.
            OutboxError: nothing was stored.
        """
        with self._using:
            with self._writing():
                numbered = [(self.last_n + i, self.boot, *row) for i, row in enumerate(rows, 1)]
                self._db.executemany(_INSERT, numbered)
                self._db.executemany("INSERT OR REPLACE INTO position VALUES (?, ?)", list((positions or {}).items()))
            self.last_n += len(rows)
            self._counted(len(rows))
            return self.last_n

    def position(self, source: str) -> int:
        """The last committed position of a source, 0 for none."""
        with self._reading():
            row = self._db.execute("SELECT reached FROM position WHERE source = ?", (source,)).fetchone()
        return int(row[0]) if row else 0

    def repair(self, sync: SyncPoint, sent: SentUpTo = NOTHING_SENT) -> int:
        """Set the wall time of rows of the boot of ``sync`` that were made before the clock was ever set.

        Args:
            sync: a moment at which both clocks were right.
            sent: rows that were sent already keep their time: one number must never say two things.

        Returns:
            How many rows were repaired.
        """
        held, never = int(ClockQuality.HOLD_OVER), int(ClockQuality.NEVER_SYNCED)
        values = (sync.wall_ms, sync.monotonic_ms, held, never, sync.boot, *sent)
        with self._writing():
            return self._db.execute(_REPAIR, values).rowcount

    # Commands of the backend.

    def carried_out(self, command_id: str) -> bool:
        """Whether a command is known to have been carried out, now or before the agent was last started."""
        with self._reading():
            return self._db.execute("SELECT 1 FROM command WHERE id = ?", (command_id,)).fetchone() is not None

    def remember(self, command_id: str) -> None:
        """A command was carried out; the newest `KNOWN_COMMANDS` are known. Raises OutboxError: it was not noted."""
        with self._writing():
            self._db.execute("INSERT OR IGNORE INTO command (id) VALUES (?)", (command_id,))
            self._db.execute(_FORGET, (KNOWN_COMMANDS,))

    # Emptying.

    def rows(self, first: int, last: int, limit: int, *, priority: bool) -> list[OutboxRow]:
        """Rows of one lane with ``first <= n <= last``, ascending, at most ``limit``, all of one boot."""
        query = _PRIORITY_ROWS if priority else _NORMAL_ROWS
        with self._reading():
            found = [OutboxRow(*row) for row in self._db.execute(query, (first, last, limit))]
        return [row for row in found if row.boot == found[0].boot] if found else []

    def lowest(self) -> int:
        """The lowest number still here, 0 when empty."""
        with self._reading():
            return int(self._db.execute("SELECT ifnull(min(n), 0) FROM event").fetchone()[0])

    def acknowledge(self, acks: Iterable[Ack], sent: SentUpTo = ALL_SENT) -> int:
        """Delete what the backend says it has stored. An ack of another epoch counts for nothing.

        Args:
            acks: as they came.
            sent: a row that was never sent stays, whatever an ack says: nobody can have stored it.

        Returns:
            How many rows went.
        """
        with self._using:
            gone = 0
            with self._writing(durable=False):  # a deletion undone by a power cut costs one repeat, which is harmless
                for ack in acks:
                    if ack.epoch == self.epoch:
                        gone += sum(self._db.execute(_DELETE, (*span, *sent)).rowcount for span in _covered(ack))
            self._counted(-gone)
            return gone

    def wait_until_below(self, rows: int, timeout_s: float) -> bool:
        """Wait until fewer than ``rows`` are left, for at most ``timeout_s`` of real time; whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: self.backlog < rows, timeout_s)

    # Keeping it small.

    def size_bytes(self) -> int:
        """Bytes in use in the file, without free pages and without the write-ahead log."""
        with self._reading():
            return self._pragma("page_size") * (self._pragma("page_count") - self._pragma("freelist_count"))

    def thin(self, most_bytes: int) -> int:
        """Give up repeated readings, motion first, until at most ``most_bytes`` are in use.

        Contacts, buttons and every kind that is not in `thinning.STEPS` stay, whatever the size.

        Returns:
            How many rows went; they are counted in `thinned`.
        """
        gone = 0
        for step in thinning.STEPS:
            first = 1
            while first <= self.last_n and self.size_bytes() > most_bytes:
                gone += self._thin_stretch(step, first)
                first += thinning.STRETCH
        return gone

    def release_free_pages(self, keep_pages: int = 1_000, at_most: int = 500) -> None:
        """Give free space in the file back to the disk, a little at a time."""
        with self._reading():
            if self._pragma("freelist_count") > keep_pages:
                self._db.executescript(f"PRAGMA incremental_vacuum({at_most})")  # `execute` frees only one page

    def _thin_stretch(self, step: thinning.ThinningStep, first: int) -> int:
        with self._using:
            with self._writing():
                gone = thinning.thin_stretch(self._db, step, first, first + thinning.STRETCH - 1)
                self._set_meta("thinned", self.thinned + gone)
            self.thinned += gone
            self._counted(-gone)
            return gone

    def _counted(self, more: int) -> None:
        with self._changed:
            self.backlog += more
            self._changed.notify_all()

    # The file.

    def _open(self) -> sqlite3.Connection:
        try:
            salvage.finish(self.path)
            return outbox_file.connect(self.path)
        except OSError as error:
            raise OutboxBroken(f"{self.path}: {error.strerror}") from None
        except sqlite3.DatabaseError as error:
            return salvage.replace(self.path, str(error))

    def _load(self) -> None:
        meta = dict(self._db.execute("SELECT name, value FROM meta").fetchall())
        self.epoch = str(meta["epoch"])
        self.thinned = int(meta["thinned"])
        self.boot = int(meta["boot"])
        self.backlog = int(self._db.execute("SELECT count(*) FROM event").fetchone()[0])
        given = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
        self.last_n = int(given[0]) if given else 0
        if self.boot == 0 or not self._token or meta["boot_token"] != self._token:
            self._next_boot()

    def _next_boot(self) -> None:
        self.boot += 1
        with self._writing():
            self._set_meta("boot", self.boot)
            self._set_meta("boot_token", self._token)

    def _set_meta(self, name: str, value: str | int) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, str(value)))

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Hold the connection; a damaged file is replaced under way, any other trouble is an OutboxError."""
        with self._using:
            try:
                yield
            except sqlite3.Error as error:
                if outbox_file.is_corrupt(error):
                    self._replace(error)
                raise outbox_file.as_outbox_error(self.path, error) from error

    @contextmanager
    def _writing(self, *, durable: bool = True) -> Iterator[None]:
        with self._reading():
            if not durable:
                self._db.execute("PRAGMA synchronous = NORMAL")
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:  # a full disk makes SQLite roll back by itself
                        self._db.execute("ROLLBACK")
                    raise
            finally:
                if not durable:
                    self._db.execute("PRAGMA synchronous = FULL")

    def _replace(self, error: sqlite3.Error) -> None:
        self._db.close()
        self._db = salvage.replace(self.path, str(error))
        self._load()
        self._counted(0)


def _covered(ack: Ack) -> Iterator[tuple[int, int]]:
    """The spans of numbers that the ack covers, ascending: what lies between the missing ones."""
    first = 1
    for missing_first, missing_last in ack.missing:
        if missing_first > ack.upto:
            break
        if first < missing_first:
            yield first, missing_first - 1
        first = missing_last + 1
    if first <= ack.upto:
        yield first, ack.upto
