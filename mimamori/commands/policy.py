"""``mimamori policy``: the ladders as they are set, and who would be told what about a person."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Connection, Select, select

from alerts.decisions.policy import Step
from alerts.signals.conditions import after_absences
from alerts.tools.dry_run import DryRun, PlannedMessage, plan
from alerts.wording.catalogue import catalogue, sentence
from contracts.signals import Sentence, SignalKind
from mimamori.commands import console
from mimamori.server.build import every_channel
from mimamori.server.settings import load_settings
from store.engine import reading
from store.register.checks import CHANNELS, RegistryError, nearest
from store.register.file import moment_ms
from store.schema import absences, ask_budgets, homes, people

_PLANNED_MS: Final = 31 * 24 * 3_600_000
"""How far a plan looks ahead that opens no incident."""


def show(options: argparse.Namespace) -> int:
    """The ladder of each kind of incident."""
    settings = load_settings(options.config).alerts
    ladders = {kind: settings.policy(kind) for kind in SignalKind}
    if options.json:
        return console.print_json({str(kind): policy.to_json() for kind, policy in ladders.items()})
    rows = [
        (str(kind), f"{number + 1}/{len(policy.steps)}", *_step(step, last=number == policy.last))
        for kind, policy in ladders.items()
        for number, step in enumerate(policy.steps)
    ]
    return console.print_table(("kind", "step", "who is asked", "then"), rows)


def explain(options: argparse.Namespace) -> int:
    """A dry run by the real rules; nothing is written and nothing is sent."""
    with console.store_of(options.config) as (settings, db):
        with reading(db) as connection:
            zone = _zone(connection, options.person)
        at_ms = console.now_ms() if options.at is None else moment_ms(options.at, zone, "--at")
        channels = every_channel(settings)
        kind = SignalKind(options.kind)
        _check_channels(options.failing)
        found = plan(db, options.person, settings.alerts, at_ms, list(channels), kind=kind, failing=options.failing)
        with reading(db) as connection:
            named = people.c.id.in_({item.person for item in found.messages} | set(found.left_out))
            names = {row.id: row.name for row in connection.execute(select(people).where(named))}
            budgets = console.rows(connection, select(ask_budgets).where(ask_budgets.c.home_id == found.home))
            away = console.rows(connection, _absences_around(found))
    budget = next(iter(budgets), None)
    if options.json:
        return console.print_json({**asdict(found), "ask_budget": budget, "absences": away})
    _print(found, names, away, options.person, zone)
    if budget is not None:
        asked = budget["answered"] + budget["unanswered"]
        console.print_line(
            f"While all was well they were asked {asked} times and answered {budget['answered']} times: "
            f"asked about once in {budget['ask_every_days']} days at most."
        )
    return 0


def _check_channels(names: Sequence[str]) -> None:
    for name in names:
        if name not in CHANNELS:
            raise RegistryError(f"--failing: channel '{name}' is not known; {nearest(name, CHANNELS)}")


def _step(step: Step, *, last: bool) -> tuple[str, str]:
    who = " + ".join(f"{step.at_once} neighbours" if word == "neighbours" else str(word) for word in step.audiences)
    waits = catalogue("en").span(step.answer_s)
    return who, f"again every {waits}, until a human records the outcome" if last else f"next after {waits}"


def _zone(connection: Connection, person: str) -> str:
    found = connection.scalar(select(homes.c.zone).where(homes.c.person_id == person).order_by(homes.c.id).limit(1))
    return found or "Asia/Tokyo"


def _print(found: DryRun, names: dict[str, str], away: Sequence[Mapping[str, Any]], person: str, zone: str) -> None:
    what = "help were asked for" if found.kind is SignalKind.HELP else "the person were due to be asked"
    console.print_line(f"If {what} at {console.moment(found.at_ms, zone)} ({zone}), and nobody answered or moved:")
    for line in _absence_lines(away, found, zone):
        console.print_line(line)
    if not found.turns:
        console.print_line(f"no incident would be opened for '{person}' within a month.")
        return
    words = catalogue("en")
    columns = ("when", "step", "who", "why", "by", "if that fails")
    console.print_table(columns, [_line(item, names, zone) for item in found.messages])
    for who, word in found.left_out.items():
        console.print_line(f"not told: {names.get(who, '')} ({who}): {words(f'explain.left_out.{word}')}")
    for turn in found.turns:
        said = f"{words.what(turn.what)}: {words.reasons(turn.reasons, turn.params)}"
        console.print_line(f"{console.moment(turn.at_ms, zone)}  {said}")
    if found.every_s is not None:
        again = words.span(found.every_s)
        console.print_line(f"After that the last step is repeated every {again}, until a human records the outcome.")


def _line(item: PlannedMessage, names: dict[str, str], zone: str) -> tuple[Any, ...]:
    words = catalogue("en")
    way = item.channel if item.failure is None else f"{item.channel}: would fail ({words.failure(item.failure)})"
    after = " → ".join(item.otherwise) or "the next person or step"
    who = f"{names.get(item.person, '')} ({item.person})"
    why = sentence(f"explain.purpose.{item.purpose}")
    return console.moment(item.at_ms, zone), item.step + 1, who, f"{why.ja} {why.en}", way, after


def _absences_around(plan: DryRun) -> Select[Any]:
    """The absences of the plan's home that are not over when it begins, up to its last turn, the first first."""
    until_ms = plan.turns[-1].at_ms if plan.turns else plan.at_ms + _PLANNED_MS
    columns = absences.c.id, absences.c.from_ms, absences.c.to_ms, absences.c.note
    query = select(*columns).where(absences.c.home_id == plan.home, absences.c.to_ms > plan.at_ms)
    return query.where(absences.c.from_ms <= until_ms).order_by(absences.c.from_ms)


def _absence_lines(away: Sequence[Mapping[str, Any]], plan: DryRun, zone: str) -> Iterator[str]:
    """Each absence with its reason, and what the plan does about them, in Japanese and in English; nothing for none."""
    for item in away:
        begins, ends = console.moment(item["from_ms"], zone), console.moment(item["to_ms"], zone)
        key = "explain.absence.noted" if item["note"] else "explain.absence.bare"
        said = sentence(key, id=item["id"], begins=begins, ends=ends, note=item["note"])
        yield f"{said.ja}  {said.en}"
    if away:
        said = sentence("explain.help") if plan.kind is SignalKind.HELP else _deferral(away, plan, zone)
        yield from (said.ja, said.en)


def _deferral(away: Sequence[Mapping[str, Any]], plan: DryRun, zone: str) -> Sentence:
    spans = [(item["from_ms"], item["to_ms"]) for item in away]
    from_ms = max(spans[0][0], plan.at_ms)
    begins, ends = console.moment(from_ms, zone), console.moment(after_absences(from_ms, spans), zone)
    return sentence("explain.later" if from_ms > plan.at_ms else "explain.now", begins=begins, ends=ends)
