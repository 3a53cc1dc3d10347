"""What new events change in the homes: last sign of life, deadlines, lapses, lessons that became due on the way.

Changes lives and the watch in memory; the caller commits, or has the `LifeBook` undo it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

from anomaly import DeadlineTable, Lapse, Watch
from anomaly.occupancy import QUIET
from anomaly.reasons import silence_sentence
from contracts.events import is_sign_of_life
from ingest.homes.home_states import Life, LifeBook
from ingest.homes.localtime import local_s, next_nightly_ms
from ingest.homes.registered_homes import Roster
from ingest.intake.dedupe import Cursor
from ingest.intake.deduplicate import Fresh
from ingest.intake.meaning import METER_WORD, learner_word
from ingest.intake.night_boundaries import Stretch, stretches
from ingest.intake.signs import Sign, by_moment, cut_at_ends, observations
from ingest.learning.background_learning import Studies
from ingest.learning.learner import Learner, Lesson
from ingest.learning.metering import LATE_MATTERS_MS, MeterBook, ToldSign
from ingest.learning.meters import is_reading


@dataclass(slots=True)
class Findings:
    """What the events of one group led to.

    Attributes:
        lapses: rows for ``lapses``.
        lessons: the last lesson of each home that had one, by home id.
        made_up: tables that signs of life brought after that, or after the lesson that is stored; by home id.
    """

    lapses: list[dict[str, Any]] = field(default_factory=list)
    lessons: dict[str, Lesson] = field(default_factory=dict)
    made_up: dict[str, DeadlineTable] = field(default_factory=dict)


class Observer:
    """Observes one group.

    Args:
        watch: deadlines of all homes.
        lives: what is known of them.
        roster: roles of the sensors.
        learner: reads the time series, where the events of this group stand already.
        meters: reads the meters, there and from the new readings.
        cursors: by home id and epoch, as they will be after the group.
        studies: lessons being prepared, which must know what came meanwhile.
    """

    def __init__(
        self,
        watch: Watch,
        lives: LifeBook,
        roster: Roster,
        learner: Learner,
        meters: MeterBook,
        cursors: Mapping[tuple[str, str], Cursor],
        studies: Studies,
    ) -> None:
        self._watch = watch
        self._lives = lives
        self._roster = roster
        self._learner = learner
        self._meters = meters
        self._cursors = cursors
        self._studies = studies
        self.findings = Findings()

    def observe(self, fresh: Mapping[str, list[Fresh]]) -> Findings:
        """Take in the new events of each home, which are in the order of time."""
        runs: list[list[tuple[Life, Stretch]]] = []
        for home_id, events in fresh.items():
            life = self._lives.touch(home_id)
            cut, life.due_ms = stretches(life.home.zone, life.due_ms, events)
            runs.append([(life, stretch) for stretch in cut])
        # All the homes' first stretches in one batch, then their lessons, then the second ones, …
        for round_ in zip_longest(*runs):
            self._round([entry for entry in round_ if entry is not None])
        return self.findings

    def _round(self, entries: list[tuple[Life, Stretch]]) -> None:
        signs: list[Sign] = []
        for life, stretch in entries:
            signs += self._take(life, stretch.events)
        if signs:
            self._signs(signs)
        for life, stretch in entries:
            if stretch.learn_upto_ms is not None:
                self._learn(life, stretch.learn_upto_ms)

    def _take(self, life: Life, events: Iterable[Fresh]) -> list[Sign]:
        """What each event is by itself; those that are signs of life."""
        signs: list[Sign] = []
        readings: list[Fresh] = []
        roles = self._roster.roles_of(life.home.gateway)
        table = self._watch.table(life.index)
        for fresh in events:
            event = fresh.event
            self._studies.heard(life.home.id, event.t)
            life.last_event_ms = max(fresh.at_ms, life.last_event_ms or 0)
            if event.bf:
                life.backfilled_ms = max(life.backfilled_ms, fresh.received_ms)
            if is_reading(event.k, roles.get(event.s)):
                readings.append(fresh)
                continue
            word = learner_word(event.k, roles.get(event.s), event.x)
            if word is not None and life.learned_upto_ms is not None and event.t < life.learned_upto_ms:
                life.relearn = True
            if word is not None and life.noted_upto_ms is not None and event.t < life.noted_upto_ms:
                life.rewrite = True
            if word is not None and is_sign_of_life(event.k, event.x):
                signs.append(Sign(life, fresh, word[0], table.context_of(event.s, word[0])))
        if readings:
            signs = sorted(signs + self._read(life, readings, roles), key=lambda sign: sign.fresh.at_ms)
        if signs and life.last_sign_ms is None:
            self._lives.first_heard(life, signs[0].fresh.at_ms, signs[0].context)
        return signs

    def _read(self, life: Life, readings: Sequence[Fresh], roles: Mapping[str, str]) -> list[Sign]:
        """The signs of life that new readings of the home's meters tell of."""
        learned_ms = life.learned_upto_ms or 0
        if any(fresh.event.t < learned_ms - LATE_MATTERS_MS for fresh in readings):
            life.relearn = True
        current = [fresh for fresh in readings if fresh.event.t >= learned_ms]
        if not current:
            return []
        lesson = self.findings.lessons.get(life.home.id)
        found = self._meters.take(life, current, roles, lesson.meters if lesson else None)
        newest = max(current, key=lambda fresh: fresh.at_ms)
        return [self._told(life, sign, newest) for sign in found]

    def _told(self, life: Life, sign: ToldSign, newest: Fresh) -> Sign:
        """A sign that a meter told of, as if the reading by which it is known were the event."""
        event = replace(newest.event, n=sign.n, s=sign.sensor, bf=sign.backfilled)
        fresh = replace(newest, event=event, epoch=sign.epoch, at_ms=min(sign.at_ms, newest.at_ms))
        kind = METER_WORD[0]
        return Sign(life, fresh, kind, self._watch.table(life.index).context_of(sign.sensor, kind))

    def _signs(self, signs: list[Sign]) -> None:
        """Observe the signs; one that ends an overdue silence brings the new table, which judges what comes after."""
        until, after, ended = cut_at_ends(signs)
        if until:
            self._observe(until)
        for life in ended:
            self._make_up(life)
        if after:
            self._observe([self._in_context(sign) for sign in after] if ended else after)

    def _make_up(self, life: Life) -> None:
        lesson, roles = self.findings.lessons.get(life.home.id), self._roster.roles_of(life.home.gateway)
        table = self._learner.made_up(life.home, lesson, roles)
        if table is not None:
            self.findings.made_up[life.home.id] = table
            take_made_up(self._lives, life, table)

    def _in_context(self, sign: Sign) -> Sign:
        table = self._watch.table(sign.life.index)
        return replace(sign, context=table.context_of(sign.fresh.event.s, sign.kind))

    def _observe(self, signs: list[Sign]) -> None:
        before = {sign.life.index: (sign.life.last_key, self._watch.hot(sign.life.index)) for sign in signs}
        outcome = self._watch.observe(observations(signs))
        at = by_moment(signs)
        for lapse in outcome.lapses:
            since = at.get((lapse.home, lapse.since_s))
            key, hot = before[lapse.home]
            if since is not None:
                key = (since.fresh.epoch, since.fresh.event.n)
            context = since.context if since is not None else hot.context if hot is not None else QUIET
            self._lapsed(lapse, at[lapse.home, lapse.ended_s], key, context)
        for index, last_s in zip(outcome.home.tolist(), outcome.last_s.tolist(), strict=True):
            newest = at.get((index, last_s))
            if newest is not None:  # else the home had been heard of later than anything in this group
                life, event = newest.life, newest.fresh.event
                life.last_sign_ms, life.last_sensor = newest.fresh.at_ms, event.s
                life.last_kind, life.last_key = newest.kind, (newest.fresh.epoch, event.n)

    def _lapsed(self, lapse: Lapse, ended: Sign, since_key: tuple[str, int] | None, context: int) -> None:
        life, epoch, n = ended.life, ended.fresh.epoch, ended.fresh.event.n
        cursor = self._cursors.get((life.home.id, epoch))
        known_from = since_key[1] if since_key is not None and since_key[0] == epoch else 0
        if cursor is None or cursor.lacks_between(known_from, n):
            return  # what was heard in between is still on its way: no silence is proven
        zone, since_ms, due_ms = life.home.zone, round(lapse.since_s * 1000), round(lapse.due_s * 1000)
        table = self._watch.table(lapse.home)
        reason = silence_sentence(table, local_s(zone, since_ms), local_s(zone, due_ms), context)
        self.findings.lapses.append(
            {
                "home_id": life.home.id,
                "kind": lapse.kind,
                "since_ms": since_ms,
                "due_ms": due_ms,
                "ended_ms": round(lapse.ended_s * 1000),
                "reason_ja": reason.ja,
                "reason_en": reason.en,
                "backfilled": ended.fresh.event.bf,
            }
        )

    def _learn(self, life: Life, upto_ms: int) -> None:
        home, findings = life.home, self.findings
        roles = self._roster.roles_of(home.gateway)
        lesson = self._learner.next_lesson(home, findings.lessons.get(home.id), upto_ms, roles)
        findings.lessons[home.id] = lesson
        findings.made_up.pop(home.id, None)
        relearn = life.relearn
        take_lesson(self._lives, self._meters, life, lesson)
        life.relearn = relearn  # learned anew beside the events (`Nightly`), for it may take long


def take_lesson(lives: LifeBook, meters: MeterBook, life: Life, lesson: Lesson) -> None:
    """Put what was learned in force; ``life`` has been touched."""
    life.learned_upto_ms, life.relearn, life.held = lesson.upto_ms, False, lesson.rhythm.held
    life.due_ms = next_nightly_ms(life.home.zone, lesson.upto_ms)
    life.can_tell = lesson.can_tell
    meters.forget([life.home.id])  # they go on from the lesson
    lives.teach(life, lesson.table)


def take_made_up(lives: LifeBook, life: Life, table: DeadlineTable) -> None:
    """Put the table in force that the end of an overdue silence brought; ``life`` has been touched."""
    life.held = False
    lives.teach(life, table)
