"""What came out: one row a detector, pooled and by home, and what the policies are worth."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from anomaly import Tuning
from evaluation.detectors.cuddihy import NAME as CUDDIHY
from evaluation.figures import Curve, DetectorRow, figures_json
from evaluation.policy import PolicyFigures
from evaluation.protocol import COLLAPSES


@dataclass(frozen=True, slots=True)
class Beside:
    """A detector beside a baseline at the same false-alarm rate. None: no day counted, or no collapse by day.

    Attributes:
        detector: which.
        baseline: its name; reading: which of its readings did best.
        false_per_30_days: of the detector; baseline_false_per_30_days: of the baseline, never fewer.
        day_median_h: of the detector; baseline_day_median_h: of the baseline.
        below_percent: by how much the detector's day median is below the baseline's; negative: above.
    """

    detector: str
    baseline: str
    reading: str
    false_per_30_days: float | None
    baseline_false_per_30_days: float | None
    day_median_h: float | None
    baseline_day_median_h: float | None
    below_percent: float | None


def _beside(own: DetectorRow, other: DetectorRow) -> Beside:
    own_h, other_h = (row.pooled.delays["day"].median_h for row in (own, other))
    return Beside(
        own.detector,
        other.detector,
        other.reading,
        own.pooled.false_per_30_days,
        other.pooled.false_per_30_days,
        own_h,
        other_h,
        100 * (1 - own_h / other_h) if own_h is not None and other_h else None,
    )


@dataclass(frozen=True, slots=True)
class ChosenTuning:
    """What a home that was left out was given.

    Attributes:
        home: which was left out.
        tuning: the best of a grid on the others.
        criterion_h: `evaluation.held_out.CRITERION` of it on the others; in_use_criterion_h: of the constants in use.
    """

    home: str
    tuning: Tuning
    criterion_h: float
    in_use_criterion_h: float


@dataclass(frozen=True, slots=True)
class Report:
    """An evaluation: one row a detector, and what it was run on."""

    homes: Sequence[str]
    not_counted: Sequence[str]
    """Homes too short for a single day past the warm-up."""
    seed: int
    rows: Sequence[DetectorRow]
    policies: Sequence[PolicyFigures] = ()
    reply_rate: float | None = None
    """Share of false asks that are answered in time, as the policies take it."""
    curves: Sequence[Curve] = ()
    notes: Sequence[str] = ()
    collapses: int = COLLAPSES
    """A stratum and home at most."""
    choices: Sequence[ChosenTuning] = ()
    """Where constants were chosen on other homes: what each home got."""

    def row(self, detector: str, matches: str | None = None) -> DetectorRow:
        """The row of a detector. Raises KeyError when it was not run."""
        for row in self.rows:
            if row.detector == detector and row.matches == matches:
                return row
        raise KeyError(detector)

    def against(self, baseline: str) -> list[Beside]:
        """Every row that the baseline stands beside at its rate, with how far it is ahead."""
        beside = [(row, self.row(row.matches)) for row in self.rows if row.detector == baseline and row.matches]
        return [_beside(own, other) for other, own in beside]

    def as_json(self) -> dict[str, Any]:
        """The report as plain data, ready for ``json.dump``."""
        return {
            "homes": list(self.homes),
            "not_counted": list(self.not_counted),
            "seed": self.seed,
            "collapses_per_stratum_and_home": self.collapses,
            "notes": list(self.notes),
            "reply_rate": self.reply_rate,
            "policies": [policy.as_json() for policy in self.policies],
            "curves": [asdict(curve) for curve in self.curves],
            "held_out": [asdict(choice) for choice in self.choices],
            "against_cuddihy": [asdict(beside) for beside in self.against(CUDDIHY)],
            "detectors": [
                {
                    "detector": row.detector,
                    "matches": row.matches,
                    "reading": row.reading,
                    "pooled": figures_json(row.pooled),
                    "homes": {home: figures_json(figures) for home, figures in row.homes.items()},
                }
                for row in self.rows
            ],
        }
