"""A corrupt outbox: it is set aside, what can be read moves into a new file, and the gap is counted and reported."""

import logging
import os
import sqlite3
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

from edge_agent.errors import OutboxBroken
from edge_agent.outbox import file as outbox_file

log = logging.getLogger(__name__)

STRETCH: Final = 64
"""Numbers read at once; where that fails, one by one. About one page of the file."""
_EVENTS: Final = "SELECT n, boot, t, q, m, priority, body FROM event WHERE n BETWEEN ? AND ? ORDER BY n"
TAILS: Final = ("-wal", "-shm", "")
"""A database in WAL mode is up to three files."""
Record = tuple[Any, ...]


def replace(path: Path, problem: str) -> sqlite3.Connection:
    """Set a corrupt file aside as ``<path>.corrupt-1`` (or 2, …) and open a new one holding what could be read.

    The new file has a new epoch: numbers that the damage may have taken must not be given out again as if they had
    never been used. It is made under another name and takes its place when it is whole, so a kill or a power cut at
    any moment of this leaves either the old file or the new one.

    Raises:
        OutboxBroken: a file cannot be made or renamed.
    """
    part = _beside(path, ".part")
    try:
        for tail in TAILS:
            _beside(part, tail).unlink(missing_ok=True)
        kept, lost = _fill(part, path)
        part.rename(_beside(path, ".new"))
        aside = finish(path)
        db = outbox_file.connect(path)
    except (OSError, sqlite3.Error) as error:
        raise OutboxBroken(f"{path} is corrupt and cannot be replaced: {error}") from error
    log.error("%s was corrupt (%s): set aside as %s", path, problem, aside)
    log.error("%s: %d events were kept in a new outbox, at least %d are lost", path, kept, lost)
    return db


def finish(path: Path) -> Path | None:
    """Let a replacement that is whole take its place; where the corrupt file went, None when there is nothing to do.

    Called at every start: the last run may have been cut off in the middle of this.
    """
    new = _beside(path, ".new")
    if not new.exists():
        return None
    asides = (_beside(path, f".corrupt-{i}") for i in count(1))
    aside = next(aside for aside in asides if not aside.exists())
    for tail in TAILS:  # the log before its file: beside the new file, SQLite would play it into that
        if _beside(path, tail).exists():
            _beside(path, tail).rename(_beside(aside, tail))
    new.rename(path)
    _sync_folder(path.absolute().parent)
    return aside


def _beside(path: Path, tail: str) -> Path:
    return path.with_name(path.name + tail)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _fill(part: Path, corrupt: Path) -> tuple[int, int]:
    """Make a new file of what can be read; how many events were kept, and at least how many are lost."""
    db = outbox_file.connect(part)
    old = sqlite3.connect(corrupt, isolation_level=None)
    try:
        return _move(old, db)
    finally:
        old.close()
        db.close()


def _move(old: sqlite3.Connection, db: sqlite3.Connection) -> tuple[int, int]:
    positions, meta = _read_positions(old), _read_meta(old)
    first, last = _bounds(old)
    kept = highest_boot = 0
    lost = 0 if last else 1  # where nothing at all can be read, nobody knows how many there were
    db.execute("BEGIN IMMEDIATE")
    for record in _records(old, first, last):
        if record is None:
            lost += 1
            continue
        db.execute("INSERT INTO event (boot, t, q, m, priority, body) VALUES (?,?,?,?,?,?)", record[1:])
        highest_boot = max(highest_boot, record[1])
        kept += 1
    meta["thinned"] = str(int(meta.get("thinned", "0")) + lost)
    meta.setdefault("boot", str(highest_boot))
    db.executemany("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", list(meta.items()))
    db.executemany("INSERT OR REPLACE INTO position VALUES (?, ?)", positions)
    db.execute("COMMIT")
    return kept, lost


def _read_positions(old: sqlite3.Connection) -> list[Record]:
    found = _rows(old, "SELECT source, reached FROM position")
    if found is None:
        log.error("how far the sources had come cannot be read: recordings begin again")
    return found or []


def _read_meta(old: sqlite3.Connection) -> dict[str, str]:
    meta: dict[str, str] = dict(_rows(old, "SELECT name, value FROM meta") or ())
    counts = {name: str(meta[name]) for name in ("boot", "thinned") if str(meta.get(name)).isdigit()}
    return counts | {"boot_token": str(meta.get("boot_token", ""))}


def _bounds(old: sqlite3.Connection) -> tuple[int, int]:
    """The lowest and highest number that may be in the file; (1, 0) when none can be read."""
    lowest = _one(old, "SELECT min(n) FROM event")
    highest = _one(old, "SELECT max(n) FROM event") or _one(old, "SELECT seq FROM sqlite_sequence WHERE name = 'event'")
    if highest is None:
        return 1, 0
    return (lowest if lowest is not None else 1), highest


def _one(old: sqlite3.Connection, query: str) -> int | None:
    rows = _rows(old, query)
    return rows[0][0] if rows and isinstance(rows[0][0], int) else None


def _rows(old: sqlite3.Connection, query: str, *values: int) -> list[Record] | None:
    """What the query gives; None where that cannot be read."""
    try:
        return old.execute(query, values).fetchall()
    except sqlite3.DatabaseError:
        return None


def _records(old: sqlite3.Connection, first: int, last: int, stretch: int = STRETCH) -> Iterator[Record | None]:
    """The records that can be read, in order, and None for each number that cannot."""
    for start in range(first, last + 1, stretch):
        end = min(start + stretch - 1, last)
        found = _rows(old, _EVENTS, start, end)
        if found is not None:
            yield from (record if _sound(record) else None for record in found)
        elif stretch > 1:
            yield from _records(old, start, end, 1)
        else:
            yield None


def _sound(record: Record) -> bool:
    """Whether a record from a damaged page has the shape of an event."""
    *numbers, body = record
    return all(isinstance(number, int) and number >= 0 for number in numbers) and (
        isinstance(body, str) and body.startswith('"s":') and body.endswith("}")
    )
