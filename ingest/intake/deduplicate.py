"""One group of batches: what is new, what is known already, what has to be set aside. No I/O.

Order of arrival decides between two messages that hold the same event; the second finds it known.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from contracts.envelope import Batch, RejectedEvent
from contracts.events import Event
from contracts.topics import Leaf
from ingest.homes.registered_homes import RegisteredHome
from ingest.intake.cursors import Outbox, OutboxProgress
from ingest.intake.decode import Arrival, Refused
from ingest.intake.points import point_of
from ingest.settings import IngestSettings
from store.timeseries.port import Point

MAX_GAPS: Final = 5_000
"""An outbox with more gaps than this makes them on purpose; an agent has at most a window of batches in flight."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """One event that was not stored before.

    Attributes:
        event: as it came.
        epoch: outbox it came from.
        received_ms: when, ms UTC.
        at_ms: when it happened, never later than it was received: no sign of life is from the future.
        priority: it came on the priority lane, past a back-log that may still wait.
    """

    event: Event
    epoch: str
    received_ms: int
    at_ms: int
    priority: bool


@dataclass(slots=True)
class ClassifiedBatch:
    """What one group comes to.

    Attributes:
        progress: of every outbox that sent something, as it will be.
        points: to be written.
        new_events: new events by home id, in the order of time.
        refused: for the quarantine.
        duplicates: events that were known already.
    """

    progress: dict[Outbox, OutboxProgress] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    new_events: dict[str, list[NewEvent]] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    duplicates: int = 0


def classify(
    batches: list[tuple[Arrival, Batch, RegisteredHome]],
    known: Mapping[Outbox, OutboxProgress],
    settings: IngestSettings,
) -> ClassifiedBatch:
    """Compare the batches, in order of arrival, with what is known of their outboxes."""
    classified = ClassifiedBatch()
    for arrival, batch, home in batches:
        outbox = (arrival.gateway, batch.epoch)
        progress = classified.progress.get(outbox, known[outbox])
        classified.progress[outbox] = _take(classified, arrival, batch, home, progress, settings)
    for events in classified.new_events.values():
        events.sort(key=lambda fresh: fresh.at_ms)
    return classified


def _take(
    classified: ClassifiedBatch,
    arrival: Arrival,
    batch: Batch,
    home: RegisteredHome,
    progress: OutboxProgress,
    settings: IngestSettings,
) -> OutboxProgress:
    cursor = progress.cursor
    rejected = [one for one in arrival.rejected if not cursor.holds(one.n)]
    numbers = [event.n for event in batch.events] + [one.n for one in arrival.rejected]
    grown = cursor.add(numbers)
    grown, given_up = grown.give_up_below(min(batch.lowest, *numbers))
    if len(grown.missing) > MAX_GAPS:
        classified.refused.append(arrival.refused("gaps", "the numbers of this outbox leave too many gaps"))
        return progress
    priority = arrival.leaf is Leaf.PRIORITY
    stored = 0
    for event in batch.events:
        if cursor.holds(event.n):
            classified.duplicates += 1
            continue
        point = point_of(arrival.gateway, batch.epoch, event, arrival.received_ms, settings)
        if isinstance(point, RejectedEvent):
            rejected.append(point)
            continue
        stored += 1
        classified.points.append(point)
        at_ms = min(event.t, arrival.received_ms)
        fresh = NewEvent(event, batch.epoch, arrival.received_ms, at_ms, priority)
        classified.new_events.setdefault(home.id, []).append(fresh)
    for one in rejected:
        refused = arrival.refused(one.reason, one.detail, one.raw)
        classified.refused.append(replace(refused, epoch=batch.epoch, n=one.n))
    return replace(
        progress,
        cursor=grown,
        gone=progress.gone + given_up,
        events=progress.events + stored,
        quarantined=progress.quarantined + len(rejected),
    )
