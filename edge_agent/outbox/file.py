"""The outbox as a SQLite file: its lock, its tables, how it is opened, and which of SQLite's errors mean what."""

import fcntl
import os
import secrets
import sqlite3
from pathlib import Path
from typing import Final

from edge_agent.errors import OutboxBroken, OutboxError, OutboxInUse, StorageFull

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS event (
  n INTEGER PRIMARY KEY AUTOINCREMENT, -- AUTOINCREMENT: a number is never given out twice, even after its row went
  boot INTEGER NOT NULL,
  t INTEGER NOT NULL,                  -- wall clock, ms UTC
  q INTEGER NOT NULL,                  -- quality of t
  m INTEGER NOT NULL,                  -- monotonic clock of the boot, ms
  priority INTEGER NOT NULL,           -- 1: travels on the priority lane
  body TEXT NOT NULL                   -- the rest of the event's JSON: "s":…,"k":…,"x":{…},"bf":…}
);
CREATE INDEX IF NOT EXISTS event_priority ON event (n) WHERE priority = 1;
CREATE TABLE IF NOT EXISTS position (source TEXT PRIMARY KEY, reached INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS command (   -- commands of the backend that were carried out
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
COLUMNS: Final = {"n", "boot", "t", "q", "m", "priority", "body"}
WAL_LIMIT_BYTES: Final = 4_000_000


class FileLock:
    """Holds ``path`` locked from construction to `release`: one agent for one outbox.

    The kernel takes the lock back when its holder dies, however it dies.
    The lock lies beside the outbox and not on it: a corrupt outbox is renamed, its lock must stay.

    Raises:
        OutboxInUse: another process, or another outbox of this process, holds it.
        OutboxBroken: the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise OutboxBroken(f"cannot make {path}: {error.strerror}") from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._fd, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise OutboxInUse(
                f"{path.with_suffix('')} is in use by another agent (process {holder}): "
                "stop that one, or give this agent an outbox of its own"
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Let another process have the file. Calling it again does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def connect(path: Path) -> sqlite3.Connection:
    """Open or make the file.

    FULL, not NORMAL: in WAL mode NORMAL loses commits that were already reported when the power is cut.

    Raises:
        sqlite3.DatabaseError: the file is corrupt.
        OutboxError: it cannot be opened for another reason.
    """
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    except sqlite3.Error as error:
        raise OutboxBroken(f"cannot open {path}: {error}") from None
    try:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # counts only before the first table is made
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
        db.executescript(SCHEMA)
        check(db)
        fill_meta(db)
    except sqlite3.Error as error:
        db.close()
        if is_corrupt(error):
            raise
        raise as_outbox_error(path, error) from None
    return db


def check(db: sqlite3.Connection) -> None:
    """Look through the whole file for damage. Raises sqlite3.DatabaseError where there is some."""
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(f"malformed: {found}")
    columns = {row[1] for row in db.execute("PRAGMA table_info(event)")}
    if not columns >= COLUMNS:
        raise sqlite3.DatabaseError("malformed: the table of events has other columns")


def fill_meta(db: sqlite3.Connection) -> None:
    """Give a new file its epoch and counters; leave those of an old one alone."""
    fresh = {"epoch": secrets.token_hex(8), "boot": "0", "boot_token": "", "thinned": "0"}
    db.executemany("INSERT OR IGNORE INTO meta (name, value) VALUES (?, ?)", list(fresh.items()))


def is_corrupt(error: sqlite3.Error) -> bool:
    """Whether the file itself is damaged, so that trying again cannot help."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # raised by `check`
        return "malformed" in str(error)
    # A header whose number of the format is damaged has no code of its own.
    unknown_format = "unsupported file format" in str(error)
    return unknown_format or (code & 0xFF) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def as_outbox_error(path: Path, error: sqlite3.Error) -> OutboxError:
    """The error of ours that says what SQLite's means."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StorageFull(f"the disk of {path} is full: free some space; the agent keeps trying")
    return OutboxBroken(f"{path}: {error}")
