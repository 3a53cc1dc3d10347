"""What can be chosen about a rhythm. The budgets belong to the person; the rest was chosen on recorded homes."""

from dataclasses import dataclass, fields


def check_budgets(settings: object, *names: str) -> None:
    """Raises ValueError: one of these settings, a budget in days, is not 1 to 365; the message names it."""
    for name in names:
        days = getattr(settings, name)
        if not 1 <= days <= 365:
            raise ValueError(f"{name} must be 1 to 365 days, not {days!r}")


@dataclass(frozen=True, slots=True)
class RhythmSettings:
    """How patient a home's rhythm is.

    Attributes:
        ask_every_days: budget: ask the person about once in so many days for nothing (1 to 365).
        call_every_days: budget: call somebody about once in so many days for nothing (1 to 365).
        ready_after_days: days with events before the home's own rhythm may be called ready.
        half_life_days: a silence this old counts half.
        prior_slots: how many active ten-minute slots the population counts for in each half-hour and context.
        home_cap_s: longest silence at home before help is called, whatever was learned.
        away_cap_s: the same after the door was the last that was seen.

    Raises:
        ValueError: a value is out of range; the message names the setting and the range.
    """

    ask_every_days: float = 7.0
    call_every_days: float = 90.0
    ready_after_days: int = 14
    half_life_days: float = 60.0
    prior_slots: float = 10.0
    home_cap_s: float = 12 * 3600.0
    away_cap_s: float = 24 * 3600.0

    def __post_init__(self) -> None:
        check_budgets(self, "ask_every_days", "call_every_days")
        for setting in fields(self)[2:]:
            if not 0 < getattr(self, setting.name) < float("inf"):
                raise ValueError(f"{setting.name} must be a finite number above 0")
