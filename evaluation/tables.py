"""A report as tables for a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich.table import Table

from evaluation.console import new_table, number
from evaluation.detectors.cuddihy import NAME as CUDDIHY
from evaluation.figures import WITHIN_H, Delays, DetectorRow, Figures
from evaluation.placement import Advice
from evaluation.protocol import ABSENCES, STRATA
from evaluation.report import Report

_OWN: Final = "rhythm, "
_BESIDE: Final = CUDDIHY
"""The baseline that stands in every table; the figures of the others are in the first, and all in the JSON."""


def of_report(report: Report) -> list[Table]:
    """The tables of an evaluation: detectors, strata, homes, cold start, absences, policies."""
    if not report.homes:
        return []
    own = [row for row in report.rows if row.matches is None and row.detector.startswith(_OWN)]
    some = [row for row in report.rows if row.matches is None or row.detector.startswith(_BESIDE)]
    tables = [detectors(report), _against(report), _strata(own), _by_home(own), _cold(some), _absences(some)]
    return [*tables, _policies(report)] if report.policies else tables


def detectors(report: Report) -> Table:
    """The curve table: one line a detector, each baseline below the rhythm at whose rate it stands."""
    heading = f"{len(report.homes)} homes, {report.rows[0].pooled.days:.0f} home-days"
    table = new_table(heading, "detector", ("false/30 d", "day h", "<=3 h", "<=6 h", "night h", "sleep h"))
    for row in report.rows:
        cells = _cells(row.pooled.false_per_30_days, row.pooled.delays, (3, 6))
        table.add_row(_name(row), *cells, style="dim" if row.matches else None)
    return table


def _against(report: Report) -> Table:
    headings = ("false/30 d", "its", "day median h", "its", "below it", "its reading")
    table = new_table(f"by day, beside {CUDDIHY} at the same rate", "detector", headings)
    for beside in report.against(CUDDIHY):
        rates = beside.false_per_30_days, beside.baseline_false_per_30_days
        hours = beside.day_median_h, beside.baseline_day_median_h
        below = "-" if beside.below_percent is None else f"{beside.below_percent:.0f}%"
        numbers = (*(number(rate, 2) for rate in rates), *(number(hour, 2) for hour in hours))
        table.add_row(beside.detector, *numbers, below, beside.reading)
    return table


def _strata(rows: Sequence[DetectorRow]) -> Table:
    headings = ("collapses", "median h", "p90 h", *(f"<={hours} h" for hours in WITHIN_H))
    table = new_table("when it happens: by day 06-22, by night 22-06, asleep 00-05", "detector", headings)
    for row in rows:
        for stratum in STRATA:
            found = row.pooled.delays[stratum]
            table.add_row(
                f"{row.detector}, {stratum}", str(found.collapses), *_delays(found), *_shares(found, WITHIN_H)
            )
    return table


def _by_home(rows: Sequence[DetectorRow]) -> Table:
    table = new_table("each home", "home", ("days", "false/30 d", "day h", "<=6 h", "night h", "sleep h"))
    for row in rows:
        for home, found in row.homes.items():
            cells = _cells(found.false_per_30_days, found.delays, (6,))
            table.add_row(f"{home}, {row.detector.removeprefix(_OWN)}", f"{found.days:.0f}", *cells)
    return table


def _cold(rows: Sequence[DetectorRow]) -> Table:
    days = rows[0].pooled.cold_days if rows else 0.0
    headings = ("false/30 d", "day h", "<=6 h", "night h", "sleep h")
    table = new_table(f"days 15 to 45 alone: {days:.0f} home-days", "detector", headings)
    for row in rows:
        cells = _cells(row.pooled.cold_false_per_30_days, row.pooled.cold_delays, (6,))
        table.add_row(_name(row), *cells, style="dim" if row.matches else None)
    return table


def _absences(rows: Sequence[DetectorRow]) -> Table:
    table = new_table("alerts in absences (a door event at both ends), by their length", "detector", tuple(ABSENCES))
    for row in rows:
        table.add_row(_name(row), *_alerts(row.pooled), style="dim" if row.matches else None)
    return table


def _policies(report: Report) -> Table:
    title = f"policies: 30 min to answer or move, {report.reply_rate:.0%} of false asks answered; a month is 30 days"
    table = new_table(title, "policy", ("asks/month", "false calls/month", "called, day h", "night h", "sleep h"))
    for policy in report.policies:
        called = (_pair(policy.called[stratum]) for stratum in STRATA)
        table.add_row(policy.policy, number(policy.false_asks, 2), number(policy.false_calls, 2), *called)
    return table


def of_advice(advice: Advice) -> list[Table]:
    """What each sensor of a home buys, the most useful first, and what the first so many of them are worth."""
    every = advice.every
    title = (
        f"{advice.home}, first {advice.days:g} days. With all sensors, at one needless question a week, half of the "
        f"falls by day are asked about within {every.day_median_h:.1f} h, nine in ten within {every.day_p90_h:.1f} h."
    )
    table = new_table(title, "sensor", ("h without it", "9 in 10", "asks/month*"))
    table.add_column("what it buys")
    for sensor in sorted(advice.without, key=lambda name: -advice.without[name].day_median_h):
        less = advice.without[sensor]
        numbers = (less.day_median_h, less.day_p90_h, less.false_asks)
        table.add_row(sensor, *(number(value) for value in numbers), advice.words(sensor))
    table.caption = f"* needless questions of the rhythm left to itself; with all sensors {every.false_asks:.1f}"
    order = new_table(
        "if there were fewer: the order in which to place them", "sensor", ("h with it and those above", "9 in 10")
    )
    for place, (sensor, upto) in enumerate(advice.order, 1):
        order.add_row(f"{place}. {sensor}", number(upto.day_median_h), number(upto.day_p90_h))
    return [table, order]


def _cells(rate: float | None, delays: Mapping[str, Delays], hours: Sequence[int]) -> list[str]:
    """A rate, and the delays of the strata; of those by day also what is found within so many hours."""
    day, night, sleep = (delays[stratum] for stratum in STRATA)
    return [number(rate, 2), _pair(day), *_shares(day, hours), _pair(night), _pair(sleep)]


def _name(row: DetectorRow) -> str:
    return f"  {row.detector}, at its rate" if row.matches else row.detector


def _alerts(found: Figures) -> Iterable[str]:
    for many, alerts in found.absences.values():
        yield f"{alerts} of {many}, {alerts / many:.1%}" if many else "-"


def _pair(found: Delays) -> str:
    return " / ".join(_delays(found))


def _delays(found: Delays) -> tuple[str, str]:
    return number(found.median_h), number(found.p90_h)


def _shares(found: Delays, hours: Sequence[int]) -> list[str]:
    return [f"{found.within[limit]:.0%}" if limit in found.within else "-" for limit in hours]
