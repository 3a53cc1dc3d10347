"""What can be set about the pages, checked at start."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

from contracts.health import PROOF_VALID_S
from store import checks


class SettingsError(ValueError):
    """A setting of the pages is unknown or out of range; the message names it and the remedy."""


class Conductor(Protocol):
    """Who moves the simulated time of a demo."""

    def now_ms(self) -> int:
        """Simulated time, ms UTC."""
        ...

    def speed(self) -> float:
        """Simulated seconds a real second; 0 while paused."""
        ...

    def set_speed(self, speed: float) -> None:
        """Run at this speed from now on, also if it was paused. ``speed`` > 0."""
        ...

    def pause(self) -> None:
        """Hold the simulated time."""
        ...


@dataclass(frozen=True, slots=True)
class DashboardSettings:
    """How the pages behave.

    Attributes:
        zone: IANA zone of the header's clock and of lists over several homes. A home's own times use its own zone.
        proven_within_s: a home is proven alive while its last proof is not older than this, in seconds.
        poll_s: how often the shared watcher looks for changes, real seconds.
        calm_s: changes that concern no incident (a sign of life, a heartbeat) refresh the pages at most this often.
        refresh_s: polling interval of the pages when the live connection is not there, real seconds.
        behind_s: an alert timer overdue by more than this is shown as "the watching is behind", seconds.
        usual_days: how many days before today the usual day is made of.
        lapse_days: how many days of lapses and notes the person's page lists.
        phones: folder of the ``outbox`` channel; with it ``/phones`` shows what each phone would show. None: no page.
        screens: by channel, where the screen of an ``{address}`` is: of the vendors' doubles on this machine, which
            ``/phones`` shows. None: there are none.
        conductor: who moves simulated time; with it the header has a clock with speeds. None: no controls.
        engine_tick_ms: tells when the alert engine last ran (ms UTC of the same clock). None: not shown.
    """

    zone: str = "Asia/Tokyo"
    proven_within_s: float = PROOF_VALID_S
    poll_s: float = 1.0
    calm_s: float = 5.0
    refresh_s: float = 30.0
    behind_s: float = 120.0
    usual_days: int = 28
    lapse_days: int = 28
    phones: Path | None = None
    screens: Mapping[str, str] | None = None
    conductor: Conductor | None = None
    engine_tick_ms: Callable[[], int | None] | None = None

    def __post_init__(self) -> None:
        for name in ("proven_within_s", "poll_s", "calm_s", "refresh_s", "behind_s", "usual_days", "lapse_days"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
                raise SettingsError(f"dashboard.{name} must be a number greater than 0")
            if name.endswith("_days") and not isinstance(value, int):
                raise SettingsError(f"dashboard.{name} must be a whole number")
        if self.usual_days > 400:
            raise SettingsError("dashboard.usual_days must be at most 400: older events are not kept")
        try:
            checks.zone(self.zone, "dashboard.zone")
        except checks.RegistryError as error:
            raise SettingsError(str(error)) from None

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "DashboardSettings":
        """Settings from a table of a settings file.

        Raises:
            SettingsError: a key is not known (the nearest known one is named) or a value is out of range.
        """
        known = [field.name for field in fields(cls)]
        for key in mapping:
            if key not in known:
                raise SettingsError(f"dashboard.{key} is no setting; {checks.nearest(key, known)}")
        return cls(**mapping)
