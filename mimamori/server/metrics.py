"""What Prometheus reads: counts and ages of one audit, on a port of this machine. No label names a person or a home."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector
from sqlalchemy import Connection, Select, func, select

from alerts.watchdog.auditor import WatchdogFacts, WatchdogFinding
from alerts.watchdog.settings import FindingKind
from dashboard.board.board import read_board
from dashboard.reading.states import BoardState
from dashboard.settings import DashboardSettings
from mimamori.exits import UsageError
from store.duties import Duty
from store.schema import attempts, deliveries, incidents, is_open, quarantine

HOST: Final = "127.0.0.1"
Family = GaugeMetricFamily | CounterMetricFamily


class Pings(StrEnum):
    """What became of one turn of the dead-man switch."""

    TAKEN = "taken"
    FAILED = "failed"
    WITHHELD = "withheld"
    """Something was found, the audit failed, or there is no switch."""


class MetricsPage(Collector):
    """The page as of the last audit. Written by the auditor, read by the server's threads: replaced whole."""

    def __init__(self) -> None:
        self._metrics: Sequence[Metric] = ()
        self._pings: Counter[Pings] = Counter()

    def show(self, metrics: Sequence[Metric]) -> None:
        """Show what an audit made of what it read."""
        self._metrics = metrics

    def pinged(self, what: Pings) -> None:
        """One turn of the dead-man switch more."""
        self._pings[what] += 1

    def collect(self) -> Iterator[Metric]:
        """As prometheus-client wants it."""
        yield from self._metrics
        pings = CounterMetricFamily("mimamori_dead_man_pings", "Turns of the dead-man switch.", labels=["outcome"])
        yield _filled(pings, {what: self._pings[what] for what in Pings})


def audited(facts: WatchdogFacts, found: Sequence[WatchdogFinding], now_ms: int) -> list[Metric]:
    """What an audit read and found at ``now_ms`` (ms UTC)."""
    sizes = {finding.kind: len(finding.about) for finding in found}
    overdue_s = max((now_ms - due_ms for due_ms in facts.timers.values()), default=0) / 1000
    text = "Incidents and messages that went wrong in a duty, each time."
    errors = CounterMetricFamily("mimamori_duty_errors", text, labels=["duty"])
    ages_s = {duty: (now_ms - at_ms) / 1000 for duty, at_ms in facts.duties.items()}
    left = {name: left for name, left in facts.left.items() if left is not None}
    return [
        _filled(errors, {duty: facts.errors.get(duty, 0) for duty in Duty}),
        _one("mimamori_audit_timestamp_seconds", "When the last audit went through.", now_ms / 1000),
        _one("mimamori_oldest_overdue_timer_seconds", "How overdue the most overdue incident is.", overdue_s),
        _many("mimamori_findings", "What the audit found.", "kind", {kind: sizes.get(kind, 0) for kind in FindingKind}),
        _many("mimamori_duty_age_seconds", "Since a duty was last done without an error.", "duty", ages_s),
        _many("mimamori_quota_left", "Messages that a vendor lets us send still; no value: no limit.", "channel", left),
    ]


def counted(connection: Connection, settings: DashboardSettings, now_ms: int) -> list[Metric]:
    """The rows of the store at ``now_ms`` (ms UTC); homes by the state in which the board shows them."""
    by_state = read_board(connection, settings, now_ms).counts
    homes = {state.value: by_state.get(state, 0) for state in BoardState}
    outcome = func.coalesce(attempts.c.outcome, "under_way").label("outcome")
    set_aside = connection.scalar(select(func.count()).select_from(quarantine)) or 0
    open_ones = select(incidents.c.kind, incidents.c.state).where(is_open())
    messages = select(deliveries.c.channel, deliveries.c.state)
    return [
        _rows(connection, "mimamori_open_incidents", "Open incidents.", open_ones),
        _rows(connection, "mimamori_deliveries", "Messages in the store.", messages),
        _rows(connection, "mimamori_attempts", "Tries to send in the store.", select(outcome)),
        _many("mimamori_homes", "Homes, by the state on the board.", "state", homes),
        _one("mimamori_quarantine_rows", "Messages of homes that were set aside.", set_aside),
    ]


def _one(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _many(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    return _filled(GaugeMetricFamily(name, text, labels=[label]), values)


def _filled(family: Family, values: Mapping[str, float]) -> Metric:
    for word, value in values.items():
        family.add_metric([word], value)
    return family


def _rows(connection: Connection, name: str, text: str, query: Select[Any]) -> Metric:
    """How many rows a query finds of each kind, by the columns that it selects."""
    columns = query.selected_columns
    family = GaugeMetricFamily(name, text, labels=columns.keys())
    for *words, count in connection.execute(query.add_columns(func.count()).group_by(*columns)):
        family.add_metric(words, count)
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
