"""What signals are looked for, and what is found: one that holds, or that is only expected."""

from dataclasses import dataclass
from typing import Final

from alerts.settings import AlertsSettings
from contracts.signals import Signal

_FOR_EVER_MS: Final = 2**62  # later than any moment


@dataclass(frozen=True, slots=True)
class Outlook:
    """When, where and how far ahead signals are looked for.

    Attributes:
        now_ms: now, ms UTC.
        settings: when a gateway counts as lost, which notes are asked about.
        listening_since_ms: since when this backend hears the homes; before that, their silence is its own.
        home: this home alone; None for all.
        ahead: whether also what only holds later is looked for, if nothing changes until then.
    """

    now_ms: int
    settings: AlertsSettings
    listening_since_ms: int = 0
    home: str | None = None
    ahead: bool = False

    @property
    def by_ms(self) -> int:
        """By when it is to hold, ms UTC."""
        return _FOR_EVER_MS if self.ahead else self.now_ms


@dataclass(frozen=True, slots=True)
class ExpectedSignal:
    """A condition that no incident is about, and that perhaps holds later only.

    Attributes:
        signal: what it is when its time has come, which is `ask_at_ms`.
        proven: whether the devices are proven alive now, so that what they show is the person.
    """

    signal: Signal
    proven: bool = True
