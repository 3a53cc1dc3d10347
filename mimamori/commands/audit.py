"""``mimamori audit``: a process of its own that looks whether the watching is watched.

It asks an outside dead-man switch for its address only when all is clean. So whatever stops, this process included,
somebody outside learns of it: a finding, an error and a dead auditor all look the same from there, as silence.
"""

import argparse
import contextlib
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NoReturn

from sqlalchemy import Engine, insert

from alerts.ports import Channel, Metered
from alerts.watchdog.auditor import Found, PersistentFindings, WatchdogFacts, WatchdogFinding, findings
from alerts.watchdog.deadman import ping
from alerts.watchdog.facts import read_facts
from alerts.watchdog.rota import read_gaps
from alerts.watchdog.settings import FindingKind, Told
from edge_agent.clock import SystemClock
from mimamori import exits
from mimamori.commands.console import refuse_without_store
from mimamori.server.build import every_channel
from mimamori.server.metrics import MetricsPage, Pings, audited, counted, serving
from mimamori.server.settings import BackendSettings, load_settings
from mimamori.server.stores import opened_store
from store.engine import reading
from store.schema import audit

log = logging.getLogger(__name__)

ACTOR: Final = "auditor"


def run(options: argparse.Namespace) -> int:
    """Audit until SIGTERM or Ctrl-C, or once; returns the exit code: 1 when ``--once`` found something.

    Raises:
        UsageError, StoreError: the settings, the store or the port of the metrics cannot be used.
    """
    settings = load_settings(options.config)
    if options.once:
        refuse_without_store(settings.store.url)
    # Who audits for ever finds until then that there is no store; the file that is opened is the one the server fills.
    os.umask(0o077)
    with opened_store(settings.store.url, migrate=False) as db:
        channels = every_channel(settings)
        if options.once:
            return _say(Auditor(db, channels, settings, late_s=0).look(SystemClock().wall_ms()))
        auditor = Auditor(db, channels, settings)
        page = MetricsPage()
        # SIGTERM and Ctrl-C come as the same exception, see `mimamori.cli`.
        with contextlib.suppress(KeyboardInterrupt), serving(page, settings.audit.metrics_port):
            audit_for_ever(auditor, page)
    return exits.DONE


def audit_for_ever(auditor: "Auditor", page: MetricsPage) -> NoReturn:
    """Audit again and again, and ask for the dead-man switch each time that all is clean."""
    settings = auditor.settings.audit
    if not settings.ping_url:
        log.warning("audit.ping_url is empty: nobody outside will notice when this machine stops")
    while True:
        try:
            is_clean = auditor.audit(SystemClock().wall_ms(), page)
        except Exception:
            # Whatever went wrong: the ping is withheld, which is the alarm, and the next look may go well.
            log.exception("the audit failed; nobody is told that all is clean")
            is_clean = False
        page.pinged(_ping(settings.ping_url, settings.ping_timeout_s) if is_clean else Pings.WITHHELD)
        time.sleep(settings.every_s)


def _ping(url: str, timeout_s: float) -> Pings:
    if not url:
        return Pings.WITHHELD
    return Pings.TAKEN if ping(url, timeout_s) else Pings.FAILED


class Auditor:
    """Looks, tells what it found in the log and in the audit, and says whether all is clean.

    Args:
        db: the relational store, which it only reads but for lines of the audit.
        channels: those that are switched on, by name.
        settings: of the server.
        late_s: how long a condition must hold unnoticed; None: as the settings say.
    """

    def __init__(
        self, db: Engine, channels: Mapping[str, Channel], settings: BackendSettings, late_s: int | None = None
    ) -> None:
        self.settings = settings
        self._db = db
        self._channels = channels
        self._unnoticed = PersistentFindings(1000 * (settings.audit.late_s if late_s is None else late_s))
        self._gaps: Found = {}
        self._left: dict[str, int | None] = {}
        self._unasked: list[str] = []
        self._next_ms: dict[str, int] = {}
        self._reported: dict[FindingKind, WatchdogFinding] = {}

    def audit(self, now_ms: int, page: MetricsPage) -> bool:
        """Look at everything at ``now_ms`` (ms UTC); whether nothing was found that is not tolerated.

        Raises:
            SQLAlchemyError: the store is out of reach, or was never made.
        """
        facts = self._read(now_ms)
        found = findings(facts, self.settings.audit, now_ms)
        self._tell(found, now_ms)
        with reading(self._db) as connection:
            rows = counted(connection, self.settings.dashboard, now_ms)
        page.show([*audited(facts, found, now_ms), *rows])
        return all(finding.kind in self.settings.audit.tolerate for finding in found)

    def look(self, now_ms: int) -> list[WatchdogFinding]:
        """What is wrong at ``now_ms`` (ms UTC); told nobody. Raises as `audit`."""
        return findings(self._read(now_ms), self.settings.audit, now_ms)

    def _read(self, now_ms: int) -> WatchdogFacts:
        settings = self.settings.audit
        if self._is_time("quota", settings.quota_every_s, now_ms):
            self._ask_quotas()
        late_ms, refused_ms = now_ms - 1000 * settings.late_s, now_ms - 1000 * settings.refused_s
        with reading(self._db) as connection:
            if self._is_time("rota", settings.rota_every_s, now_ms):
                self._gaps = read_gaps(connection, now_ms)
            facts = read_facts(connection, self.settings.alerts, now_ms, late_ms, refused_ms)
        return replace(
            facts,
            unnoticed=self._unnoticed.seen(facts.unnoticed, now_ms),
            channels=set(self._channels),
            gaps=self._gaps,
            left=self._left,
            unasked=self._unasked,
        )

    def _is_time(self, what: str, every_s: int, now_ms: int) -> bool:
        due_ms = self._next_ms.get(what, now_ms)
        if not due_ms - 1000 * every_s <= now_ms < due_ms:  # also when the clock was set back
            self._next_ms[what] = now_ms + 1000 * every_s
            return True
        return False

    def _ask_quotas(self) -> None:
        left: dict[str, int | None] = {}
        unasked: list[str] = []
        for name, channel in self._channels.items():
            if isinstance(channel, Metered):
                try:
                    left[name] = channel.quota().left
                except Exception as error:  # noqa: BLE001 - whatever a vendor's library raises: it is a finding
                    log.warning("channel %s did not say how many messages are left: %s", name, type(error).__name__)
                    unasked.append(name)
        self._left, self._unasked = left, unasked

    def _tell(self, found: Sequence[WatchdogFinding], now_ms: int) -> None:
        """What is new, and what is over, in the log; kinds that come and go also in the audit."""
        now = {finding.kind: finding for finding in found}
        lines: list[tuple[Told, dict[str, Any]]] = []
        for kind, finding in now.items():
            if self._reported.get(kind) != finding:
                log.error("%s: %s", kind, finding)
            if kind not in self._reported:
                lines.append((Told.FINDING, {"kind": kind, "n": len(finding.about), "about": finding.first}))
        lines += [(Told.FINDING_OVER, {"kind": kind}) for kind in self._reported if kind not in now]
        if lines:
            with self._db.begin() as connection:
                rows = [{"at_ms": now_ms, "actor": ACTOR, "what": what, "params": params} for what, params in lines]
                connection.execute(insert(audit), rows)
        self._reported = now


def _say(found: Sequence[WatchdogFinding]) -> int:
    for finding in found:
        sys.stdout.write(f"{finding.kind}: {finding}\n")
    if not found:
        sys.stdout.write("all is clean\n")
    return exits.FAILED if found else exits.DONE
