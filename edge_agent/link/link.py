"""The link: carries the outbox to the backend and takes rows out of it when the backend says they are stored.

One thread owns everything here. What other threads and paho's callbacks have to say comes through one queue, so that no
lock is held while publishing: a callback of paho's that waited for such a lock would never return.
"""

import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from contracts.backoff import backoff_s
from contracts.clock import SyncPoint
from contracts.envelope import MAX_EVENTS, Ack, decode_ack
from contracts.errors import ContractError
from contracts.health import GatewayState, encode_state
from contracts.topics import Leaf, subscription, topic
from edge_agent.errors import LinkError, OutboxError
from edge_agent.link.mqtt import Connection
from edge_agent.link.window import Flight, Window
from edge_agent.link.wire import batch_payload
from edge_agent.outbox.outbox import Outbox, SentUpTo
from edge_agent.settings import AgentSettings

log = logging.getLogger(__name__)

EVERYTHING: Final = 2**62
PRIORITY_BATCHES: Final = 64
IDLE_S: Final = 1.0
"""The longest the thread sleeps: its turns are what the watchdog looks at."""
FIRST_PAUSE_S: Final = 0.1
FAREWELL_S: Final = 2.0
HEARTBEAT_EXPIRY_S: Final = 900
"""An older heartbeat proves nothing any more."""


@dataclass(frozen=True, slots=True)
class _Note:
    """What the thread is told, and by which connection; None: by another thread of the agent."""

    what: str
    connection: Connection | None = None
    text: str = ""
    payload: bytes = b""


class Link:
    """Sends what is in the outbox while it can, from `start` to `stop`; may be started again.

    Args:
        settings: of the agent.
        outbox: what to send.
        greet: called in the link's thread after each successful connect, before the first event: publishes the
            inventory. birth and last will are the link's own.
        commanded: called in a thread of paho's with id and payload of each command; must not wait for anything.
    """

    def __init__(
        self,
        settings: AgentSettings,
        outbox: Outbox,
        greet: Callable[[], None],
        commanded: Callable[[str, bytes], None],
    ) -> None:
        self._commanded = commanded
        self._gateway = settings.gateway
        self._settings = settings
        self._outbox = outbox
        self._greet = greet
        rules = settings.link
        self._normal = Window(rules.window_batches, rules.ack_timeout_s, rules.ack_timeout_max_s)
        self._priority = Window(PRIORITY_BATCHES, rules.ack_timeout_s, rules.ack_timeout_max_s)
        self._notes: queue.SimpleQueue[_Note] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self._failures = 0
        self._retry_at_s = 0.0
        self._epoch = outbox.epoch
        self._is_up = threading.Event()
        self._sending = threading.Lock()  # never taken in a callback of paho's, so it cannot block one
        self._last_turn_s = time.monotonic()

    # For every thread.

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and the connection stands."""
        return self._is_up.is_set()

    @property
    def sent(self) -> SentUpTo:
        """What was handed to the broker since the agent started."""
        return SentUpTo(self._priority.highest, self._normal.highest)

    def wait_until_connected(self, timeout_s: float) -> bool:
        """Wait at most ``timeout_s`` of real time for the connection; whether it stands."""
        return self._is_up.wait(timeout_s)

    def start(self) -> None:
        """Begin to connect, and to connect again whenever the connection is lost. Does nothing when started."""
        if self._thread is None:
            self._failures, self._retry_at_s, self._last_turn_s = 0, 0.0, time.monotonic()
            self._notes = queue.SimpleQueue()  # what was said to an earlier thread is not for this one
            self._thread = threading.Thread(target=self._run, name=f"link {self._gateway}", daemon=True)
            self._thread.start()

    def stop(self, *, farewell: bool = True) -> None:
        """Close the connection and end the thread. Without ``farewell`` it is cut, and the last will is published."""
        if self._thread is not None:
            self._notes.put(_Note("stop" if farewell else "cut"))
            self._thread.join()
            self._thread = None

    def is_stuck(self, after_s: float) -> bool:
        """Whether the thread runs and has not gone round for ``after_s``."""
        return self._thread is not None and time.monotonic() - self._last_turn_s > after_s

    def wake(self) -> None:
        """There are new rows."""
        self._notes.put(_Note("rows"))

    def repair(self, sync: SyncPoint) -> int:
        """Give events of this boot that were made before the clock was set their time, unless they were sent already.

        Returns:
            How many were repaired.
        """
        with self._sending:
            return self._outbox.repair(sync, self.sent)

    def publish(
        self,
        leaf: Leaf,
        payload: bytes,
        *,
        retain: bool = False,
        expiry_s: int | None = None,
        command_id: str | None = None,
    ) -> bool:
        """Publish something that needs no ack, now or never; whether there was a connection to hand it to."""
        connection = self._connection
        if connection is None or not (self.connected or threading.current_thread() is self._thread):
            return False
        connection.publish(topic(self._gateway, leaf, command_id), payload, retain=retain, expiry_s=expiry_s)
        return True

    # The thread.

    def _run(self) -> None:
        while True:
            notes = self._gather()
            self._last_turn_s = time.monotonic()
            if any(note.what in ("stop", "cut") for note in notes):
                break
            try:
                self._turn(notes)
            except Exception as error:
                # A thread that ended here would leave an agent that runs and sends nothing, not even a call for help.
                what = "the outbox did not answer" if isinstance(error, OutboxError) else "an error nobody foresaw"
                log.exception("%s; everything unacknowledged will be sent again", what)
                self._lose(what)
        self._close(farewell=any(note.what == "stop" for note in notes))

    def _gather(self) -> list[_Note]:
        notes: list[_Note] = []
        try:
            notes.append(self._notes.get(timeout=self._patience_s()))
            while True:
                notes.append(self._notes.get_nowait())
        except queue.Empty:
            return notes

    def _patience_s(self) -> float:
        now_s = time.monotonic()
        dues = [self._normal.next_due_s(), self._priority.next_due_s()] if self.connected else []
        if self._connection is None:
            dues.append(self._retry_at_s)
        return max(0.0, min([due - now_s for due in dues if due is not None] + [IDLE_S]))

    def _turn(self, notes: Sequence[_Note]) -> None:
        acks: list[bytes] = []
        for note in notes:
            if note.connection is not None and note.connection is not self._connection:
                continue  # an older one, or one that is lost
            match note.what:
                case "message":
                    acks.append(note.payload)
                case "up":
                    self._come_up()
                case "down":
                    self._lose(note.text)
                case "refused":
                    log.error("%s: %s", self._gateway, note.text)
        self._take_acks(acks)
        if self._connection is None and time.monotonic() >= self._retry_at_s:
            self._connect()
        if self.connected:
            self._send()

    # Connecting.

    def _told(self, connection: Connection, what: str, text: str, payload: bytes) -> None:
        """Called in a thread of paho's."""
        if what == "message" and text != topic(self._gateway, Leaf.ACK):
            self._commanded(text.rpartition("/")[2], payload)
        else:
            self._notes.put(_Note(what, connection, text, payload))

    def _connect(self) -> None:
        will = (topic(self._gateway, Leaf.STATE), encode_state(self._gateway, GatewayState(False, self._outbox.boot)))
        try:
            self._connection = Connection(self._settings.broker, f"mimamori-edge-{self._gateway}", will, self._told)
        except (OSError, LinkError) as error:
            self._lose(str(error))

    def _come_up(self) -> None:
        assert self._connection is not None  # noqa: S101 - an older connection's note was not let through
        self._failures = 0
        self._reset()
        self._connection.subscribe(topic(self._gateway, Leaf.ACK))
        self._connection.subscribe(subscription(Leaf.COMMAND, self._gateway))
        self.publish(Leaf.STATE, encode_state(self._gateway, GatewayState(True, self._outbox.boot)), retain=True)
        self._greet()
        self._is_up.set()
        log.info("%s: connected, %d events to send", self._gateway, self._outbox.backlog)

    def _lose(self, reason: str) -> None:
        """The connection is gone, or never came: forget it, and try again after a pause that grows."""
        self._is_up.clear()
        if self._connection is not None:
            self._connection.drop()
            self._connection = None
        self._failures += 1
        pause_s = backoff_s(self._failures, FIRST_PAUSE_S, self._settings.link.reconnect_max_s)
        pause_s *= random.uniform(0.5, 1.0)  # noqa: S311 - so that not all homes come back at once
        self._retry_at_s = time.monotonic() + pause_s
        level = logging.WARNING if self._failures == 1 else logging.DEBUG
        log.log(level, "%s: no connection to the broker (%s); trying again", self._gateway, reason)

    def _close(self, *, farewell: bool) -> None:
        connection, self._connection = self._connection, None
        was_up = self.connected
        self._is_up.clear()
        if connection is None:
            return
        if farewell and was_up:
            state = encode_state(self._gateway, GatewayState(False, self._outbox.boot))
            connection.farewell(topic(self._gateway, Leaf.STATE), state, FAREWELL_S)
        else:
            connection.drop()

    def _reset(self) -> None:
        if self._epoch != self._outbox.epoch:
            self._epoch = self._outbox.epoch
            self._normal.highest = self._priority.highest = 0
        self._normal.reset()
        self._priority.reset()

    # Sending and being acknowledged.

    def _take_acks(self, payloads: Sequence[bytes]) -> None:
        acks: list[Ack] = []
        for payload in payloads:
            try:
                acks.append(decode_ack(payload))
            except ContractError as error:
                log.error("%s: an ack that cannot be read was ignored: %s", self._gateway, error)
        ours = [ack for ack in acks if ack.epoch == self._outbox.epoch]
        if ours:
            self._outbox.acknowledge(ours, self.sent)
            now_s = time.monotonic()
            for ack in ours:
                self._normal.acknowledged(ack, now_s)
                self._priority.acknowledged(ack, now_s)

    def _send(self) -> None:
        if self._epoch != self._outbox.epoch:
            self._reset()
        with self._sending:
            for window, priority in ((self._priority, True), (self._normal, False)):
                self._send_overdue(window, priority=priority)
                self._send_new(window, priority=priority)

    def _send_new(self, window: Window, *, priority: bool) -> None:
        while window.has_room():
            numbers = self._send_batch(window.cursor + 1, EVERYTHING, None, priority=priority)
            if not numbers:
                return
            window.sent(numbers, time.monotonic())

    def _send_overdue(self, window: Window, *, priority: bool) -> None:
        for flight in window.overdue(time.monotonic()):
            log.info("%s: no ack for events %d to %d", self._gateway, flight.numbers[0], flight.numbers[-1])
            numbers = self._send_batch(flight.numbers[0], flight.numbers[-1], flight, priority=priority)
            window.resent(flight, numbers, time.monotonic())

    def _send_batch(self, first: int, last: int, flight: Flight | None, *, priority: bool) -> list[int]:
        """Send what the lane holds from ``first`` to ``last``, as much as one message takes; the numbers sent."""
        rows = self._outbox.rows(first, last, MAX_EVENTS, priority=priority)
        if flight is not None:
            wanted = set(flight.numbers)
            rows = [row for row in rows if row.n in wanted]
        if not rows or self._connection is None:
            return []
        lowest = min(self._outbox.lowest() or rows[0].n, rows[0].n)  # rows may be thinned right after they were read
        payload, sent = batch_payload(self._gateway, self._epoch, lowest, rows)
        self._connection.publish(topic(self._gateway, Leaf.PRIORITY if priority else Leaf.EVENTS), payload)
        return [row.n for row in sent]
