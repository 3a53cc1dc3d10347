"""Recorded homes, ready for evaluation."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.errors import RecordingError
from edge_agent.sources.replay import read_recording
from evaluation.casas import is_casas, read_casas

DAY_S: Final = 86_400.0
_SAME_EVERYWHERE: Final = ("data", "ann", "rawdata")

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many steps are done and how many there are."""


def silent(_doing: str, _done: int, _all: int) -> None:
    """Progress that nobody is told of."""


@dataclass(frozen=True, slots=True, eq=False)
class RecordedHome:
    """One recorded home; arrays of one length, in order of time, on the home's wall clock.

    Attributes:
        name: what the home is called.
        local_s: float64 [events], seconds since the epoch on the wall clock.
        sensor: intp [events], index into ``sensors``.
        value: float64 [events]; 0 for off or closed.
        sensors: the (id, kind) of each sensor.
    """

    name: str
    local_s: NDArray[np.float64]
    sensor: NDArray[np.intp]
    value: NDArray[np.float64]
    sensors: tuple[tuple[str, str], ...]

    @property
    def days(self) -> float:
        """Length of the recording, days."""
        return float(self.local_s[-1] - self.local_s[0]) / DAY_S if len(self.local_s) else 0.0


def home_of(name: str, rows: Iterable[tuple[float, str, str, float]]) -> RecordedHome:
    """A home from rows of (seconds on the wall clock, sensor, kind, value), sorted by time; ties keep their order."""
    index: dict[tuple[str, str], int] = {}
    times, sensors, values = [], [], []
    for local_s, sensor, kind, value in rows:
        times.append(local_s)
        sensors.append(index.setdefault((sensor, kind), len(index)))
        values.append(value)
    local = np.array(times, np.float64)
    order = np.argsort(local, kind="stable")
    return RecordedHome(
        name, local[order], np.array(sensors, np.intp)[order], np.array(values, float)[order], tuple(index)
    )


def read_home(path: Path) -> RecordedHome:
    """Read one recording: the project's CSV, or the raw CASAS text.

    Raises:
        RecordingError: the file is broken; the message names file and line.
    """
    if is_casas(path):
        home = home_of(_name(path), ((row.local_s, row.sensor, row.kind, row.value) for row in read_casas(path)))
        if not len(home.local_s):
            raise RecordingError(path, 0, "no line of it tells of a person")
        return home
    return home_of(
        _name(path),
        (
            # The wall clock as it stands, read as if it were UTC: a rhythm lives on the wall clock.
            (row.local.replace(tzinfo=UTC).timestamp(), row.sensor, row.kind, row.value)
            for row in read_recording(path)
        ),
    )


def read_homes(paths: Sequence[Path], progress: Progress = silent) -> list[RecordedHome]:
    """All recordings of some folders.

    Args:
        paths: recordings, or folders of them.
        progress: told how far it is.

    Raises:
        RecordingError: a recording is broken; the message names file and line.
        FileNotFoundError: there is no recording.
    """
    files = find_recordings(paths)
    homes: list[RecordedHome] = []
    for done, file in enumerate(files):
        progress(f"reading {file.name}", done, len(files))
        homes.append(read_home(file))
    return homes


def only(home: RecordedHome, sensors: Collection[str]) -> RecordedHome:
    """The home as if it had these sensors and no other."""
    return _some(home, np.array([name in sensors for name, _ in home.sensors], bool)[home.sensor])


def first_days(home: RecordedHome, days: float) -> RecordedHome:
    """The beginning of a recording."""
    return _some(home, home.local_s < home.local_s[:1].sum() + days * DAY_S)


def _some(home: RecordedHome, which: NDArray[np.bool_]) -> RecordedHome:
    return replace(home, local_s=home.local_s[which], sensor=home.sensor[which], value=home.value[which])


def is_recording(path: Path) -> bool:
    """Whether a file in a folder is the recording of a home: a CSV file, or a text that looks like CASAS."""
    return path.name.endswith((".csv", ".csv.gz")) or is_casas(path)


def find_recordings(
    paths: Sequence[Path],
    is_wanted: Callable[[Path], bool] = is_recording,
    wanted: str = "recording (.csv, .csv.gz or CASAS text)",
) -> list[Path]:
    """The recordings among files and folders, by name.

    Args:
        paths: files, which are taken as they are, and folders.
        is_wanted: whether a file in a folder is a recording.
        wanted: what it is called in an error.

    Raises:
        FileNotFoundError: a path does not exist, or nothing in it is a recording.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.is_file() and is_wanted(file))
            if not inside:
                raise FileNotFoundError(f"no {wanted} in {path}")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise FileNotFoundError(f"no such file or folder: {path}")
    return found


def _name(path: Path) -> str:
    """What a home is called: after its file, or after its folder where the file is called as in every home."""
    name = path.name.split(".")[0]
    return path.resolve().parent.name if name in _SAME_EVERYWHERE else name
