"""What telling weekdays apart is worth to simulated people who go to day care, and what it costs a night.

Each life is watched twice, with and without types of day. Waits are those that would pass before a question after
somebody went out and stayed out for half an hour or more, and after a silence of half an hour began at home; both by
day, past the 50th day. Takes seeds of people to use others.
"""

import itertools
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from unittest.mock import patch

import numpy as np

from anomaly import Rhythm, RhythmSettings
from anomaly.memory.day_types import NONE, decide, weekday_of
from anomaly.memory.memory import day_of
from anomaly.occupancy import DOOR
from mimamori.commands.simulated_homes import FIRST_DAY, simulated_life
from simulators.people.life import midnight_s
from simulators.people.traits import draw_traits

SEEDS = (104, 106, 107, 109, 110, 112)
"""Those of 101 to 112 who go to day care."""
DAYS, KNOWN_DAYS = 160, 50
BUDGETS_DAYS = (7.0, 30.0)
DAY_S, LEAST_S, MOST_S = 86_400.0, 1800.0, 48 * 3600.0
HOURS_BY_DAY = (6, 20)
TITLES = ("asks/30 d", "out", "out, care", "home", "h., care", "ms/night")
Event = tuple[float, str, str, float]


@dataclass
class Watched:
    """Waits in hours by (day care?, went out?), needless asks, and the milliseconds of each night."""

    waits: dict[tuple[bool, bool], list[float]] = field(default_factory=dict)
    asks: int = 0
    nights_ms: list[float] = field(default_factory=list)


def watch(events: list[Event], day_care: frozenset[int], ask_days: float) -> Watched:
    """Watch one life through."""
    rhythm, found = Rhythm(RhythmSettings(ask_every_days=ask_days)), Watched()
    rhythm.observe(*events[0])
    for (last_s, *_), event in itertools.pairwise(events):
        silence_s = event[0] - last_s
        if LEAST_S <= silence_s <= MOST_S and last_s > events[0][0] + KNOWN_DAYS * DAY_S:
            _take(found, rhythm, silence_s, day_care)
        if day_of(event[0]) != day_of(last_s):
            begin_s = time.process_time()
            rhythm.advance(event[0])
            found.nights_ms.append((time.process_time() - begin_s) * 1000)
        rhythm.observe(*event)
    return found


def _take(found: Watched, rhythm: Rhythm, silence_s: float, day_care: frozenset[int]) -> None:
    deadlines = rhythm.deadlines()
    assert deadlines.since is not None
    assert deadlines.ask_at is not None
    wait_s = deadlines.ask_at - deadlines.since
    found.asks += silence_s > wait_s
    if HOURS_BY_DAY[0] <= deadlines.since % DAY_S / 3600 < HOURS_BY_DAY[1]:
        kind = int(weekday_of(day_of(deadlines.since))) in day_care, deadlines.context == DOOR
        found.waits.setdefault(kind, []).append(wait_s / 3600)


def rows(seeds: tuple[int, ...], ask_days: float) -> Iterator[str]:
    """One line a way of watching."""
    from_s = midnight_s(FIRST_DAY)
    lives = {seed: simulated_life(seed, from_s, from_s + DAYS * DAY_S) for seed in seeds}
    for name, how in (("all days alike", lambda *_: NONE), ("types of day", decide)):
        with patch("anomaly.memory.memory.decide", how):
            every = [watch(events, draw_traits(seed, 0).day_care, ask_days) for seed, events in lives.items()]
        cells = [
            np.mean([np.median(one.waits[care, out]) for one in every])
            for care, out in ((False, True), (True, True), (False, False), (True, False))
        ]
        asks = 30 * sum(one.asks for one in every) / len(every) / (DAYS - KNOWN_DAYS)
        night_ms = np.median([ms for one in every for ms in one.nights_ms[KNOWN_DAYS:]])
        waits = "".join(f"{cell:10.2f}" for cell in cells)
        yield f"{ask_days:6g} d  {name:<15}{asks:10.2f}{waits}{night_ms:10.1f}"


if __name__ == "__main__":
    chosen = tuple(int(seed) for seed in sys.argv[1:]) or SEEDS
    print(f"{len(chosen)} people with day care, {DAYS} days; waits: mean of the medians, hours")
    print(f"{'ask 1 in':<25}" + "".join(f"{title:>10}" for title in TITLES))
    for budget_days in BUDGETS_DAYS:
        for row in rows(chosen, budget_days):
            print(row, flush=True)
