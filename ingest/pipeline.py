"""One group of messages, from bytes to acks.

presses into the ledger -> decode -> dedupe -> time series -> memory (watch, homes) -> one relational transaction ->
acks. Any step may run twice after a crash and none is skipped: the ledger and the time series take the same thing again
without a second copy, the transaction holds the cursors together with every effect of the events they cover, and an ack
goes out only after all commits. What is not acked, the agent sends again.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from contracts.commands import CommandResult
from contracts.envelope import Ack, Batch, encode_ack
from contracts.health import GatewayState, Heartbeat, Meta
from contracts.topics import Leaf, topic
from ingest.core import Core, Effects
from ingest.devices.devices import UnregisteredGateways, roles_in, write_reports
from ingest.homes.registered_homes import RegisteredHome
from ingest.intake import cursors
from ingest.intake.cursors import Outbox
from ingest.intake.decode import Arrival, ConfigReported, Refused, decode
from ingest.intake.dedupe import Cursor
from ingest.intake.deduplicate import ClassifiedBatch, classify
from ingest.intake.points import normalise_press
from ingest.intake.ports import Inbound, Outbound
from ingest.intake.presses import recall_presses, record_presses
from ingest.intake.quarantine import UNKNOWN_GATEWAY, write_rows
from ingest.observer import Observer
from store.engine import reading

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class PipelineCounts:
    """What went through since the process began. ``quarantined``: rows, of messages and of single events."""

    messages: int = 0
    stored: int = 0
    duplicates: int = 0
    quarantined: int = 0


@dataclass(slots=True)
class _Group:
    now_ms: int
    batches: list[tuple[Arrival, Batch, RegisteredHome]] = field(default_factory=list)
    reports: list[tuple[Arrival, RegisteredHome]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


class Pipeline:
    """Makes the effects of messages durable; see the module.

    Args:
        core: stores and homes, shared with the nightly learning.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self.counts = PipelineCounts()
        self._unregistered = UnregisteredGateways()

    def process(self, messages: Sequence[Inbound]) -> list[Outbound]:
        """Process a group of messages and give the acks that may go out: one for each outbox that sent events.

        Runs in a thread; calls wait for each other. After an error nothing of the group counts in memory, nothing was
        acked, and the same group can be given again.

        Raises:
            TimeSeriesError, SQLAlchemyError: a store is out of reach.
            CursorConflict: another process ingests too, or the store was put back from a copy.
            LeaseLost: another process ingests now.
        """
        if not messages:
            return []
        core = self._core
        self.record_presses(messages)
        with core.lock:
            now_ms = max(message.received_ms for message in messages)
            core.refresh_if_stale(now_ms)
            with core.change():
                group = self._sort(messages, now_ms)
                classified = self._store(group)
                effects = Observer(self._core, classified.progress).observe(classified.new_events)
                new_rows = self._commit(group, classified, effects)
            core.cursors.remember(classified.progress)
            self._unregistered.forget(news.gateway for news, _ in group.reports)
        self._count(messages, classified, new_rows)
        return [_ack(outbox, progress.cursor) for outbox, progress in classified.progress.items()]

    def record_presses(self, messages: Sequence[Inbound]) -> None:
        """Write the calls for help and OKs in these messages into the ledger: first of all, and waiting for nothing.

        May run in a thread of its own beside `process`, and again with the same messages.

        Raises:
            SQLAlchemyError: the store is out of reach.
            LeaseLost: another process ingests now.
        """
        record_presses(self._core.begin, messages, self._core.settings)

    def recall_presses(self, now_ms: int) -> None:
        """Write the presses that the time series has and the ledger lacks, once after a start or a changed store.

        Raises:
            TimeSeriesError, SQLAlchemyError: a store is out of reach; try again.
            LeaseLost: another process ingests now.
        """
        core = self._core
        core.refresh_if_stale(now_ms)
        if core.to_recall is None:
            return
        found = recall_presses(core.begin, core.timeseries, core.to_recall, now_ms)
        core.to_recall = None
        if found:
            _log.warning("%d presses were in the time series and not in the ledger: was the store put back?", found)

    def current_acks(self) -> list[Outbound]:
        """An ack of what is stored, for the newest outbox of each gateway; it makes agents send the rest at once."""
        with reading(self._core.engine) as connection:
            return [_ack(outbox, cursor) for outbox, cursor in cursors.newest(connection)]

    def set_aside(self, message: Inbound, detail: str) -> None:
        """Quarantine a message on which processing failed for no reason that we know of. Raises SQLAlchemyError."""
        read = decode(message)
        refused = Refused(read.gateway, message.received_ms, message.topic, "internal", detail, message.payload)
        with self._core.begin() as connection:
            self.counts.quarantined += write_rows(connection, [refused])

    # ---- the steps ----

    def _sort(self, messages: Sequence[Inbound], now_ms: int) -> _Group:
        group = _Group(now_ms)
        reads = [decode(message) for message in messages]
        gateways = {read.gateway for read in reads if isinstance(read, Arrival)}
        self._core.refresh_if_changed(gateways, now_ms)
        self._welcome(group, gateways)
        for read, message in zip(reads, messages, strict=True):
            match read:
                case Refused():
                    group.refused.append(read)
                case Arrival(body=Batch() as batch):
                    self._sort_batch(group, read, batch, message.payload)
                case Arrival(body=Heartbeat() | GatewayState() | Meta()):
                    self._sort_news(group, read)
                case Arrival(body=ConfigReported(revision)):
                    _log.info("gateway %s applied revision %d of its settings", read.gateway, revision)
                case Arrival(body=CommandResult() as result):
                    _log.info("gateway %s answered command %s: %s", read.gateway, result.id, result.outcome)
        for one in group.refused:
            _log.warning("gateway %s: message refused: %s: %s", one.gateway, one.reason, one.detail)
        return group

    def _welcome(self, group: _Group, gateways: Iterable[str]) -> None:
        """Take up what gateways said about themselves before a home had them."""
        for gateway in gateways:
            home = self._core.registered_homes.home_of(gateway)
            if home is not None:
                for news in self._unregistered.pending(gateway):
                    self._take_news(group, news, home)

    def _sort_news(self, group: _Group, arrival: Arrival) -> None:
        home = self._core.registered_homes.home_of(arrival.gateway)
        if home is not None:
            self._take_news(group, arrival, home)
        else:
            self._unregistered.remember(arrival)
            detail = "no home has this gateway; what it says about its devices is not stored"
            group.refused.append(arrival.refused(UNKNOWN_GATEWAY, detail))

    def _take_news(self, group: _Group, report: Arrival, home: RegisteredHome) -> None:
        group.reports.append((report, home))
        if isinstance(report.body, Meta):  # should its commit fail, the next refresh brings back what the store has
            home.roles = roles_in(report.body)

    def _sort_batch(self, group: _Group, arrival: Arrival, batch: Batch, payload: bytes) -> None:
        home = self._core.registered_homes.home_of(arrival.gateway)
        if home is not None:
            events = tuple(normalise_press(event, arrival.received_ms, self._core.settings) for event in batch.events)
            group.batches.append((arrival, replace(batch, events=events), home))
        else:
            detail = "no home has this gateway; register it, and the events, which stay on the device, will come again"
            group.refused.append(arrival.refused(UNKNOWN_GATEWAY, detail, payload))

    def _store(self, group: _Group) -> ClassifiedBatch:
        core = self._core
        outboxes = [(arrival.gateway, batch.epoch) for arrival, batch, _ in group.batches]
        with reading(core.engine) as connection:
            known = core.cursors.load(connection, outboxes)
        classified = classify(group.batches, known, core.settings)
        core.timeseries.write(classified.points)
        return classified

    def _commit(self, group: _Group, classified: ClassifiedBatch, effects: Effects) -> int:
        core = self._core
        cannot_tell = self._cannot_tell(group)
        with core.begin() as connection:
            core.cursors.save(connection, classified.progress, group.now_ms)
            core.write_homes(connection, effects, group.now_ms)
            write_reports(connection, group.reports, cannot_tell)
            return write_rows(connection, group.refused + classified.refused)

    def _cannot_tell(self, group: _Group) -> dict[str, frozenset[str]]:
        """By gateway of which a heartbeat came, its meters that cannot tell a person from the machines."""
        core, found = self._core, {}
        for home in [home for news, home in group.reports if isinstance(news.body, Heartbeat)]:
            state = core.home_states.find(home.id)
            if state is not None:
                found[home.gateway] = core.meters.cannot_tell(state)
        return found

    def _count(self, messages: Sequence[Inbound], classified: ClassifiedBatch, new_rows: int) -> None:
        self.counts.messages += len(messages)
        self.counts.stored += len(classified.points)
        self.counts.duplicates += classified.duplicates
        self.counts.quarantined += new_rows


def _ack(outbox: Outbox, cursor: Cursor) -> Outbound:
    gateway, epoch = outbox
    return Outbound(topic(gateway, Leaf.ACK), encode_ack(Ack(epoch, cursor.upto, cursor.missing)))
