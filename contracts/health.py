"""What a gateway says about itself: heartbeat, birth and last will, and its inventory of sensors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from contracts.clock import ClockQuality
from contracts.envelope import LATEST_MS
from contracts.errors import MalformedMessage
from contracts.events import MAX_TEXT
from contracts.strict import MAX_INT, VERSION, Reader, check_text, dump, load_own

HEARTBEAT_S: Final = 300
"""How often a gateway reports itself."""
PROOF_VALID_S: Final = 900
"""A home is provably silent at ``now`` iff the arrival of its last proving heartbeat (``gateways.proven_ms``) is not
before its last sign of life (``live_states.last_sign_ms``) and at most this long before ``now``. Otherwise it is
*unknown*, which is a device matter. An event that is no sign of life, such as a meter's, changes nothing about it."""
MAX_SENSORS: Final = 200


class SensorRole(StrEnum):
    """What a sensor's report means for the rhythm."""

    ENTRANCE = "entrance"
    """The door to the outside: who opens it may have left."""
    ROOM = "room"
    """Movement in a room."""
    OBJECT = "object"
    """Something a person handles: a cupboard, the fridge, a bed."""
    APPLIANCE = "appliance"
    """Something a person switches on."""
    METER = "meter"
    """The power of the whole home."""
    BUTTON = "button"
    """Pressed on purpose."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor of a home, as the agent's settings name it."""

    id: str
    role: SensorRole
    room: str = ""


@dataclass(frozen=True, slots=True)
class SensorHealth:
    """How one sensor is.

    Attributes:
        seen_ms: wall clock of its last report of any kind, ms UTC; None when never seen.
        battery_pct: 0 to 100; None when not reported.
        link: radio quality 0 to 255; None when not reported.
    """

    seen_ms: int | None = None
    battery_pct: float | None = None
    link: int | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Proof that the devices of a home are alive, every `HEARTBEAT_S`.

    Attributes:
        t: wall clock, ms UTC; q: its quality.
        boot: boot id.
        uptime_s: seconds since the agent started.
        epoch: outbox file; last_n: highest number given out in it.
        backlog: rows not yet acknowledged.
        thinned: rows given up since the outbox was made, because the disk was full.
        disk_free_mb: free megabytes where the outbox lies.
        sensors: health of each sensor, by id.
    """

    t: int
    q: ClockQuality
    boot: int
    uptime_s: int
    epoch: str
    last_n: int
    backlog: int
    thinned: int
    disk_free_mb: int
    sensors: Mapping[str, SensorHealth] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GatewayState:
    """Birth (``online``) or last will (not ``online``) of one boot. Retained."""

    online: bool
    boot: int


@dataclass(frozen=True, slots=True)
class Meta:
    """The inventory of a gateway. Retained."""

    agent: str
    sensors: Sequence[Sensor]


def encode_heartbeat(gateway: str, heartbeat: Heartbeat) -> bytes:
    """The payload of ``hb``."""
    sensors = {
        name: {"seen": health.seen_ms, "bat": health.battery_pct, "link": health.link}
        for name, health in heartbeat.sensors.items()
    }
    return dump(
        {
            "v": VERSION,
            "gw": gateway,
            "t": heartbeat.t,
            "q": int(heartbeat.q),
            "b": heartbeat.boot,
            "up": heartbeat.uptime_s,
            "e": heartbeat.epoch,
            "n": heartbeat.last_n,
            "backlog": heartbeat.backlog,
            "thinned": heartbeat.thinned,
            "disk": heartbeat.disk_free_mb,
            "sensors": sensors,
        }
    )


def decode_heartbeat(payload: bytes, gateway: str) -> Heartbeat:
    """Read the payload of ``hb``. Raises ContractError."""
    reader = load_own(payload, gateway)
    sensors = {
        check_text(name, "sensors: an id", MAX_TEXT): _decode_health(Reader(value, f"sensors.{name}"))
        for name, value in reader.mapping("sensors", MAX_SENSORS).items()
    }
    return Heartbeat(
        t=reader.integer("t", 0, LATEST_MS),
        q=ClockQuality(reader.integer("q", 0, 2)),
        boot=reader.integer("b", 0, MAX_INT),
        uptime_s=reader.integer("up", 0, MAX_INT),
        epoch=reader.text("e", 64),
        last_n=reader.integer("n", 0, MAX_INT),
        backlog=reader.integer("backlog", 0, MAX_INT),
        thinned=reader.integer("thinned", 0, MAX_INT),
        disk_free_mb=reader.integer("disk", 0, MAX_INT),
        sensors=sensors,
    )


def encode_state(gateway: str, state: GatewayState) -> bytes:
    """The payload of ``state``, for birth and last will alike."""
    return dump({"v": VERSION, "gw": gateway, "online": state.online, "b": state.boot})


def decode_state(payload: bytes, gateway: str) -> GatewayState:
    """Read the payload of ``state``. Raises ContractError."""
    reader = load_own(payload, gateway)
    return GatewayState(reader.flag("online"), reader.integer("b", 0, MAX_INT))


def encode_meta(gateway: str, meta: Meta) -> bytes:
    """The payload of ``meta``."""
    sensors = [{"id": sensor.id, "role": str(sensor.role), "room": sensor.room} for sensor in meta.sensors]
    return dump({"v": VERSION, "gw": gateway, "agent": meta.agent, "sensors": sensors})


def decode_meta(payload: bytes, gateway: str) -> Meta:
    """Read the payload of ``meta``; a role of a later version is taken for an object. Raises ContractError."""
    reader = load_own(payload, gateway)
    sensors = [_decode_sensor(item) for item in reader.readers("sensors", MAX_SENSORS)]
    if len({sensor.id for sensor in sensors}) != len(sensors):
        raise MalformedMessage("sensors: two have the same id")
    return Meta(reader.text("agent", MAX_TEXT), sensors)


def _decode_health(reader: Reader) -> SensorHealth:
    return SensorHealth(
        seen_ms=reader.integer("seen", 0, LATEST_MS) if reader.has("seen") else None,
        battery_pct=reader.number("bat", 0, 100) if reader.has("bat") else None,
        link=reader.integer("link", 0, 255) if reader.has("link") else None,
    )


def _decode_sensor(reader: Reader) -> Sensor:
    role = reader.text("role", 32)
    known = role in tuple(SensorRole)
    return Sensor(
        id=reader.text("id", MAX_TEXT),
        role=SensorRole(role) if known else SensorRole.OBJECT,
        room=reader.text("room", MAX_TEXT, empty=True) if reader.has("room") else "",
    )
