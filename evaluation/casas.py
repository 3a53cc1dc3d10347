"""The raw text format of the CASAS smart homes: ``2011-06-15 00:06:32.834414 M021 ON``, with or without labels.

Fields are parted by tabs or spaces: date, time, sensor, value, then an activity label, which is not read. The later
homes put two names of the place between sensor and value. What the letters before the number of a sensor say:

==============================  =====================================================================
``M`` ``MA``                    motion: ON, OFF
``D``                           door: OPEN, CLOSE. No file says which is the entrance: every one counts
``I``                           item: PRESENT, ABSENT; put back or taken away, a person did it
``L`` ``LL`` ``F``              light or fan switch: ON, OFF, or a level
``T`` ``LS`` ``BAT…`` and more  temperature, light, battery, meters: no sign of a person, passed over
==============================  =====================================================================

A sensor that has a name and no number, such as ``OutsideDoor``, is what its value says: ON and OFF are motion, OPEN and
CLOSE a door, PRESENT and ABSENT an item.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Final, NamedTuple, cast

from edge_agent.errors import RecordingError

_LONGEST_LINE: Final = 1_000
_SENSOR: Final = re.compile(r"([A-Za-z]+)([\w-]*)$")
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?$", re.IGNORECASE)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d[ \t]+\d{1,2}:\d\d:\d\d")
_KINDS: Final = {"M": "motion", "MA": "motion", "D": "door", "I": "item", "L": "item", "LL": "item", "F": "item"}
_STATES: Final = {
    "motion": {"ON": 1.0, "OFF": 0.0},
    "door": {"OPEN": 1.0, "CLOSE": 0.0},
    "item": {"ON": 1.0, "OFF": 0.0, "PRESENT": 1.0, "ABSENT": 1.0, "OPEN": 1.0, "CLOSE": 0.0},
}
_WORDS: Final = frozenset(word for states in _STATES.values() for word in states)
_VALUE_COLUMNS: Final = (3, 5)
CLOCK_SET_BACK: Final = timedelta(minutes=65)
"""The files are on the wall clock: an hour backwards is the end of summer time, more is a broken file."""


class CasasRow(NamedTuple):
    """One line that tells of a person: its number, seconds on the wall clock, sensor, kind, 0 for off or closed."""

    line: int
    local_s: float
    sensor: str
    kind: str
    value: float


def is_casas(path: Path) -> bool:
    """Whether the first line that is not empty looks like this format. False for what cannot be read."""
    try:
        with _opened(path) as stream:
            first = next((line for line in (stream.readline(_LONGEST_LINE) for _ in range(5)) if line.strip()), b"")
    except (OSError, EOFError, zlib.error):
        return False
    return bool(_DATE.match(first.decode("utf-8", "replace").lstrip("\ufeff")))


def read_casas(path: Path) -> Iterator[CasasRow]:
    """The lines that tell of a person, in the order of the file.

    Raises:
        RecordingError: it names file and line.
    """
    latest = None
    for number, text in _lines(path):
        fields = text.split()
        if not fields:
            continue
        if len(fields) < 4:
            raise RecordingError(path, number, f"expected date, time, sensor and value, got '{text[:60]}'")
        local = _local(path, number, fields[0], fields[1])
        if latest is not None and local < latest - CLOCK_SET_BACK:
            raise RecordingError(path, number, f"time runs backwards: {local} after {latest}")
        latest = local if latest is None else max(latest, local)
        row = _row(path, number, local, fields)
        if row is not None:
            yield row


def _row(path: Path, number: int, local: datetime, fields: list[str]) -> CasasRow | None:
    sensor = fields[2]
    letters = _SENSOR.match(sensor)
    if letters is None:
        raise RecordingError(path, number, f"'{sensor[:40]}' is no sensor; expected letters and a number such as M021")
    kind = _KINDS.get(letters[1].upper()) if letters[2] else _kind_of_word(fields)
    if kind is None:
        return None
    value = _value(kind, fields)
    if value is None:
        known = ", ".join(_STATES[kind])
        raise RecordingError(path, number, f"{sensor}: '{fields[3][:40]}' is no value of a {kind} sensor ({known})")
    # Wall clock read as if it were UTC: a rhythm lives on the wall clock.
    return CasasRow(number, local.replace(tzinfo=UTC).timestamp(), sensor, kind, value)


def _kind_of_word(fields: list[str]) -> str | None:
    """The first kind that knows the first state in a column where one may stand. None: there is no state."""
    words = (fields[column].upper() for column in _VALUE_COLUMNS if column < len(fields))
    state = next((word for word in words if word in _WORDS), None)
    return next((kind for kind, states in _STATES.items() if state in states), None)


def _value(kind: str, fields: list[str]) -> float | None:
    """The state, in its column or after two names of the place; a dimmer's level above 0 is on. None: there is none."""
    for column in _VALUE_COLUMNS:
        word = fields[column].upper() if column < len(fields) else ""
        if word in _WORDS:
            return _STATES[kind].get(word)
        if kind == "item" and _NUMBER.match(word):
            return float(float(word) != 0)
    return None


def _local(path: Path, number: int, date: str, time: str) -> datetime:
    text = f"{date} {time}"
    for form in ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S"):
        try:
            local = datetime.strptime(text, form)  # noqa: DTZ007 - the wall clock, without a zone
        except ValueError:
            continue
        if 1970 < local.year < 3000:
            return local
    raise RecordingError(path, number, f"bad time '{text[:60]}'; expected such as 2011-06-15 00:06:32.834414")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        with _opened(path) as stream:
            while raw := stream.readline(_LONGEST_LINE):
                number += 1
                if len(raw) >= _LONGEST_LINE and not raw.endswith(b"\n"):
                    raise RecordingError(path, number, f"more than {_LONGEST_LINE} characters")
                yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError:
        raise RecordingError(path, number, "not UTF-8") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise RecordingError(path, number + 1, f"not a sound gzip file: {error}") from None
    except OSError as error:
        raise RecordingError(path, 0, f"cannot be read: {error.strerror or error}") from None


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")
