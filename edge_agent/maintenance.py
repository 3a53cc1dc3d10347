"""The agent's own thread: commits that are due, times to repair, space to save, heartbeats, and the watchdog."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from contracts.clock import Clock, ClockQuality, SyncPoint
from edge_agent.clock import QualitySource
from edge_agent.errors import OutboxError
from edge_agent.health import sd_notify
from edge_agent.link.link import Link
from edge_agent.outbox.commit import GroupCommit
from edge_agent.outbox.outbox import Outbox
from edge_agent.settings import AgentSettings

log = logging.getLogger(__name__)

MAINTENANCE_S: Final = 1.0
STUCK_S: Final = 60.0
"""A link that has not gone round for this long is stuck, and the watchdog is no longer fed."""
THIN_TO: Final = 0.9
"""Of the most that the outbox may take: thinning a little at every commit would wear the flash."""


class Maintenance:
    """Does what is due, from `start` to `stop`. It feeds the watchdog, because it turns only while commits do."""

    def __init__(
        self,
        settings: AgentSettings,
        outbox: Outbox,
        commits: GroupCommit,
        link: Link,
        clock: Clock,
        quality: QualitySource,
        send_heartbeat: Callable[[], object],
    ) -> None:
        self._settings, self._outbox, self._commits, self._link = settings, outbox, commits, link
        self._clock, self._quality, self._send_heartbeat = clock, quality, send_heartbeat
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._repaired_epoch = ""
        self._next_heartbeat_ms = clock.monotonic_ms() + settings.heartbeat_s * 1000

    def start(self, thread_name: str) -> None:
        """Start the thread."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name=f"maintenance {thread_name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._commits.interrupt()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        next_s = 0.0
        while not self._stop.is_set():
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
            log.error("%s: maintenance failed and will be tried again: %s", self._settings.gateway, error)
        if not self._link.is_stuck(STUCK_S):
            sd_notify("WATCHDOG=1")

    def _send_heartbeat_if_due(self) -> None:
        now_ms = self._clock.monotonic_ms()
        if self._settings.heartbeat_s and now_ms >= self._next_heartbeat_ms:
            self._next_heartbeat_ms = now_ms + self._settings.heartbeat_s * 1000
            self._send_heartbeat()

    def _repair_times(self) -> None:
        """Once the clock is right, the events of this boot that were made before get their true time."""
        if self._quality() is not ClockQuality.SYNCED or self._repaired_epoch == self._outbox.epoch:
            return
        self._commits.flush()  # rows made before the sync may still wait in memory
        sync = SyncPoint(self._outbox.boot, self._clock.wall_ms(), self._clock.monotonic_ms())
        repaired = self._link.repair(sync)
        self._repaired_epoch = self._outbox.epoch
        if repaired:
            log.info("%s: the clock was set; %d earlier events got their time", self._settings.gateway, repaired)

    def _keep_small(self) -> None:
        most = self._settings.outbox.max_mb * 1_000_000
        if self._outbox.size_bytes() > most:
            gone = self._outbox.thin(int(most * THIN_TO))
            log.warning("%s: the outbox is full; %d repeated readings were given up", self._settings.gateway, gone)
        self._outbox.release_free_pages()
