"""The figures of a detector: false alarms and delays over some homes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluation.protocol import ABSENCES, STRATA, HomeResult

WITHIN_H: Final = (3, 6, 12, 24)


@dataclass(frozen=True, slots=True)
class Delays:
    """Hours from a collapse to the alarm, each home weighing the same. None: no collapse could be sampled.

    Attributes:
        collapses: how many.
        median_h: half are found by then.
        p90_h: nine in ten are found by then.
        within: share found within so many hours.
    """

    collapses: int
    median_h: float | None
    p90_h: float | None
    within: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Figures:
    """What one detector did in some homes.

    Attributes:
        days: home-days counted.
        false_per_30_days: false alarms a 30 home-days. None: no day counted.
        cold_days: of ``days``, those in days 15 to 45 of a recording.
        cold_false_per_30_days: false alarms a 30 of those.
        delays: by stratum.
        cold_delays: by stratum, collapses in days 15 to 45.
        absences: by length, how many absences and in how many of them an alarm was raised.
    """

    days: float
    false_per_30_days: float | None
    cold_days: float
    cold_false_per_30_days: float | None
    delays: Mapping[str, Delays]
    cold_delays: Mapping[str, Delays]
    absences: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class DetectorRow:
    """One detector: its figures over all homes and in each."""

    detector: str
    pooled: Figures
    homes: Mapping[str, Figures]
    matches: str | None = None
    """The detector whose false-alarm rate this baseline was set to; None: it stands for itself."""
    reading: str = ""
    """Which of several readings of a baseline this is; '' where there is one."""


@dataclass(frozen=True, slots=True)
class Curve:
    """What one family trades: for each setting, from many to few false alarms.

    Attributes:
        name: the family.
        false_per_30_days: pooled over home-days.
        day_median_h: half of the collapses by day are found by then.
        day_p90_h: nine in ten are found by then.
    """

    name: str
    false_per_30_days: Sequence[float]
    day_median_h: Sequence[float]
    day_p90_h: Sequence[float]


def figures(results: Sequence[HomeResult]) -> Figures:
    """The figures of one detector over some homes."""
    days, cold_days = (float(sum(getattr(r, name) for r in results)) for name in ("days", "cold_days"))
    return Figures(
        days=days,
        false_per_30_days=_rate(sum(r.false_alarms for r in results), days),
        cold_days=cold_days,
        cold_false_per_30_days=_rate(sum(r.cold_false_alarms for r in results), cold_days),
        delays={stratum: delays_of([r.delay_h[stratum] for r in results]) for stratum in STRATA},
        cold_delays={stratum: delays_of([r.cold_delay_h[stratum] for r in results]) for stratum in STRATA},
        absences={
            length: (sum(r.absences[length][0] for r in results), sum(r.absences[length][1] for r in results))
            for length in ABSENCES
        },
    )


def _rate(alarms: int, days: float) -> float | None:
    return 30.0 * alarms / days if days > 0 else None


def delays_of(by_home: Sequence[NDArray[np.float64]]) -> Delays:
    """The figures of delays, hours, each home weighing the same."""
    known = [delays for delays in by_home if len(delays)]
    if not known:
        return Delays(0, None, None, {})
    hours = np.concatenate(known)
    weight = np.concatenate([np.full(len(delays), 1 / len(delays) / len(known)) for delays in known])
    order = np.argsort(hours)
    hours, share = hours[order], np.cumsum(weight[order])
    median_h, p90_h = (float(hours[min(int(np.searchsorted(share, q)), len(hours) - 1)]) for q in (0.5, 0.9))
    within = {limit: float(np.mean([(delays <= limit).mean() for delays in known])) for limit in WITHIN_H}
    return Delays(len(hours), median_h, p90_h, within)


def figures_json(found: Figures) -> dict[str, Any]:
    """The figures as plain data."""
    return {
        "days": round(found.days, 2),
        "false_per_30_days": found.false_per_30_days,
        "cold_days": round(found.cold_days, 2),
        "cold_false_per_30_days": found.cold_false_per_30_days,
        "delay_h": {stratum: delays_json(delays) for stratum, delays in found.delays.items()},
        "cold_delay_h": {stratum: delays_json(delays) for stratum, delays in found.cold_delays.items()},
        "absences": {
            length: {"absences": many, "alerts": alerts, "share": alerts / many if many else None}
            for length, (many, alerts) in found.absences.items()
        },
    }


def delays_json(delays: Delays) -> dict[str, Any]:
    """Delays as plain data, hours."""
    within = {f"{hours} h": share for hours, share in delays.within.items()}
    return {"collapses": delays.collapses, "median": delays.median_h, "p90": delays.p90_h, "within": within}
