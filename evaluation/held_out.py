"""Constants chosen on some homes, reported on another: what the rhythm is worth on a home that had no say in it.

Each home in turn is left out. Every setting of a small declared grid is judged on the others by one number, and the
best is what the home that was left out gets. What a setting does in a home does not depend on which home is left
out, so each is replayed once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anomaly import Tuning
from anomaly.thresholds import Ranks
from anomaly.tuning import CHOSEN
from evaluation.detectors.baselines import FAMILIES
from evaluation.detectors.cuddihy import NAME as CUDDIHY
from evaluation.detectors.rhythm import STRETCH, RhythmDetector, ScaledDetector
from evaluation.evaluate import EvaluationPlan, at_rate, narrowed, prepared, row_of
from evaluation.figures import DetectorRow
from evaluation.homes import Progress, RecordedHome, silent
from evaluation.protocol import STRATA, Signs, alarms, days_of, delay_h, false_alarms, measure
from evaluation.report import ChosenTuning, Report

AXES: Final[Mapping[str, Sequence[Any]]] = {
    "followed_daily": (0.5, 0.62, 0.74),
    "survival_share": (0.35, 0.5),
    "length_share": (0.5, 0.7),
    "ranks": (Ranks(8, 40), Ranks(16, 80)),
}
"""The grid: the power of the clock, two shares, the ranks of the tail. The constants in use are one of its points."""
GRID: Final = tuple(Tuning(**dict(zip(AXES, point, strict=True))) for point in product(*AXES.values()))
HOURS_AT_RISK: Final[Mapping[str, float]] = {"day": 16.0, "night": 4.0, "sleep": 4.0}
"""How many hours of a day each stratum stands for: a collapse comes at a random moment, and of the night (22-06) nobody
knows how much is spent up."""
CRITERION: Final = (
    "the geometric mean, over the budgets and over collapses by day, by night and asleep (which weigh 16, 4 and 4 "
    "hours), of the mean hours until they are found, every wait being stretched by one factor until there are no more "
    "false alarms than were asked for"
)


class TooFewHomes(Exception):
    """Nothing can be left out; the message says what is needed."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What one setting says in one home at one budget; a detector that needs no second replay.

    Attributes:
        name: what it is called in a report.
        alarm_s: float64 [signs asked for], seconds on the wall clock.
    """

    name: str
    alarm_s: NDArray[np.float64]

    def alarms(self, signs: Signs) -> NDArray[np.float64]:
        """See `evaluation.protocol.Detector`; of the home that it was replayed in alone."""
        alarm_s = np.full(len(signs.local_s), np.nan)
        alarm_s[signs.needed] = self.alarm_s
        return alarm_s


def evaluate_held_out(
    homes: Sequence[RecordedHome],
    plan: EvaluationPlan,
    progress: Progress = silent,
    grid: Sequence[Tuning] | None = None,
) -> Report:
    """The rhythm on each home with the constants that were best on the others, and Cuddihy's line at its rate.

    Args:
        homes: what it is tried on, each once.
        plan: what to do.
        progress: told how far it is.
        grid: settings to choose from. None: `GRID`.

    Raises:
        TooFewHomes: fewer than two homes have a day past the warm-up.
    """
    grid = grid or GRID
    counted, too_short = prepared(homes, plan)
    if len(counted) < 2:
        raise TooFewHomes(f"--held-out needs two homes with a day past the warm-up; there are {len(counted)}")
    replays = _replay(counted, plan.budgets_days, grid, progress)
    choices = [_choose(home, counted, plan.budgets_days, grid, replays) for home in range(len(counted))]
    return Report(
        homes=[signs.home.name for signs in counted],
        not_counted=too_short,
        seed=plan.seed,
        rows=_rows(counted, plan.budgets_days, grid, replays, choices),
        notes=[f"Held out. Chosen by {CRITERION}."] + [_words(choice) for choice in choices],
        collapses=plan.collapses,
        choices=choices,
    )


Replays = Mapping[tuple[int, int, float], Replayed]
"""By number of the home, number of the setting, and budget."""


def _replay(homes: Sequence[Signs], budgets: Sequence[float], grid: Sequence[Tuning], progress: Progress) -> Replays:
    steps = [(h, g, days) for h in range(len(homes)) for g in range(len(grid)) for days in budgets]
    found = {}
    for done, (h, g, days) in enumerate(steps):
        progress(f"{homes[h].home.name}, setting {g + 1} of {len(grid)}", done, len(steps))
        detector = RhythmDetector(days, grid[g])
        found[h, g, days] = Replayed(detector.name, detector.alarms(homes[h])[homes[h].needed])
    return found


def _choose(
    left_out: int, homes: Sequence[Signs], budgets: Sequence[float], grid: Sequence[Tuning], replays: Replays
) -> ChosenTuning:
    others = [h for h in range(len(homes)) if h != left_out]
    hours = [
        criterion([[(homes[h], replays[h, g, days]) for h in others] for days in budgets], budgets)
        for g in range(len(grid))
    ]
    best = int(np.argmin(hours))
    in_use = hours[grid.index(CHOSEN)] if CHOSEN in grid else float("nan")
    return ChosenTuning(homes[left_out].home.name, grid[best], hours[best], in_use)


def criterion(by_budget: Sequence[Sequence[tuple[Signs, Replayed]]], budgets: Sequence[float]) -> float:
    """What a setting is chosen by: `CRITERION`, hours; less is better.

    Args:
        by_budget: for each budget the homes, with what the setting says in them.
        budgets: "ask about once in so many days".
    """
    logs = [_log_hours(homes, 1 / days) for homes, days in zip(by_budget, budgets, strict=True)]
    return float(np.exp(np.mean(logs)))


def _log_hours(homes: Sequence[tuple[Signs, Replayed]], a_day: float) -> float:
    """Mean of the logarithm of the strata's mean delays at so many false alarms a day, by `HOURS_AT_RISK`."""
    factor = _stretch(homes, a_day)
    logs, weights = [], []
    for stratum in STRATA:
        delays = [delay_h(s, alarms(ScaledDetector(r, factor), s), s.collapses[stratum]) for s, r in homes]
        known = [float(found.mean()) for found in delays if len(found)]
        if known:  # each home weighs the same
            logs.append(np.log(np.mean(known)))
            weights.append(HOURS_AT_RISK[stratum])
    return float(np.average(logs, weights=weights))


def _stretch(homes: Sequence[tuple[Signs, Replayed]], a_day: float) -> float:
    """The least factor, from 1 on, that leaves no more false alarms than so many a day."""
    allowed = a_day * sum(days_of(signs, signs.counted) for signs, _ in homes)

    def too_many(factor: float) -> bool:
        return sum(int(false_alarms(s, alarms(ScaledDetector(r, factor), s)).sum()) for s, r in homes) > allowed

    return narrowed((1.0, STRETCH[1]), too_many)[1] if too_many(1.0) else 1.0


def _rows(
    homes: Sequence[Signs],
    budgets: Sequence[float],
    grid: Sequence[Tuning],
    replays: Replays,
    choices: Sequence[ChosenTuning],
) -> list[DetectorRow]:
    got = [grid.index(choice.tuning) for choice in choices]
    rows: list[DetectorRow] = []
    for days in budgets:
        results = [measure(replays[h, g, days], homes[h]) for h, g in enumerate(got)]
        own = row_of(f"{replays[0, got[0], days].name}, held out", results)
        rows += [own, at_rate(CUDDIHY, FAMILIES[CUDDIHY], own, homes)]
        if CHOSEN in grid:
            in_use = grid.index(CHOSEN)
            results = [measure(replays[h, in_use, days], signs) for h, signs in enumerate(homes)]
            rows.append(row_of(f"{replays[0, in_use, days].name}, constants in use", results))
    return rows


def _words(choice: ChosenTuning) -> str:
    got = ", ".join(f"{axis} {_plain(getattr(choice.tuning, axis))}" for axis in AXES)
    in_use = f"those in use: {choice.in_use_criterion_h:.2f} h" if choice.tuning != CHOSEN else "the constants in use"
    return f"{choice.home} was left out and got {got}: {choice.criterion_h:.2f} h on the others ({in_use})"


def _plain(value: object) -> str:
    return "/".join(str(part) for part in value) if isinstance(value, tuple) else f"{value:g}"
