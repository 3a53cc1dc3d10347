"""The same homes with and without some sensors: what they are worth, on the same collapses."""

from collections.abc import Sequence
from functools import partial

from evaluation.detectors.rhythm import STRETCH, RhythmDetector, ScaledDetector
from evaluation.evaluate import EvaluationPlan, at_rate, prepared, run
from evaluation.figures import DetectorRow
from evaluation.homes import Progress, RecordedHome, only
from evaluation.protocol import Family, Signs, prepare
from evaluation.report import Report


class UnknownSensor(Exception):
    """No home has the sensor; the message lists those there are."""


def compare(homes: Sequence[RecordedHome], sensors: Sequence[str], plan: EvaluationPlan, progress: Progress) -> Report:
    """The rhythm with all sensors of the homes and without some, at each budget; homes that lack them are left out.

    Raises:
        UnknownSensor: a sensor is in none of the homes.
    """
    _check(homes, sensors)
    whole, too_short = prepared([home for home in homes if _has(home, sensors)], plan)
    fewer = [_reduced(signs, sensors, plan.seed) for signs in whole]
    rows: list[DetectorRow] = []
    lacks = f"without {' and '.join(sensors)}"
    for days in plan.budgets_days:
        detector = RhythmDetector(days)
        progress(detector.name, len(rows), 3 * len(plan.budgets_days))
        own = run(detector, whole)
        rows += [own, run(detector, fewer, f"{detector.name}, {lacks}")]
        # Only with every wait stretched alike until the false alarms are those of all sensors do delays compare.
        stretched = {"": Family(partial(ScaledDetector, detector), STRETCH)}
        rows.append(at_rate(lacks, stretched, own, fewer))
    lacking = [home.name for home in homes if not _has(home, sensors)]
    notes = [f"Left out, for they do not have it: {', '.join(lacking)}"] if lacking else []
    return Report([s.home.name for s in whole], too_short, plan.seed, rows, notes=notes, collapses=plan.collapses)


def _reduced(signs: Signs, sensors: Sequence[str], seed: int) -> Signs:
    others = {name for name, _ in signs.home.sensors} - set(sensors)
    return prepare(only(signs.home, others), seed, collapses=signs.collapses)


def _has(home: RecordedHome, sensors: Sequence[str]) -> bool:
    return set(sensors) <= {name for name, _ in home.sensors}


def _check(homes: Sequence[RecordedHome], sensors: Sequence[str]) -> None:
    known = sorted({name for home in homes for name, _ in home.sensors})
    for sensor in sensors:
        if sensor not in known:
            raise UnknownSensor(f"no home has a sensor '{sensor}'; there are {', '.join(known)}")
    if not any(_has(home, sensors) for home in homes):
        raise UnknownSensor(f"no home has all of {', '.join(sensors)}")
