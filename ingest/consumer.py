"""From the broker to the pipeline and back: gather what has queued, process it in a thread, publish the acks.

Neither the broker nor this process remembers anything for the other: the session starts clean every time, because what
is not acked end to end, the agents send again.
"""

import asyncio
import heapq
import itertools
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

import aiomqtt
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from contracts.backoff import backoff_s
from contracts.broker import BrokerSettings
from contracts.clock import Clock
from contracts.topics import UP, Leaf, subscription
from ingest.intake.ports import Inbound, Outbound
from ingest.pipeline import Pipeline
from ingest.settings import IngestSettings
from store.lease import LeaseLost
from store.timeseries.port import TimeSeriesError, UnstorablePoint

_log = logging.getLogger(__name__)

T = TypeVar("T")

_TRIES: Final = 3
"""How often a group is tried when no store is out of reach, before its messages are tried one by one."""
_RIVAL: Final = (
    " (connections do not last; if another server plays the role 'ingest' at this broker, stop one of the two)"
)
STUCK_S: Final = 60.0
"""A group of messages is processed well within this, unless a store is out of reach."""
CLIENT_ID: Final = "mimamori-ingest"
_URGENT: Final = f"/{Leaf.PRIORITY}"
_OUTAGES: Final = (OperationalError, InterfaceError, NoConnectionFree)
_PRESSES: Final = 1_000
"""How many messages of the priority lane may wait for the ledger."""


class LaneQueue(asyncio.Queue[aiomqtt.Message]):
    """First in, first out, but the priority lane first: a help button never waits behind a back-log.

    Each message gets ``received_ms`` as it comes in: a heartbeat that waits here, because a store is out of reach, must
    not prove later that its home was alive then. What comes on the priority lane goes to ``presses`` as well, whose
    reader waits for nothing that the messages here wait for.
    """

    clock: Clock
    presses: "asyncio.Queue[Inbound]"

    def _init(self, maxsize: int) -> None:  # noqa: ARG002 - asyncio.Queue's signature
        self._queue: list[tuple[bool, int, aiomqtt.Message]] = []
        self._arrivals = itertools.count()

    def _put(self, item: aiomqtt.Message) -> None:
        vars(item)["received_ms"] = self.clock.wall_ms()
        waits = not item.topic.value.endswith(_URGENT)
        if not waits and not self.presses.full():  # else it is read in its turn, from here
            self.presses.put_nowait(_inbound(item))
        heapq.heappush(self._queue, (waits, next(self._arrivals), item))

    def _get(self) -> aiomqtt.Message:
        return heapq.heappop(self._queue)[2]


def lane_queue(clock: Clock, presses: "asyncio.Queue[Inbound]") -> type[LaneQueue]:
    """The queue as aiomqtt wants it, a class, with the clock that stamps what comes in and where presses go."""
    return type("LaneQueue", (LaneQueue,), {"clock": clock, "presses": presses})


class Consumer:
    """Consumes until it is told to stop, over any number of connections.

    Args:
        pipeline: processes groups of messages; called in a thread, one call at a time.
        clock: gives ``received_ms``.
        broker: where to connect; its password and keys are read once, here.
        settings: group size, queue size and pauses.

    Raises:
        OSError, UnicodeDecodeError: a key, certificate or password file of the broker cannot be used.

    Attributes:
        subscribed: set while connected and subscribed; for others to wait on.
    """

    def __init__(self, pipeline: Pipeline, clock: Clock, broker: BrokerSettings, settings: IngestSettings) -> None:
        self._pipeline = pipeline
        self._clock = clock
        self._broker = broker
        self._password, self._tls = broker.password(), broker.tls_context()
        self._settings = settings
        self.subscribed = threading.Event()
        self._group_began_s: float | None = None
        self._presses: asyncio.Queue[Inbound] = asyncio.Queue(_PRESSES)

    def is_well(self) -> bool:
        """Whether it is subscribed and no group has been under way for long; may be asked from any thread."""
        began_s = self._group_began_s
        return self.subscribed.is_set() and (began_s is None or time.monotonic() - began_s < STUCK_S)

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until ``stop`` is set; the group under way is finished and acked. Reconnects for ever.

        Raises:
            LeaseLost: another process ingests now.
        """
        pauses = _pauses(self._settings)
        short_lived = 0
        while not stop.is_set():
            subscribed_s = None
            try:
                async with self._client() as client:
                    await self._subscribe(client, stop)
                    subscribed_s = time.monotonic()
                    await self._consume(client, stop)
            except aiomqtt.MqttError as error:
                if subscribed_s is not None:
                    # Two servers at one broker throw each other out: back at once every time, neither would get on.
                    lasted = time.monotonic() - subscribed_s >= self._settings.retry_most_s
                    short_lived = 0 if lasted else short_lived + 1
                    pauses = _pauses(self._settings) if lasted else pauses
                hint = _RIVAL if short_lived >= _TRIES else ""
                _log.warning("broker %s:%d: %s; trying again%s", self._broker.host, self._broker.port, error, hint)
                await _wait(stop, next(pauses))
            finally:
                self.subscribed.clear()
                self._group_began_s = None

    def _client(self) -> aiomqtt.Client:
        broker = self._broker
        return aiomqtt.Client(
            broker.host,
            broker.port,
            username=broker.username or None,
            password=self._password,
            tls_context=self._tls,
            identifier=CLIENT_ID,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            keepalive=broker.keepalive_s,
            queue_type=lane_queue(self._clock, self._presses),
            max_queued_incoming_messages=self._settings.queue_messages,
            max_concurrent_outgoing_calls=8,
            # An ack is small and somebody waits for it: without this it may sit in the kernel for 40 ms.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )

    async def _subscribe(self, client: aiomqtt.Client, stop: asyncio.Event) -> None:
        await client.subscribe([(subscription(leaf), 1) for leaf in UP])
        self.subscribed.set()
        _log.info("subscribed at %s:%d", self._broker.host, self._broker.port)
        # Agents that wait for an ack that was lost learn at once what is stored, and send the rest.
        acks = await self._retrying(self._pipeline.current_acks, stop)
        await _publish(client, acks or [])

    async def _consume(self, client: aiomqtt.Client, stop: asyncio.Event) -> None:
        stopping = asyncio.create_task(stop.wait())
        recording = asyncio.create_task(self._record_presses(stop))
        try:
            while not stop.is_set():
                group = await self._gather(client, stopping)
                self._group_began_s = time.monotonic()
                await _publish(client, await self._process(group, stop))
                self._group_began_s = None
        finally:
            stopping.cancel()
            recording.cancel()

    async def _record_presses(self, stop: asyncio.Event) -> None:
        """Calls for help go into the ledger as they come in, whatever the groups of messages wait for."""
        thread = ThreadPoolExecutor(1, "presses")  # those that all share may all wait for a slow store or vendor
        try:
            while True:
                message = await self._presses.get()
                try:
                    # Only what passes: one press that can never be written must not block those behind it.
                    await self._retrying(partial(self._pipeline.record_presses, [message]), stop, thread, _OUTAGES)
                except Exception as error:  # noqa: BLE001 - one bad message must not stop the watch over every home
                    # Its group records it once more, and sets it aside should that fail as well.
                    _log.error("a press could not be recorded at once: %s", _words(error), exc_info=_trace(error))
        finally:
            thread.shutdown(wait=False)

    async def _gather(self, client: aiomqtt.Client, stopping: asyncio.Task[Any]) -> list[Inbound]:
        """The next message, as soon as there is one, and what has queued behind it; nothing when stopping."""
        messages = client.messages
        first = asyncio.ensure_future(anext(messages))
        await asyncio.wait({first, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not first.done():
            first.cancel()
            return []
        found = [first.result()]
        while len(messages) and len(found) < self._settings.group_messages:
            found.append(await anext(messages))
        return [_inbound(message) for message in found]

    async def _process(self, group: list[Inbound], stop: asyncio.Event) -> list[Outbound]:
        """Process the group, however long a store is out of reach; what cannot be processed at all is set aside."""
        pauses = _pauses(self._settings)
        tries = 0
        while group and not stop.is_set():
            try:
                return await asyncio.to_thread(self._pipeline.process, group)
            except LeaseLost:
                raise  # whoever has it now takes in these messages, which the agents send again
            except Exception as error:  # noqa: BLE001 - one bad message must not stop the watch over every home
                tries += not _is_outage(error)
                if tries >= _TRIES:
                    return await self._process_singly(group, error, stop)
                pause_s = next(pauses)
                _log.warning("a group of messages is tried again in %.1f s: %s", pause_s, _words(error))
            await _wait(stop, pause_s)
        return []

    async def _process_singly(self, group: list[Inbound], error: Exception, stop: asyncio.Event) -> list[Outbound]:
        if len(group) > 1:
            return [ack for message in group for ack in await self._process([message], stop)]
        _log.error("a message on %s cannot be processed: %s", group[0].topic, _words(error), exc_info=_trace(error))
        detail = f"{type(error).__name__} while processing"
        await self._retrying(lambda: self._pipeline.set_aside(group[0], detail), stop)
        return []

    async def _retrying(
        self,
        call: Callable[[], T],
        stop: asyncio.Event,
        thread: ThreadPoolExecutor | None = None,
        outages: tuple[type[Exception], ...] = (DBAPIError, NoConnectionFree),
    ) -> T | None:
        """What the call gives, however long the store is out of reach; None when told to stop meanwhile."""
        pauses = _pauses(self._settings)
        while not stop.is_set():
            try:
                return await asyncio.get_running_loop().run_in_executor(thread, call)
            except outages as error:
                pause_s = next(pauses)
                _log.warning("the store is tried again in %.1f s: %s", pause_s, _words(error))
                await _wait(stop, pause_s)
        return None


def _is_outage(error: Exception) -> bool:
    """Whether the same call may succeed later without anything being fixed here."""
    if isinstance(error, TimeSeriesError):
        return not isinstance(error, UnstorablePoint)
    return isinstance(error, _OUTAGES)


def _words(error: Exception) -> str:
    """The error for the log; a database error without its text, which repeats what was to be written."""
    text = "" if isinstance(error, SQLAlchemyError) else f": {error}"
    return type(error).__name__ + text


def _trace(error: Exception) -> Exception | None:
    return None if isinstance(error, SQLAlchemyError) else error


def _inbound(message: aiomqtt.Message) -> Inbound:
    payload = message.payload
    raw = bytes(payload) if isinstance(payload, bytes | bytearray) else str(payload or "").encode()
    return Inbound(message.topic.value, raw, vars(message)["received_ms"])


async def _publish(client: aiomqtt.Client, messages: list[Outbound]) -> None:
    await asyncio.gather(*(client.publish(message.topic, message.payload, qos=1) for message in messages))


async def _wait(stop: asyncio.Event, pause_s: float) -> None:
    try:
        async with asyncio.timeout(pause_s):
            await stop.wait()
    except TimeoutError:
        return


def _pauses(settings: IngestSettings) -> Iterator[float]:
    """Ever longer pauses, up to the longest."""
    return (backoff_s(tries, settings.retry_least_s, settings.retry_most_s) for tries in itertools.count(1))
