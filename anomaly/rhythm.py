"""One home's learner: every event buys the person a new deadline; once a night it learns."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anomaly import deadlines as rule
from anomaly.memory import KEPT_DAYS, SILENCE, Memory
from anomaly.occupancy import BUSY, CONTEXTS, DAY_S, DOOR, HALF_HOUR_S, HALF_HOURS, KINDS, half_hour, sensor_contexts
from anomaly.packing import UnreadableState, pack, unpack
from anomaly.reasons import silence_sentence
from anomaly.settings import RhythmSettings
from anomaly.survival import LENGTHS_S, LONGEST_S, SHORTEST_S, survival
from anomaly.table import (
    MAX_BUSY_SENSORS,
    MAX_PLACES,
    Attained,
    DeadlineTable,
    Evidence,
    checksum,
    no_evidence,
    place_name,
)
from contracts.signals import Sentence

LEARNING_HOUR_S: Final = 3 * 3600.0
"""Local 03:00: the day before is over, and a table changes while hardly anybody is up."""
SLOT_S: Final = 600.0
_MAGIC: Final = b"MRH1"
_LATEST_S: Final = 1e11
_REST_S: Final = 1800.0
_MOST_NIGHTS: Final = 4000
"""After so many nights without an event nothing is left to forget."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """What will happen if nothing more is seen.

    Attributes:
        ask_at: when the person is asked, seconds on the home's wall clock. None: never, nothing was ever heard.
        call_at: when help is called, on the same clock, never before `ask_at`. None: never.
        ready: whether the home's own rhythm is known; False: the population and the caps watch.
        since: last sign of life, on the same clock. None: nothing was ever heard.
        context: where that was.
        table: the table in force.
    """

    ask_at: float | None
    call_at: float | None
    ready: bool
    since: float | None
    context: int
    table: DeadlineTable

    @property
    def reason(self) -> Sentence:
        """One plain sentence that will say why the person is asked."""
        if self.since is None or self.ask_at is None:
            return Sentence("まだ何も動きを受け取っていません。", "Nothing has been heard from this home yet.")
        return silence_sentence(self.table, self.since, self.ask_at, self.context)


class Rhythm:
    """The rhythm of one home, on its own wall clock.

    Learns by itself each time an event or `advance` crosses 03:00. An event older than the newest counts for nothing:
    a clock that is set back never makes a deadline earlier.

    Args:
        settings: budgets and patience.
    """

    def __init__(self, settings: RhythmSettings) -> None:
        self._settings = settings
        self._memory = Memory()
        self._last_s = -np.inf
        self._last = -1  # index of the sensor last heard
        self._learn_due_s = -np.inf
        self._unusual = _unusual(self._memory, np.empty(0, np.int8), 0.0, settings)
        self._contexts: list[int] = []  # by sensor index
        self._table = _table(self._memory, self._unusual, np.empty(0, np.int8), 0.0, settings)

    def observe(self, local_s: float, sensor: str, kind: str, value: float) -> None:
        """Take in one event.

        Args:
            local_s: when, seconds since the epoch on the home's wall clock.
            sensor: id of the sensor.
            kind: ``motion``, ``door`` (the entrance only), ``item`` or ``power``.
            value: 0 for off or closed, which teaches nothing about the person.

        Raises:
            ValueError: an unknown kind, or a time that is no time.
        """
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(sorted(KINDS))}, not {kind!r}")
        if not 0 <= local_s < _LATEST_S:
            raise ValueError(f"local_s must be seconds since the epoch, not {local_s!r}")
        if local_s >= self._learn_due_s:
            self.advance(local_s)
        if value:
            self._sign_of_life(local_s, sensor, kind)

    def _sign_of_life(self, local_s: float, sensor: str, kind: str) -> None:
        memory, last_s = self._memory, self._last_s
        index = memory.sensor_index(sensor, kind)
        if index == len(self._contexts):
            self._contexts.append(self._table.context_of(sensor, kind))
        if local_s <= last_s:
            # Of events of one moment the lowest context stands, so that their order of arrival does not matter.
            if local_s == last_s and self._contexts[index] < self._contexts[self._last]:
                self._last = index
            return
        if self._last >= 0:
            silence_s = local_s - last_s
            if silence_s >= SHORTEST_S:
                memory.new_silences.append((last_s, silence_s, self._last, index))
            if local_s // SLOT_S != last_s // SLOT_S:
                memory.new_slots.append((self._last, half_hour(last_s)))
        if local_s // DAY_S != last_s // DAY_S:
            memory.new_days.append(int(local_s // DAY_S))
        self._last_s, self._last = local_s, index

    def advance(self, local_s: float) -> None:
        """Time passed without an event: do the nightly learning that became due by ``local_s``."""
        if self._learn_due_s == -np.inf:
            self._learn_due_s = (local_s - LEARNING_HOUR_S) // DAY_S * DAY_S + DAY_S + LEARNING_HOUR_S
        if local_s < self._learn_due_s:
            return
        nights = 1 + int((local_s - self._learn_due_s) // DAY_S)
        night_s = self._learn_due_s + (nights - 1) * DAY_S
        self._learn(night_s, nights)
        self._learn_due_s = night_s + DAY_S

    def _learn(self, night_s: float, nights: int) -> None:
        memory, settings = self._memory, self._settings
        memory.keep(self._scored(memory.gather()), night_s)
        nightly = 0.5 ** (1 / settings.half_life_days)
        for _ in range(min(nights, _MOST_NIGHTS)):  # one by one: many nights at once must equal the same nights in turn
            memory.slots *= nightly
        contexts = _contexts(memory, night_s, settings)
        self._unusual = _unusual(memory, contexts, night_s, settings)
        self._table = _table(memory, self._unusual, contexts, night_s, settings)
        self._contexts = [self._table.context_of(*sensor) for sensor in memory.sensors]

    def _scored(self, fresh: NDArray[Any]) -> NDArray[Any]:
        """The new silences with what they had come to under the model and the table that were in force."""
        if len(fresh):
            contexts = np.array(self._contexts, np.int8)[fresh["sensor"]]
            slots = _half_hours(fresh["start_s"])
            fresh["score"] = rule.scores(
                self._unusual.astype(np.float64), contexts, slots, np.minimum(fresh["length_s"], LONGEST_S)
            )
            fresh["asked"] = fresh["length_s"] > self._table.ask_s[contexts, slots]
            fresh["called"] = fresh["length_s"] > self._table.call_s[contexts, slots]
        return fresh

    def deadlines(self) -> Deadlines:
        """What will happen if nothing more is seen. Changes nothing."""
        table = self._table
        if self._last < 0:
            return Deadlines(None, None, table.ready, None, DOOR, table)
        context, slot = self._contexts[self._last], half_hour(self._last_s)
        ask_at = self._last_s + float(table.ask_s[context, slot])
        call_at = self._last_s + float(table.call_s[context, slot])
        return Deadlines(ask_at, call_at, table.ready, self._last_s, context, table)

    def table(self) -> DeadlineTable:
        """The deadline table in force, frozen."""
        return self._table

    def to_bytes(self) -> bytes:
        """The whole state; `from_bytes` goes on exactly where this one is."""
        memory = self._memory
        header = {
            "last_s": self._last_s if self._last >= 0 else None,
            "last": self._last,
            "learn_due_s": self._learn_due_s if self._learn_due_s > -np.inf else None,
            "sensors": [list(sensor) for sensor in memory.sensors],
            "new_silences": memory.new_silences,
            "new_slots": memory.new_slots,
            "new_days": memory.new_days,
        }
        arrays: dict[str, NDArray[Any]] = {
            "silences": np.frombuffer(memory.silences.tobytes(), np.uint8),
            "slots": memory.slots,
            "days": memory.days,
            "unusual": self._unusual,
            "contexts": np.array(self._contexts, np.int8),
            "table": np.frombuffer(self._table.to_bytes(), np.uint8),
        }
        return pack(_MAGIC, header, arrays)

    @classmethod
    def from_bytes(cls, data: bytes, settings: RhythmSettings) -> "Rhythm":
        """The rhythm that `to_bytes` wrote. Other budgets in ``settings`` take effect at the next learning.

        Raises:
            UnreadableState: another version, or damaged.
        """
        header, arrays = unpack(_MAGIC, data)
        rhythm = cls(settings)
        memory = rhythm._memory
        try:
            rhythm._last_s = -np.inf if header["last_s"] is None else header["last_s"]
            rhythm._last = header["last"]
            rhythm._learn_due_s = -np.inf if header["learn_due_s"] is None else header["learn_due_s"]
            memory.sensors = {(name, kind): index for index, (name, kind) in enumerate(header["sensors"])}
            memory.new_silences = [(s, l, a, b) for s, l, a, b in header["new_silences"]]  # noqa: E741
            memory.new_slots = [(sensor, slot) for sensor, slot in header["new_slots"]]
            memory.new_days = header["new_days"]
            memory.silences = np.frombuffer(arrays["silences"].tobytes(), SILENCE).copy()
            memory.slots, memory.days = arrays["slots"], arrays["days"]
            rhythm._unusual = arrays["unusual"]
            rhythm._contexts = arrays["contexts"].tolist()
            rhythm._table = DeadlineTable.from_bytes(arrays["table"].tobytes())
        except (KeyError, TypeError) as error:
            raise UnreadableState(f"the state of a rhythm lacks {error}") from None
        return rhythm


def _half_hours(local_s: NDArray[np.float64]) -> NDArray[np.int64]:
    slots: NDArray[np.int64] = (local_s // HALF_HOUR_S).astype(np.int64) % HALF_HOURS
    return slots


def _weights(start_s: NDArray[np.float64], night_s: float, settings: RhythmSettings) -> NDArray[np.float64]:
    age_days = (night_s - start_s) / DAY_S
    weights: NDArray[np.float64] = 0.5 ** (age_days / settings.half_life_days)
    return weights


def _lived(memory: Memory) -> NDArray[Any]:
    """The silences that were life at home or an outing, not an absence or an outage."""
    return memory.silences[memory.silences["length_s"] <= LONGEST_S]


def _contexts(memory: Memory, night_s: float, settings: RhythmSettings) -> NDArray[np.int8]:
    lived = _lived(memory)
    rests = lived[lived["length_s"] >= _REST_S]
    weights = _weights(rests["start_s"], night_s, settings)
    counts = np.bincount(rests["sensor"], weights, minlength=len(memory.sensors)).astype(np.float64)
    return sensor_contexts([kind == "door" for _, kind in memory.sensors], memory.slots.sum(axis=1), counts)


def _unusual(
    memory: Memory, contexts: NDArray[np.int8], night_s: float, settings: RhythmSettings
) -> NDArray[np.float32]:
    lived = _lived(memory)
    slots = np.zeros((CONTEXTS, HALF_HOURS))
    np.add.at(slots, contexts, memory.slots)
    table = survival(
        lived["start_s"],
        lived["length_s"].astype(np.float64),
        contexts[lived["sensor"]],
        _weights(lived["start_s"], night_s, settings),
        slots,
        settings.prior_slots,
    )
    return rule.unusualness(table).astype(np.float32)


def _table(
    memory: Memory,
    unusual: NDArray[np.float32],
    contexts: NDArray[np.int8],
    night_s: float,
    settings: RhythmSettings,
) -> DeadlineTable:
    lived = _lived(memory)
    weights = _weights(lived["start_s"], night_s, settings)
    days = float(_weights(memory.days.astype(np.float64) * DAY_S, night_s, settings).sum())
    waits = [
        _wait(unusual, lived, weights, days, every_days)
        for every_days in (settings.ask_every_days, settings.call_every_days)
    ]
    ask_s = rule.capped(waits[0], settings)
    busy = np.flatnonzero(contexts == BUSY)
    busy = busy[np.argsort(-memory.slots[busy].sum(axis=1), kind="stable")][:MAX_BUSY_SENSORS]
    names = list(memory.sensors)
    return DeadlineTable(
        ask_s=ask_s,
        call_s=np.maximum(rule.capped(waits[1], settings), ask_s),
        ready=len(memory.days) >= settings.ready_after_days,
        days=len(memory.days),
        ask_every_days=settings.ask_every_days,
        call_every_days=settings.call_every_days,
        busy=frozenset(checksum(*names[index]) for index in busy),
        attained=_attained(memory, night_s),
        evidence=_evidence(memory, lived, contexts, weights, night_s),
    )


def _wait(
    unusual: NDArray[np.float32],
    lived: NDArray[Any],
    weights: NDArray[np.float64],
    days: float,
    every_days: float,
) -> NDArray[np.float64]:
    rate_share, length_share = 1 - rule.LENGTH_SHARE, rule.LENGTH_SHARE
    rate = rule.threshold(
        lived["score"].astype(np.float64), weights, days, every_days / rate_share, rule.PRIOR_RATE_THRESHOLD
    )
    length = rule.threshold(
        np.log(lived["length_s"].astype(np.float64)),
        weights,
        days,
        every_days / length_share,
        rule.PRIOR_LENGTH_THRESHOLD,
    )
    return rule.waits(unusual.astype(np.float64), rate, length)


def _attained(memory: Memory, night_s: float, window_days: int = 60) -> Attained:
    recent_s = night_s - window_days * DAY_S
    days = int((memory.days * DAY_S >= recent_s).sum())
    if not days:
        return Attained()
    recent = memory.silences[memory.silences["start_s"] >= recent_s]
    scale = 30.0 / days
    return Attained(
        days, float(np.float32(recent["asked"].sum() * scale)), float(np.float32(recent["called"].sum() * scale))
    )


def _evidence(
    memory: Memory, lived: NDArray[Any], contexts: NDArray[np.int8], weights: NDArray[np.float64], night_s: float
) -> Evidence:
    if not len(lived):
        return no_evidence()
    slots = _half_hours(lived["start_s"])
    near = np.abs((slots[:, None] - np.arange(HALF_HOURS) + 24) % HALF_HOURS - 24) <= 2
    usual = np.zeros((CONTEXTS, HALF_HOURS))
    for context in range(CONTEXTS):
        mine = contexts[lived["sensor"]] == context
        for slot in range(HALF_HOURS):
            pauses = lived["length_s"][mine & near[:, slot]]
            usual[context, slot] = np.quantile(pauses, 0.9) if len(pauses) else 0
    recent = lived["start_s"] >= night_s - 30 * DAY_S
    longest = np.where(near & recent[:, None], lived["length_s"][:, None], 0).max(axis=0)
    place, places = _next_places(memory, lived, near, weights)
    return Evidence(_whole_minutes(usual), _whole_minutes(longest), place, places)


def _whole_minutes(seconds: NDArray[np.float64]) -> NDArray[np.uint16]:
    minutes: NDArray[np.uint16] = np.minimum(np.rint(seconds / 60), 0xFFFF).astype(np.uint16)
    return minutes


def _next_places(
    memory: Memory, lived: NDArray[Any], near: NDArray[np.bool_], weights: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The sensor that most often ends a silence, for each half-hour it may begin in."""
    votes = np.zeros((len(memory.sensors), HALF_HOURS))
    np.add.at(votes, lived["next_sensor"], near * weights[:, None])
    common = np.argsort(-votes.sum(axis=1), kind="stable")[:MAX_PLACES]
    names = list(memory.sensors)
    place = np.where(votes[common].sum(axis=0) > 0, votes[common].argmax(axis=0), 255).astype(np.uint8)
    return place, tuple(place_name(names[index][0]) for index in common)


__all__ = ["KEPT_DAYS", "LENGTHS_S", "Deadlines", "Rhythm"]
