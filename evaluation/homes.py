"""Recorded homes, ready for evaluation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.sources.replay import read_recording


@dataclass(frozen=True, slots=True, eq=False)
class Home:
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
        return float(self.local_s[-1] - self.local_s[0]) / 86_400 if len(self.local_s) else 0.0


def home_of(name: str, rows: Iterable[tuple[float, str, str, float]]) -> Home:
    """A home from rows of (seconds on the wall clock, sensor, kind, value), sorted by time; ties keep their order."""
    index: dict[tuple[str, str], int] = {}
    times, sensors, values = [], [], []
    for local_s, sensor, kind, value in rows:
        times.append(local_s)
        sensors.append(index.setdefault((sensor, kind), len(index)))
        values.append(value)
    local = np.array(times, np.float64)
    order = np.argsort(local, kind="stable")
    return Home(name, local[order], np.array(sensors, np.intp)[order], np.array(values, float)[order], tuple(index))


def read_home(path: Path) -> Home:
    """Read one recording.

    Raises:
        RecordingError: the file is broken; the message names file and line.
    """
    return home_of(
        path.name.split(".")[0],
        (
            # The wall clock as it stands, read as if it were UTC: a rhythm lives on the wall clock.
            (row.local.replace(tzinfo=UTC).timestamp(), row.sensor, row.kind, row.value)
            for row in read_recording(path)
        ),
    )


def find_recordings(paths: Sequence[Path]) -> list[Path]:
    """The recordings among files and folders, by name.

    Raises:
        FileNotFoundError: a path does not exist, or nothing in it is a recording.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.name.endswith((".csv", ".csv.gz")))
            if not inside:
                raise FileNotFoundError(f"no recording (.csv or .csv.gz) in {path}")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise FileNotFoundError(f"no such file or folder: {path}")
    return found
