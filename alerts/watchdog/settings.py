"""When the auditor finds something wrong, and where it says that nothing is. Built once, checked, never changed."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final, Self
from urllib.parse import SplitResult, urlsplit

from alerts.errors import SettingsError
from store.checks import nearest
from store.duties import Duty

_MOST_PORT: Final = 65_535


class FindingKind(StrEnum):
    """What can be wrong."""

    OVERDUE_TIMER = "overdue_timer"
    """An open incident whose due time has passed, and nothing happened."""
    UNNOTICED = "unnoticed"
    """A silence, a press or the like that holds, and no incident was opened for it."""
    STUCK_MESSAGE = "stuck_message"
    """A message that is due, or whose lease ran out, and nobody tries."""
    LOOSE_MESSAGE = "loose_message"
    """A message told in another one that came to nothing, and nobody lets it go on by itself."""
    CASE_WITHOUT_STAFF = "case_without_staff"
    """An open incident of which no staff can be told."""
    HOME_WITHOUT_NEIGHBOUR = "home_without_neighbour"
    HOME_WITHOUT_STAFF = "home_without_staff"
    AREA_WITHOUT_NEIGHBOURS = "area_without_neighbours"
    """An area in which no neighbour of any home can be called now."""
    CHANNEL_MISSING = "channel_missing"
    """Contact methods in use name a channel that is not switched on."""
    CHANNEL_REFUSED = "channel_refused"
    """A vendor refused a message for our account's sake: credentials, quota, no such channel."""
    QUOTA_LOW = "quota_low"
    QUOTA_UNKNOWN = "quota_unknown"
    """A vendor did not say how many messages are left: out of reach, or it does not know our credentials."""
    INGEST_SILENT = "ingest_silent"
    """No gateway at all is heard of."""
    DUTY_STOPPED = "duty_stopped"
    """A part of the backend does not do what must never stop."""


class Told(StrEnum):
    """What the auditor writes into ``audit.what``; ``kind`` is a `FindingKind`."""

    FINDING = "finding"
    """Something is wrong with ``n`` things; ``about`` names the first."""
    FINDING_OVER = "finding_over"


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """``[audit]``. Times in seconds.

    Attributes:
        ping_url: address of the outside dead-man switch, which raises the alarm when it is not asked for any more;
            empty: none.
        plain_host: the one host to which the ping may go by http; every other needs https.
        ping_timeout_s: how long the switch may take to answer.
        every_s: how often is looked.
        late_s: what should have been done so long ago is a finding.
        duties: the duties that somebody must do (`store.duties.Duty`).
        duty_stopped_s: a duty that was not done for so long has stopped.
        learning_stopped_s: the same for learning, which takes a while.
        ingest_silent_s: no gateway at all was heard of for so long: it is not the homes that are silent.
        rota_every_s: how often is looked who could be called.
        quota_every_s: how often vendors are asked how many messages are left.
        quota_least: fewer messages left than this are a finding.
        refused_s: how long a message that a vendor refused for our account's sake stays a finding.
        metrics_port: of 127.0.0.1, where Prometheus reads; 0: nowhere.
        tolerate: kinds of findings that are told but do not hold back the ping.
    """

    ping_url: str = ""
    plain_host: str = ""
    ping_timeout_s: int = 10
    every_s: int = 30
    late_s: int = 60
    duties: tuple[str, ...] = tuple(Duty)
    duty_stopped_s: int = 120
    learning_stopped_s: int = 3 * 3600
    ingest_silent_s: int = 900
    rota_every_s: int = 600
    quota_every_s: int = 900
    quota_least: int = 50
    refused_s: int = 3600
    metrics_port: int = 8801
    tolerate: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in fields(self):
            _check(field.name, getattr(self, field.name), field.default)
        _check_words("duties", self.duties, tuple(Duty))
        _check_words("tolerate", self.tolerate, tuple(FindingKind))
        if self.metrics_port > _MOST_PORT:
            raise SettingsError(f"audit.metrics_port must be 1 to {_MOST_PORT}, or 0 for none")
        _check_address(self.ping_url, self.plain_host)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Read the ``audit`` section of a settings file.

        Raises:
            SettingsError: unknown key (names the nearest valid one) or a value out of range.
        """
        names = [field.name for field in fields(cls)]
        for key in values:
            if key not in names:
                raise SettingsError(f"audit.{key} is not a setting; {nearest(key, names)}")
        read: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**read)

    def stopped_s(self, duty: str) -> int:
        """How long this duty may go undone."""
        return self.learning_stopped_s if duty == Duty.LEARNING else self.duty_stopped_s


def _check(name: str, value: object, default: object) -> None:
    least = 0 if name in ("metrics_port", "quota_least") else 1
    if isinstance(default, int):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise SettingsError(f"audit.{name} must be a whole number, at least {least}")
    elif isinstance(default, str):
        if not isinstance(value, str):
            raise SettingsError(f"audit.{name} must be a text")
    elif not isinstance(value, tuple) or not all(isinstance(word, str) for word in value):
        raise SettingsError(f"audit.{name} must be a list of words")


def _check_words(name: str, words: tuple[str, ...], known: tuple[str, ...]) -> None:
    for word in words:
        if word not in known:
            raise SettingsError(f"audit.{name} names '{word}', which is not known; {nearest(word, list(known))}")


def _check_address(url: str, plain_host: str) -> None:
    if not url:
        return
    try:
        parts: SplitResult = urlsplit(url)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number, a bracket that does not close
        has_host = False
    if not has_host or parts.username is not None:
        raise SettingsError("audit.ping_url is not an address; write https://host/path")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname == plain_host):
        raise SettingsError(
            "audit.ping_url must begin with https://, or with http:// to the host that plain_host names"
        )
