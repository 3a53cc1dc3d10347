"""A corrupt outbox: it is set aside, what can be read moves into a new file, and the gap is counted and reported."""

import logging
import sqlite3
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

from edge_agent import outbox_file
from edge_agent.errors import OutboxBroken

log = logging.getLogger(__name__)

STRETCH: Final = 64
"""Numbers read at once; where that fails, one by one. About one page of the file."""
_READ: Final = "SELECT n, boot, t, q, m, priority, body FROM event WHERE n BETWEEN ? AND ? ORDER BY n"
_KEPT_META: Final = ("boot", "boot_token", "thinned")
Record = tuple[Any, ...]


def replace(path: Path, problem: str) -> sqlite3.Connection:
    """Set a corrupt file aside as ``<path>.corrupt-1`` (or 2, …) and open a new one holding what could be read.

    The new file has a new epoch: numbers that the damage may have taken must not be given out again as if they had
    never been used.

    Raises:
        OutboxBroken: the file cannot be renamed, or the new one cannot be made.
    """
    aside = _set_aside(path)
    try:
        db = outbox_file.connect(path)
    except sqlite3.Error as error:
        raise OutboxBroken(f"{path} cannot be replaced: {error}") from None
    kept, lost = _move(aside, db)
    log.error(
        "%s was corrupt (%s): set aside as %s, %d events kept, at least %d lost", path, problem, aside, kept, lost
    )
    return db


def _set_aside(path: Path) -> Path:
    asides = (path.with_name(f"{path.name}.corrupt-{i}") for i in count(1))
    aside = next(aside for aside in asides if not aside.exists())
    try:
        for tail in ("", "-wal", "-shm"):  # the log goes with its file: it holds the newest commits
            part = path.with_name(path.name + tail)
            if part.exists():
                part.rename(aside.with_name(aside.name + tail))
    except OSError as error:
        raise OutboxBroken(f"{path} is corrupt and cannot be renamed: {error.strerror}") from None
    return aside


def _move(aside: Path, db: sqlite3.Connection) -> tuple[int, int]:
    old = sqlite3.connect(aside, isolation_level=None)
    try:
        positions, meta = _read_positions(old), _read_meta(old)
        first, last = _bounds(old)
        db.execute("BEGIN IMMEDIATE")
        kept = 0
        highest_boot = 0
        for record in _records(old, first, last):
            db.execute("INSERT INTO event (boot, t, q, m, priority, body) VALUES (?,?,?,?,?,?)", record[1:])
            highest_boot = max(highest_boot, record[1])
            kept += 1
        lost = max(last - first + 1 - kept, 0) if last else 1
        meta["thinned"] = str(int(meta.get("thinned", "0")) + lost)
        meta.setdefault("boot", str(highest_boot))
        db.executemany("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", list(meta.items()))
        db.executemany("INSERT OR REPLACE INTO position VALUES (?, ?)", positions)
        db.execute("COMMIT")
    finally:
        old.close()
    return kept, lost


def _read_positions(old: sqlite3.Connection) -> list[Record]:
    try:
        return old.execute("SELECT source, reached FROM position").fetchall()
    except sqlite3.DatabaseError:
        log.exception("how far the sources had come cannot be read: recordings begin again")
        return []


def _read_meta(old: sqlite3.Connection) -> dict[str, str]:
    try:
        meta = dict(old.execute("SELECT name, value FROM meta").fetchall())
        return {
            name: str(meta[name])
            for name in _KEPT_META
            if name in meta and (name == "boot_token" or meta[name].isdigit())
        }
    except (sqlite3.DatabaseError, AttributeError):
        return {}


def _bounds(old: sqlite3.Connection) -> tuple[int, int]:
    """The lowest and highest number that may be in the file; (1, 0) when none can be read."""
    lowest = _one(old, "SELECT min(n) FROM event")
    highest = _one(old, "SELECT max(n) FROM event") or _one(old, "SELECT seq FROM sqlite_sequence WHERE name = 'event'")
    if highest is None:
        return 1, 0
    return (lowest if lowest is not None else 1), highest


def _one(old: sqlite3.Connection, query: str) -> int | None:
    try:
        row = old.execute(query).fetchone()
    except sqlite3.DatabaseError:
        return None
    return row[0] if row and isinstance(row[0], int) else None


def _records(old: sqlite3.Connection, first: int, last: int) -> Iterator[Record]:
    for start in range(first, last + 1, STRETCH):
        end = min(start + STRETCH - 1, last)
        try:
            found = old.execute(_READ, (start, end)).fetchall()
        except sqlite3.DatabaseError:
            found = [record for n in range(start, end + 1) for record in _single(old, n)]
        yield from (record for record in found if _sound(record))


def _single(old: sqlite3.Connection, n: int) -> list[Record]:
    try:
        return old.execute(_READ, (n, n)).fetchall()
    except sqlite3.DatabaseError:
        return []


def _sound(record: Record) -> bool:
    """Whether a record from a damaged page has the shape of an event."""
    *numbers, body = record
    return all(isinstance(number, int) and number >= 0 for number in numbers) and (
        isinstance(body, str) and body.startswith('"s":') and body.endswith("}")
    )
