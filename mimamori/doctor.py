"""``mimamori doctor``: what is missing or misconfigured, and what to do about it."""

import importlib.util
import os
import shutil
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Engine, exists, func, select
from sqlalchemy.exc import SQLAlchemyError

from alerts.audit.settings import AuditSettings
from alerts.channels.email_settings import EmailSettings
from alerts.channels.twilio_settings import TwilioSettings
from alerts.register import roster
from dashboard.access import RefusedAddress, check_bind
from edge_agent.clock import SystemClock
from edge_agent.settings import BrokerSettings
from mimamori import exits
from mimamori.assembly import broker_address, secret_of
from mimamori.broker import find_mosquitto
from mimamori.channel_settings import ChannelSettings, LineSettings
from mimamori.email import open_email
from mimamori.line import Line, open_line
from mimamori.settings import Settings, load_settings
from mimamori.twilio import open_twilio
from store.checks import RegistryError
from store.engine import StoreError, open_store, reading
from store.lease import INGEST, Process, has_ended, holder_of
from store.register_file import load_register
from store.schema import contact_methods, homes
from store.timeseries import open_timeseries
from store.timeseries.opening import TimeSeriesAddressError
from store.timeseries.port import TimeSeriesError

LEAST_FREE_MB = 500
LEAST_MESSAGES = 100
"""Fewer messages left than this are a finding: ten incidents with five neighbours and news for each."""
_SERVER_MODULES = ("aiomqtt", "alembic", "fastapi", "influxdb_client", "numpy", "sklearn", "sqlalchemy", "uvicorn")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``remedy`` is empty when it is well; ``grave``: the product does not work without it."""

    what: str
    seen: str
    remedy: str = ""
    grave: bool = True


def run(config: Path | None) -> int:
    """Look at the machine, and at the settings if given; returns 0 when nothing grave was found, else 1."""
    findings = list(look_at_machine())
    if config is not None:
        findings += look_at_settings(config)
    _print(findings)
    return exits.FAILED if any(finding.remedy and finding.grave for finding in findings) else exits.DONE


def look_at_machine() -> Iterator[Finding]:
    """What every installation needs."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    sound = (3, 11) <= sys.version_info[:2] < (3, 14)
    yield Finding("Python", version, "" if sound else "use Python 3.11 to 3.13")
    missing = [name for name in _SERVER_MODULES if importlib.util.find_spec(name) is None]
    yield Finding(
        "packages of the server", f"{len(_SERVER_MODULES) - len(missing)} of {len(_SERVER_MODULES)}", _install(missing)
    )
    mosquitto = find_mosquitto()
    if mosquitto:
        yield Finding("broker", mosquitto)
    elif importlib.util.find_spec("iotcore"):
        yield Finding(
            "broker",
            "iotcore (in the environment)",
            "apt-get install mosquitto: it keeps messages on disk",
            grave=False,
        )
    else:
        yield Finding("broker", "none", "apt-get install mosquitto, or pip install 'mimamori[server]'")
    quality = SystemClock().quality().name.lower()
    advice = "" if quality == "synced" else "let a time daemon set the clock (timedatectl set-ntp true)"
    yield Finding("clock", quality.replace("_", " "), advice, grave=False)


def look_at_settings(path: Path) -> Iterator[Finding]:
    """Whether what the settings name is there and answers."""
    try:
        settings = load_settings(path)
    except exits.UsageError as error:
        yield Finding("settings", "not usable", str(error))
        return
    yield Finding("settings", str(path))
    yield from _look_at_disk(path.resolve().parent)
    yield from _look_at_secret(settings.server.secret_file)
    yield from _look_at_register_file(settings.server.register)
    yield from _look_at_store(settings)
    yield from _look_at_timeseries(settings)
    server = _server_here(settings)
    if settings.broker is not None:
        yield _look_at_broker(settings.broker)
    elif "ingest" in settings.server.roles:
        remedy = "stop what uses it, or write embedded:PORT in broker.url"
        yield _look_at_port("port of our broker", "127.0.0.1", settings.embedded_port, remedy, server)
    if "alerts" in settings.server.roles:
        yield _look_at_channels(settings.channels)
        yield from _look_at_line(settings.channels.line)
        yield from _look_at_twilio(settings)
        yield from _look_at_mail(settings.channels.email)
        yield _look_at_dead_man(settings.audit)
    if "dashboard" in settings.server.roles:
        yield _look_at_page(settings.page.host, settings.page.port, server)


def _look_at_dead_man(settings: AuditSettings) -> Finding:
    host = urlsplit(settings.ping_url).hostname  # the path is a secret
    remedy = (
        "" if host else "run `mimamori audit` with audit.ping_url, or nobody outside notices when this machine stops"
    )
    return Finding("dead-man switch", host or "none", remedy, grave=False)


def _install(missing: list[str]) -> str:
    return f"missing: {', '.join(missing)}; pip install 'mimamori[server]'" if missing else ""


def _look_at_disk(folder: Path) -> Iterator[Finding]:
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    yield Finding(
        "free disk", f"{free_mb:,} MB", "" if free_mb >= LEAST_FREE_MB else f"free at least {LEAST_FREE_MB} MB"
    )


def _look_at_secret(path: Path) -> Iterator[Finding]:
    what = "secret of the links"
    if not path.exists():
        yield _made_later(what, path)
        return
    try:
        secret_of(path)
    except exits.UsageError as error:
        yield Finding(what, "not usable", str(error))
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    yield Finding(what, oct(mode), f"chmod 600 {path}" if mode & 0o077 else "")


def _made_later(what: str, path: Path) -> Finding:
    if path.parent.is_dir():
        return Finding(what, "made at the first start", grave=False)
    return Finding(what, "cannot be made", f"make the folder {path.parent}")


def _look_at_register_file(path: Path | None) -> Iterator[Finding]:
    if path is None:
        return
    try:
        load_register(path)
    except RegistryError as error:
        yield Finding("register", "not usable", str(error))
    else:
        yield Finding("register", str(path))


def _look_at_channels(settings: ChannelSettings) -> Finding:
    switches = (
        ("console", settings.console),
        ("outbox", settings.outbox is not None),
        ("line", settings.line.is_on),
        ("sms", bool(settings.twilio.is_on and settings.twilio.sms_from)),
        ("home", settings.home.enabled),
        ("email", settings.email.is_on),
        ("voice", bool(settings.twilio.is_on and settings.twilio.voice_from)),
    )
    on = [name for name, is_on in switches if is_on]
    if not on:
        return Finding("channels", "none", "switch one on in [channels], or no message reaches anybody")
    if settings.outbox is not None and not settings.outbox.is_dir() and not settings.outbox.parent.is_dir():
        return Finding("channels", ", ".join(on), f"make the folder {settings.outbox.parent}")
    return Finding("channels", ", ".join(on))


def _look_at_line(settings: LineSettings) -> Iterator[Finding]:
    """Keys that only we can read, and messages left this month: 200 a month are gone after twenty incidents."""
    if settings.token_file is None or settings.secret_file is None:
        return
    try:
        line = open_line(settings)
    except exits.UsageError as error:
        yield Finding("LINE", "not usable", str(error))
        return
    for path in (settings.token_file, settings.secret_file):
        mode = stat.S_IMODE(path.stat().st_mode)
        yield Finding(f"LINE {path.name}", oct(mode), f"chmod 600 {path}" if mode & 0o077 else "")
    if line is not None:
        yield _look_at_quota(line)


def _look_at_twilio(settings: Settings) -> Iterator[Finding]:
    """A token that only we can read and that Twilio takes, and an address that its webhooks can reach."""
    own = settings.channels.twilio
    if not own.is_on or own.token_file is None:
        return
    try:
        open_twilio(own, settings.alerts)
    except exits.UsageError as error:
        yield Finding("Twilio", "not usable", str(error))
        return
    mode = stat.S_IMODE(own.token_file.stat().st_mode)
    yield Finding(f"Twilio {own.token_file.name}", oct(mode), f"chmod 600 {own.token_file}" if mode & 0o077 else "")
    yield _look_at_account(own)
    remedy = "" if own.public_url else "set channels.twilio.public_url, or nobody hears of undelivered messages"
    yield Finding("Twilio webhooks", own.public_url or "none", remedy, grave=False)


def _look_at_account(settings: TwilioSettings) -> Finding:
    from alerts.channels.twilio_api import account_trouble

    trouble = account_trouble(settings)
    if trouble is None:
        return Finding("Twilio account", "answers")
    return Finding("Twilio account", trouble, "check account_sid, the token, api_url and the connection")


def _look_at_mail(settings: EmailSettings) -> Iterator[Finding]:
    """A password that only we can read, and a server that lets us in."""
    if not settings.is_on:
        return
    try:
        channel = open_email(settings)
    except exits.UsageError as error:
        yield Finding("mail", "not usable", str(error))
        return
    if settings.password_file is not None:
        mode = stat.S_IMODE(settings.password_file.stat().st_mode)
        remedy = f"chmod 600 {settings.password_file}" if mode & 0o077 else ""
        yield Finding(f"mail {settings.password_file.name}", oct(mode), remedy)
    trouble = channel.trouble()
    remedy = "check host, port, security, username and the password in channels.email" if trouble else ""
    yield Finding("mail server", trouble or "lets us in", remedy)


def _look_at_quota(line: Line) -> Finding:
    from alerts.channels.line_api import LineUnreachable

    try:
        quota = line.api.quota()
    except LineUnreachable as error:
        return Finding("LINE messages", f"not known ({error})", "check the token, base_url and the connection")
    if quota.left is None:
        return Finding("LINE messages", f"{quota.used:,} this month, no limit")
    seen = f"{quota.left:,} of {quota.limit:,} left this month"
    low = quota.left < LEAST_MESSAGES
    return Finding("LINE messages", seen, "take a larger plan, or messages go by other channels" if low else "", low)


def _look_at_store(settings: Settings) -> Iterator[Finding]:
    if not _is_there(settings.store.url):
        yield _made_later("store", _file_of(settings.store.url))
        return
    try:
        db = open_store(settings.store.url, migrate=False)
        with reading(db) as connection:
            count = connection.execute(select(func.count()).select_from(homes)).scalar_one()
    except StoreError as error:
        yield Finding("store", "cannot be opened", str(error))
        return
    except Exception as error:  # noqa: BLE001 - whatever a database driver raises is the finding itself
        yield Finding("store", "does not answer", f"{type(error).__name__}; is store.url right, and the database up?")
        return
    yield Finding("store", db.dialect.name)
    if "ingest" in settings.server.roles:
        yield _look_at_lease(db, SystemClock().wall_ms())
    yield from _look_at_register(db, count)
    yield from _look_at_contacts(db)
    db.dispose()


def _look_at_lease(db: Engine, now_ms: int) -> Finding:
    """Who takes in events: one process at a time may."""
    with reading(db) as connection:
        holder = holder_of(connection, INGEST)
    here = Process.this()
    if holder is None:
        return Finding("who takes in events", "nobody now")
    if has_ended(holder.process, here, one_machine=db.dialect.name == "sqlite"):
        return Finding("who takes in events", f"nobody now: {holder}, has ended", "start the server", grave=False)
    if holder.until_ms <= now_ms:
        remedy = "see whether it still runs, else start the server; are the clocks of both machines right?"
        return Finding("who takes in events", f"{holder} and is not renewed", remedy, grave=False)
    remedy = (
        "" if holder.process.boot == here.boot else f"start no server here while the one on {holder.process.host} runs"
    )
    return Finding("who takes in events", str(holder), remedy, grave=False)


def _look_at_register(db: Engine, count: int) -> Iterator[Finding]:
    remedy = "" if count else "name a register in [server] register = …, or nobody is watched"
    yield Finding("homes", str(count), remedy, grave=False)
    now_ms = SystemClock().wall_ms()
    with reading(db) as connection:
        watched = connection.execute(select(homes.c.person_id, homes.c.organisation_id)).all()
        rosters = [roster(connection, home.person_id, home.organisation_id, now_ms) for home in watched]
    alone = sum(not (found.neighbours or found.staff) for found in rosters)
    if count:
        remedy = "" if not alone else "register neighbours or staff with a contact method for each of them"
        yield Finding("homes that nobody can be called for", str(alone), remedy)


def _look_at_contacts(db: Engine) -> Iterator[Finding]:
    query = select(contact_methods.c.id).where(
        contact_methods.c.disabled_reason.is_(None), contact_methods.c.verified_ms.is_(None)
    )
    with reading(db) as connection:
        unverified = list(connection.execute(query.order_by(contact_methods.c.id)).scalars())
    if unverified:
        remedy = (
            f"nobody knows whether they reach anybody; begin with: mimamori test-send {unverified[0]} --config FILE"
        )
        yield Finding("contact methods not verified", str(len(unverified)), remedy, grave=False)
    yield from _look_at_chimes(db)


def _look_at_chimes(db: Engine) -> Iterator[Finding]:
    """A question must not sound in somebody else's home."""
    own = exists().where(homes.c.person_id == contact_methods.c.person_id, homes.c.gateway == contact_methods.c.address)
    query = select(contact_methods.c.id).where(
        contact_methods.c.channel == "home", contact_methods.c.disabled_reason.is_(None), ~own
    )
    with reading(db) as connection:
        wrong = list(connection.execute(query.order_by(contact_methods.c.id)).scalars())
    if wrong:
        remedy = "give the gateway of the person's own home as the address, or disable: " + ", ".join(wrong)
        yield Finding("chimes in another home", str(len(wrong)), remedy)


def _is_there(url: str) -> bool:
    """Whether a look would not make the file that it looks for."""
    return not url.startswith("sqlite:///") or _file_of(url).exists()


def _file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def _look_at_timeseries(settings: Settings) -> Iterator[Finding]:
    if not _is_there(settings.store.timeseries):
        yield _made_later("time series", _file_of(settings.store.timeseries))
        return
    token_file = settings.store.token_file
    try:
        token = token_file.read_text().strip() if token_file else None
        with closing(open_timeseries(settings.store.timeseries, token)) as timeseries:
            yield Finding("time series", f"{timeseries.count():,} events")
    except OSError as error:
        yield Finding("time series", "no token", f"{token_file}: {error.strerror}")
    except (TimeSeriesAddressError, TimeSeriesError) as error:
        yield Finding("time series", "does not answer", str(error))


def _look_at_broker(broker: BrokerSettings) -> Finding:
    try:
        broker_address(broker)
    except exits.UsageError as error:
        return Finding("broker", "cannot be reached", str(error))
    return _try(
        "broker",
        f"{broker.host}:{broker.port}",
        lambda: socket.create_connection((broker.host, broker.port), 5).close(),
        "start it, or correct broker.url",
    )


def _look_at_page(host: str, port: int, server: str) -> Finding:
    try:
        check_bind(host)
    except RefusedAddress as error:
        return Finding("port of the page", f"{host}:{port}", str(error))
    return _look_at_port("port of the page", host, port, "stop what uses it, or change dashboard.port", server)


def _server_here(settings: Settings) -> str:
    """The server that runs on this machine with these settings, in words; empty: none is seen."""
    if "ingest" not in settings.server.roles or not _is_there(settings.store.url):
        return ""
    try:
        db = open_store(settings.store.url, migrate=False)
        with reading(db) as connection:
            holder = holder_of(connection, INGEST)
        db.dispose()
    except (StoreError, SQLAlchemyError):
        return ""  # which is a finding of its own, and told there
    here = Process.this()
    if holder is None or holder.process.boot != here.boot or holder.until_ms <= SystemClock().wall_ms():
        return ""
    return "" if has_ended(holder.process, here, one_machine=True) else f"our server, process {holder.process.pid}"


def _look_at_port(what: str, host: str, port: int, remedy: str, server: str) -> Finding:
    """Whether a port is free; one in use while our server runs is the server's."""

    def listen() -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))

    found = _try(what, f"{host}:{port}", listen, remedy)
    return Finding(what, f"{host}:{port}, used by {server}") if found.remedy and server else found


def _try(what: str, seen: str, act: Callable[[], None], remedy: str) -> Finding:
    try:
        act()
    except OSError as error:
        return Finding(what, f"{seen}: {os.strerror(error.errno) if error.errno else error}", remedy)
    return Finding(what, seen)


def _print(findings: list[Finding]) -> None:
    table = Table("", "what", "found", "what to do")
    for finding in findings:
        mark = "[green]ok[/]" if not finding.remedy else "[red]mend[/]" if finding.grave else "[yellow]note[/]"
        table.add_row(mark, *(escape(text) for text in (finding.what, finding.seen, finding.remedy)))
    Console().print(table)
