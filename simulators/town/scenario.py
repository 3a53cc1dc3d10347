"""What goes wrong where: a list of plots a home, readable from JSON, with times in ms UTC."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final
from zoneinfo import ZoneInfo

from simulators.people import mishaps
from simulators.people.faults import DeadBattery, StuckContact, WifiLoss
from simulators.people.household import Condition, Household
from simulators.people.life import HOUR, Person, date_of, midnight_s
from simulators.people.streams import StreamPurpose, stream
from simulators.people.wallclock import local_s, utc_ms
from simulators.town.neighbourhood import HomePlan, Neighbourhood

_TEN_MINUTES_MS: Final = 600_000


class ScenarioError(ValueError):
    """A scenario cannot be played; the message names the home, the plot and the remedy."""


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


@dataclass(frozen=True, slots=True)
class WanderingPlot:
    """Nights in ``[from_ms, to_ms)`` have a stroll through the flat with probability ``chance``."""

    from_ms: int
    to_ms: int
    chance: float = 0.8


Plot = CollapsePlot | DeclinePlot | WanderingPlot | DeadBattery | StuckContact | WifiLoss
Scenario = Mapping[str, Sequence[Plot]]
"""Plots by home id. A home without an entry has none."""

PLOTS: Final[Mapping[str, type[Plot]]] = {
    "collapse": CollapsePlot,
    "decline": DeclinePlot,
    "wandering": WanderingPlot,
    "dead_battery": DeadBattery,
    "stuck_contact": StuckContact,
    "wifi_loss": WifiLoss,
}


def household_of(home: HomePlan, seed: int, plots: Sequence[Plot] = ()) -> Household:
    """The simulated home, with its plots in it."""
    zone = ZoneInfo(home.zone)
    happenings = [_incident(plot, zone, seed, home.number) for plot in plots if isinstance(plot, _INCIDENTS)]
    happenings.sort(key=lambda incident: isinstance(incident, mishaps.Collapse))  # a collapse ends all the others
    faults = [plot for plot in plots if not isinstance(plot, _INCIDENTS)]
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


def scenario_to_json(scenario: Scenario) -> dict[str, list[dict[str, Any]]]:
    """The scenario as JSON values: a list of ``{"what": …, …}`` a home."""
    words = {plot: word for word, plot in PLOTS.items()}
    return {home: [{"what": words[type(plot)], **asdict(plot)} for plot in plots] for home, plots in scenario.items()}


def scenario_from_json(value: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[Plot]]:
    """Read what `scenario_to_json` wrote. Raises ScenarioError."""
    return {home: [_plot(f"{home}[{i}]", entry) for i, entry in enumerate(plots)] for home, plots in value.items()}


def _plot(where: str, entry: Mapping[str, Any]) -> Plot:
    values = dict(entry)
    word = values.pop("what", None)
    if word not in PLOTS:
        raise ScenarioError(f"{where}: 'what' must be one of {', '.join(PLOTS)}")
    known = {field.name for field in fields(PLOTS[word])}
    if not set(values) <= known:
        raise ScenarioError(f"{where}: a {word} has {', '.join(sorted(known))}, not {min(set(values) - known)}")
    try:
        return PLOTS[word](**values)
    except TypeError:
        raise ScenarioError(f"{where}: something is missing; a {word} has {', '.join(sorted(known))}") from None


_INCIDENTS: Final = (CollapsePlot, DeclinePlot, WanderingPlot)


def _incident(
    plot: CollapsePlot | DeclinePlot | WanderingPlot, zone: ZoneInfo, seed: int, number: int
) -> mishaps.Mishap:
    match plot:
        case CollapsePlot(at_ms, back_ms):
            return mishaps.Collapse(local_s(at_ms, zone), None if back_ms is None else local_s(back_ms, zone))
        case DeclinePlot(from_ms, share):
            return mishaps.Decline(local_s(from_ms, zone), share)
        case WanderingPlot(from_ms, to_ms, chance):
            return mishaps.Wandering(seed, number, local_s(from_ms, zone), local_s(to_ms, zone), chance)


def _by_day(visible_from_ms: int, zone: ZoneInfo, hour: float) -> int:
    day_s = midnight_s(date_of(local_s(visible_from_ms, zone)))
    at_ms = utc_ms(day_s + hour * HOUR, zone)
    return at_ms if at_ms > visible_from_ms else utc_ms(day_s + (24 + hour) * HOUR, zone)


def _is_up_and_about(household: Household, at_ms: int) -> bool:
    return all(household.condition(at_ms - back_ms) is Condition.WELL for back_ms in (0, _TEN_MINUTES_MS))
