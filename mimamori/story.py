"""A simulated town and the real backend, moved through time in lock-step; whoever is asked, answers as people do.

Time stands still until every event up to a moment is stored and every timer up to it has run, then it jumps to the next
moment at which something can happen. So two days pass in less than a minute, and twice the same way.
"""

import heapq
import itertools
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection
from typing import Final

from sqlalchemy import Row, func, select

from alerts import responses
from contracts.health import HEARTBEAT_S
from mimamori.assembly import Backend
from simulators.fleet_client import FleetClient
from simulators.fleet_config import FleetError
from simulators.fleet_homes import HandClock
from simulators.household import Condition
from simulators.neighbourhood import Neighbourhood
from simulators.responder import Act, ActKind, Message, decide
from simulators.visits import HOSPITAL_MS
from store.engine import reading
from store.registry import edit
from store.schema import deliveries, gateways, incidents
from store.schema import responses as given

log = logging.getLogger(__name__)

WINDOW_MS: Final = HEARTBEAT_S * 1000
"""The longest jump: a heartbeat must never be missed. It is far below the shortest silence that asks (30 min)."""
_NIGHTLY_MS: Final = 1_800_000
_STUCK_MS: Final = 1_000
_PATIENCE_S: Final = 30.0
_LOOK_S: Final = 0.002
_VISIT_MS: Final = 600_000
_PHONE: Final = "phone"
"""Channel under which simulated people answer; a visitor of the demo answers on the ``page``."""


class Story:
    """One run of the town.

    Args:
        backend: the real one; its clock is ``clock``.
        fleet: the homes, connected.
        town: who lives there.
        clock: moved by this story alone.
        played_by_visitor: person ids; whoever is called about them does not answer by themself.
    """

    def __init__(
        self,
        backend: Backend,
        fleet: FleetClient,
        town: Neighbourhood,
        clock: HandClock,
        played_by_visitor: Collection[str] = (),
    ) -> None:
        self._backend = backend
        self._fleet = fleet
        self._town = town
        self._clock = clock
        self._played_by_visitor = played_by_visitor
        self.published = 0
        self._acts: list[tuple[int, int, str, str, ActKind]] = []  # at_ms, order, delivery, home, act
        self._order = itertools.count()
        self._seen_deliveries: set[str] = set()
        self._seen_answers: set[str] = set()
        self._occasions: dict[str, int] = {}
        self._incidents_of: Counter[str] = Counter()
        self._messages: Counter[tuple[str, str]] = Counter()
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
            advance = self._fleet.advance(target_ms)
            self.published += advance.published
            self._await_heartbeats(advance.heartbeats, target_ms)
        self._play(target_ms)
        self._backend.tick_alerts(target_ms)
        if target_ms >= self._next_nightly_ms:
            self._backend.learn(target_ms)
            self._next_nightly_ms = target_ms + _NIGHTLY_MS
        self._listen(target_ms)

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
        while True:
            with reading(self._backend.db) as connection:
                if connection.execute(query).scalar_one() >= sent:
                    return
            if time.monotonic() > patience_s:
                raise FleetError(f"not all of {sent} heartbeats were taken in within {_PATIENCE_S:.0f} s")
            time.sleep(_LOOK_S)

    def _next_moment_ms(self, now_ms: int) -> int:
        moments = [self._acts[0][0]] if self._acts else []
        due_ms = self._backend.engine.next_due_ms(now_ms)
        if due_ms is not None:
            # What is due already was tried a moment ago; it is tried again, but time must not stand still for it.
            moments.append(due_ms if due_ms > now_ms else now_ms + _STUCK_MS)
        return min(moments, default=now_ms + WINDOW_MS)

    # ---- those who are asked ----

    def _listen(self, now_ms: int) -> None:
        """See which messages reached somebody, and what a visitor of the page answered."""
        with reading(self._backend.db) as connection:
            sent = connection.execute(
                select(deliveries, incidents.c.home_id, incidents.c.person_id.label("subject_id"))
                .join(incidents, deliveries.c.incident_id == incidents.c.id)
                .where(deliveries.c.state == "accepted")
                .order_by(deliveries.c.created_ms, deliveries.c.id)
            ).all()
            answers = connection.execute(
                select(given.c.id, given.c.kind, incidents.c.home_id)
                .join(incidents, given.c.incident_id == incidents.c.id)
                .where(given.c.channel != _PHONE)
            ).all()
        for delivery in sent:
            if delivery.id not in self._seen_deliveries:
                self._seen_deliveries.add(delivery.id)
                self._reach(delivery, now_ms)
        for answer in answers:
            if answer.id not in self._seen_answers:
                self._seen_answers.add(answer.id)
                self._visitor_said(answer.kind, answer.home_id, now_ms)

    def _reach(self, delivery: Row[tuple[object, ...]], now_ms: int) -> None:
        subject, responder, purpose = delivery.subject_id, delivery.person_id, delivery.purpose
        if delivery.incident_id not in self._occasions:
            self._occasions[delivery.incident_id] = self._incidents_of[subject]
            self._incidents_of[subject] += 1
        nth = self._messages[delivery.incident_id, responder]
        self._messages[delivery.incident_id, responder] += 1
        if subject in self._played_by_visitor and purpose != "ask":
            return
        message = Message(subject, responder, purpose, now_ms, self._occasions[delivery.incident_id], nth)
        for act in decide(self._town.seed, message, self._condition(subject), self._condition_of_helper(responder)):
            self._plan(act, delivery.id, delivery.home_id, now_ms)

    def _visitor_said(self, kind: str, home_id: str, now_ms: int) -> None:
        """Whoever the visitor plays goes there, and the sensors of the home see it."""
        on_the_way = any(home == home_id and act is ActKind.ENTERS for _, _, _, home, act in self._acts)
        if kind == "going" and not on_the_way:
            self._plan(Act(_VISIT_MS, ActKind.ENTERS), "", home_id, now_ms)

    def _plan(self, act: Act, delivery_id: str, home_id: str, now_ms: int) -> None:
        heapq.heappush(self._acts, (now_ms + act.delay_ms, next(self._order), delivery_id, home_id, act.kind))

    def _play(self, now_ms: int) -> None:
        while self._acts and self._acts[0][0] <= now_ms:
            _, _, delivery_id, home_id, act = heapq.heappop(self._acts)
            if act is ActKind.ENTERS:
                self._fleet.visit(home_id, now_ms)
            else:
                self._answer(delivery_id, str(act), now_ms)
            if act is ActKind.CALLED_119:
                self._note_hospital(home_id, now_ms)

    def _answer(self, delivery_id: str, kind: str, now_ms: int) -> None:
        backend = self._backend
        with reading(backend.db) as connection:
            created_ms = connection.execute(
                select(deliveries.c.created_ms).where(deliveries.c.id == delivery_id)
            ).scalar_one()
        token = backend.links.sign(delivery_id, created_ms)
        responses.answer(backend.db, backend.links, token, kind, now_ms, _PHONE)

    def _note_hospital(self, home_id: str, now_ms: int) -> None:
        """What staff would do: somebody in hospital is not missed at home."""
        with edit(self._backend.db, actor="story", now_ms=now_ms) as registry:
            registry.register_absence(home_id, now_ms, now_ms + HOSPITAL_MS, note="入院")

    def _condition(self, person_id: str) -> Callable[[int], Condition]:
        home = self._town.home_of(person_id)
        if home is None:
            return lambda _at_ms: Condition.WELL
        return lambda at_ms: self._fleet.condition(home.id, at_ms)

    def _condition_of_helper(self, person_id: str) -> Callable[[int], Condition] | None:
        return self._condition(person_id) if self._town.home_of(person_id) else None
