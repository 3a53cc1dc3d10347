"""The agent: what is seen at home goes in, and leaves only when the backend says it is stored."""

import logging
import threading
import time
from collections.abc import Sequence
from typing import Final, Self

from contracts.clock import Clock, ClockQuality, SyncPoint
from contracts.commands import CommandResult, encode_result
from contracts.envelope import LATEST_MS
from contracts.errors import MalformedMessage
from contracts.events import MAX_FIELDS, MAX_TEXT, Event, check_fields
from contracts.health import MAX_SENSORS, Heartbeat, Meta, Sensor, encode_heartbeat, encode_meta
from contracts.strict import check_text
from contracts.topics import Leaf
from edge_agent.asking import Asker
from edge_agent.clock import QualitySource, always_synced
from edge_agent.errors import OutboxError, SettingsError
from edge_agent.health import SensorBook, disk_free_mb, sd_notify
from edge_agent.link.link import HEARTBEAT_EXPIRY_S, Link
from edge_agent.link.wire import MAX_EVENT_BYTES
from edge_agent.notifier import Notifier
from edge_agent.outbox.commit import GroupCommit
from edge_agent.outbox.outbox import NewRow, Outbox, new_row
from edge_agent.ports import Reading, Recording, Source
from edge_agent.settings import AgentSettings
from edge_agent.source_runner import SourceRunner

log = logging.getLogger(__name__)

VERSION: Final = "mimamori-edge 0.1.0"
MAINTENANCE_S: Final = 1.0
STUCK_S: Final = 60.0
"""A link that has not gone round for this long is stuck, and the watchdog is no longer fed."""
THIN_TO: Final = 0.9
"""Of the most that the outbox may take: thinning a little at every commit would wear the flash."""


class Agent:
    """One home's agent.

    Its own thread, maintenance, makes the commits that are due, repairs times, saves space, sends heartbeats and feeds
    the watchdog, which thereby is fed only while commits are made.

    Args:
        settings: see `AgentSettings`.
        outbox: opened by the caller, who also closes it, after `stop`.
        clock: the system's, or one that a simulation moves.
        sources: run in a thread each; names must differ.
        quality: how far the wall clock can be trusted; a simulation's is right by definition.
        notifier: how the person is asked; None: not at all.

    Raises:
        SettingsError: two sources have the same name.
    """

    def __init__(
        self,
        settings: AgentSettings,
        outbox: Outbox,
        clock: Clock,
        sources: Sequence[Source | Recording] = (),
        quality: QualitySource = always_synced,
        notifier: Notifier | None = None,
    ) -> None:
        if len({source.name for source in sources}) != len(sources):
            raise SettingsError("sources: two have the same name; give each a name of its own")
        self.settings, self.outbox = settings, outbox
        self._clock, self._quality = clock, quality
        self._started_ms = clock.monotonic_ms()
        self.asker = Asker(notifier, outbox, clock, quality, settings.attention, self._report)
        self.link = Link(settings, outbox, greet=self._greet, commanded=self.asker.take)
        self._commits = GroupCommit(outbox, settings.outbox.commit_ms, settings.outbox.commit_rows, self.link.wake)
        paced_backlog = settings.link.paced_backlog
        self._source_runner = SourceRunner(sources, outbox, self._commits, self.link, paced_backlog, self.submit)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._repaired_epoch = ""
        self._next_heartbeat_ms = self._started_ms + settings.heartbeat_s * 1000
        self.inventory = inventory(settings.sensors, sources)
        self._book = SensorBook(sensor.id for sensor in self.inventory)

    # Life.

    def start(self, *, connect: bool = True) -> None:
        """Start the threads. With ``connect`` False the link stays down until `connect`, and events are back-filled."""
        self.asker.start()
        self._stopping.clear()
        name = f"maintenance {self.settings.gateway}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self._source_runner.start(self.settings.gateway)
        if connect:
            self.connect()

    def connect(self) -> None:
        """Let the link connect, and keep it connected. Returns at once; see `wait_until_connected`."""
        self.link.start()

    def disconnect(self) -> None:
        """Cut the link without a word, as a lost network would; `connect` brings it back."""
        self.link.stop(farewell=False)

    def stop(self) -> None:
        """Stop the sources, commit what is in memory, say farewell. Unacknowledged rows stay for the next start."""
        self._source_runner.stop()
        self.asker.stop()
        self._stopping.set()
        self._commits.interrupt()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._commits.try_flush()
        self.link.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    # What happens at home.

    def submit(self, reading: Reading, recording: str = "", position: int | None = None) -> None:
        """Take one reading. It is safe once committed: within ``commit_ms``, at once for a button, or after `flush`.

        ``position`` is the place of the reading in the ``recording`` it comes from, committed together with it.

        Raises:
            MalformedMessage: the reading breaks the contract; it was not taken.
        """
        reading = self.asker.with_question(reading)
        wall_ms = self._clock.wall_ms() if reading.wall_ms is None else reading.wall_ms
        quality = self._quality() if reading.wall_ms is None else ClockQuality.SYNCED
        row = checked_row(reading, wall_ms, quality, self._clock.monotonic_ms(), back_filled=not self.link.connected)
        self._book.seen(reading.sensor, wall_ms)
        self._commits.add(row, recording, position)

    def flush(self) -> None:
        """Commit what is in memory now. Raises OutboxError when it cannot be; it is then tried again by itself."""
        self._commits.flush()

    def send_heartbeat(self) -> bool:
        """Send a heartbeat now; whether there was a connection to hand it to. A missed one is not made up for."""
        payload = encode_heartbeat(self.settings.gateway, self.heartbeat())
        return self.link.publish(Leaf.HEARTBEAT, payload, expiry_s=HEARTBEAT_EXPIRY_S)

    def heartbeat(self) -> Heartbeat:
        """What the agent would report of itself now. Rows that wait in memory count as backlog."""
        now_ms = self._clock.monotonic_ms()
        waiting = self._commits.waiting  # asked before the outbox: a row committed in between counts twice, not never
        return Heartbeat(
            t=self._clock.wall_ms(),
            q=self._quality(),
            boot=self.outbox.boot,
            uptime_s=max(0, now_ms - self._started_ms) // 1000,
            epoch=self.outbox.epoch,
            last_n=self.outbox.last_n,
            backlog=self.outbox.backlog + waiting,
            thinned=self.outbox.thinned,
            disk_free_mb=disk_free_mb(self.outbox.path),
            sensors=self._book.snapshot(),
        )

    # Waiting. All time-outs are real time.

    def wait_until_connected(self, timeout_s: float) -> bool:
        """Wait for the connection; whether it stands."""
        return self.link.wait_until_connected(timeout_s)

    def wait_until_acked(self, timeout_s: float) -> bool:
        """Commit, then wait until the backend has everything; whether it has.

        Raises:
            OutboxError: what is in memory cannot be committed.
        """
        self.flush()
        return self.outbox.wait_until_below(1, timeout_s)

    def wait_until_done(self, timeout_s: float) -> bool:
        """Wait until all recordings that end the agent are acknowledged to their end, or one failed.

        Returns:
            Whether that is so.
        """
        return self._source_runner.done.wait(timeout_s)

    @property
    def failures(self) -> Sequence[str]:
        """What made sources fail, in words."""
        return tuple(self._source_runner.failures)

    # The thread.

    def _run(self) -> None:
        next_s = 0.0
        while not self._stopping.is_set():
            self._commits.wait_for_work()
            self._commits.commit_if_due()
            if time.monotonic() >= next_s:
                next_s = time.monotonic() + MAINTENANCE_S
                self.do_due()

    def do_due(self) -> None:
        """One round. Storage trouble is logged, and what could not be done is due again in the next round."""
        try:
            self._send_heartbeat_if_due()
            self._repair_times()
            self._keep_small()
        except (OutboxError, OSError) as error:
            log.error("%s: maintenance failed and will be tried again: %s", self.settings.gateway, error)
        if not self.link.is_stuck(STUCK_S):
            sd_notify("WATCHDOG=1")

    def _send_heartbeat_if_due(self) -> None:
        now_ms = self._clock.monotonic_ms()
        if self.settings.heartbeat_s and now_ms >= self._next_heartbeat_ms:
            self._next_heartbeat_ms = now_ms + self.settings.heartbeat_s * 1000
            self.send_heartbeat()

    def _repair_times(self) -> None:
        """Once the clock is right, the events of this boot that were made before get their true time."""
        if self._quality() is not ClockQuality.SYNCED or self._repaired_epoch == self.outbox.epoch:
            return
        self._commits.flush()  # rows made before the sync may still wait in memory
        sync = SyncPoint(self.outbox.boot, self._clock.wall_ms(), self._clock.monotonic_ms())
        repaired = self.link.repair(sync)
        self._repaired_epoch = self.outbox.epoch
        if repaired:
            log.info("%s: the clock was set; %d earlier events got their time", self.settings.gateway, repaired)

    def _keep_small(self) -> None:
        most = self.settings.outbox.max_mb * 1_000_000
        if self.outbox.size_bytes() > most:
            gone = self.outbox.thin(int(most * THIN_TO))
            log.warning("%s: the outbox is full; %d repeated readings were given up", self.settings.gateway, gone)
        self.outbox.release_free_pages()

    # For the parts.

    def _report(self, result: CommandResult) -> None:
        if not self.link.publish(Leaf.RESULT, encode_result(result), command_id=result.id):
            log.info("the result of command %s has nowhere to go; it is asked for again", result.id)

    def _greet(self) -> None:
        meta = encode_meta(self.settings.gateway, Meta(VERSION, self.inventory))
        self.link.publish(Leaf.META, meta, retain=True)
        self.send_heartbeat()


def inventory(settled: Sequence[Sensor], sources: Sequence[Source | Recording]) -> list[Sensor]:
    """All sensors of the home. What the settings say of a sensor overrides what a source says.

    Raises:
        SettingsError: there are more than the contract allows.
    """
    known = {sensor.id: sensor for source in sources for sensor in source.sensors}
    known.update({sensor.id: sensor for sensor in settled})
    if len(known) > MAX_SENSORS:
        raise SettingsError(f"sensors: {len(known)} are too many; a gateway announces at most {MAX_SENSORS}")
    return sorted(known.values(), key=lambda sensor: sensor.id)


def checked_row(
    reading: Reading, wall_ms: int, quality: ClockQuality, monotonic_ms: int, *, back_filled: bool
) -> NewRow:
    """The outbox row of a reading.

    Raises:
        MalformedMessage: the reading breaks the contract; the backend would put it into quarantine.
    """
    check_text(reading.sensor, "the sensor of a reading", MAX_TEXT)
    check_text(reading.kind, "the kind of a reading", 32)
    if not 0 <= wall_ms <= LATEST_MS:
        raise MalformedMessage(f"the time of a reading of {reading.sensor} must lie in [0, {LATEST_MS}] ms")
    if len(reading.fields) > MAX_FIELDS:
        raise MalformedMessage(f"a reading of {reading.sensor} has more than {MAX_FIELDS} fields")
    check_fields(reading.kind, reading.fields, reading.sensor)
    try:
        row = new_row(
            Event(0, wall_ms, quality, monotonic_ms, reading.sensor, reading.kind, reading.fields, back_filled)
        )
    except (TypeError, ValueError) as error:
        raise MalformedMessage(f"a reading of {reading.sensor} cannot be written as JSON: {error}") from None
    if len(row.body.encode()) > MAX_EVENT_BYTES:
        raise MalformedMessage(f"a reading of {reading.sensor} has more than {MAX_EVENT_BYTES} bytes")
    return row
