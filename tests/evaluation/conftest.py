from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evaluation.homes import RecordedHome, home_of

DAY_S = 86_400.0
FIRST_S = 1_767_225_600.0


@pytest.fixture
def regular() -> Callable[..., RecordedHome]:
    """A home where something moves every 15 min from 07 to 22, with a door that opens at 10 and 11."""

    def home(days: int = 40, name: str = "regular") -> RecordedHome:
        rows = []
        for day in range(days):
            for quarter in range(7 * 4, 22 * 4):
                at_s = FIRST_S + day * DAY_S + quarter * 900.0
                if 10 * 3600 < at_s % DAY_S < 11 * 3600:
                    continue
                kind = "door" if at_s % DAY_S in (10 * 3600, 11 * 3600) else "motion"
                rows.append((at_s, "front" if kind == "door" else "kitchen", kind, 1.0))
        return home_of(name, rows)

    return home


@pytest.fixture
def noisy() -> Callable[..., RecordedHome]:
    """A home with pauses of random length, by day only."""

    def home(days: int = 60, seed: int = 1, name: str = "noisy") -> RecordedHome:
        rng, rows = np.random.default_rng(seed), []
        for day in range(days):
            at_s = FIRST_S + day * DAY_S + 7 * 3600
            while at_s < FIRST_S + day * DAY_S + 22.5 * 3600:
                rows.append((at_s, "kitchen" if rng.random() < 0.5 else "living", "motion", 1.0))
                at_s += rng.exponential(1500)
        return home_of(name, rows)

    return home


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recorded homes; skips where they are absent."""
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "detection" / "homes"
    if not folder.is_dir():
        pytest.skip(f"the recorded homes are not on this machine ({folder})")
    return folder
