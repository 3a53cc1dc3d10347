"""The batch of events that goes up and the ack that comes down: one codec, strict in what it reads.

A batch holds events of one boot, because monotonic times of two boots cannot be compared. ``lo`` is the lowest number
still in the outbox when the batch was made: a number below it that the backend never saw was thinned on the device and
will never come, so the backend stops waiting for it and reports the gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from contracts.clock import ClockQuality
from contracts.errors import MalformedMessage
from contracts.events import MAX_FIELDS, MAX_TEXT, Event, check_fields
from contracts.strict import MAX_INT, VERSION, Reader, dump, load_own, load_versioned
from contracts.topics import check_gateway

MAX_EVENTS: Final = 200
MAX_MISSING_SPANS: Final = 1_000
LATEST_MS: Final = 7_258_118_400_000
"""The year 2200, in ms: a wall clock beyond it is no wall clock. In ns it still fits into 64 bits with a sign."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of one gateway, outbox epoch and boot.

    Attributes:
        gateway: gateway id, equal to the certificate's common name.
        epoch: random id of the outbox file.
        boot: boot id; the same for all the events.
        events: 1 to `MAX_EVENTS`, in ascending ``n``.
        lowest: lowest number still in the outbox (the wire's ``lo``); 0 when not told.
    """

    gateway: str
    epoch: str
    boot: int
    events: Sequence[Event]
    lowest: int = 0


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """One broken event of a batch that is readable otherwise.

    Attributes:
        n: its number, so that it can be acknowledged once it lies in quarantine.
        reason: the stable word of the error; detail: the field and what was expected of it.
        raw: the event as it came, as JSON.
    """

    n: int
    reason: str
    detail: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Ack:
    """What the backend has stored of one epoch: every number up to ``upto``, except the spans in ``missing``.

    Attributes:
        epoch: the outbox file this speaks of.
        upto: highest number stored.
        missing: ``[first, last]`` spans below ``upto`` that are not stored, ascending.
    """

    epoch: str
    upto: int
    missing: Sequence[tuple[int, int]] = ()

    def covers(self, n: int) -> bool:
        """Whether the number is stored."""
        return n <= self.upto and not any(first <= n <= last for first, last in self.missing)


def encode_event(event: Event) -> dict[str, Any]:
    """The wire form of one event, as a JSON object."""
    return {
        "n": event.n,
        "t": event.t,
        "q": int(event.q),
        "m": event.m,
        "s": event.s,
        "k": str(event.k),
        "x": dict(event.x),
        "bf": event.bf,
    }


def encode_batch(batch: Batch) -> bytes:
    """The payload of ``ev`` and ``evp``. The events are taken as they are.

    Raises:
        OversizedMessage: more bytes than a reader takes; send fewer events.
        MalformedMessage: there is no event, there are too many, or their numbers do not ascend.
    """
    _check_numbers([event.n for event in batch.events])
    return dump(
        {
            "v": VERSION,
            "gw": check_gateway(batch.gateway),
            "e": batch.epoch,
            "b": batch.boot,
            "lo": batch.lowest,
            "ev": [encode_event(event) for event in batch.events],
        }
    )


def decode_batch(payload: bytes, gateway: str) -> Batch:
    """Read the payload of ``ev`` or ``evp``.

    Args:
        payload: the MQTT payload.
        gateway: the gateway id of the topic, which the broker tied to the sender's certificate.

    Raises:
        ContractError: the payload breaks the contract; the subclass and its ``reason`` say how.
    """
    reader = load_own(payload, gateway)
    events = [_decode_event(item) for item in reader.readers("ev", MAX_EVENTS)]
    _check_numbers([event.n for event in events])
    return _batch(reader, gateway, events)


def salvage_batch(payload: bytes, gateway: str) -> tuple[Batch, Sequence[RejectedEvent]]:
    """As `decode_batch`, but one broken event does not take its neighbours with it.

    A home resends what is not acknowledged: were the whole batch refused for one event, it would come for ever and
    hold up all that follows. So the broken ones are handed out by number, to be put into quarantine and acknowledged.

    Returns:
        the batch with its good events, possibly none, and the broken ones; together in ascending ``n``.

    Raises:
        ContractError: the envelope or the number of an event cannot be read.
    """
    reader = load_own(payload, gateway)
    events: list[Event] = []
    rejected: list[RejectedEvent] = []
    items = reader.readers("ev", MAX_EVENTS)
    _check_numbers([item.integer("n", 1, MAX_INT) for item in items])
    for item in items:
        try:
            events.append(_decode_event(item))
        except MalformedMessage as error:
            rejected.append(RejectedEvent(item.integer("n", 1, MAX_INT), error.reason, error.detail, item.as_json()))
    return _batch(reader, gateway, events), rejected


def _batch(reader: Reader, gateway: str, events: Sequence[Event]) -> Batch:
    return Batch(
        gateway=gateway,
        epoch=reader.text("e", 64),
        boot=reader.integer("b", 0, MAX_INT),
        events=events,
        lowest=reader.integer("lo", 0, MAX_INT) if reader.has("lo") else 0,
    )


def _decode_event(reader: Reader) -> Event:
    kind = reader.text("k", 32)
    fields = reader.mapping("x", MAX_FIELDS)
    check_fields(kind, fields, reader.path("x").removesuffix(".x"))
    return Event(
        n=reader.integer("n", 1, MAX_INT),
        t=reader.integer("t", 0, LATEST_MS),
        q=ClockQuality(reader.integer("q", 0, 2)),
        m=reader.integer("m", 0, MAX_INT),
        s=reader.text("s", MAX_TEXT),
        k=kind,
        x=fields,
        bf=reader.flag("bf"),
    )


def _check_numbers(numbers: Sequence[int]) -> None:
    if not 1 <= len(numbers) <= MAX_EVENTS:
        raise MalformedMessage(f"ev must hold 1 to {MAX_EVENTS} events")
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        raise MalformedMessage("ev: the numbers n must ascend")


def encode_ack(ack: Ack) -> bytes:
    """The payload of ``ack``. Spans beyond `MAX_MISSING_SPANS` are left out by lowering ``upto`` to before them."""
    upto, missing = ack.upto, list(ack.missing)
    if len(missing) > MAX_MISSING_SPANS:
        upto = missing[MAX_MISSING_SPANS][0] - 1
        missing = missing[:MAX_MISSING_SPANS]
    return dump({"v": VERSION, "e": ack.epoch, "upto": upto, "miss": [list(span) for span in missing]})


def decode_ack(payload: bytes) -> Ack:
    """Read the payload of ``ack``.

    Raises:
        ContractError: the payload breaks the contract.
    """
    reader = load_versioned(payload)
    upto = reader.integer("upto", 0, MAX_INT)
    missing = reader.spans("miss", MAX_MISSING_SPANS)
    if missing and missing[-1][1] > upto:
        raise MalformedMessage("miss must lie below upto")
    return Ack(reader.text("e", 64), upto, tuple(missing))


def timestamp_ns(event: Event) -> int:
    """The event's timestamp in the time-series store, ns.

    ``t * 10^6 + (n mod 10^6)``: writing it again hits the same point, and two events of one millisecond never collide.
    """
    return event.t * 1_000_000 + event.n % 1_000_000
