"""The channels that are switched on, each as its provider sees it, and who notices when nothing goes out."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from alerts.channels import registry
from alerts.watchdog.settings import AuditSettings
from mimamori.server.settings import BackendSettings
from store.findings import Finding, typed


def look_at_channels(settings: BackendSettings, config: Path) -> Iterator[Finding]:
    """By what messages go out, and who notices when none does. ``config``: the settings file, for commands."""
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
