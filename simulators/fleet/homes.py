"""The real agents of many simulated homes, moved through time in lock-step by whoever conducts."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from contracts.broker import BrokerSettings
from contracts.health import HEARTBEAT_S
from edge_agent.agent import Agent
from edge_agent.outbox.outbox import Outbox
from edge_agent.settings import AgentSettings, AttentionSettings, OutboxSettings
from simulators.fleet.feed import Feed
from simulators.people.chimes import Chimes, SimulatedChime
from simulators.people.faults import moment_ms
from simulators.people.household import Condition, sensors_of
from simulators.town.neighbourhood import HomePlan, Neighbourhood
from simulators.town.scenario import Plot

log = logging.getLogger(__name__)

_HEARTBEAT_MS: Final = HEARTBEAT_S * 1000
_CONNECT_S: Final = 20.0
_OWN_COMMITS: Final = {"commit_ms": 3_600_000, "commit_rows": 5_000}
"""The fleet says when to commit; the agents' own time limit would only add commits."""


class FleetError(RuntimeError):
    """The fleet cannot do what was asked; the message says what and what to do."""


@dataclass(frozen=True, slots=True)
class FleetConfig:
    """A fleet.

    Attributes:
        town: whose homes they are.
        broker_url: ``mqtt://host:port`` of an MQTT 5 broker.
        folder: where the homes' outboxes lie; it must exist.
        scenario: what goes wrong, plots by home id.
        ack_timeout_s: how long `advance` waits for the backend's acks, s of real time.
    """

    town: Neighbourhood
    broker_url: str
    folder: Path
    scenario: Mapping[str, Sequence[Plot]] = field(default_factory=dict)
    ack_timeout_s: float = 30.0


class HandClock:
    """A clock moved by hand. It never goes back: a reading made late is offered late.

    Its monotonic reading is the time since it was first set.
    """

    def __init__(self) -> None:
        self._from_ms = self._now_ms = 0

    def set(self, now_ms: int) -> None:
        """Let it be ``now_ms`` (ms UTC), unless it is later already."""
        if self._now_ms == 0:
            self._from_ms = now_ms
        self._now_ms = max(self._now_ms, now_ms)

    def wall_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""
        return self._now_ms

    def monotonic_ms(self) -> int:
        """Milliseconds since the clock was first set."""
        return self._now_ms - self._from_ms


@dataclass(frozen=True, slots=True)
class Advance:
    """What a step did: events handed to the outboxes, heartbeats sent, and when there is something to do again."""

    published: int
    heartbeats: int
    next_ms: int


class FleetHomes:
    """All homes of a fleet. Not for several threads.

    Args:
        config: the fleet; its folder must exist.

    Raises:
        FleetError: the folder is missing, or the scenario names a home that does not exist.
    """

    def __init__(self, config: FleetConfig) -> None:
        if not config.folder.is_dir():
            raise FleetError(f"the folder {config.folder} for the outboxes does not exist; create it")
        homes = [home.id for home in config.town.homes]
        if unknown := set(config.scenario).difference(homes):
            raise FleetError(f"the scenario names {min(unknown)}; the homes are {', '.join(homes)}")
        self._config = config
        self._clock = HandClock()
        self._chimes = Chimes(config.town.seed)
        self._feeds: dict[str, Feed] = {}
        self._now_ms = 0
        self._connected: set[str] = set()
        self._agents = {home.id: self._new_agent(home) for home in config.town.homes}
        self._all(lambda agent: agent.start(connect=False))

    def history(self, from_ms: int, to_ms: int) -> Advance:
        """Begin at ``from_ms`` and commit everything up to ``to_ms`` to the outboxes; nothing is sent before `connect`.

        Raises:
            FleetError: a history was made before, or it ends before it begins.
        """
        if self._feeds or to_ms < from_ms:
            raise FleetError("history comes once, first, and ends after it begins")
        for home in self._config.town.homes:
            plots = list(self._config.scenario.get(home.id, ()))
            self._feeds[home.id] = Feed(home, self._config.town.seed, plots, from_ms)
        self._clock.set(from_ms)
        published = self._emit(to_ms, linked=False)
        return Advance(published, 0, self._next_ms())

    def connect(self) -> int:
        """Let every home connect that is not off-line by the scenario; gives the number of events still to be sent.

        Raises:
            FleetError: the broker did not accept all of them.
        """
        self._need_history()
        _refuse(self._link(self._now_ms))
        return self.backlog()

    def wait(self, timeout_s: float) -> int:
        """Wait until all connected homes have everything acknowledged; gives the events that are still not."""
        deadline_s = time.monotonic() + timeout_s
        for home in self._connected:
            self._agents[home].wait_until_acked(max(0.0, deadline_s - time.monotonic()))
        return self.backlog()

    def backlog(self) -> int:
        """Events that connected homes wait to have acknowledged."""
        return sum(self._agents[home].outbox.backlog for home in self._connected)

    def advance(self, to_ms: int) -> Advance:
        """Live on until ``to_ms``: emit, commit, wait for the acks, then send the newest heartbeat that became due.

        Raises:
            FleetError: time would go back, or the backend did not acknowledge in time.
        """
        self._need_history()
        if to_ms < self._now_ms:
            raise FleetError(f"time would go back by {self._now_ms - to_ms} ms; advance forward only")
        beat_ms = to_ms // _HEARTBEAT_MS * _HEARTBEAT_MS
        beats = beat_ms > self._now_ms
        published = self._emit(to_ms, linked=True)
        self._clock.set(to_ms)
        if waiting := self.wait(self._config.ack_timeout_s):
            raise FleetError(
                f"{waiting} events were not acknowledged within {self._config.ack_timeout_s:g} s; does the ingest run?"
            )
        heartbeats = sum(self._agents[home].send_heartbeat() for home in sorted(self._connected)) if beats else 0
        return Advance(published, heartbeats, self._next_ms())

    def visit(self, home: str, at_ms: int) -> Condition:
        """Somebody enters a home; gives how they find the person. The sensors see it in the next `advance`.

        Raises:
            FleetError: there is no such home, or ``at_ms`` is over already.
        """
        if at_ms < self._now_ms:
            raise FleetError(f"a visit {self._now_ms - at_ms} ms ago cannot be played; give a moment to come")
        return self._feed(home).visit(at_ms)

    def condition(self, home: str, at_ms: int) -> Condition:
        """How the person of a home is at ``at_ms``, as far as it is known now. Raises FleetError."""
        return self._feed(home).condition(at_ms)

    def stop(self) -> None:
        """Stop all agents and close their outboxes. What was not acknowledged stays in them."""
        self._all(lambda agent: agent.stop())
        self._all(lambda agent: agent.outbox.close())
        self._connected.clear()

    def _emit(self, to_ms: int, *, linked: bool) -> int:
        """Offer all readings up to ``to_ms`` in the order of time, whichever home they are from, and commit them."""
        for home, press in self._chimes.presses(self.condition):
            self._feeds[home].press(press)
        waiting = [(moment_ms(r), home, r) for home, feed in self._feeds.items() for r in feed.take_until(to_ms)]
        waiting.sort(key=lambda entry: entry[0])
        refused: list[str] = []
        for at_ms, home, reading in waiting:
            if linked:
                refused += self._link(at_ms)
            self._clock.set(at_ms)
            self._agents[home].submit(reading, "simulation")
        for home in {home: None for _at_ms, home, _reading in waiting}:
            self._agents[home].flush()
        self._now_ms = to_ms
        if linked:
            refused += self._link(to_ms)
        _refuse(refused)  # only now: what was seen is in the outboxes, broker or no broker
        return len(waiting)

    def _link(self, at_ms: int) -> list[str]:
        """Bring every link into the state that the scenario wants at ``at_ms``; the homes the broker did not accept."""
        online = {home for home, feed in self._feeds.items() if feed.offline_until_ms(at_ms) is None}
        for home in self._connected - online:
            self._agents[home].flush()
            self._agents[home].disconnect()
        coming = sorted(online - self._connected)
        for home in coming:
            self._agents[home].connect()
        self._connected = online
        deadline_s = time.monotonic() + _CONNECT_S
        return [home for home in coming if not self._is_accepted(home, deadline_s)]

    def _is_accepted(self, home: str, deadline_s: float) -> bool:
        return self._agents[home].wait_until_connected(max(0.0, deadline_s - time.monotonic()))

    def _next_ms(self) -> int:
        beat_ms = (self._now_ms // _HEARTBEAT_MS + 1) * _HEARTBEAT_MS
        return min(feed.next_ms(beat_ms) for feed in self._feeds.values())

    def _feed(self, home: str) -> Feed:
        self._need_history()
        if home not in self._feeds:
            raise FleetError(f"there is no home '{home}'; the homes are {', '.join(self._feeds)}")
        return self._feeds[home]

    def _need_history(self) -> None:
        if not self._feeds:
            raise FleetError("the homes have no history yet; begin with history, an empty one will do")

    def _new_agent(self, home: HomePlan) -> Agent:
        path = self._config.folder / f"{home.id}.outbox.db"
        settings = AgentSettings(
            gateway=home.gateway,
            broker=BrokerSettings(url=self._config.broker_url),
            outbox=OutboxSettings(path=path, **_OWN_COMMITS),
            heartbeat_s=0,
            sensors=sensors_of(home.traits),
            attention=AttentionSettings(times=1),  # its repetitions go by real time, which the simulation does not
        )
        chime = SimulatedChime(home.id, self._clock, self._chimes.sounded)
        return Agent(settings, Outbox(path), self._clock, notifier=chime)

    def _all(self, work: Callable[[Agent], None]) -> None:
        with ThreadPoolExecutor(max_workers=16) as pool:
            for done in [pool.submit(work, agent) for agent in self._agents.values()]:
                done.result()


def _refuse(homes: list[str]) -> None:
    if homes:
        raise FleetError(f"the broker did not accept {', '.join(homes)} within {_CONNECT_S:g} s; does it run?")
