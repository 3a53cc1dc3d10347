"""The agent's settings: frozen dataclasses, read from TOML, every value checked at start."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contracts.broker import BrokerSettings
from contracts.errors import InvalidTopic
from contracts.events import MAX_TEXT
from contracts.health import HEARTBEAT_S, Sensor, SensorRole
from contracts.topics import check_gateway
from edge_agent.clock import SYNC_MARKER
from edge_agent.errors import SettingsError
from edge_agent.ports import SourceSettings
from edge_agent.sources import KINDS
from edge_agent.toml_reader import Table, ranged, read_toml


@dataclass(frozen=True, slots=True)
class OutboxSettings:
    """The outbox file.

    Attributes:
        path: the SQLite file; its folder must exist.
        max_mb: above this, repeated readings are thinned.
        commit_ms: the longest a reading waits in memory, ms. commit_rows: how many at most wait together.
    """

    path: Path = Path("outbox.db")
    max_mb: int = ranged(200, 1, 1_000_000)
    commit_ms: int = ranged(250, 1, 10_000)
    commit_rows: int = ranged(500, 1, 10_000)


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """How the outbox is sent.

    Attributes:
        window_batches: batches of at most 200 events that may be on their way at once.
        ack_timeout_s: after this, on the real monotonic clock, a batch is sent again; then after twice as long, and
            so on up to ack_timeout_max_s.
        reconnect_max_s: the longest pause between two tries to reach the broker.
        paced_backlog: recordings wait while more rows than this are not acknowledged.
    """

    window_batches: int = ranged(8, 1, 64)
    ack_timeout_s: float = ranged(5.0, 0.1, 600)
    ack_timeout_max_s: float = ranged(60.0, 0.1, 3_600)
    reconnect_max_s: float = ranged(30.0, 0.1, 3_600)
    paced_backlog: int = ranged(20_000, 1, 10_000_000)


@dataclass(frozen=True, slots=True)
class AttentionSettings:
    """How the person at home is asked; nothing set up: the backend is told so, and asks by other ways.

    Attributes:
        chime: command line that sounds once and ends with 0, as a list of words; empty: no chime.
        light_on, light_off: command lines of a light that is on while an answer is waited for; both or neither.
        console: print what would be sounded, for trying out.
        limit_s: the longest that one of them may run.
        again_s, times: how often the chime sounds for one question until there is an answer or a movement.
        ask_s: how long an answer is waited for.
    """

    chime: Sequence[str] = ()
    light_on: Sequence[str] = ()
    light_off: Sequence[str] = ()
    console: bool = False
    limit_s: float = ranged(5.0, 0.5, 20)
    again_s: int = ranged(120, 5, 3_600)
    times: int = ranged(5, 1, 60)
    ask_s: int = ranged(1_800, 60, 86_400)

    def __post_init__(self) -> None:
        if bool(self.light_on) != bool(self.light_off):
            raise SettingsError("attention.light_on and attention.light_off: give both or neither")


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """Everything the agent needs to know.

    Attributes:
        gateway: gateway id, equal to the certificate's common name.
        heartbeat_s: how often it reports itself; 0: only when told to (simulations).
        assume_synced: the wall clock is right although no time daemon says so.
        sync_marker: file that exists while the time daemon has the clock in hand.
        sensors: the inventory, besides what the sources announce.
        sources: families of sensors, and recordings to replay.
        attention: how the person is asked.
    """

    gateway: str
    broker: BrokerSettings = field(default_factory=BrokerSettings)
    outbox: OutboxSettings = OutboxSettings()
    link: LinkSettings = LinkSettings()
    heartbeat_s: int = ranged(HEARTBEAT_S, 0, 86_400)
    assume_synced: bool = False
    sync_marker: Path = SYNC_MARKER
    sensors: Sequence[Sensor] = ()
    sources: Sequence[SourceSettings] = ()
    attention: AttentionSettings = AttentionSettings()

    def __post_init__(self) -> None:
        try:
            check_gateway(self.gateway)
        except InvalidTopic as error:
            raise SettingsError(f"gateway: {error.detail}") from None
        ids = [sensor.id for sensor in self.sensors]
        if len(set(ids)) != len(ids):
            raise SettingsError("sensors: two have the same id")


def load_settings(path: Path) -> AgentSettings:
    """Read ``agent.toml``. Paths in it are relative to its folder.

    Raises:
        SettingsError: it names the file, the key, what was expected and what was found.
    """
    table = read_toml(path)
    try:
        return _agent(table, path.parent)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None


def _agent(table: Table, folder: Path) -> AgentSettings:
    table.only("gateway", "broker", "outbox", "link", "health", "clock", "attention", "sensors", "sources")
    settings = AgentSettings(
        gateway=table.text("gateway"),
        broker=_broker(table.table("broker"), folder),
        outbox=table.table("outbox").over(OutboxSettings(folder / "outbox.db"), folder),
        link=table.table("link").over(LinkSettings(), folder),
        sensors=tuple(_sensor(item) for item in table.tables("sensors")),
        sources=tuple(_source(item, folder) for item in table.tables("sources")),
        attention=table.table("attention").over(AttentionSettings(), folder),
    )
    settings = table.table("health").over(settings, folder, only=("heartbeat_s",))
    return table.table("clock").over(settings, folder, only=("assume_synced", "sync_marker"))


def _broker(table: Table, folder: Path) -> BrokerSettings:
    try:
        return table.over(BrokerSettings(), folder)
    except ValueError as error:
        raise SettingsError(f"broker.{error}") from None


def _sensor(table: Table) -> Sensor:
    table.only("id", "role", "room")
    sensor_id, room = table.text("id"), table.text("room", "")
    if len(sensor_id) > MAX_TEXT or len(room) > MAX_TEXT:
        raise SettingsError(f"{table.where}: id and room have at most {MAX_TEXT} characters")
    return Sensor(sensor_id, SensorRole(table.choice("role", tuple(SensorRole))), room)


def _source(table: Table, folder: Path) -> SourceSettings:
    return KINDS[table.choice("kind", tuple(KINDS))](table, folder)
