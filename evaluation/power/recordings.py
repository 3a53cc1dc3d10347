"""Recorded meters, and the true switch-ons that sub-meters saw beside them."""

import csv
import gzip
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_agent.errors import RecordingError
from evaluation.homes import find_recordings

USES: Final = ".uses.csv"
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, eq=False)
class MeterRecording:
    """The recording of one meter, on the home's wall clock.

    Attributes:
        name: what the home is called.
        local_s: float64 [readings], ascending, seconds since the epoch on the wall clock.
        watts: float64 [readings].
        use_s: float64 [uses], when something was truly switched on.
        appliance: str [uses], what it was. Both are empty where nothing is known.
    """

    name: str
    local_s: NDArray[np.float64]
    watts: NDArray[np.float64]
    use_s: NDArray[np.float64]
    appliance: NDArray[np.str_]


def find_meters(paths: Sequence[Path]) -> list[Path]:
    """The recordings of meters among files and folders; the uses beside them are no recordings.

    Raises:
        FileNotFoundError: a path does not exist, or nothing in it is a recording.
    """
    wanted = "recording of a meter (.csv or .csv.gz with ts_iso_local,watts)"
    return find_recordings(paths, _is_meter, wanted)


def _is_meter(path: Path) -> bool:
    return path.name.endswith((".csv", ".csv.gz")) and USES not in path.name


def read_meter(path: Path) -> MeterRecording:
    """Read ``HOME.csv[.gz]`` (``ts_iso_local,watts``) and, where it is there, ``HOME.uses.csv[.gz]`` beside it.

    Raises:
        RecordingError: a file is broken; the message names file and line.
    """
    name = path.name.split(".")[0]
    readings = list(_rows(path, ("ts_iso_local", "watts"), _watts))
    beside = [path.parent / f"{name}{USES}{ending}" for ending in (".gz", "")]
    uses = [use for file in beside if file.exists() for use in _rows(file, ("ts_iso_local", "appliance"), str)]
    readings.sort(key=lambda row: row[0])
    uses.sort(key=lambda row: row[0])
    return MeterRecording(
        name,
        np.array([at_s for at_s, _ in readings], np.float64),
        np.array([watts for _, watts in readings], np.float64),
        np.array([at_s for at_s, _ in uses], np.float64),
        np.array([appliance for _, appliance in uses], np.str_),
    )


def _rows(path: Path, columns: tuple[str, str], read: Callable[[str], _Value]) -> Iterator[tuple[float, _Value]]:
    with _open(path) as lines:
        rows = csv.reader(lines)
        if tuple(next(rows, ())) != columns:
            raise RecordingError(path, 1, f"the columns must be {','.join(columns)}")
        for line, row in enumerate(rows, start=2):
            try:
                at, value = row
                # The wall clock as it stands, read as if it were UTC: a home lives on its wall clock.
                yield datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp(), read(value)
            except ValueError:
                raise RecordingError(path, line, f"{','.join(row)!r} is not {','.join(columns)}") from None


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _watts(text: str) -> float:
    watts = float(text)
    if not math.isfinite(watts):
        raise ValueError
    return watts
