"""A simulated town and the real backend, moved through time in lock-step; whoever is asked, answers as people do.

Time stands still until every event up to a moment is stored and every timer up to it has run, then it jumps to the next
moment at which something can happen. So two days pass in less than a minute, and twice the same way.
"""

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import func, select

from alerts.tools.next_moment import next_moment_ms
from contracts.health import HEARTBEAT_S
from mimamori.demo.players import Players
from mimamori.demo.vendors import Phones
from mimamori.server.build import Backend
from simulators.fleet.client import FleetClient
from simulators.fleet.homes import FleetError, HandClock
from store.engine import reading
from store.schema import gateways

WINDOW_MS: Final = HEARTBEAT_S * 1000
"""The longest jump: a heartbeat must never be missed. It is far below the shortest silence that asks (30 min)."""
_NIGHTLY_MS: Final = 1_800_000
_STUCK_MS: Final = 1_000
_PATIENCE_S: Final = 30.0
_LOOK_S: Final = 0.002


class Timeline:
    """One run of the town.

    Args:
        backend: the real one; its clock is ``clock``.
        fleet: the homes, connected.
        clock: moved by this story alone.
        phones: whose screens show the same time.
        players: those who are asked.
    """

    def __init__(
        self, backend: Backend, fleet: FleetClient, clock: HandClock, phones: Phones, players: Players
    ) -> None:
        self._backend = backend
        self._fleet = fleet
        self._clock = clock
        self._phones = phones
        self._players = players
        self.published = 0
        self._next_nightly_ms = clock.wall_ms()

    @property
    def now_ms(self) -> int:
        """Simulated time, ms UTC."""
        return self._clock.wall_ms()

    def step(self, limit_ms: int) -> None:
        """Go on to the next moment at which something can happen, at most to ``limit_ms``."""
        now_ms = self.now_ms
        target_ms = max(now_ms, min(limit_ms, now_ms + WINDOW_MS, self._next_moment_ms(now_ms)))
        if target_ms > now_ms:
            self._clock.set(target_ms)
            self._phones.clock.set(target_ms)
            advance = self._fleet.advance(target_ms)
            self.published += advance.published
            self._await_heartbeats(advance.heartbeats, target_ms)
        self._players.play(target_ms)
        self._backend.tick_alerts(target_ms)
        if target_ms >= self._next_nightly_ms:
            self._backend.learn(target_ms)
            self._next_nightly_ms = target_ms + _NIGHTLY_MS
        self._players.listen(target_ms)

    def run_until(self, end_ms: int, progress: Callable[[int], None] | None = None) -> None:
        """Step until ``end_ms``."""
        while self.now_ms < end_ms:
            self.step(end_ms)
            if progress:
                progress(self.now_ms)

    def _await_heartbeats(self, sent: int, at_ms: int) -> None:
        """Heartbeats have no ack of ours; a clock that ran ahead of them would make living homes unknown."""
        if not sent:
            return
        query = select(func.count()).select_from(gateways).where(gateways.c.heartbeat_ms >= at_ms)
        patience_s = time.monotonic() + _PATIENCE_S
        counts = self._backend.pipeline.counts
        while True:
            taken = counts.messages
            with reading(self._backend.db) as connection:
                if connection.execute(query).scalar_one() >= sent:
                    return
            while counts.messages == taken:  # asking the store again and again would hold up who writes to it
                if time.monotonic() > patience_s:
                    raise FleetError(f"not all of {sent} heartbeats were taken in within {_PATIENCE_S:.0f} s")
                time.sleep(_LOOK_S)

    def _next_moment_ms(self, now_ms: int) -> int:
        moments = [] if self._players.next_ms is None else [self._players.next_ms]
        due_ms = next_moment_ms(self._backend.engine, now_ms)
        if due_ms is not None:
            # What is due already was tried a moment ago; it is tried again, but time must not stand still for it.
            moments.append(due_ms if due_ms > now_ms else now_ms + _STUCK_MS)
        return min(moments, default=now_ms + WINDOW_MS)
