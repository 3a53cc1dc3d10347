"""Raw events in one SQLite file: the default, for one machine.

A home's events lie together on disk in the order of time (clustered key), so a day of one home is a few pages. Names
are kept once, in ``series``: a point carries two small numbers instead of four texts.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from store.timeseries.port import LATEST_NS, Point, TimeSeriesError, check_point

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS gateway (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE IF NOT EXISTS series (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  gateway INTEGER NOT NULL REFERENCES gateway (id),
  sensor TEXT NOT NULL,
  kind TEXT NOT NULL,
  epoch TEXT NOT NULL,
  UNIQUE (gateway, sensor, kind, epoch)
) STRICT;
CREATE TABLE IF NOT EXISTS point (
  gateway INTEGER NOT NULL,
  ts_ns INTEGER NOT NULL,
  series INTEGER NOT NULL,
  n INTEGER NOT NULL,
  flags INTEGER NOT NULL, -- clock quality * 2 + backfilled
  fields TEXT NOT NULL,
  PRIMARY KEY (gateway, ts_ns, series, n)
) STRICT, WITHOUT ROWID;
"""

# CROSS JOIN keeps SQLite's planner on the clustered key; it then sorts only points of the same nanosecond.
_READ: Final = """
SELECT :name, p.ts_ns, s.sensor, s.kind, p.fields, s.epoch, p.n, p.flags
FROM point AS p CROSS JOIN series AS s ON s.id = p.series
WHERE p.gateway = (SELECT id FROM gateway WHERE name = :name) AND p.ts_ns >= :start AND p.ts_ns < :end
ORDER BY p.ts_ns, s.sensor, p.n, s.epoch
"""
_READ_KIND: Final = """
SELECT g.name, p.ts_ns, s.sensor, s.kind, p.fields, s.epoch, p.n, p.flags
FROM series AS s
CROSS JOIN gateway AS g ON g.id = s.gateway
CROSS JOIN point AS p ON p.gateway = s.gateway AND p.ts_ns >= :start AND p.ts_ns < :end AND p.series = s.id
WHERE s.kind = :name
ORDER BY g.name, p.ts_ns, s.sensor, p.n, s.epoch
"""
# Not OR IGNORE, which would also pass over a NULL or a wrong type in silence.
_WRITE: Final = (
    "INSERT INTO point (gateway, ts_ns, series, n, flags, fields) VALUES (?,?,?,?,?,?) ON CONFLICT DO NOTHING"
)

# A batch of many homes touches a page of each. In 64 MB those pages stay at hand, and with a checkpoint every 32 MB of
# log, not 4, a page changed by many batches is written to its place once: 1.5 to 2 times faster for 1,000 homes.
_WRITER_PRAGMAS: Final = ("cache_size=-65536", "wal_autocheckpoint=8192", "journal_size_limit=67108864")

_Names = tuple[str, str, str, str]
_Row = tuple[int, int, int, int, int, str]


class SqliteTimeSeries:
    """The time series in one file.

    One connection writes, behind a lock; every read opens its own and, in WAL mode, neither waits for the other.
    Several processes may use the file at once.

    Args:
        path: the file, made when missing; its folder must exist.
        busy_timeout_s: how long to wait while another process writes.

    Raises:
        TimeSeriesError: the file cannot be opened, or is not a database.
    """

    def __init__(self, path: Path | str, busy_timeout_s: float = 10.0) -> None:
        self._path = Path(path)
        self._busy_timeout_s = busy_timeout_s
        self._lock = threading.Lock()
        self._ids: dict[_Names, tuple[int, int]] = {}
        self._seen_version = -1
        with self._errors("open"):
            self._writer = self._connect()
            try:
                for pragma in _WRITER_PRAGMAS:
                    self._writer.execute(f"PRAGMA {pragma}").fetchall()
                self._writer.executescript(_SCHEMA)
            except BaseException:
                self._writer.close()
                raise

    def write(self, points: Sequence[Point]) -> None:
        """Store the points in one transaction, on the disk before returning (see the port)."""
        for point in points:
            check_point(point)
        if not points:
            return
        with self._errors("write"), self._transaction() as connection:
            connection.executemany(_WRITE, [self._row(connection, point) for point in points])

    def read(self, gateway: str, start_ns: int, end_ns: int) -> Iterator[Point]:
        """The points of one gateway and span as one consistent picture, streamed (see the port)."""
        return self._points(_READ, gateway, start_ns, end_ns)

    def read_kind(self, kind: str, start_ns: int, end_ns: int) -> Iterator[Point]:
        """The points of one kind and span, of all gateways (see the port)."""
        return self._points(_READ_KIND, kind, start_ns, end_ns)

    def count(self, gateway: str | None = None) -> int:
        """How many points are stored of one gateway, or of all."""
        where = "" if gateway is None else " WHERE gateway = (SELECT id FROM gateway WHERE name = ?)"
        arguments = () if gateway is None else (gateway,)
        with self._errors("count"), contextlib.closing(self._connect()) as connection:
            (number,) = connection.execute(f"SELECT count(*) FROM point{where}", arguments).fetchone()  # noqa: S608
        return int(number)

    def erase(self, gateway: str) -> None:
        """Remove one gateway: its events, its names, and what they leave in the file and in the log.

        SQLite overwrites what it deletes with zeros. Where events were not written in the order of time, parts of one
        can stay in the slack of a page, without any name; SQLite's ``VACUUM`` removes those too.
        """
        with self._errors("erase"):
            with self._transaction() as connection:
                found = connection.execute("SELECT id FROM gateway WHERE name = ?", (gateway,)).fetchone()
                if found is not None:
                    connection.execute("DELETE FROM point WHERE gateway = ?", found)
                    connection.execute("DELETE FROM series WHERE gateway = ?", found)
                    connection.execute("DELETE FROM gateway WHERE id = ?", found)
                self._ids.clear()
            with self._lock:
                self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # the log holds the old pages

    def trim(self, before_ns: int) -> None:
        """Remove every point older than ``before_ns``, a gateway a transaction, so that events get in between."""
        with self._errors("trim"):
            with contextlib.closing(self._connect()) as connection:
                gateways = connection.execute("SELECT id FROM gateway").fetchall()
            for (gateway,) in gateways:
                with self._transaction() as connection:
                    connection.execute(
                        "DELETE FROM point WHERE gateway = ? AND ts_ns < ?", (gateway, _in_range(before_ns))
                    )

    def close(self) -> None:
        """Close the writing connection. Streams still being read stay whole."""
        with self._lock:
            self._writer.close()

    def _points(self, query: str, name: str, start_ns: int, end_ns: int) -> Iterator[Point]:
        asked = {"name": name, "start": _in_range(start_ns), "end": _in_range(end_ns)}
        with self._errors("read"), contextlib.closing(self._connect()) as connection:
            for gateway, ts_ns, sensor, kind, fields, epoch, n, flags in connection.execute(query, asked):
                yield Point(gateway, ts_ns, sensor, kind, fields, epoch, n, flags >> 1, bool(flags & 1))

    def _connect(self) -> sqlite3.Connection:
        # isolation_level None: transactions are ours. The lock, or a connection of one's own, guards the threads.
        connection = sqlite3.connect(
            self._path,
            timeout=self._busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=16,
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")  # NORMAL loses acknowledged commits at a power cut
            connection.execute("PRAGMA secure_delete=ON")  # what is deleted or moved is overwritten with zeros
        except BaseException:
            connection.close()
            raise
        return connection

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                self._forget_ids_if_another_wrote()
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                self._ids.clear()  # some may have been given out by what is undone here
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def _forget_ids_if_another_wrote(self) -> None:
        # Another process may have erased a gateway, and with it ids that are remembered here.
        (version,) = self._writer.execute("PRAGMA data_version").fetchone()
        if version != self._seen_version:
            self._ids.clear()
            self._seen_version = version

    def _row(self, connection: sqlite3.Connection, point: Point) -> _Row:
        names = (point.gateway, point.sensor, point.kind, point.epoch)
        ids = self._ids.get(names)
        if ids is None:
            ids = self._ids[names] = _series_of(connection, *names)
        flags = point.quality << 1 | point.backfilled
        return ids[0], point.ts_ns, ids[1], point.n, flags, point.fields

    @contextlib.contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise TimeSeriesError(f"cannot {doing} the time series {self._path}: {error}") from error


def _in_range(bound_ns: int) -> int:
    """The bound, or the nearest one that SQLite's 64 bits hold."""
    return max(0, min(bound_ns, LATEST_NS + 1))


def _series_of(connection: sqlite3.Connection, gateway: str, sensor: str, kind: str, epoch: str) -> tuple[int, int]:
    """The ids of the gateway and of the series, given out when they are new."""
    connection.execute("INSERT INTO gateway (name) VALUES (?) ON CONFLICT DO NOTHING", (gateway,))
    (gateway_id,) = connection.execute("SELECT id FROM gateway WHERE name = ?", (gateway,)).fetchone()
    key = (gateway_id, sensor, kind, epoch)
    connection.execute("INSERT INTO series (gateway, sensor, kind, epoch) VALUES (?,?,?,?) ON CONFLICT DO NOTHING", key)
    (series_id,) = connection.execute(
        "SELECT id FROM series WHERE gateway = ? AND sensor = ? AND kind = ? AND epoch = ?", key
    ).fetchone()
    return gateway_id, series_id
