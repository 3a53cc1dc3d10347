"""Recorded homes: ``ts_iso_local,sensor,kind,value`` in a csv or csv.gz file, played through the real agent."""

import gzip
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from contracts.events import MAX_TEXT, Kind
from contracts.health import Sensor, SensorRole
from edge_agent.errors import RecordingError, SettingsError
from edge_agent.ports import EmitAt, Reading
from edge_agent.toml_reader import Table

HEADER: Final = "ts_iso_local,sensor,kind,value"
_LONGEST_LINE: Final = 1_000


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """A recording to replay.

    Attributes:
        path: csv or csv.gz, ``ts_iso_local,sensor,kind,value``.
        zone: IANA zone of its times.
        name: under which the position in it is kept; empty: the file's name.
        exit_when_done: the agent ends with code 0 when all of it has been acknowledged.
    """

    path: Path
    zone: str = "Asia/Tokyo"
    name: str = ""
    exit_when_done: bool = False

    def open(self) -> "ReplaySource":
        """The recording, read whole, so that a broken one is refused at once.

        Raises:
            RecordingError: the recording is broken.
            SettingsError: its zone is not known.
        """
        return ReplaySource(self.path, self.zone, self.name, exit_when_done=self.exit_when_done)


def read_replay(table: Table, folder: Path) -> ReplaySettings:
    """The settings of a recording. Raises SettingsError."""
    settings = table.over(ReplaySettings(Path()), folder, "kind")  # a misspelt key is named before a missing one
    return replace(settings, path=table.required_path("path", folder))


@dataclass(frozen=True, slots=True)
class Translation:
    """What a recorded kind is on the wire: event kind, the field that is true while the value is not 0, and role."""

    kind: Kind
    field: str
    role: SensorRole


KINDS: Final[Mapping[str, Translation]] = {
    "door": Translation(Kind.CONTACT, "open", SensorRole.ENTRANCE),
    "motion": Translation(Kind.MOTION, "motion", SensorRole.ROOM),
    "item": Translation(Kind.CONTACT, "open", SensorRole.OBJECT),
    "power": Translation(Kind.APPLIANCE, "on", SensorRole.APPLIANCE),
}


@dataclass(frozen=True, slots=True)
class RecordedRow:
    """One line of a recording.

    Attributes:
        local: time on the home's wall clock, without a zone.
        sensor: sensor id.
        kind: a key of `KINDS`.
        value: 1 for open, motion or on; 0 for closed, still or off.
    """

    local: datetime
    sensor: str
    kind: str
    value: int


@dataclass(frozen=True, slots=True)
class RecordingSummary:
    """What a whole, sound recording holds.

    Attributes:
        rows: how many.
        first, last: times on the home's wall clock.
        sensors: with the role of the kind each first reported; one that was ever a door is an entrance.
    """

    rows: int
    first: datetime
    last: datetime
    sensors: tuple[Sensor, ...]


def read_recording(path: Path) -> Iterator[RecordedRow]:
    """The rows of a recording in order, read as they are asked for.

    Raises:
        RecordingError: it names file and line. A recording runs forward in time; two rows of one second are fine.
    """
    lines = _lines(path)
    if next(lines, "").removeprefix("\ufeff") != HEADER:  # spreadsheets begin UTF-8 with a byte order mark
        raise RecordingError(path, 1, f"the first line must be '{HEADER}'")
    before = datetime.min  # noqa: DTZ901 - compared with local times that have no zone either
    for number, text in enumerate(lines, 2):
        row = _parse(path, number, text)
        if row.local < before:
            raise RecordingError(path, number, f"time runs backwards: {row.local} after {before}")
        before = row.local
        yield row


def check_recording(path: Path) -> RecordingSummary:
    """Read all of a recording, so that a broken one is refused before anything of it is stored.

    Raises:
        RecordingError: it names file and line.
    """
    count, first, last = 0, None, None
    roles: dict[str, SensorRole] = {}
    for row in read_recording(path):
        count, first, last = count + 1, first or row.local, row.local
        role = KINDS[row.kind].role
        if row.sensor not in roles or role is SensorRole.ENTRANCE:
            roles[row.sensor] = role
    if first is None or last is None:
        raise RecordingError(path, 0, "it holds no rows")
    return RecordingSummary(count, first, last, tuple(Sensor(name, roles[name]) for name in sorted(roles)))


class ReplaySource:
    """Plays a recording once, as fast as the backend takes it, and resumes after the last committed row.

    Times are taken on the wall clock of ``zone``: the earlier one where the clock was set back (fold 0), and shifted
    forward by the gap where the clock was set ahead and the time never was.

    Args:
        path: the recording. zone: IANA zone.
        name: under which the position is kept; '' for the file's name.
        exit_when_done: whether the agent may end when all of it has been acknowledged.

    Raises:
        RecordingError: the recording is broken; all of it was read.
        SettingsError: the zone is not known.
    """

    def __init__(self, path: Path, zone: str, name: str = "", *, exit_when_done: bool = True) -> None:
        self.path = path
        self.name = name or path.name
        self.exit_when_done = exit_when_done
        try:
            self._zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise SettingsError(f"zone: '{zone}' is not a known IANA zone, such as Asia/Tokyo") from None
        self.summary = check_recording(path)
        self.sensors: Sequence[Sensor] = self.summary.sensors

    def __str__(self) -> str:
        found = self.summary
        return f"{self.path}: {found.rows} rows, {found.first} to {found.last}, {len(found.sensors)} sensors"

    def play(self, emit: EmitAt, resume_after: int, stop: threading.Event) -> None:
        """Emit the rows after the ``resume_after``-th."""
        for position, row in enumerate(read_recording(self.path), 1):
            if stop.is_set():
                return
            if position > resume_after:
                emit(self._reading(row), position)

    def _reading(self, row: RecordedRow) -> Reading:
        wire = KINDS[row.kind]
        return Reading(row.sensor, wire.kind, {wire.field: row.value != 0}, utc_ms(row.local, self._zone))


def utc_ms(local: datetime, zone: ZoneInfo) -> int:
    """The moment, ms UTC, of a time on the wall clock of ``zone``."""
    moment = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return round(moment.timestamp() * 1000)


def _lines(path: Path) -> Iterator[str]:
    number = 0
    try:
        with _opened(path) as stream:
            while raw := stream.readline(_LONGEST_LINE):
                number += 1
                yield _text(path, number, raw)
    except EOFError:
        raise RecordingError(path, number + 1, "the gzip file ends too early; it was cut off") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise RecordingError(path, number + 1, f"not a sound gzip file: {error}") from None
    except OSError as error:
        raise RecordingError(path, 0, f"cannot be read: {error.strerror or error}") from None


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _text(path: Path, number: int, raw: bytes) -> str:
    if not raw.endswith(b"\n") and len(raw) >= _LONGEST_LINE:
        raise RecordingError(path, number, f"more than {_LONGEST_LINE} characters")
    try:
        return raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise RecordingError(path, number, "not UTF-8") from None


def _parse(path: Path, number: int, text: str) -> RecordedRow:
    columns = text.split(",")
    if len(columns) != 4:
        raise RecordingError(path, number, f"expected 4 columns ({HEADER}), got {len(columns)}")
    time_text, sensor, kind, value_text = columns
    if kind not in KINDS:
        raise RecordingError(path, number, f"unknown kind '{kind[:40]}'; known: {', '.join(KINDS)}")
    if not 1 <= len(sensor) <= MAX_TEXT:
        raise RecordingError(path, number, f"a sensor must have 1 to {MAX_TEXT} characters")
    if value_text not in ("0", "1"):
        raise RecordingError(path, number, f"value must be 0 or 1, got '{value_text[:40]}'")
    return RecordedRow(_local(path, number, time_text), sensor, kind, int(value_text))


def _local(path: Path, number: int, text: str) -> datetime:
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        raise RecordingError(path, number, f"bad time '{text[:40]}'; expected such as 2012-07-18T12:50:01") from None
    if local.tzinfo is not None or not 1970 < local.year < 3000:
        raise RecordingError(path, number, f"bad time '{text[:40]}'; expected local time after 1970, without a zone")
    return local
