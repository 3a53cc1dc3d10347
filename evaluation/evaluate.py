"""The evaluation: the rhythm at its budgets, and every baseline at the same false-alarm rate, in one run."""

from collections.abc import Callable, Sequence
from pathlib import Path

from evaluation.baselines import FAMILIES, FIXED_HOURS, FixedLimit
from evaluation.homes import Home, find_recordings, read_home
from evaluation.protocol import Detector, HomeResult, Signs, measure, prepare
from evaluation.report import Report, Row, figures
from evaluation.rhythm import RhythmDetector

BUDGETS_DAYS = (7.0, 30.0, 90.0)
_HALVINGS = 7

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many steps are done and how many there are."""


def _silent(_doing: str, _done: int, _all: int) -> None:
    pass


def evaluate(
    paths: Sequence[Path],
    budgets_days: Sequence[float] = BUDGETS_DAYS,
    seed: int = 0,
    progress: Progress = _silent,
) -> Report:
    """Evaluate on recordings.

    Args:
        paths: recordings, or folders of them.
        budgets_days: "ask about once in so many days"; the rhythm is run at each.
        seed: of the sampling of collapses.
        progress: told how far it is.

    Raises:
        RecordingError: a recording is broken; the message names file and line.
        FileNotFoundError: there is no recording.
    """
    files = find_recordings(paths)
    homes: list[Home] = []
    for done, file in enumerate(files):
        progress(f"reading {file.name}", done, len(files))
        homes.append(read_home(file))
    return evaluate_homes(homes, budgets_days, seed, progress)


def evaluate_homes(
    homes: Sequence[Home],
    budgets_days: Sequence[float] = BUDGETS_DAYS,
    seed: int = 0,
    progress: Progress = _silent,
) -> Report:
    """The same on homes that are already read, or simulated."""
    every = [prepare(home, seed) for home in homes]
    counted = [signs for signs in every if signs.counted.any()]
    detectors: list[Detector] = [RhythmDetector(days) for days in budgets_days]
    steps = len(detectors) * (1 + len(FAMILIES))
    rows: list[Row] = []
    for detector in detectors:
        progress(detector.name, len(rows), steps)
        own = run(detector, counted)
        rows.append(own)
        for family in FAMILIES:
            progress(f"{family}, at its rate", len(rows), steps)
            rows.append(at_rate(family, own, counted))
    rows += [run(FixedLimit(hours), counted) for hours in FIXED_HOURS]
    left_out = [signs.home.name for signs in every if not signs.counted.any()]
    return Report([signs.home.name for signs in counted], left_out, seed, rows)


def run(detector: Detector, homes: Sequence[Signs], name: str | None = None, matches: str | None = None) -> Row:
    """One detector on all homes."""
    results = [measure(detector, signs) for signs in homes]
    return Row(name or detector.name, figures(results), {r.home: figures([r]) for r in results}, matches)


def at_rate(family: str, own: Row, homes: Sequence[Signs]) -> Row:
    """A baseline with its knob set so that it raises at least as many false alarms as ``own``, as few more as it can.

    The doubt goes to the baseline: at more false alarms it is the faster one.
    """
    make, (low, high) = FAMILIES[family]
    wanted = own.pooled.false_per_30_days or 0.0
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        if _pooled(make(middle), homes) >= wanted:
            low = middle
        else:
            high = middle
    return run(make(low), homes, family, own.detector)


def _pooled(detector: Detector, homes: Sequence[Signs]) -> float:
    results: list[HomeResult] = [measure(detector, signs) for signs in homes]
    rate = figures(results).false_per_30_days
    return 0.0 if rate is None else rate
