"""Going up the ladder: who is asked at which step, who stands in, and when the next step begins. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from alerts.decisions.deferral import put_off
from alerts.decisions.ladder import Target, answer_by_ms, stand_ins, targets
from alerts.decisions.model import Ask, Asked, Decision, Incident, Purpose, Roster, State


def enter(incident: Incident, step: int, roster: Roster, now_ms: int, what: str, reason: str) -> Decision:
    """Begin a step, or the first after it at which anybody can be reached; the last one is begun in any case."""
    policy = incident.policy
    for index in range(step, policy.last):
        found = targets(policy.steps[index], incident.person, roster)
        if found:
            due_ms = answer_by_ms(policy.steps[index], policy, now_ms, incident.call_at_ms)
            repeat = next_round(incident, index)
            at_step = replace(incident, state=State.NOTIFYING, step=index, repeat=repeat, next_due_ms=due_ms)
            return _ask(at_step, found, now_ms, what, reason)
    state = State.NOTIFYING if roster.staff else State.STAFF_ATTENTION
    due_ms = now_ms + 1000 * policy.steps[policy.last].answer_s
    return ask_council(replace(incident, step=policy.last), roster, now_ms, state, due_ms, what, reason)


def move_on(
    incident: Incident, roster: Roster, now_ms: int, without: Collection[str], what: str, reason: str
) -> Decision:
    """Ask the next of this step who was not asked yet, else begin the next step."""
    if incident.at_last_step:
        return repeat_last(incident, roster, now_ms, what, reason, without)
    found = next_in_turn(incident, roster, without)
    if not found:
        return enter(incident, incident.step + 1, roster, now_ms, what, reason)
    began_ms = min((item.at_ms for item in incident.present), default=now_ms)
    least_ms = now_ms + 1000 * incident.policy.least_answer_s
    due_ms = max(began_ms + 1000 * incident.rung.answer_s, least_ms)
    return _ask(replace(incident, state=State.NOTIFYING, next_due_ms=due_ms), found, now_ms, what, reason)


def repeat_last(
    incident: Incident, roster: Roster, now_ms: int, what: str, reason: str, without: Collection[str] = ()
) -> Decision:
    """Ask the council again, at the last step."""
    due_ms = now_ms + 1000 * incident.rung.answer_s
    return ask_council(incident, roster, now_ms, State.STAFF_ATTENTION, due_ms, what, reason, without)


def ask_council(
    incident: Incident,
    roster: Roster,
    now_ms: int,
    state: State,
    due_ms: int,
    what: str,
    reason: str,
    without: Collection[str] = (),
) -> Decision:
    """Ask all staff (again), or put it off until they may be asked.

    With nobody to ask the case stays on the board, and looks again when it is due.
    """
    last = incident.policy.last
    held = None if state is State.EMERGENCY else put_off(incident, now_ms)
    if held is not None:
        until_ms, why = held
        waiting = replace(incident, state=State.DEFERRED, step=last, next_due_ms=until_ms)
        return Decision(waiting, (), what if what == "opened" else "deferred", f"{reason}; {why}")
    at_step = replace(
        incident,
        state=state,
        step=last,
        repeat=next_round(incident, last),
        next_due_ms=due_ms,
        council_ms=now_ms if incident.council_ms is None else incident.council_ms,
    )
    found = targets(at_step.rung, incident.person, roster, without)
    return _ask(at_step, found, now_ms, what, reason if found else f"{reason}; no staff can be reached")


def _ask(incident: Incident, found: Iterable[Target], now_ms: int, what: str, reason: str) -> Decision:
    epoch = incident.epoch + 1
    asks = tuple(Ask(target.person, target.purpose, epoch) for target in found)
    purposes = {ask.purpose for ask in asks}
    asked = tuple(Asked(ask.person, ask.purpose, incident.step, incident.repeat, epoch, now_ms) for ask in asks)
    asking = replace(
        incident,
        epoch=epoch,
        asked=incident.asked + asked,
        asked_ms=_first(incident.asked_ms, now_ms, Purpose.ASK in purposes),
        called_ms=_first(incident.called_ms, now_ms, Purpose.CALL in purposes),
        council_ms=_first(incident.council_ms, now_ms, Purpose.STAFF in purposes),
    )
    return Decision(asking, asks, what, reason)


def next_round(incident: Incident, step: int) -> int:
    """The ``repeat`` under which a step is begun: who was asked at it before, as before an absence, is asked anew."""
    return 1 + max((item.repeat for item in incident.asked if item.step == step), default=-1)


def still_asked(incident: Incident) -> tuple[Asked, ...]:
    """Those of the present step who may still answer."""
    return tuple(item for item in incident.present if not item.failed and not item.declined)


def next_in_turn(incident: Incident, roster: Roster, without: Collection[str]) -> tuple[Target, ...]:
    """Who replaces those of this step who cannot come, so that again as many are asked; at least one."""
    step = incident.rung
    waiting = [item for item in still_asked(incident) if item.person not in without and item.purpose is Purpose.CALL]
    tried = {item.person for item in incident.present} | set(without)
    return stand_ins(step, incident.person, roster, tried, max(1, step.at_once - len(waiting)))


def _first(known_ms: int | None, now_ms: int, happened: bool) -> int | None:
    return now_ms if known_ms is None and happened else known_ms
