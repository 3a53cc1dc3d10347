"""From an event of a batch to a point of the time series, or to the reason why it is not stored. Pure."""

import json
from dataclasses import replace
from typing import Final

from contracts.clock import ClockQuality
from contracts.envelope import RejectedEvent, encode_event, timestamp_ns
from contracts.events import Event, Kind
from ingest.settings import IngestSettings
from store.timeseries.port import Point, UnstorablePoint, check_point

EARLIEST_MS: Final = 946_684_800_000
"""The year 2000, in ms: a clock that shows less was never set."""

_compact: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def point_of(
    gateway: str, epoch: str, event: Event, received_ms: int, settings: IngestSettings
) -> Point | RejectedEvent:
    """The event as a point; or rejected, when its clock is years off or it holds what no store takes."""
    wrong = clock_trouble(event, received_ms, settings)
    if wrong:
        return RejectedEvent(event.n, "clock", wrong, _raw(event))
    try:
        point = Point(
            gateway, timestamp_ns(event), event.s, event.k, _compact(event.x), epoch, event.n, int(event.q), event.bf
        )
        check_point(point)
    except (UnstorablePoint, ValueError, RecursionError) as error:
        return RejectedEvent(event.n, "malformed", f"cannot be stored: {str(error)[:200]}", _raw(event))
    return point


def clock_trouble(event: Event, received_ms: int, settings: IngestSettings) -> str:
    """What is wrong with the event's wall time; empty when it can be believed.

    A back-filled event may be of any age: it waited on the device.
    """
    if event.t < EARLIEST_MS:
        return "t lies before the year 2000: the clock of the gateway was never set"
    if event.t > received_ms + settings.max_future_s * 1000:
        return f"t lies more than {settings.max_future_s:g} s in the future: the clock of the gateway is ahead"
    if settings.max_lag_s is not None and not event.bf and event.t < received_ms - settings.max_lag_s * 1000:
        return f"t lies more than {settings.max_lag_s:g} s in the past, and the event is not back-filled"
    return ""


def normalise_press(event: Event, received_ms: int, settings: IngestSettings) -> Event:
    """A press of a clock that cannot be believed, as one of this moment: no call for help is set aside for its time.

    Any other event as it is.
    """
    if event.k != Kind.BUTTON or not clock_trouble(event, received_ms, settings):
        return event
    return replace(event, t=received_ms, q=ClockQuality.NEVER_SYNCED, bf=False)


def _raw(event: Event) -> bytes:
    try:
        return json.dumps(encode_event(event), separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return b""
