"""When the auditor finds something wrong, and where it says that nothing is. Built once, checked, never changed."""

from enum import StrEnum
from urllib.parse import SplitResult, urlsplit

from pydantic.dataclasses import dataclass

from store.duties import Duty
from store.settings import STRICT_KEYS, Count, CountOrNone, PortOrNone


class FindingKind(StrEnum):
    """What can be wrong."""

    OVERDUE_TIMER = "overdue_timer"
    """An open incident whose due time has passed, and nothing happened."""
    UNNOTICED = "unnoticed"
    """A silence, a press or the like that holds, and no incident was opened for it."""
    STUCK_MESSAGE = "stuck_message"
    """A message that is due, or whose lease ran out, and nobody tries."""
    ORPHANED_MESSAGE = "loose_message"
    """A message told in another one that came to nothing, and nobody lets it go on by itself."""
    INCIDENT_WITHOUT_STAFF = "case_without_staff"
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
    """No gateway at all is seen."""
    DUTY_STOPPED = "duty_stopped"
    """A part of the backend does not do what must never stop."""


class Told(StrEnum):
    """What the auditor writes into ``audit.what``; ``kind`` is a `FindingKind`."""

    FINDING = "finding"
    """Something is wrong with ``n`` things; ``about`` names the first."""
    FINDING_OVER = "finding_over"


@dataclass(frozen=True, slots=True, config=STRICT_KEYS)
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
        ingest_silent_s: no gateway at all was seen for so long: it is not the homes that are silent.
        rota_every_s: how often is looked who could be called.
        quota_every_s: how often vendors are asked how many messages are left.
        quota_least: fewer messages left than this are a finding.
        refused_s: how long a message that a vendor refused for our account's sake stays a finding.
        metrics_port: of 127.0.0.1, where Prometheus reads; 0: nowhere.
        tolerate: kinds of findings that are told but do not hold back the ping.
    """

    ping_url: str = ""
    plain_host: str = ""
    ping_timeout_s: Count = 10
    every_s: Count = 30
    late_s: Count = 60
    duties: tuple[Duty, ...] = tuple(Duty)
    duty_stopped_s: Count = 120
    learning_stopped_s: Count = 3 * 3600
    ingest_silent_s: Count = 900
    rota_every_s: Count = 600
    quota_every_s: Count = 900
    quota_least: CountOrNone = 50
    refused_s: Count = 3600
    metrics_port: PortOrNone = 8801
    tolerate: tuple[FindingKind, ...] = ()

    def __post_init__(self) -> None:
        if not self.ping_url:
            return
        try:
            parts: SplitResult = urlsplit(self.ping_url)
            has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:  # a port that is no number, a bracket that does not close
            has_host = False
        if not has_host or parts.username is not None:
            raise ValueError("ping_url is not an address; write https://host/path")
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname == self.plain_host):
            raise ValueError("ping_url must begin with https://, or with http:// to the host that plain_host names")

    def stopped_s(self, duty: str) -> int:
        """How long this duty may go undone."""
        return self.learning_stopped_s if duty == Duty.LEARNING else self.duty_stopped_s
