"""What would happen: the real engine and the real sender on a copy in memory, with a clock that jumps. Nothing is sent.

So the plan knows of failover, hours, leave, absences, and of whatever the ladder learns later: it is not a second
calculation of the rules. It supposes that nobody answers, nobody moves, and that the devices in the home are alive.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine, select

from alerts.decisions.codes import Reason, What
from alerts.decisions.model import IncidentState
from alerts.decisions.sending.delivery import FAILED
from alerts.delivery.sender import Sender
from alerts.errors import DryRunRefused
from alerts.incidents.engine import Engine as AlertEngine
from alerts.ports import OutgoingMessage, SendOutcome, SendResult
from alerts.register import AnyRow, left_out, methods
from alerts.settings import AlertsSettings
from alerts.tools.next_moment import next_moment_ms
from contracts.signals import SignalKind
from store.engine import reading
from store.schema import audit, deliveries, homes, incidents, live_states
from store.scratch import copy_of_register, put_home_state

KINDS: Final = (SignalKind.SILENCE, SignalKind.HELP)
USUAL_ANSWER_MS: Final = 3_600_000
"""Between asking and calling for help, where the home has no deadlines yet."""
_SILENT_MS: Final = 3_600_000  # how long before the ask deadline the last sign of life was, where none is known
_LONGEST_MS: Final = 31 * 24 * 3_600_000
_MOMENTS: Final = 500


@dataclass(frozen=True, slots=True)
class PlannedMessage:
    """One message that would be sent.

    Attributes:
        at_ms: when it is decided on (ms UTC).
        step, repeat: where the incident stands.
        purpose: ``ask`` | ``call`` | ``staff`` | ``news``.
        person: id of who it is for.
        method: id of the contact method; ``channel`` its channel.
        failure: why it would fail, a word of `alerts.errors.Failure`; None: the channel takes it.
        otherwise: channels of the person's ways that are left if this one fails, the next first.
    """

    at_ms: int
    step: int
    repeat: int
    purpose: str
    person: str
    method: str
    channel: str
    failure: str | None
    otherwise: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedTransition:
    """One transition of the incident: when (ms UTC), what, and why, with the parameters of both."""

    at_ms: int
    what: What
    reasons: tuple[Reason, ...]
    params: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class DryRun:
    """What would happen to a person's incident until the council has been asked again.

    Attributes:
        home: home id.
        kind: what opens the incident.
        at_ms: when the person would be due to be asked, or pressed for help (ms UTC).
        call_at_ms: the call deadline that goes with it.
        turns, messages: in order of time; no turns: no incident is opened.
        every_s: how often the last step is repeated; None when it was not reached.
        left_out: who is related and not told, with a word of `register.left_out`: as of when others are first told.
    """

    home: str
    kind: SignalKind
    at_ms: int
    call_at_ms: int
    turns: tuple[PlannedTransition, ...]
    messages: tuple[PlannedMessage, ...]
    every_s: int | None
    left_out: dict[str, str]


class _Recorder:
    """A channel that sends nothing, and says that it did or that it cannot."""

    def __init__(self, name: str, outcome: SendOutcome) -> None:
        self.name = name
        self._outcome = outcome

    def send(self, _message: OutgoingMessage) -> SendResult:
        return SendResult(self._outcome)


def plan(
    db: Engine,
    person: str,
    settings: AlertsSettings,
    at_ms: int,
    channels: Collection[str],
    *,
    kind: SignalKind = SignalKind.SILENCE,
    failing: Collection[str] = (),
) -> DryRun:
    """Who would be told what, by which channel, and when.

    Args:
        db: the relational store; only read.
        person: id of the watched person.
        settings: of the ladders.
        at_ms: when the ask deadline passes, or help is pressed (ms UTC).
        channels: names of the channels that are set up.
        kind: one of `KINDS`.
        failing: names of channels that refuse every message, to see what would follow.

    Raises:
        RegistryError: the person is not in the register, or has no home that is watched.
        DryRunRefused: no incident of this kind can be played.
    """
    if kind not in KINDS:
        raise DryRunRefused(f"'{kind}' cannot be played; known: {', '.join(KINDS)}")
    live = _live(db, person, kind, at_ms)
    scratch, home = copy_of_register(db, person)
    try:
        put_home_state(scratch, home, live, at_ms, help_pressed=kind is SignalKind.HELP)
        recorders = {
            name: _Recorder(name, SendOutcome.PERMANENT if name in failing else SendOutcome.OK)
            for name in sorted(channels)
        }
        engine = AlertEngine(scratch, settings)
        _play(scratch, engine, Sender(scratch, recorders, "dry-run", None, settings), at_ms)
        return _read_dry_run(scratch, home, kind, at_ms, live.get("call_at_ms", at_ms))
    finally:
        scratch.dispose()


def _live(db: Engine, person: str, kind: SignalKind, at_ms: int) -> dict[str, Any]:
    """The state of a home whose person has just become due; the waiting time is the one the home has now."""
    if kind is SignalKind.HELP:
        return {}
    query = (
        select(live_states.c.last_sign_ms, live_states.c.ask_at_ms, live_states.c.call_at_ms)
        .join(homes, homes.c.id == live_states.c.home_id)
        .where(homes.c.person_id == person)
        .order_by(homes.c.id)
    )
    with reading(db) as connection:
        row = connection.execute(query).first()
    sign_ms, ask_ms, call_ms = row if row is not None else (None, None, None)
    silent_ms = ask_ms - sign_ms if sign_ms is not None and ask_ms is not None else _SILENT_MS
    answer_ms = call_ms - ask_ms if call_ms is not None and ask_ms is not None else USUAL_ANSWER_MS
    since_ms = at_ms - max(silent_ms, 1)
    return {
        "last_event_ms": since_ms,
        "last_sign_ms": since_ms,
        "ask_at_ms": at_ms,
        "call_at_ms": at_ms + max(answer_ms, 0),
    }


def _play(scratch: Engine, engine: AlertEngine, sender: Sender, at_ms: int) -> None:
    """The backend works at every moment at which there is something to do, until the last step came round again."""
    now_ms = at_ms
    first_asked: int | None = None
    for _ in range(_MOMENTS):
        engine.tick(now_ms)
        sender.run_due(now_ms)
        due_ms = next_moment_ms(engine, now_ms)
        asked = _asked_at_last_step(scratch)
        first_asked = asked if first_asked is None else first_asked
        is_repeated = asked is not None and asked != first_asked
        if due_ms is None or due_ms > at_ms + _LONGEST_MS or is_repeated:
            return
        now_ms = max(now_ms, due_ms)


def _asked_at_last_step(scratch: Engine) -> int | None:
    """The incident's epoch at its last step: it grows whenever that is asked, even of nobody. None: not there yet."""
    incident = _incident_row(scratch)
    if incident is None or incident.state == IncidentState.DEFERRED:
        return None
    return int(incident.epoch) if incident.step == len(incident.policy["steps"]) - 1 else None


def _incident_row(scratch: Engine) -> AnyRow | None:
    with reading(scratch) as connection:
        return connection.execute(select(incidents).order_by(incidents.c.opened_ms, incidents.c.id)).first()


def _read_dry_run(scratch: Engine, home: str, kind: SignalKind, at_ms: int, call_at_ms: int) -> DryRun:
    incident = _incident_row(scratch)
    if incident is None:
        return DryRun(home, kind, at_ms, call_at_ms, (), (), None, {})
    with reading(scratch) as connection:
        lines = connection.execute(select(audit).where(audit.c.incident_id == incident.id).order_by(audit.c.id)).all()
        sent = select(deliveries).where(deliveries.c.incident_id == incident.id)
        rows = connection.execute(sent.order_by(deliveries.c.created_ms, deliveries.c.epoch, deliveries.c.id)).all()
        ways = {row.person_id: methods(connection, row.person_id) for row in rows}
        told = {row.person_id for row in rows}
        others_ms = min((row.created_ms for row in rows if row.person_id != incident.person_id), default=at_ms)
        words = left_out(connection, incident.person_id, others_ms)
    turns = tuple(
        PlannedTransition(line.at_ms, What(line.what), tuple(map(Reason, line.reasons)), line.params) for line in lines
    )
    steps = incident.policy["steps"]
    every_s = steps[-1]["answer_s"] if incident.step == len(steps) - 1 else None
    messages = tuple(_planned(row, ways[row.person_id], rows) for row in rows)
    return DryRun(
        home, kind, at_ms, call_at_ms, turns, messages, every_s, {who: words[who] for who in words if who not in told}
    )


def _planned(row: AnyRow, methods: list[AnyRow], rows: Sequence[AnyRow]) -> PlannedMessage:
    used = {
        other.contact_method_id
        for other in rows
        if (other.person_id, other.epoch, other.purpose) == (row.person_id, row.epoch, row.purpose)
    }
    return PlannedMessage(
        at_ms=row.created_ms,
        step=row.step,
        repeat=row.repeat,
        purpose=row.purpose,
        person=row.person_id,
        method=row.contact_method_id,
        channel=row.channel,
        failure=row.failure if row.state in FAILED else None,
        otherwise=tuple(way.channel for way in methods if way.id not in used),
    )
