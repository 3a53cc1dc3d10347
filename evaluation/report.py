"""What came out: one row a detector, pooled and by home, and what the policies are worth."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evaluation.figures import Curve, Row, figures_json
from evaluation.policy import PolicyFigures
from evaluation.protocol import COLLAPSES


@dataclass(frozen=True, slots=True)
class Report:
    """An evaluation: one row a detector, and what it was run on."""

    homes: Sequence[str]
    not_counted: Sequence[str]
    """Homes too short for a single day past the warm-up."""
    seed: int
    rows: Sequence[Row]
    policies: Sequence[PolicyFigures] = ()
    reply_rate: float | None = None
    """Share of false asks that are answered in time, as the policies take it."""
    curves: Sequence[Curve] = ()
    notes: Sequence[str] = ()
    collapses: int = COLLAPSES
    """A stratum and home at most."""

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
            "collapses_per_stratum_and_home": self.collapses,
            "notes": list(self.notes),
            "reply_rate": self.reply_rate,
            "policies": [policy.as_json() for policy in self.policies],
            "curves": [asdict(curve) for curve in self.curves],
            "detectors": [
                {
                    "detector": row.detector,
                    "matches": row.matches,
                    "pooled": figures_json(row.pooled),
                    "homes": {home: figures_json(figures) for home, figures in row.homes.items()},
                }
                for row in self.rows
            ],
        }
