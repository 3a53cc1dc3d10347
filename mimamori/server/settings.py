"""The server's settings file: read once, every key known, every value checked before anything starts."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from alerts.channels.email.settings import EmailSettings
from alerts.channels.twilio.settings import TwilioSettings
from alerts.errors import SettingsError as AlertsSettingsError
from alerts.settings import Settings as AlertsSettings
from alerts.watchdog.settings import AuditSettings
from contracts.broker import DEFAULT_PORTS, BrokerSettings
from dashboard.settings import DashboardSettings
from dashboard.settings import SettingsError as DashboardSettingsError
from edge_agent.errors import SettingsError as EdgeSettingsError
from edge_agent.settings import broker_settings
from edge_agent.toml_reader import Table
from ingest.settings import IngestSettings
from ingest.settings import SettingsError as IngestSettingsError
from mimamori.exits import UsageError
from mimamori.server.channel_settings import ChannelSettings, HomeSettings, LineSettings
from store.checks import nearest
from store.trimming import KEEP_DAYS

T = TypeVar("T")

ROLES: Final = ("ingest", "alerts", "dashboard")
EMBEDDED: Final = "embedded"
INFLUX: Final = "influx+http://127.0.0.1:8086/mimamori?org=mimamori"
"""Where ``--store influx`` looks: InfluxDB's own port on this machine."""
LEAST_KEEP_DAYS: Final = 30
"""The page's usual day is made of four weeks."""
MOST_KEEP_DAYS: Final = 3650
_ADDRESSES: Final = frozenset({"phones"})  # dashboard settings that are paths


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """``[server]``: which roles this process plays, and what it is given.

    Attributes:
        roles: of `ROLES`. One process may play all; a city gives each its own.
        register: file with people, homes and relations, imported at start; None for none.
        metrics_port: of 127.0.0.1, where Prometheus reads what this process itself counts; 0: nowhere.
        secret_file: key that signs responders' links; made with mode 0600 when it is missing.
    """

    roles: tuple[str, ...] = ROLES
    register: Path | None = None
    secret_file: Path = Path("secret.key")
    metrics_port: int = 0


@dataclass(frozen=True, slots=True)
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
    keep_days: int = KEEP_DAYS


@dataclass(frozen=True, slots=True)
class PageSettings:
    """Where the page listens, and where responders' links lead: this machine alone, until there are staff accounts."""

    host: str = "127.0.0.1"
    port: int = 8800

    @property
    def base_url(self) -> str:
        """What links begin with."""
        return f"http://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything ``mimamori serve`` needs to know.

    ``broker`` is None for one of our own (``url = "embedded"``), which listens on ``embedded_port`` of 127.0.0.1.
    """

    server: ServerSettings = ServerSettings()
    store: StoreSettings = StoreSettings()
    broker: BrokerSettings | None = None
    embedded_port: int = DEFAULT_PORTS["mqtt"]
    ingest: IngestSettings = field(default_factory=IngestSettings)
    alerts: AlertsSettings = field(default_factory=AlertsSettings)
    page: PageSettings = PageSettings()
    dashboard: DashboardSettings = field(default_factory=DashboardSettings)
    channels: ChannelSettings = field(default_factory=ChannelSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)

    @property
    def broker_door(self) -> BrokerSettings:
        """Where the broker is, for those who do not start it."""
        return self.broker or BrokerSettings(url=f"mqtt://127.0.0.1:{self.embedded_port}")


def timeseries_of(word: str) -> str:
    """The address that ``--store`` means: ``influx`` for `INFLUX`, ``sqlite`` for the default file, else an address."""
    return {"influx": INFLUX, "sqlite": StoreSettings().timeseries}.get(word, word)


def load_settings(path: Path) -> Settings:
    """Read a settings file. Relative paths in it start at its own folder.

    Raises:
        UsageError: names the file, the key, and what to do.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not TOML: {error}") from None
    try:
        return build_settings(tables, path.parent.resolve())
    except (UsageError, IngestSettingsError, AlertsSettingsError, DashboardSettingsError, EdgeSettingsError) as error:
        raise UsageError(f"{path}: {error}") from None


def build_settings(tables: Mapping[str, Any], folder: Path) -> Settings:
    """Build the settings from parsed TOML; raises the settings errors of the parts."""
    _only(tables, [item.name for item in fields(Settings) if item.name not in ("page", "embedded_port")], "")
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            raise UsageError(f"{name} must be a table, written [{name}]")
    page_keys = [item.name for item in fields(PageSettings)]
    board_keys = [item.name for item in fields(DashboardSettings)]
    _only(tables.get("dashboard", {}), page_keys + board_keys, "dashboard")
    pages = {key: value for key, value in tables.get("dashboard", {}).items() if key in page_keys}
    rest = {key: value for key, value in tables.get("dashboard", {}).items() if key not in page_keys}
    alerts = AlertsSettings.from_mapping(tables.get("alerts", {}))
    return Settings(
        server=_server(_table(ServerSettings, tables.get("server", {}), "server", folder), folder),
        store=_store(_table(StoreSettings, tables.get("store", {}), "store", folder), folder),
        broker=_broker(tables.get("broker", {}), folder),
        embedded_port=_embedded_port(tables.get("broker", {}).get("url", EMBEDDED)),
        ingest=IngestSettings.from_mapping(tables.get("ingest", {})),
        alerts=alerts,
        page=_page(_table(PageSettings, pages, "dashboard", folder)),
        dashboard=DashboardSettings.from_mapping(
            {
                key: _value(value, Path, f"dashboard.{key}", folder) if key in _ADDRESSES else value
                for key, value in rest.items()
            }
        ),
        channels=_channels(tables.get("channels", {}), alerts.lease_s, folder),
        audit=AuditSettings.from_mapping(tables.get("audit", {})),
    )


def _channels(values: Mapping[str, Any], lease_s: int, folder: Path) -> ChannelSettings:
    tables = ("line", "twilio", "home", "email")
    _only(values, [item.name for item in fields(ChannelSettings)], "channels")
    for name in tables:
        if not isinstance(values.get(name, {}), Mapping):
            raise UsageError(f"channels.{name} must be a table, written [channels.{name}]")
    plain = {key: value for key, value in values.items() if key not in tables}
    line = _table(LineSettings, values.get("line", {}), "channels.line", folder)
    line.check(lease_s)
    twilio = _table(TwilioSettings, values.get("twilio", {}), "channels.twilio", folder)
    twilio.check(lease_s)
    home = _table(HomeSettings, values.get("home", {}), "channels.home", folder)
    home.check(lease_s)
    mail = _table(EmailSettings, values.get("email", {}), "channels.email", folder)
    mail.check(lease_s)
    channels = _table(ChannelSettings, plain, "channels", folder)
    return replace(channels, line=line, twilio=twilio, home=home, email=mail)


def _only(values: Mapping[str, Any], known: list[str], where: str) -> None:
    Table(dict(values), where).only(*known)


def _table(kind: type[T], values: Mapping[str, Any], where: str, folder: Path) -> T:
    known = {item.name: item.type for item in fields(kind)}  # type: ignore[arg-type]  # kind is a dataclass
    _only(values, list(known), where)
    read: dict[str, Any] = {}
    for key, value in values.items():
        read[key] = _value(value, known[key], f"{where}.{key}", folder)
    return kind(**read)


def _value(value: object, kind: object, name: str, folder: Path) -> Any:  # noqa: ANN401 - whatever the field holds
    expected: tuple[type, str]
    if kind in (Path, Path | None):
        expected = (str, "a path")
    elif kind is bool:
        expected = (bool, "true or false")
    elif kind is int:
        expected = (int, "a whole number")
    elif kind is str:
        expected = (str, "a text")
    else:
        expected = (list, "a list of texts")
    if not isinstance(value, expected[0]) or (isinstance(value, bool) and kind is not bool):
        raise UsageError(f"'{name}' must be {expected[1]}, not {value!r}")
    if expected[1] == "a path":
        return folder / str(value)
    return tuple(value) if isinstance(value, list) else value


def _server(settings: ServerSettings, folder: Path) -> ServerSettings:
    for role in settings.roles:
        if role not in ROLES:
            raise UsageError(f"'server.roles' names '{role}', which is no role; {nearest(str(role), ROLES)}")
    if not settings.roles:
        raise UsageError("'server.roles' is empty: name at least one of " + ", ".join(ROLES))
    if not 0 <= settings.metrics_port <= 65_535:
        raise UsageError(f"'server.metrics_port' must be 1 to 65535, or 0 for none, not {settings.metrics_port}")
    return replace(settings, secret_file=folder / settings.secret_file)


def _store(settings: StoreSettings, folder: Path) -> StoreSettings:
    if settings.keep_days != 0 and not LEAST_KEEP_DAYS <= settings.keep_days <= MOST_KEEP_DAYS:
        raise UsageError(
            f"'store.keep_days' must be {LEAST_KEEP_DAYS} to {MOST_KEEP_DAYS}, or 0 for ever, not {settings.keep_days}"
        )
    return replace(settings, url=in_folder(settings.url, folder), timeseries=in_folder(settings.timeseries, folder))


def in_folder(url: str, folder: Path) -> str:
    """A relative SQLite address, made absolute."""
    name = url.removeprefix("sqlite:///")
    return f"sqlite:///{folder / name}" if name not in (url, "", ":memory:") else url


def _page(settings: PageSettings) -> PageSettings:
    if not 1 <= settings.port <= 65_535:
        raise UsageError(f"'dashboard.port' must be 1 to 65535, not {settings.port}")
    return settings


def _broker(values: Mapping[str, Any], folder: Path) -> BrokerSettings | None:
    if _is_embedded(values.get("url", EMBEDDED)):
        _only(values, [item.name for item in fields(BrokerSettings)], "broker")  # our own broker asks for none of them
        return None
    return broker_settings(Table(dict(values), "broker"), folder)


def _is_embedded(url: object) -> bool:
    return str(url).partition(":")[0] == EMBEDDED


def _embedded_port(url: object) -> int:
    port = str(url).partition(":")[2] if _is_embedded(url) else ""
    if port and not (port.isdecimal() and 1 <= int(port) <= 65_535):
        raise UsageError(f"'broker.url' is '{url}'; write '{EMBEDDED}', '{EMBEDDED}:1884', or mqtt://host:port")
    return int(port) if port else DEFAULT_PORTS["mqtt"]
