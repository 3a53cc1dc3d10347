import copy
import functools
import gzip
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from anomaly import Rhythm, RhythmSettings

DAY_S = 86_400.0
FIRST_S = 1_767_225_600.0  # 2026-01-01 00:00 on the wall clock
Event = tuple[float, str, str, float]


@pytest.fixture(scope="session")
def life() -> Callable[..., list[Event]]:
    """A person who is up from about 7 to 23, in the kitchen and the living room, goes out at 14 and sleeps."""

    @functools.cache
    def lived_once(days: int, seed: int) -> list[Event]:
        rng = np.random.default_rng(seed)
        events: list[Event] = []
        for day in range(days):
            at_s = FIRST_S + day * DAY_S + (7 + rng.normal(0, 0.3)) * 3600
            bed_s = FIRST_S + day * DAY_S + (23 + rng.normal(0, 0.4)) * 3600
            out_s = FIRST_S + day * DAY_S + 14 * 3600
            while at_s < bed_s:
                sensor = ("kitchen", "living", "toilet")[int(rng.integers(3))]
                events += [(at_s, sensor, "motion", 1.0), (at_s + 20, sensor, "motion", 0.0)]
                at_s += 60 + rng.exponential(1200 if sensor == "living" else 500)
                if out_s < at_s < out_s + 1800:
                    events.append((at_s, "front", "door", 1.0))
                    at_s += 3600 * (1 + rng.random())
                    events.append((at_s, "front", "door", 1.0))
                    at_s += 30
            events.append((bed_s, "bed", "motion", 1.0))
        return sorted(events)

    return lambda days, seed=1: lived_once(days, seed).copy()


@pytest.fixture(scope="session")
def lived(life: Callable[..., list[Event]]) -> Callable[..., Rhythm]:
    """A rhythm that has seen so many days of that life; each caller's its own."""

    @functools.cache
    def learned_once(days: int, seed: int, settings: RhythmSettings) -> Rhythm:
        rhythm = Rhythm(settings)
        for event in life(days, seed):
            rhythm.observe(*event)
        return rhythm

    def learn(days: int, seed: int = 1, **settings: float) -> Rhythm:
        return copy.deepcopy(learned_once(days, seed, RhythmSettings(**settings)))

    return learn


@pytest.fixture(scope="session")
def recorded_rows() -> Callable[[str], Iterator[Event]]:
    """The rows of a recorded home as a rhythm takes them; skips where the recordings are absent."""
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "detection" / "homes"

    def rows(name: str) -> Iterator[Event]:
        path = folder / f"{name}.csv.gz"
        if not path.exists():
            pytest.skip(f"the recorded home {name} is not on this machine ({os.fspath(folder)})")
        with gzip.open(path, "rt") as lines:
            next(lines)
            for line in lines:
                time, sensor, kind, value = line.rstrip("\n").split(",")
                yield float(np.datetime64(time, "s").astype(np.int64)), sensor, kind, float(value)

    return rows
