"""What a run of the simulated town came to, as the JSON report of ``mimamori demo --headless``."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any, Final

from sqlalchemy import Row, select

from contracts.signals import SignalKind
from mimamori.server.build import Backend
from mimamori.server.tally import tally
from simulators.town.neighbourhood import Neighbourhood
from simulators.town.scenario import CollapsePlot, Scenario
from store.engine import reading
from store.schema import deliveries, incidents

_Row = Row[tuple[Any, ...]]
_DELIVERY_ORDER: Final = (deliveries.c.created_ms, deliveries.c.person_id, deliveries.c.purpose, deliveries.c.channel)
"""Not the id, which is drawn anew in every run."""
_MOMENTS: Final = ("opened", "asked", "called", "council", "closed")


def report_of(
    backend: Backend, town: Neighbourhood, scenario: Scenario, published: int, zone: tzinfo
) -> dict[str, Any]:
    """Count the events, list the incidents and deliveries, and judge them by what the scenario knows.

    Args:
        backend: as it stands at the end.
        town: who lives there.
        scenario: what went wrong; nobody but the report may know it.
        published: events that the homes handed to their outboxes.
        zone: for the times in the report.
    """
    with reading(backend.db) as connection:
        cases = connection.execute(select(incidents).order_by(incidents.c.opened_ms, incidents.c.home_id)).all()
        sent = connection.execute(select(deliveries).order_by(*_DELIVERY_ORDER)).all()
    gateways = [home.gateway for home in town.homes]
    silences = [incident for incident in cases if incident.kind == SignalKind.SILENCE]
    found = [
        {"home": home, "at": _time(plot.at_ms, zone), "found": _was_found(silences, home, plot.at_ms)}
        for home in scenario
        for plot in collapses(scenario, home)
    ]
    well = [incident for incident in silences if not has_collapsed(scenario, incident.home_id, incident.opened_ms)]
    return {
        "seed": town.seed,
        "homes": len(town.homes),
        "events": {"published": published, **tally(backend.db, backend.timeseries, gateways, published)},
        "collapses": found,
        "collapse_found": all(collapse["found"] for collapse in found),
        "false_asks": sum(incident.asked_ms is not None for incident in well),
        "false_calls": sum(incident.called_ms is not None for incident in well),
        "incidents": [_incident(incident, zone) for incident in cases],
        "deliveries": [_delivery(row, zone) for row in sent],
    }


def has_collapsed(scenario: Scenario, home: str, at_ms: int) -> bool:
    """Whether the person of a home lies there, or is in hospital, at ``at_ms``."""
    return any(
        plot.at_ms <= at_ms and (plot.back_ms is None or at_ms < plot.back_ms) for plot in collapses(scenario, home)
    )


def collapses(scenario: Scenario, home: str) -> list[CollapsePlot]:
    """Those that the scenario has in store for a home."""
    return [plot for plot in scenario.get(home, ()) if isinstance(plot, CollapsePlot)]


def _was_found(silences: Sequence[_Row], home: str, at_ms: int) -> bool:
    """Somebody beyond the person was called about a silence after the collapse, and a human recorded how it was."""
    return any(
        incident.home_id == home
        and incident.called_ms is not None
        and incident.called_ms >= at_ms
        and incident.outcome is not None
        for incident in silences
    )


def _incident(row: _Row, zone: tzinfo) -> dict[str, Any]:
    return {
        "person": row.person_id,
        "home": row.home_id,
        "kind": row.kind,
        **{f"{name}_at": _time(getattr(row, f"{name}_ms"), zone) for name in _MOMENTS},
        "state": row.state,
        "outcome": row.outcome,
        "outcome_by": row.outcome_by,
        "reason_ja": row.reason_ja,
        "reason_en": row.reason_en,
    }


def _delivery(row: _Row, zone: tzinfo) -> dict[str, Any]:
    return {
        "incident": row.incident_id,
        "person": row.person_id,
        "purpose": row.purpose,
        "channel": row.channel,
        "state": row.state,
        "created_at": _time(row.created_ms, zone),
    }


def _time(ms: int | None, zone: tzinfo) -> str | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, zone).isoformat(timespec="seconds")
