"""What a policy is worth: whom it calls for nothing, and how long until a neighbour is called.

*Ask first*: the person is asked at the alarm; after a wait a neighbour is called unless an answer or a movement came.
*Call at once*: the neighbour is called at the alarm itself.

How often a person who is well answers in time is no finding of these recordings but a stated parameter. False calls are
expected values: a false ask of which nothing was heard within the wait costs 1 - reply rate calls. A person who has
collapsed does not answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from evaluation.detectors.baselines import FixedLimit
from evaluation.detectors.rhythm import CallDetector, RhythmDetector
from evaluation.figures import Delays, delays_json, delays_of
from evaluation.protocol import HOUR_S, STRATA, Detector, Signs, alarms, days_of, delay_h, false_alarms

WAIT_S: Final = 1800.0
"""How long an answer or a movement is waited for before a neighbour is called."""
REPLY_RATE: Final = 0.7
CALL_EVERY_DAYS: Final = 90.0
DIRECT_FIXED_HOURS: Final = (12.0, 24.0)
MONTH_DAYS: Final = 30.0


@dataclass(frozen=True, slots=True)
class AlarmPolicy:
    """Whom to turn to at an alarm.

    Attributes:
        name: what it is called in a report.
        detector: raises the alarms.
        asks_first: whether the person is asked before a neighbour is called.
    """

    name: str
    detector: Detector
    asks_first: bool


@dataclass(frozen=True, slots=True)
class PolicyFigures:
    """What a policy did in some homes. None: no day counted.

    Attributes:
        policy: its name.
        false_asks: of a person who was well, a month of 30 days; 0 for a policy that does not ask.
        false_calls: of a neighbour for nothing, expected, a month of 30 days.
        called: by stratum, hours from a collapse until a neighbour is called.
    """

    policy: str
    false_asks: float | None
    false_calls: float | None
    called: Mapping[str, Delays]

    def as_json(self) -> dict[str, Any]:
        """The figures as plain data."""
        return {
            "policy": self.policy,
            "false_asks_per_30_days": self.false_asks,
            "false_calls_per_30_days": self.false_calls,
            "called_h": {stratum: delays_json(delays) for stratum, delays in self.called.items()},
        }


def policies(budgets_days: Sequence[float]) -> list[AlarmPolicy]:
    """Ask first at each budget; beside it, calling at once at one in 90 days and at the fixed limits of today."""
    asking = [AlarmPolicy(f"ask first, 1 in {days:g} d", RhythmDetector(days), True) for days in budgets_days]
    calling = [AlarmPolicy(f"call at once, 1 in {CALL_EVERY_DAYS:g} d", CallDetector(CALL_EVERY_DAYS), False)]
    fixed = [AlarmPolicy(f"call at once after {h:g} h", FixedLimit(h), False) for h in DIRECT_FIXED_HOURS]
    return [*asking, *calling, *fixed]


def judge(policy: AlarmPolicy, homes: Sequence[Signs], reply_rate: float) -> PolicyFigures:
    """Try a policy on some homes.

    Args:
        policy: the policy.
        homes: what it is tried on.
        reply_rate: share of asks that a person who is well answers within the wait, 0 to 1.
    """
    days, asks, calls = 0.0, 0, 0.0
    called: dict[str, list[Any]] = {stratum: [] for stratum in STRATA}
    later_s = WAIT_S if policy.asks_first else 0.0
    for signs in homes:
        alarm_s = alarms(policy.detector, signs)
        false = false_alarms(signs, alarm_s)
        unmoved = false & (signs.local_s + signs.gap_s > alarm_s + later_s)
        days += days_of(signs, signs.counted)
        asks += int(false.sum()) if policy.asks_first else 0
        calls += float(unmoved.sum()) * ((1 - reply_rate) if policy.asks_first else 1.0)
        for stratum, moments in signs.collapses.items():
            found_h = delay_h(signs, alarm_s, moments)
            called[stratum].append(np.minimum(found_h + later_s / HOUR_S, 48.0))
    month = MONTH_DAYS / days if days else None
    return PolicyFigures(
        policy.name,
        None if month is None else asks * month,
        None if month is None else calls * month,
        {stratum: delays_of(by_home) for stratum, by_home in called.items()},
    )
