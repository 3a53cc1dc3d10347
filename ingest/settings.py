"""Settings of ingest, built from a mapping and checked at the start."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from store.checks import nearest


class SettingsError(ValueError):
    """A setting is unknown or out of range; the message names it and the remedy."""


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """How ingest treats what homes send.

    Attributes:
        max_future_s: an event further ahead of the backend's clock than this goes to quarantine.
        max_lag_s: an event that is not back-filled and older than this goes to quarantine; None: of any age.
        help_valid_s: a back-filled press of the help button that is older pages no one.
        history_days: how far back a rhythm is learned anew from the stored events.
        quiet_before_learning_s: how long no back-filled event must have come before a back-log counts as done.
        group_messages: how many queued messages are processed as one group.
        queue_messages: how many messages may wait in memory; more are discarded, and sent again by their agents.
        retry_least_s: first pause before a new try, of the broker or of the stores.
        retry_most_s: longest such pause.
    """

    max_future_s: float = 3600.0
    max_lag_s: float | None = 30 * 86_400.0
    help_valid_s: float = 900.0
    history_days: float = 400.0
    quiet_before_learning_s: float = 60.0
    group_messages: int = 64
    queue_messages: int = 10_000
    retry_least_s: float = 0.2
    retry_most_s: float = 30.0

    def __post_init__(self) -> None:
        for field in fields(self):
            _check(field.name, getattr(self, field.name))
        if self.retry_most_s < self.retry_least_s:
            raise SettingsError("ingest.retry_most_s must not be below ingest.retry_least_s")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Build from the settings file's table ``ingest``.

        Raises:
            SettingsError: a key is unknown (the nearest known one is named), or a value is out of range.
        """
        known = [field.name for field in fields(cls)]
        for key in values:
            if key not in known:
                raise SettingsError(f"ingest.{key} is no setting; {nearest(key, known)}")
        return cls(**values)


def _check(name: str, value: object) -> None:
    if value is None and name == "max_lag_s":
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise SettingsError(f"ingest.{name} must be a number above 0")
    if name.endswith("_messages") and not isinstance(value, int):
        raise SettingsError(f"ingest.{name} must be a whole number")
