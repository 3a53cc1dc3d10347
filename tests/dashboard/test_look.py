"""Colours can be told apart by everybody: contrast as WCAG 2.2 AA asks, in light and in dark."""

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).resolve().parents[2] / "dashboard" / "static" / "mimamori.css").read_text(encoding="utf-8")
STATES = ("needs", "going", "asking", "quiet", "learning", "unknown")
PAIRS = [
    *[(name, f"{name}-bg") for name in STATES],
    *[(name, "card") for name in STATES],
    *[("card", name) for name in ("needs", "going", "quiet")],  # buttons and the banner
    ("ink", "paper"), ("ink", "card"), ("soft", "paper"), ("soft", "card"), ("accent", "card"), ("accent", "paper"),
    ("accent-ink", "accent"), ("ink", "unknown-bg"),
]  # fmt: skip


def palette(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))


LIGHT = palette(CSS[CSS.index(":root") : CSS.index("@media")])
DARK = LIGHT | palette(CSS[CSS.index("prefers-color-scheme: dark") : CSS.index("* {")])


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_measure_is_the_one_of_wcag():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_words_stand_out_from_their_ground(scheme: str, ink: str, ground: str):
    colours = LIGHT if scheme == "light" else DARK
    assert contrast(colours[ink], colours[ground]) >= 4.5


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_the_focus_stands_out(colours: dict[str, str]):
    for ground in ("paper", "card"):
        assert contrast(colours["focus"], colours[ground]) >= 3
