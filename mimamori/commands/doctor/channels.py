"""The channels that are switched on: which they are, whether they are let in, and how many messages are left."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from alerts.channels.email.settings import EmailSettings
from alerts.channels.line.settings import LineSettings
from alerts.channels.twilio.settings import TwilioSettings
from alerts.watchdog.settings import AuditSettings
from mimamori import exits
from mimamori.server.channel_settings import ChannelSettings
from mimamori.server.channels import Line, open_email, open_line, open_twilio
from mimamori.server.settings import Settings
from store.findings import Finding, folder_missing, look_at_mode, typed
from store.settings import SettingsError

LEAST_MESSAGES: Final = 100
"""Fewer messages left than this are a finding: ten incidents with five neighbours and news for each."""


def look_at_channels(settings: Settings, config: Path) -> Iterator[Finding]:
    """By what messages go out, and who notices when none does. ``config``: the settings file, for commands."""
    yield _look_at_names(settings.channels)
    yield from _look_at_line(settings.channels.line)
    yield from _look_at_twilio(settings)
    yield from _look_at_mail(settings.channels.email)
    yield _look_at_dead_man(settings.audit, config)


def names_on(settings: ChannelSettings) -> set[str]:
    """Names of the channels that the settings switch on. Opens none."""
    switches = {
        "console": settings.console,
        "outbox": settings.outbox is not None,
        "line": settings.line.is_on,
        "sms": settings.twilio.is_on and bool(settings.twilio.sms_from),
        "voice": settings.twilio.is_on and bool(settings.twilio.voice_from),
        "home": settings.home.enabled,
        "email": settings.email.is_on,
    }
    return {name for name, is_on in switches.items() if is_on}


def _look_at_names(settings: ChannelSettings) -> Finding:
    on = ", ".join(sorted(names_on(settings)))
    if not on:
        return Finding("channels", "none", "switch one on in [channels], or no message reaches anybody")
    if settings.outbox is not None and not settings.outbox.is_dir() and not settings.outbox.parent.is_dir():
        return folder_missing("channels", on, settings.outbox.parent)
    return Finding("channels", on)


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
        yield look_at_mode(f"LINE {path.name}", path)
    if line is not None:
        yield _look_at_quota(line)


def _look_at_quota(line: Line) -> Finding:
    from alerts.channels.line.api import LineUnreachable

    try:
        quota = line.api.quota()
    except LineUnreachable as error:
        return Finding("LINE messages", f"not known ({error})", "check the token, base_url and the connection")
    if quota.left is None:
        return Finding("LINE messages", f"{quota.used:,} this month, no limit")
    seen = f"{quota.left:,} of {quota.limit:,} left this month"
    low = quota.left < LEAST_MESSAGES
    return Finding("LINE messages", seen, "take a larger plan, or messages go by other channels" if low else "", low)


def _look_at_twilio(settings: Settings) -> Iterator[Finding]:
    """A token that only we can read and that Twilio takes, and an address that its webhooks can reach."""
    own = settings.channels.twilio
    if not own.is_on or own.token_file is None:
        return
    try:
        open_twilio(own, settings.alerts)
    except SettingsError as error:
        yield Finding("Twilio", "not usable", str(error))
        return
    yield look_at_mode(f"Twilio {own.token_file.name}", own.token_file)
    yield _look_at_account(own)
    remedy = "" if own.public_url else "set channels.twilio.public_url, or nobody hears of undelivered messages"
    yield Finding("Twilio webhooks", own.public_url or "none", remedy, grave=False)


def _look_at_account(settings: TwilioSettings) -> Finding:
    from alerts.channels.twilio.api import account_trouble

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
    except SettingsError as error:
        yield Finding("mail", "not usable", str(error))
        return
    if settings.password_file is not None:
        yield look_at_mode(f"mail {settings.password_file.name}", settings.password_file)
    trouble = channel.trouble()
    remedy = "check host, port, security, username and the password in channels.email" if trouble else ""
    yield Finding("mail server", trouble or "lets us in", remedy)


def _look_at_dead_man(settings: AuditSettings, config: Path) -> Finding:
    host = urlsplit(settings.ping_url).hostname  # the path is a secret
    if host:
        return Finding("dead-man switch", host, grave=False)
    remedy = "set audit.ping_url, or nobody outside notices when this machine stops; then run beside the server:"
    audit = typed("mimamori", "audit", "--config", config)
    return Finding("dead-man switch", "none", remedy, grave=False, command=audit)
