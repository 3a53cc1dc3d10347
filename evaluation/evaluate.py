"""The evaluation: the rhythm at its budgets, and every baseline at the same false-alarm rate, in one run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation import curve
from evaluation.detectors.baselines import FIXED_HOURS, FixedLimit, Variants, families
from evaluation.detectors.rhythm import RhythmDetector
from evaluation.figures import Curve, DetectorRow, figures
from evaluation.homes import Progress, RecordedHome, silent
from evaluation.policy import REPLY_RATE, judge, policies
from evaluation.protocol import COLLAPSES, Detector, Family, HomeResult, NamedDetector, Signs, measure, prepare
from evaluation.report import Report

BUDGETS_DAYS = (7.0, 30.0, 90.0)
_HALVINGS: Final = 10


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """What an evaluation is to do.

    Attributes:
        budgets_days: "ask about once in so many days"; the rhythm is run at each.
        seed: of the sampling of collapses.
        collapses: a stratum and home at most.
        reply_rate: share of false asks that are answered in time, 0 to 1.
        curves: whether to find the whole trade-off of each family, for the picture.
    """

    budgets_days: Sequence[float] = BUDGETS_DAYS
    seed: int = 0
    collapses: int = COLLAPSES
    reply_rate: float = REPLY_RATE
    curves: bool = False


def prepared(homes: Sequence[RecordedHome], plan: EvaluationPlan) -> tuple[list[Signs], list[str]]:
    """The homes that have a day past the warm-up, ready for detectors, and the names of the others."""
    every = [prepare(home, plan.seed, plan.collapses) for home in homes]
    too_short = [signs.home.name for signs in every if not signs.counted.any()]
    return [signs for signs in every if signs.counted.any()], too_short


def evaluate_homes(homes: Sequence[RecordedHome], plan: EvaluationPlan, progress: Progress = silent) -> Report:
    """The rhythm and every baseline on some homes, recorded or simulated.

    Args:
        homes: what they are tried on.
        plan: what to do.
        progress: told how far it is.
    """
    counted, too_short = prepared(homes, plan)
    known, notes = families()
    rows = _rows(plan, counted, known, progress)
    return Report(
        homes=[signs.home.name for signs in counted],
        not_counted=too_short,
        seed=plan.seed,
        rows=rows,
        policies=[judge(policy, counted, plan.reply_rate) for policy in policies(plan.budgets_days)],
        reply_rate=plan.reply_rate,
        curves=_curves(counted, known, progress) if plan.curves and counted else [],
        notes=notes,
        collapses=plan.collapses,
    )


def _rows(
    plan: EvaluationPlan, homes: Sequence[Signs], known: Mapping[str, Variants], progress: Progress
) -> list[DetectorRow]:
    detectors = [RhythmDetector(days) for days in plan.budgets_days]
    steps = len(detectors) * (1 + len(known))
    rows: list[DetectorRow] = []
    for detector in detectors:
        progress(detector.name, len(rows), steps)
        own = run(detector, homes)
        rows.append(own)
        for family in known:
            progress(f"{family}, at its rate", len(rows), steps)
            rows.append(at_rate(family, known[family], own, homes))
    return rows + [run(FixedLimit(hours), homes) for hours in FIXED_HOURS]


def _curves(homes: Sequence[Signs], known: Mapping[str, Variants], progress: Progress) -> list[Curve]:
    steps = len(known) + 1
    progress("curve of the rhythm", 0, steps)
    found = [curve.of_rhythm(homes)]
    for family in known:
        progress(f"curve of {family}", len(found), steps)
        found.append(curve.of_family(family, known[family], homes))
    return found


def run(detector: NamedDetector, homes: Sequence[Signs], name: str | None = None) -> DetectorRow:
    """One detector on all homes."""
    return row_of(name or detector.name, [measure(detector, signs) for signs in homes])


def row_of(name: str, results: Sequence[HomeResult], matches: str | None = None, reading: str = "") -> DetectorRow:
    """The figures of results by home and pooled."""
    return DetectorRow(name, figures(results), {r.home: figures([r]) for r in results}, matches, reading)


def at_rate(name: str, variants: Variants, own: DetectorRow, homes: Sequence[Signs]) -> DetectorRow:
    """A baseline at the false-alarm rate of ``own``; of several readings the one that finds by day soonest."""
    rows = [_at_rate(name, reading, family, own, homes) for reading, family in variants.items()]
    return min(rows, key=_by_day_h)


def _by_day_h(row: DetectorRow) -> tuple[float, float]:
    day = row.pooled.delays["day"]
    return (np.inf if day.median_h is None else day.median_h), (np.inf if day.p90_h is None else day.p90_h)


def _at_rate(name: str, reading: str, family: Family, own: DetectorRow, homes: Sequence[Signs]) -> DetectorRow:
    """One reading with its knob set so that it raises at least as many false alarms as ``own``, as few more as it can.

    The doubt goes to the baseline: at more false alarms it is the faster one. Where ``own`` raised none, it
    is the fastest that raises none.
    """
    wanted = own.pooled.false_per_30_days or 0.0

    def raises_enough(knob: float) -> bool:
        rate = _pooled(family.make(knob), homes)
        return rate >= wanted and rate > 0

    low, high = narrowed(family.knob, raises_enough)
    chosen = family.make(low if wanted > 0 else high)
    return row_of(name, [measure(chosen, signs) for signs in homes], own.detector, reading)


def narrowed(knob: tuple[float, float], is_low: Callable[[float], bool]) -> tuple[float, float]:
    """A range whose lower part is low, halved again and again around where that ends."""
    low, high = knob
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if is_low(middle) else (low, middle)
    return low, high


def _pooled(detector: Detector, homes: Sequence[Signs]) -> float:
    return figures([measure(detector, signs) for signs in homes]).false_per_30_days or 0.0
