"""The settings of a server: whether what they name is there and answers."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from alerts.channels import registry
from alerts.watchdog.settings import AuditSettings
from edge_agent.clock import SystemClock
from mimamori import exits
from mimamori.commands.doctor.machine import look_at_disk
from mimamori.commands.doctor.ports import look_at_broker, look_at_own_broker, look_at_page
from mimamori.commands.doctor.register import look_at_contact_methods
from mimamori.commands.doctor.stores import look_at_store, look_at_timeseries, server_here
from mimamori.server.keys import secret_of
from mimamori.server.settings import BackendSettings, load_settings
from mimamori.server.stores import missing_file, opened_store
from store.engine import reading
from store.findings import Finding, look_at_mode, made_later, typed
from store.register.checks import RegistryError
from store.register.file import import_register, load_register
from store.schema import metadata


def look_at_settings(path: Path) -> Iterator[Finding]:
    """Whether what the settings name is there and answers."""
    try:
        settings = load_settings(path)
    except exits.UsageError as error:
        yield Finding("settings", "not usable", str(error))
        return
    yield Finding("settings", str(path))
    yield look_at_disk(path.resolve().parent)
    yield _look_at_secret(settings.server.secret_file)
    yield from _look_at_register_file(settings)
    yield from look_at_store(settings, path)
    yield from look_at_timeseries(settings)
    yield from _look_at_roles(settings, path)


def _look_at_roles(settings: BackendSettings, config: Path) -> Iterator[Finding]:
    """What each role of this server needs besides the stores."""
    server = server_here(settings)
    if not settings.broker.is_embedded:
        yield look_at_broker(settings.broker)
    elif "ingest" in settings.server.roles:
        yield look_at_own_broker(settings.broker.address.port, server)
    if "alerts" in settings.server.roles:
        yield from _look_at_channels(settings, config)
    if "dashboard" in settings.server.roles:
        yield look_at_page(settings.dashboard.host, settings.dashboard.port, server)


def _look_at_channels(settings: BackendSettings, config: Path) -> Iterator[Finding]:
    """By what messages go out, each channel as its provider sees it, and who notices when none does."""
    on = ", ".join(sorted(registry.names_on(settings.channels)))
    remedy = "" if on else "switch one on in [channels], or no message reaches anybody"
    yield Finding("channels", on or "none", remedy)
    yield from registry.look(settings.channels)
    yield _look_at_dead_man(settings.audit, config)


def _look_at_dead_man(settings: AuditSettings, config: Path) -> Finding:
    host = urlsplit(settings.ping_url).hostname  # the path is a secret
    if host:
        return Finding("dead-man switch", host, grave=False)
    remedy = "set audit.ping_url, or nobody outside notices when this machine stops; then run beside the server:"
    audit = typed("mimamori", "audit", "--config", config)
    return Finding("dead-man switch", "none", remedy, grave=False, command=audit)


def _look_at_secret(path: Path) -> Finding:
    what = "secret of the links"
    if not path.exists():
        return made_later(what, path)
    try:
        secret_of(path)
    except exits.UsageError as error:
        return Finding(what, "not usable", str(error))
    return look_at_mode(what, path)


def _look_at_register_file(settings: BackendSettings) -> Iterator[Finding]:
    """Whether the file can be read and, before the first start, all that the server would find in it."""
    path = settings.server.register
    if path is None:
        return
    try:
        register = load_register(path)
        if missing_file(settings.store.url):
            yield from _tried_out(register, settings)
        else:
            yield Finding("register", str(path))
    except RegistryError as error:
        yield Finding("register", "not usable", str(error))


def _tried_out(register: Mapping[str, Any], settings: BackendSettings) -> Iterator[Finding]:
    """The register brought into a store in memory. Raises RegistryError: an entry is wrong."""
    with opened_store("sqlite:///:memory:", migrate=False) as db:
        metadata.create_all(db)
        import_register(db, register, "doctor", SystemClock().wall_ms())
        yield Finding("register", str(settings.server.register))
        if "alerts" in settings.server.roles:
            with reading(db) as connection:
                yield from look_at_contact_methods(connection, settings.channels)
