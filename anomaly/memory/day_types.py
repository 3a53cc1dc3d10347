"""Types of day: weekdays on which a home lives differently, such as weekends or the days at a day-care centre.

Weekdays are put in two groups where, and only where, the groups foretell at which half-hours life is seen in weeks that
they were not made from. Nights are never split: a silence of the night is judged by the table of the evening, and from
03:00 on by that of the next day, so it belongs to both.

Assumes that weekdays of one group live alike, and that a rhythm of the week lasts for two months. Needs `LEAST_WEEKS`.
Sees no other rhythm: public holidays, every other week, the day of the month.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomaly.occupancy import HALF_HOURS
from anomaly.survival import gaussian

WEEK: Final = 7
SUNDAY: Final = 6
NONE: Final = 0
"""No weekday lives differently: all days are of one type."""
DAY_HALF_HOURS: Final = slice(6, 42)
"""From 03:00 to 21:00: the half-hours of the clock in which types of day are told apart."""
LEAST_LENT: Final = 0.05
"""What life on a day of the other type counts for at least."""
ENOUGH_DAYS: Final = (10.0, 40.0, 40.0)
"""For each context: a type that knows fewer days borrows the rest from the other one. After the door less is enough:
where people go is what tells types of day apart most, and what they would blur."""

MOST_WEEKS: Final = 16
LEAST_WEEKS: Final = 5
LEAST_GAIN: Final = 4.0
"""Two types must foretell a week better than one by so much (a logarithm of likelihoods, of 252 half-hours)."""
LEAST_CERTAINTY: Final = 4.0
"""The gain must be so many of its standard errors."""
STAYS_SHARE: Final = 0.5
"""Types of day in force are kept down to this share of both."""
_LEAST_SD: Final = 2.0
_FOLDS: Final = 4
_POOLED_DAYS: Final = 8.0
"""All days together count for so many days of each group."""
_THIN_SHARE: Final = 0.4
_FROM_03: Final = DAY_HALF_HOURS.stop - DAY_HALF_HOURS.start
_SPLITS: Final = (np.arange(1, 1 << SUNDAY)[:, None] >> np.arange(WEEK) & 1).astype(np.float64)
"""All ways to put seven weekdays into two groups, the one with Sunday being 0; float64 [splits, weekdays]."""
_NEAR: Final = gaussian(np.subtract.outer(np.arange(_FROM_03), np.arange(_FROM_03)).astype(np.float64), 1.0)
"""How much each half-hour by day tells about each other one; float64 [half-hours by day, half-hours by day]."""


def weekday_of(day: Any) -> Any:  # noqa: ANN401 - a number or an array, gives the same
    """The weekday, 0 Monday to 6 Sunday, of a day since 1970."""
    return (day + 3) % WEEK


def week_of(day: Any) -> Any:  # noqa: ANN401 - a number or an array, gives the same
    """The number of the week, from Monday to Sunday, of a day since 1970."""
    return (day + 3) // WEEK


def groups(special: int) -> NDArray[np.intp]:
    """The group of each weekday; intp [weekdays], 1 for those whose bit (Monday is 1, Tuesday 2, …) is set."""
    return np.asarray(special >> np.arange(WEEK) & 1, np.intp)


def same_type(special: int, weekday: int) -> int:
    """The weekdays of the type that one of them is of, a bit each (Monday is 1, …); `NONE` if all are alike."""
    if special == NONE:
        return NONE
    return special if special >> weekday & 1 else (1 << WEEK) - 1 - special


def lent(of_type: NDArray[np.intp], days: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each weekday's life counts for in the survival of each type of day.

    Args:
        of_type: intp [weekdays], the type of each, 0 or 1.
        days: float64 [weekdays], how many days of each are known.

    Returns:
        float64 [types, weekdays, contexts, half-hours], `LEAST_LENT` to 1.
    """
    counts = np.ones((2, WEEK, len(ENOUGH_DAYS), HALF_HOURS))
    for own in range(2):
        known, others = days[of_type == own].sum(), days[of_type != own].sum()
        borrowed = (np.array(ENOUGH_DAYS) - known) / max(others, 1.0)
        counts[own, of_type != own, :, DAY_HALF_HOURS] = np.clip(borrowed, LEAST_LENT, 1.0)[:, None]
    return counts


def decide(day: NDArray[np.int64], active: NDArray[np.bool_], special: int) -> int:
    """The weekdays that live differently, from the weeks before the one of the last day.

    Args:
        day: int64 [days], ascending.
        active: bool [days, half-hours], whether life was seen in each half-hour of the clock.
        special: what was decided before.

    Returns:
        A bit for each of the weekdays, never Sunday's; `NONE` where the home does not support it.
    """
    week = week_of(day)
    recent = (week < week[-1]) & (week >= week[-1] - MOST_WEEKS)
    weeks = _by_week(day[recent], active[recent])
    if len(weeks.days) < LEAST_WEEKS:
        return NONE
    if _supported(_gains(weeks, _SPLITS), 1.0):
        best = _SPLITS[_best(weeks.seen.sum(axis=0), weeks.days.sum(axis=0), _SPLITS)]
        return int((best.astype(np.int64) << np.arange(WEEK)).sum())
    in_force = groups(special).astype(np.float64)[None]
    return special if special and _supported(_gains(weeks, in_force), STAYS_SHARE) else NONE


class _Weeks(NamedTuple):
    """Whole weeks.

    Attributes:
        seen: float64 [weeks, weekdays, half-hours by day], 1 where life was seen.
        days: float64 [weeks, weekdays], 1 where the day counts.
    """

    seen: NDArray[np.float64]
    days: NDArray[np.float64]


def _by_week(day: NDArray[np.int64], active: NDArray[np.bool_]) -> _Weeks:
    """Days far below what is usual on their weekday are left out."""
    week, at = np.unique(week_of(day), return_inverse=True)
    weekday, count = weekday_of(day), active.sum(axis=1)
    seen, days = np.zeros((len(week), WEEK, _FROM_03)), np.zeros((len(week), WEEK))
    for number in range(WEEK):
        which = np.flatnonzero(weekday == number)
        which = which[count[which] >= _THIN_SHARE * np.median(count[which])] if len(which) else which
        seen[at[which], number], days[at[which], number] = active[which, DAY_HALF_HOURS], 1.0
    return _Weeks(seen, days)


def _supported(gain: NDArray[np.float64], share: float) -> bool:
    error = max(float(gain.std(ddof=1)), _LEAST_SD) / np.sqrt(len(gain))
    return bool(gain.mean() >= share * max(LEAST_GAIN, LEAST_CERTAINTY * error))


def _gains(weeks: _Weeks, splits: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much better two groups, chosen in other weeks, foretell each week than one; float64 [weeks]."""
    gain = np.zeros(len(weeks.days))
    for fold in range(_FOLDS):
        held = np.arange(len(gain)) % _FOLDS == fold
        count, days = weeks.seen[~held].sum(axis=0), weeks.days[~held].sum(axis=0)
        split = splits[_best(count, days, splits)]
        hit, miss = (told[split.astype(np.intp)] for told in _surprise(count, days, split))
        seen = weeks.seen[held]
        gain[held] = (seen * hit + (weeks.days[held][..., None] - seen) * miss).sum(axis=(1, 2))
    return gain


def _best(count: NDArray[np.float64], days: NDArray[np.float64], splits: NDArray[np.float64]) -> int:
    """The split whose groups lie furthest from all days together, in standard errors of a half-hour."""
    near, one = _all_days(count, days)
    member = _members(splits)
    of = member @ days[:, None]
    apart = (member @ near - of * one) ** 2 / ((of + _POOLED_DAYS) * one * (1 - one))
    return int(apart.sum(axis=1).reshape(-1, 2).sum(axis=1).argmax())


def _surprise(
    count: NDArray[np.float64], days: NDArray[np.float64], split: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What a half-hour with life, and one without, says for each group against all days.

    Args:
        count: float64 [weekdays, half-hours], how often life was seen.
        days: float64 [weekdays], in how many days.
        split: float64 [weekdays], the group of each, 0 or 1.

    Returns:
        Logarithms, float64 [groups, half-hours] each.
    """
    near, one = _all_days(count, days)
    member = _members(split[None])
    two = (member @ near + _POOLED_DAYS * one) / ((member @ days)[:, None] + _POOLED_DAYS)
    return np.log(two / one), np.log((1 - two) / (1 - one))


def _all_days(count: NDArray[np.float64], days: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The counts smoothed over the clock, and the share of days with life in each half-hour, never 0 or 1."""
    near = count @ _NEAR.T
    return near, (near.sum(axis=0) + 0.5) / (days.sum() + 1)


def _members(splits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Which weekdays are in each group; float64 [splits times two, weekdays]."""
    return np.stack([1 - splits, splits], axis=1).reshape(-1, WEEK)
