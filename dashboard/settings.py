"""What can be set about the pages, checked at start."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from contracts.health import PROOF_VALID_S
from store import checks


class SettingsError(ValueError):
    """A setting of the pages is unknown or out of range; the message names it and the remedy."""


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
