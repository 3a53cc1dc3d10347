"""What came out: false alarms and delays, pooled and by home, as data and as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from evaluation.protocol import COLLAPSES, STRATA, HomeResult

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
    """

    days: float
    false_per_30_days: float | None
    cold_days: float
    cold_false_per_30_days: float | None
    delays: Mapping[str, Delays]
    cold_delays: Mapping[str, Delays]


@dataclass(frozen=True, slots=True)
class Row:
    """One detector: its figures over all homes and in each."""

    detector: str
    pooled: Figures
    homes: Mapping[str, Figures]
    matches: str | None = None
    """The detector whose false-alarm rate this baseline was set to; None: it stands for itself."""


@dataclass(frozen=True, slots=True)
class Report:
    """An evaluation: one row a detector, and what it was run on."""

    homes: Sequence[str]
    not_counted: Sequence[str]
    """Homes too short for a single day past the warm-up."""
    seed: int
    rows: Sequence[Row]

    def row(self, detector: str, matches: str | None = None) -> Row:
        """The row of a detector. Raises KeyError when it was not run."""
        for row in self.rows:
            if row.detector == detector and row.matches == matches:
                return row
        raise KeyError(detector)

    def as_json(self) -> dict[str, Any]:
        """The report as plain data, ready for ``json.dump``."""
        return {
            "homes": list(self.homes),
            "not_counted": list(self.not_counted),
            "seed": self.seed,
            "collapses_per_stratum_and_home": COLLAPSES,
            "detectors": [
                {
                    "detector": row.detector,
                    "matches": row.matches,
                    "pooled": _figures_json(row.pooled),
                    "homes": {home: _figures_json(figures) for home, figures in row.homes.items()},
                }
                for row in self.rows
            ],
        }

    def as_table(self) -> Table:
        """The pooled figures as a table for a terminal."""
        table = Table(title=f"{len(self.homes)} homes, {self.rows[0].pooled.days:.0f} home-days" if self.rows else None)
        table.add_column("detector")
        for heading in ("false/30 d", "days 15-45", "day h", "<=3 h", "<=6 h", "night h", "sleep h"):
            table.add_column(heading, justify="right")
        for row in self.rows:
            name = f"  {row.detector}, at its rate" if row.matches else row.detector
            table.add_row(name, *_cells(row.pooled), style="dim" if row.matches else None)
        return table


def figures(results: Sequence[HomeResult]) -> Figures:
    """The figures of one detector over some homes."""
    days, cold_days = (float(sum(getattr(r, name) for r in results)) for name in ("days", "cold_days"))
    return Figures(
        days=days,
        false_per_30_days=_rate(sum(r.false_alarms for r in results), days),
        cold_days=cold_days,
        cold_false_per_30_days=_rate(sum(r.cold_false_alarms for r in results), cold_days),
        delays={stratum: _delays([r.delay_h[stratum] for r in results]) for stratum in STRATA},
        cold_delays={stratum: _delays([r.cold_delay_h[stratum] for r in results]) for stratum in STRATA},
    )


def _rate(alarms: int, days: float) -> float | None:
    return 30.0 * alarms / days if days > 0 else None


def _delays(by_home: Sequence[NDArray[np.float64]]) -> Delays:
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


def _cells(found: Figures) -> list[str]:
    day, night, sleep = (found.delays[stratum] for stratum in STRATA)
    return [
        _text(found.false_per_30_days, 2),
        _text(found.cold_false_per_30_days, 2),
        f"{_text(day.median_h)} / {_text(day.p90_h)}",
        f"{day.within.get(3, 0):.0%}",
        f"{day.within.get(6, 0):.0%}",
        f"{_text(night.median_h)} / {_text(night.p90_h)}",
        f"{_text(sleep.median_h)} / {_text(sleep.p90_h)}",
    ]


def _text(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _figures_json(found: Figures) -> dict[str, Any]:
    return {
        "days": round(found.days, 2),
        "false_per_30_days": found.false_per_30_days,
        "cold_days": round(found.cold_days, 2),
        "cold_false_per_30_days": found.cold_false_per_30_days,
        "delay_h": {stratum: _delays_json(delays) for stratum, delays in found.delays.items()},
        "cold_delay_h": {stratum: _delays_json(delays) for stratum, delays in found.cold_delays.items()},
    }


def _delays_json(delays: Delays) -> dict[str, Any]:
    within = {f"{hours} h": share for hours, share in delays.within.items()}
    return {"collapses": delays.collapses, "median": delays.median_h, "p90": delays.p90_h, "within": within}
