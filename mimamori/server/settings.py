"""The server's settings file: read once, every key known, every value checked before anything starts."""

import tomllib
from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator
from pydantic.dataclasses import dataclass

from alerts.channels.registry import ChannelSettings, longest_sends_s
from alerts.settings import AlertsSettings
from alerts.watchdog.settings import AuditSettings
from contracts.broker import DEFAULT_PORTS, BrokerSettings
from dashboard.settings import DashboardSettings
from ingest.settings import IngestSettings
from mimamori.exits import UsageError
from store.settings import STRICT_KEYS, PortOrNone, SettingsError, read_settings
from store.trimming import KEEP_DAYS

Role = Literal["ingest", "alerts", "dashboard"]
ROLES: Final[tuple[Role, ...]] = ("ingest", "alerts", "dashboard")
EMBEDDED: Final = "embedded"
INFLUX: Final = "influx+http://127.0.0.1:8086/mimamori?org=mimamori"
"""Where ``--store influx`` looks: InfluxDB's own port on this machine."""
LEAST_KEEP_DAYS: Final = 30
"""The page's usual day is made of four weeks."""
MOST_KEEP_DAYS: Final = 3650


def _some(roles: tuple[Role, ...]) -> tuple[Role, ...]:
    if not roles:
        raise ValueError(f"must name at least one of {', '.join(ROLES)}")
    return roles


def _keep_days(days: int) -> int:
    if days != 0 and not LEAST_KEEP_DAYS <= days <= MOST_KEEP_DAYS:
        raise ValueError(f"must be {LEAST_KEEP_DAYS} to {MOST_KEEP_DAYS}, or 0 for ever, not {days}")
    return days


@dataclass(frozen=True, slots=True, config=STRICT_KEYS)
class ServerSettings:
    """``[server]``: which roles this process plays, and what it is given.

    Attributes:
        roles: of `ROLES`. One process may play all; a city gives each its own.
        register: file with people, homes and relations, imported at start; None for none.
        metrics_port: of 127.0.0.1, where Prometheus reads what this process itself counts; 0: nowhere.
        secret_file: key that signs responders' links; made with mode 0600 when it is missing.
    """

    roles: Annotated[tuple[Role, ...], AfterValidator(_some)] = ROLES
    register: Path | None = None
    secret_file: Path = Path("secret.key")
    metrics_port: PortOrNone = 0


@dataclass(frozen=True, slots=True, config=STRICT_KEYS)
class StoreSettings:
    """``[store]``.

    Attributes:
        url: SQLAlchemy address of the relational store.
        timeseries: address of the time series (``sqlite:///…`` or ``influx+http://…``).
        token_file: holds InfluxDB's token on one line; None where there is none.
        keep_days: how long raw events, quarantined messages and lapses are kept; 0 for ever.
    """

    url: str = "sqlite:///mimamori.db"
    timeseries: str = "sqlite:///events.db"
    token_file: Path | None = None
    keep_days: Annotated[int, AfterValidator(_keep_days)] = KEEP_DAYS


@dataclass(frozen=True, slots=True, config=STRICT_KEYS)
class ServerBroker(BrokerSettings):
    """``[broker]`` of the server.

    The ``url`` may also be ``embedded`` or ``embedded:PORT``: a broker of our own on 127.0.0.1, which asks for no keys.
    """

    url: str = EMBEDDED

    def __post_init__(self) -> None:
        if self.address is self:
            BrokerSettings.__post_init__(self)

    @property
    def is_embedded(self) -> bool:
        """Whether the server brings the broker along."""
        return self.url.partition(":")[0] == EMBEDDED

    @property
    def address(self) -> BrokerSettings:
        """Where the broker is, for those who do not start it."""
        if not self.is_embedded:
            return self
        try:
            port = int(self.url.partition(":")[2] or DEFAULT_PORTS["mqtt"])
            return BrokerSettings(f"mqtt://127.0.0.1:{port}")
        except ValueError:
            message = f"url is '{self.url}'; write '{EMBEDDED}', '{EMBEDDED}:1884', or mqtt://host:port"
            raise ValueError(message) from None


@dataclass(frozen=True, slots=True, config=STRICT_KEYS)
class BackendSettings:
    """Everything ``mimamori serve`` needs to know: a table of the file each."""

    server: ServerSettings = field(default_factory=ServerSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    broker: ServerBroker = field(default_factory=ServerBroker)
    ingest: IngestSettings = field(default_factory=IngestSettings)
    alerts: AlertsSettings = field(default_factory=AlertsSettings)
    dashboard: DashboardSettings = field(default_factory=DashboardSettings)
    channels: ChannelSettings = field(default_factory=ChannelSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)

    def __post_init__(self) -> None:
        lease_s = self.alerts.lease_s
        for name, longest_s in longest_sends_s(self.channels).items():
            if longest_s >= lease_s / 2:
                raise ValueError(
                    f"channels.{name}.timeout_s lets a message take {longest_s} s; it must be over in less than half "
                    f"of alerts.lease_s ({lease_s}), before another worker takes it up"
                )


def timeseries_of(word: str, folder: Path) -> str:
    """The address that ``--store`` means: ``influx`` for `INFLUX`, ``sqlite`` for the default file, else an address."""
    return in_folder({"influx": INFLUX, "sqlite": StoreSettings().timeseries}.get(word, word), folder)


def load_settings(path: Path) -> BackendSettings:
    """Read a settings file. Relative paths in it start at its own folder.

    Raises:
        UsageError: names the file, the key, and what to do.
    """
    try:
        return build_settings(tomllib.loads(path.read_text(encoding="utf-8")), path.parent.resolve())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not TOML: {error}") from None
    except SettingsError as error:
        raise UsageError("\n".join(f"{path}: {mistake}" for mistake in str(error).splitlines())) from None


def build_settings(tables: Mapping[str, Any], folder: Path) -> BackendSettings:
    """Build the settings from parsed TOML; relative paths start at ``folder``. Raises SettingsError."""
    settings = read_settings(BackendSettings, tables, folder=folder)
    store = settings.store
    url, timeseries = in_folder(store.url, folder), in_folder(store.timeseries, folder)
    return replace(settings, store=replace(store, url=url, timeseries=timeseries))


def in_folder(url: str, folder: Path) -> str:
    """A relative SQLite address, made absolute."""
    name = url.removeprefix("sqlite:///")
    return f"sqlite:///{folder / name}" if name not in (url, "", ":memory:") else url
