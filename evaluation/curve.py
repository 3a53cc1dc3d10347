"""The whole trade-off of a detector, and a picture of it: false alarms against the delay by day."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from evaluation.detectors.baselines import Variants
from evaluation.detectors.rhythm import RhythmDetector
from evaluation.figures import Curve, Figures, figures
from evaluation.protocol import Detector, Signs, measure
from evaluation.report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RHYTHM_DAYS: Final = (2.0, 4.0, 7.0, 14.0, 30.0, 60.0, 90.0, 180.0)
_KNOBS: Final = 24
_FINE_KNOBS: Final = 96
"""Where the best of several readings counts: straight lines between few points would draw it slower than it is."""
_RATES: Final = (0.05, 20.0)
_HOURS: Final = (1, 2, 3, 4, 6, 8, 12, 24, 48)
_TICKS: Final = (0.05, 0.1, 0.3, 1, 3, 10)
_TODAY: Final = "fixed limit "

Point = tuple[float, float, float]
"""False alarms in 30 days, median and p90 of the delay by day in hours."""


class PlottingMissing(Exception):
    """The picture needs Matplotlib, which is not installed."""

    def __init__(self) -> None:
        super().__init__("--plot needs Matplotlib: pip install 'mimamori[evaluation]'")


def of_rhythm(homes: Sequence[Signs]) -> Curve:
    """The rhythm, by the budget asked of it."""
    return _curve("the rhythm", _points((RhythmDetector(days) for days in RHYTHM_DAYS), homes))


def of_family(name: str, variants: Variants, homes: Sequence[Signs]) -> Curve:
    """A baseline, by its knob; of several readings the best at each rate."""
    knobs = _KNOBS if len(variants) == 1 else _FINE_KNOBS
    points = [
        point
        for family in variants.values()
        for point in _points((family.make(float(knob)) for knob in np.geomspace(*family.knob, knobs)), homes)
    ]
    return _curve(name, points if len(variants) == 1 else _best(points))


def _best(points: Sequence[Point]) -> list[Point]:
    """Those to which no other has both fewer false alarms and a shorter delay by day; from many to few alarms."""
    best: list[Point] = []
    for point in sorted(points):
        if not best or point[1] < best[-1][1]:
            best.append(point)
    return best[::-1]


def _curve(name: str, points: Sequence[Point]) -> Curve:
    rates, medians, p90s = zip(*points, strict=True) if points else ((), (), ())
    return Curve(name, list(rates), list(medians), list(p90s))


def _points(detectors: Iterable[Detector], homes: Sequence[Signs]) -> list[Point]:
    points: list[Point] = []
    for detector in detectors:
        found = figures([measure(detector, signs) for signs in homes])
        point = _point(found)
        if point is not None and _RATES[0] / 3 <= point[0] <= _RATES[1] * 2 and point not in points:
            points.append(point)
    return points


def _point(found: Figures) -> Point | None:
    day = found.delays["day"]
    if found.false_per_30_days is None or day.median_h is None or day.p90_h is None:
        return None
    return found.false_per_30_days, day.median_h, day.p90_h


def draw(report: Report, file: Path) -> None:
    """Draw the curves of a report into a PNG file.

    Raises:
        PlottingMissing: Matplotlib is not installed.
        OSError: the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise PlottingMissing from None
    figure = Figure(figsize=(9, 6), dpi=130, layout="constrained")
    axes = figure.add_subplot()
    for number, curve in enumerate(report.curves):
        ours = number == 0
        style = {"color": "C3", "lw": 3.0, "marker": "o"} if ours else {"color": f"C{_COLOURS[number]}", "lw": 1.3}
        axes.plot(curve.false_per_30_days, curve.day_median_h, label=curve.name, **style)  # type: ignore[arg-type]
        if ours:
            axes.plot(curve.false_per_30_days, curve.day_p90_h, "C3--", lw=1.2, label="the rhythm, 9 in 10 found")
    _mark_today(axes, report)
    _label(axes, report)
    figure.savefig(file, format="png")


_COLOURS: Final = (3, 7, 1, 0, 2, 4, 5, 6, 8, 9)


def _mark_today(axes: "Axes", report: Report) -> None:
    for row in report.rows:
        point = _point(row.pooled)
        if row.matches is None and row.detector.startswith(_TODAY) and point is not None:
            at = max(point[0], _RATES[0]), point[1]
            axes.plot(*at, "kx")
            axes.annotate(row.detector.removeprefix(_TODAY) + " fixed", at, (5, 4), textcoords="offset points")


def _label(axes: "Axes", report: Report) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(_RATES[0] * 0.9, _RATES[1])
    axes.set_ylim(0.9, 52)
    axes.set_xticks(_TICKS, [f"{tick:g}" for tick in _TICKS])
    axes.set_yticks(_HOURS, [str(hour) for hour in _HOURS])
    axes.minorticks_off()
    axes.set_xlabel("false alarms a home in 30 days")
    axes.set_ylabel("hours until half of the collapses by day are found")
    days = report.rows[0].pooled.days if report.rows else 0.0
    axes.set_title(f"{len(report.homes)} homes, {days:.0f} home-days: further down and further left is better")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right", fontsize=9)
