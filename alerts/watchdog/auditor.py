"""What is wrong with the watching itself: pure findings from what was read of the store, the vendors and the duties.

The auditor trusts nothing that the engine says of itself: it looks at the rows that an engine which works could not
leave behind. A finding names ids, never people.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from alerts.watchdog.settings import AuditSettings, FindingKind
from alerts.wording.catalogue import catalogue

_NAMED: Final = 3
AHEAD_MS: Final = 60_000
"""A duty from the future was done by a clock that is wrong, and would hide that it stops."""


@dataclass(frozen=True, slots=True)
class WatchdogFinding:
    """One thing that is wrong, for everything that it is about.

    Attributes:
        kind: what.
        about: ids of incidents, homes, messages; names of areas, channels and duties. Sorted.
    """

    kind: FindingKind
    about: tuple[str, ...]

    @property
    def first(self) -> tuple[str, ...]:
        """So many of them as are named."""
        return self.about[:_NAMED]

    def __str__(self) -> str:
        """In English, as the log and the command say it."""
        words, rest = catalogue("en"), len(self.about) - _NAMED
        named = words("list.join").join(self.first)
        named = words("finding.more", named=named, n=rest) if rest > 0 else named
        return words(f"finding.{self.kind}", n=len(self.about), named=named)


Found: TypeAlias = Mapping[FindingKind, Collection[str]]
"""What each kind of finding is about, as in `WatchdogFinding`."""


@dataclass(frozen=True, slots=True)
class WatchdogFacts:
    """What was read at one moment; times are ms UTC.

    Attributes:
        timers: due time of each open incident whose time has come, by id.
        unnoticed: dedup keys of the conditions that hold about a person and have no incident.
        stuck: when each message should have been tried that was not, by id.
        orphaned: ids of messages whose leader came to nothing longer ago than is late.
        duties: when each duty was last done; one that never was is missing.
        last_received_ms: the last heartbeat of any registered gateway; None before the first one ever.
        methods: channels that contact methods in use name.
        channels: channels that are switched on.
        refused: channels that refused a message for our account's sake lately.
        gaps: where nobody could be called or told, of the kinds that `rota.read_gaps` looks for.
        left: messages left by channel; None where there is no limit.
        unasked: channels that did not say how many are left.
        errors: how many things ever went wrong in each duty; one in which nothing did is missing.
    """

    timers: Mapping[str, int] = field(default_factory=dict)
    unnoticed: Collection[str] = ()
    stuck: Mapping[str, int] = field(default_factory=dict)
    orphaned: Collection[str] = ()
    duties: Mapping[str, int] = field(default_factory=dict)
    last_received_ms: int | None = None
    methods: Collection[str] = ()
    channels: Collection[str] = ()
    refused: Collection[str] = ()
    gaps: Found = field(default_factory=dict)
    left: Mapping[str, int | None] = field(default_factory=dict)
    unasked: Collection[str] = ()
    errors: Mapping[str, int] = field(default_factory=dict)


def findings(facts: WatchdogFacts, settings: AuditSettings, now_ms: int) -> list[WatchdogFinding]:
    """Everything that is wrong at ``now_ms`` (ms UTC); empty when all is clean."""
    late_ms = now_ms - 1000 * settings.late_s
    kinds, least = FindingKind, settings.quota_least
    received_ms = facts.last_received_ms
    is_silent = received_ms is not None and now_ms - received_ms > 1000 * settings.ingest_silent_s
    found: Found = {
        kinds.OVERDUE_TIMER: [incident for incident, due_ms in facts.timers.items() if due_ms < late_ms],
        kinds.UNNOTICED: facts.unnoticed,
        kinds.STUCK_MESSAGE: [message for message, due_ms in facts.stuck.items() if due_ms < late_ms],
        kinds.ORPHANED_MESSAGE: facts.orphaned,
        **facts.gaps,
        kinds.CHANNEL_MISSING: set(facts.methods) - set(facts.channels),
        kinds.CHANNEL_REFUSED: facts.refused,
        kinds.QUOTA_LOW: [name for name, left in facts.left.items() if left is not None and left < least],
        kinds.QUOTA_UNKNOWN: facts.unasked,
        kinds.INGEST_SILENT: ["ingest"] if is_silent else [],
        kinds.DUTY_STOPPED: _stopped(facts.duties, settings, now_ms),
    }
    return [WatchdogFinding(kind, tuple(sorted(about))) for kind, about in found.items() if about]


def _stopped(done_ms: Mapping[str, int], settings: AuditSettings, now_ms: int) -> Sequence[str]:
    """Duties that were not done lately, never, or by a clock that is ahead of ours."""
    stopped = []
    for duty in settings.duties:
        at_ms = done_ms.get(duty)
        if at_ms is None or not -AHEAD_MS <= now_ms - at_ms <= 1000 * settings.stopped_s(duty):
            stopped.append(duty)
    return stopped


class PersistentFindings:
    """What has been seen without a break for some time.

    Some conditions hold for a moment and are dealt with at the next tick; how long they have held stands in no row.

    Args:
        least_ms: how long.
    """

    def __init__(self, least_ms: int) -> None:
        self._least_ms = least_ms
        self._since_ms: dict[str, int] = {}

    def seen(self, keys: Collection[str], now_ms: int) -> list[str]:
        """Those of ``keys`` that were there every time for ``least_ms``; the others are forgotten."""
        self._since_ms = {key: self._since_ms.get(key, now_ms) for key in keys}
        return [key for key, since_ms in self._since_ms.items() if now_ms - since_ms >= self._least_ms]
