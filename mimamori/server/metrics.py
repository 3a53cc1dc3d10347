"""What Prometheus reads: counts and ages of one audit, on a port of this machine. No label names a person or a home."""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector
from sqlalchemy import Connection, func, select

from alerts.watchdog.auditor import WatchdogFacts, WatchdogFinding
from alerts.watchdog.settings import FindingKind
from dashboard.board.board import read_board
from dashboard.reading.states import BoardState
from dashboard.settings import DashboardSettings
from mimamori.exits import UsageError
from store.duties import Duty
from store.schema import attempts, deliveries, incidents, is_open, quarantine

HOST: Final = "127.0.0.1"
Table = Mapping[tuple[str, ...], float]


class Pings(StrEnum):
    """What became of one turn of the dead-man switch."""

    TAKEN = "taken"
    FAILED = "failed"
    WITHHELD = "withheld"
    """Something was found, the audit failed, or there is no switch."""


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """Rows of the store, counted by the columns that the metrics' labels name."""

    incidents: Table = field(default_factory=dict)
    deliveries: Table = field(default_factory=dict)
    attempts: Table = field(default_factory=dict)
    homes: Table = field(default_factory=dict)
    quarantined: int = 0


def read_counts(connection: Connection, settings: DashboardSettings, now_ms: int) -> StoreCounts:
    """Count at ``now_ms`` (ms UTC); homes by the state in which the board shows them."""
    by_state = read_board(connection, settings, now_ms).counts
    open_ones = select(incidents.c.kind, incidents.c.state, func.count()).where(is_open())
    messages = select(deliveries.c.channel, deliveries.c.state, func.count())
    outcome = func.coalesce(attempts.c.outcome, "under_way")
    return StoreCounts(
        incidents=_table(connection.execute(open_ones.group_by(incidents.c.kind, incidents.c.state))),
        deliveries=_table(connection.execute(messages.group_by(deliveries.c.channel, deliveries.c.state))),
        attempts=_table(connection.execute(select(outcome, func.count()).group_by(outcome))),
        homes={(state.value,): float(by_state.get(state, 0)) for state in BoardState},
        quarantined=connection.execute(select(func.count()).select_from(quarantine)).scalar_one(),
    )


def _table(rows: Iterable[Sequence[object]]) -> Table:
    return {tuple(str(word) for word in words): float(str(count)) for *words, count in rows}


class MetricsPage(Collector):
    """The page as of the last audit. Written by the auditor, read by the server's threads: replaced whole."""

    def __init__(self) -> None:
        self._metrics: list[Metric] = []
        self._pings: Counter[Pings] = Counter()

    def show(self, facts: WatchdogFacts, found: Sequence[WatchdogFinding], counts: StoreCounts, now_ms: int) -> None:
        """Show what an audit read and found at ``now_ms`` (ms UTC)."""
        self._metrics = [*_audited(facts, found, now_ms), *_counted(counts)]

    def pinged(self, what: Pings) -> None:
        """One turn of the dead-man switch more."""
        self._pings[what] += 1

    def collect(self) -> Iterator[Metric]:
        """As prometheus-client wants it."""
        yield from self._metrics
        pings = CounterMetricFamily("mimamori_dead_man_pings", "Turns of the dead-man switch.", labels=["outcome"])
        for what in Pings:
            pings.add_metric([what], self._pings[what])
        yield pings


def _audited(facts: WatchdogFacts, found: Sequence[WatchdogFinding], now_ms: int) -> list[Metric]:
    sizes = {finding.kind: len(finding.about) for finding in found}
    overdue_s = max((now_ms - due_ms for due_ms in facts.timers.values()), default=0) / 1000
    errors = CounterMetricFamily(
        "mimamori_duty_errors", "Incidents and messages that went wrong in a duty, each time.", labels=["duty"]
    )
    for duty in Duty:
        errors.add_metric([duty], facts.errors.get(duty, 0))
    return [
        errors,
        _one("mimamori_audit_timestamp_seconds", "When the last audit went through.", now_ms / 1000),
        _one("mimamori_oldest_overdue_timer_seconds", "How overdue the most overdue incident is.", overdue_s),
        _many("mimamori_findings", "What the audit found.", ["kind"], {(k,): sizes.get(k, 0) for k in FindingKind}),
        _many(
            "mimamori_duty_age_seconds",
            "Since a duty was last done without an error.",
            ["duty"],
            {(duty,): (now_ms - at_ms) / 1000 for duty, at_ms in facts.duties.items()},
        ),
        _many(
            "mimamori_quota_left",
            "Messages that a vendor lets us send still; no value: no limit.",
            ["channel"],
            {(name,): left for name, left in facts.left.items() if left is not None},
        ),
    ]


def _counted(counts: StoreCounts) -> list[Metric]:
    return [
        _many("mimamori_open_incidents", "Open incidents.", ["kind", "state"], counts.incidents),
        _many("mimamori_deliveries", "Messages in the store.", ["channel", "state"], counts.deliveries),
        _many("mimamori_attempts", "Tries to send in the store.", ["outcome"], counts.attempts),
        _many("mimamori_homes", "Homes, by the state on the board.", ["state"], counts.homes),
        _one("mimamori_quarantine_rows", "Messages of homes that were set aside.", counts.quarantined),
    ]


def _one(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _many(name: str, text: str, labels: Sequence[str], values: Table) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for words, value in values.items():
        family.add_metric(list(words), value)
    return family


@contextlib.contextmanager
def serving(page: MetricsPage | None, port: int) -> Iterator[None]:
    """Serve ``/metrics`` on this machine alone, as long as this lasts; ``port`` 0 serves nothing.

    Args:
        page: what is shown; None: what this process itself counts.
        port: of 127.0.0.1.

    Raises:
        UsageError: nothing can listen there.
    """
    if not port:
        yield
        return
    registry = REGISTRY
    if page is not None:
        registry = CollectorRegistry()
        registry.register(page)
    try:
        server, thread = start_http_server(port, HOST, registry)
    except OSError as error:
        raise UsageError(
            f"the metrics cannot listen on {HOST}:{port} ({error.strerror}); stop what uses the port, or change "
            "metrics_port (0: none)"
        ) from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
