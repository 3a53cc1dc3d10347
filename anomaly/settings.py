"""What can be chosen about a rhythm. The budgets belong to the person; the rest was chosen on recorded homes."""

from dataclasses import dataclass, fields

LEAST_BUDGET_DAYS = 1.0
MOST_BUDGET_DAYS = 365.0


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
        for name in ("ask_every_days", "call_every_days"):
            budget_days = getattr(self, name)
            if not LEAST_BUDGET_DAYS <= budget_days <= MOST_BUDGET_DAYS:
                raise ValueError(f"{name} must be 1 to 365 days, not {budget_days!r}")
        for setting in fields(self)[2:]:
            if not 0 < getattr(self, setting.name) < float("inf"):
                raise ValueError(f"{setting.name} must be a finite number above 0")
