"""Whether the meter of a home can tell a person from the machines: judged on the home's own weeks, without labels."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from anomaly.power.learning import BIG, Classes, PulseTally, human
from contracts.signals import Sentence

READY_DAYS: Final = 14
READY_NIGHT_H: Final = 40.0
MOST_NIGHT_RATIO: Final = 0.25
LEAST_TOLD_SHARE: Final = 0.6
BACK_NIGHT_RATIO: Final = 0.15
BACK_TOLD_SHARE: Final = 0.7
"""A meter that could not tell must do better than the limits to be trusted again, lest it change with the weather."""
RECENT_NIGHTS: Final = 3
MOST_RECENT_RATIO: Final = 0.8
"""Of the last three nights alone: the first hot nights must not wait until they fill the four weeks."""
LEAST_SIGNS_PER_DAY: Final = 2.0
LONGEST_INTERVAL_S: Final = 300.0


class Doubt(StrEnum):
    """Why a meter cannot tell, or not yet."""

    NONE = "none"
    LEARNING = "learning"
    COARSE = "coarse"
    """Readings come too seldom to see a kettle."""
    MACHINES = "machines"
    """Something big works by night as by day: air conditioning, a heat pump, a heater."""
    FEW = "few"
    """Hardly any use is big enough to be seen."""


@dataclass(frozen=True, slots=True)
class MeterVerdict:
    """What can be expected of a meter.

    Attributes:
        trustworthy: whether its signs of life may stand for the person. None: still learning.
        doubt: why not.
        days: days learned from.
        night_ratio: big switch-ons an hour at 01:00-05:00 over those an hour by day; machines make it near 1.
        recent_ratio: the same of the last three nights.
        told_share: of the big switch-ons by day, the share that the home's machines cannot be confused with (0 to 1).
        signs_per_day: switch-ons by a person a day, by what was learned.
    """

    trustworthy: bool | None
    doubt: Doubt
    days: int = 0
    night_ratio: float = 0.0
    recent_ratio: float = 0.0
    told_share: float = 0.0
    signs_per_day: float = 0.0

    @property
    def reason(self) -> Sentence:
        """One plain sentence."""
        return Sentence(*(text.format(v=self) for text in _SENTENCES[self.doubt]))


LEARNING: Final = MeterVerdict(None, Doubt.LEARNING)

_SENTENCES: Final = {
    Doubt.NONE: (
        "電気の使い方から暮らしの様子がわかります(1日に約{v.signs_per_day:.0f}回)。",
        "This meter shows when somebody uses electricity (about {v.signs_per_day:.0f} times a day).",
    ),
    Doubt.LEARNING: (
        "電気の使い方を学習しています({v.days}日目)。",
        "Still learning how electricity is used here (day {v.days}).",
    ),
    Doubt.COARSE: (
        "電力の測定間隔が長すぎて、人が使ったかどうかわかりません。",
        "This meter reports too seldom to tell whether a person uses electricity.",
    ),
    Doubt.MACHINES: (
        "昼も夜も大きな電気を使う機械(エアコンやヒートポンプなど)が動いているため、この電力計だけでは人が使ったかどうかわかりません。",
        "Something big (such as air conditioning or a heat pump) runs by night as by day, "
        "so this meter alone cannot tell whether a person uses electricity.",
    ),
    Doubt.FEW: (
        "大きな電気の使用が少なく(1日に約{v.signs_per_day:.1f}回)、この電力計だけでは暮らしの様子がわかりません。",
        "Electricity is used too seldom (about {v.signs_per_day:.1f} times a day) "
        "to tell anything from this meter alone.",
    ),
}


def judge(
    counted: PulseTally,
    recent: PulseTally,
    classes: Classes,
    days: int,
    interval_s: float,
    before: MeterVerdict = LEARNING,
) -> MeterVerdict:
    """Whether a meter can tell, from the last weeks.

    Args:
        counted: pulses of the last weeks.
        recent: those of the last `RECENT_NIGHTS` days alone.
        classes: what was learned.
        days: how many days that is.
        interval_s: the usual time between readings.
        before: the verdict so far.
    """
    by_night, by_day = counted.night[BIG] / counted.night_h, counted.day[BIG] / counted.day_h
    every = max(float(by_day.sum()), 1e-9)
    own = human(classes)[BIG]
    found = MeterVerdict(
        None,
        Doubt.LEARNING,
        days,
        round(float(by_night.sum()) / every, 3),
        round(float(recent.night[BIG].sum()) / recent.night_h / every, 3),
        round(float((np.maximum(by_day - by_night, 0) * own).sum()) / every, 3),
        round(float((by_day * own).sum()) * 18, 2),
    )
    if days < READY_DAYS or counted.night_h < READY_NIGHT_H:
        return found
    doubt = Doubt.COARSE if interval_s > LONGEST_INTERVAL_S else _doubt(found, before.doubt is Doubt.MACHINES)
    return replace(found, trustworthy=doubt is Doubt.NONE, doubt=doubt)


def _doubt(found: MeterVerdict, again: bool) -> Doubt:
    most_ratio = BACK_NIGHT_RATIO if again else MOST_NIGHT_RATIO
    least_share = BACK_TOLD_SHARE if again else LEAST_TOLD_SHARE
    # A home without uses has no day to hold its nights against: it is short of signs, not full of machines.
    if found.signs_per_day < LEAST_SIGNS_PER_DAY and found.night_ratio <= most_ratio:
        return Doubt.FEW
    if found.night_ratio > most_ratio or found.told_share < least_share or found.recent_ratio > MOST_RECENT_RATIO:
        return Doubt.MACHINES
    return Doubt.NONE
