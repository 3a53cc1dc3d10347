"""What goes wrong where: a list of plots a home, with times in ms UTC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from simulators.people.faults import Fault
from simulators.people.household import Condition, Household
from simulators.people.life import HOUR, Person, date_of, midnight_s
from simulators.people.mishaps import Collapse, Decline, Mishap
from simulators.people.streams import StreamPurpose, stream
from simulators.people.wallclock import local_s, utc_ms
from simulators.town.neighbourhood import HomePlan, Neighbourhood

_TEN_MINUTES_MS: Final = 600_000


class ScenarioError(ValueError):
    """A scenario cannot be drawn; the message names the remedy."""


@dataclass(frozen=True, slots=True)
class CollapsePlot:
    """The person collapses at ``at_ms`` and lies there; ``back_ms``: home again from hospital, None for not yet."""

    at_ms: int
    back_ms: int | None = None


@dataclass(frozen=True, slots=True)
class DeclinePlot:
    """From ``from_ms`` on only ``share`` of the usual movement is left (above 0, at most 1)."""

    from_ms: int
    share: float = 0.2


Plot = CollapsePlot | DeclinePlot | Fault
Scenario = Mapping[str, Sequence[Plot]]
"""Plots by home id. A home without an entry has none."""


def household_of(home: HomePlan, seed: int, plots: Sequence[Plot] = ()) -> Household:
    """The simulated home, with its plots in it."""
    zone = ZoneInfo(home.zone)
    declines = [Decline(local_s(plot.from_ms, zone), plot.share) for plot in plots if isinstance(plot, DeclinePlot)]
    collapses = [_collapse(plot, zone) for plot in plots if isinstance(plot, CollapsePlot)]
    faults = [plot for plot in plots if isinstance(plot, Fault)]
    happenings: list[Mishap] = [*declines, *collapses]  # a collapse ends all the others
    return Household(Person(seed, home.traits, home.number), home.zone, happenings, faults)


def draw_scenario(
    town: Neighbourhood, visible_from_ms: int, collapse_at_ms: int | None = None
) -> dict[str, list[Plot]]:
    """One person of the town collapses; the seed says who.

    Args:
        town: the town.
        visible_from_ms: the story is watched from here on (ms UTC).
        collapse_at_ms: when; None: drawn from the first daytime, 10:00 to 15:00 on the town's wall clock. It is
            deferred by ten minutes at a time while nobody is at home and awake.

    Raises:
        ScenarioError: nobody is at home and awake during a whole day.
    """
    rng = stream(town.seed, StreamPurpose.SCENARIO)
    order = rng.permutation(len(town.homes))
    at_ms = collapse_at_ms or _by_day(visible_from_ms, ZoneInfo(town.homes[0].zone), rng.uniform(10, 15))
    for moment_ms in range(at_ms, at_ms + 144 * _TEN_MINUTES_MS, _TEN_MINUTES_MS):
        for number in order.tolist():
            home = town.homes[number]
            if _is_up_and_about(household_of(home, town.seed), moment_ms):
                return {home.id: [CollapsePlot(moment_ms)]}
    raise ScenarioError("nobody is at home and awake on that day; choose another seed or collapse_at_ms")


def _collapse(plot: CollapsePlot, zone: ZoneInfo) -> Collapse:
    return Collapse(local_s(plot.at_ms, zone), None if plot.back_ms is None else local_s(plot.back_ms, zone))


def _by_day(visible_from_ms: int, zone: ZoneInfo, hour: float) -> int:
    day_s = midnight_s(date_of(local_s(visible_from_ms, zone)))
    at_ms = utc_ms(day_s + hour * HOUR, zone)
    return at_ms if at_ms > visible_from_ms else utc_ms(day_s + (24 + hour) * HOUR, zone)


def _is_up_and_about(household: Household, at_ms: int) -> bool:
    return all(household.condition(at_ms - back_ms) is Condition.WELL for back_ms in (0, _TEN_MINUTES_MS))
