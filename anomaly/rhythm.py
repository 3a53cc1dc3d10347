"""One home's learner: every event buys the person a new deadline; once a night it learns."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anomaly.learning import deadline_table, first_table
from anomaly.memory.memory import DAY, LEARNING_HOUR_S, SILENCE, Memory, day_of
from anomaly.occupancy import DAY_S, DOOR, check_event, half_hour, half_hours
from anomaly.packing import or_never, or_none, pack, restoring, unpack
from anomaly.reasons import NO_EVENTS_YET, silence_sentence
from anomaly.settings import RhythmSettings
from anomaly.survival import SHORTEST_S
from anomaly.table import DeadlineTable
from anomaly.tuning import CHOSEN, Tuning
from contracts.signals import Sentence

SLOT_S: Final = 600.0
_MAGIC: Final = b"MRH3"
_MOST_NIGHTS: Final = 4000
"""After so many nights without an event nothing is left to forget."""


@dataclass(frozen=True, slots=True)
class RhythmDeadlines:
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
            return NO_EVENTS_YET
        return silence_sentence(self.table, self.since, self.ask_at, self.context)


class Rhythm:
    """The rhythm of one home, on its own wall clock.

    Learns by itself each time an event or `advance` crosses 03:00; while a silence goes on that has outlasted its ask
    deadline, the new table waits for the sign of life that ends it. An event older than the newest counts for nothing:
    a clock that is set back never makes a deadline earlier.

    Args:
        settings: budgets and patience.
        tuning: constants of the decision; another choice of them is for evaluation.
    """

    def __init__(self, settings: RhythmSettings, tuning: Tuning = CHOSEN) -> None:
        self._settings = settings
        self._tuning = tuning
        self._memory = Memory()
        self._last_s = -np.inf
        self._last = -1  # index of the sensor last heard
        self._learn_due_s = -np.inf
        self._promised = (-np.inf, np.inf, np.inf)  # a silence's beginning, and the deadlines it began with
        self._held = False
        self._table = first_table(settings, tuning)
        self._contexts: list[int] = []  # by sensor index

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
        check_event(local_s, kind)
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
                memory.new_slots.append((self._last, half_hour(last_s), int(day_of(last_s))))
        self._last_s, self._last = local_s, index
        if self._held:
            self._learn_after_silence()

    def advance(self, local_s: float) -> None:
        """Time passed without an event: do the nightly learning that became due by ``local_s``."""
        if self._learn_due_s == -np.inf:
            self._learn_due_s = (day_of(local_s) + 1) * DAY_S + LEARNING_HOUR_S
        if local_s < self._learn_due_s:
            return
        nights = 1 + int((local_s - self._learn_due_s) // DAY_S)
        night_s = self._learn_due_s + (nights - 1) * DAY_S
        self._learn(self._learn_due_s, 1)
        if nights > 1:  # by the second night the silence has outlasted its caps: they all go the same way
            self._learn(night_s, nights - 1)
        self._learn_due_s = night_s + DAY_S

    def _learn(self, night_s: float, nights: int) -> None:
        memory = self._memory
        memory.add_judged(self._judged(memory.take_new()), night_s)
        self._freeze_deadlines()
        nightly = 0.5 ** (1 / self._settings.half_life_days)
        for _ in range(min(nights, _MOST_NIGHTS)):  # one by one: many nights at once must equal the same nights in turn
            memory.fade(nightly)
        # Somebody may be lying there: a deadline that has passed stays where it was until the silence is over.
        self._held = night_s > self._promised[1]
        if not self._held:
            self._take_new_table(night_s)

    def _learn_after_silence(self) -> None:
        """Learn, the silence being over, what the last night could not put into force."""
        night_s = self._learn_due_s - DAY_S
        self._memory.add_judged(self._judged(self._memory.take_new()), night_s)
        self._held = False
        self._take_new_table(night_s)

    def _take_new_table(self, night_s: float) -> None:
        self._table = deadline_table(self._memory, night_s, self._settings, self._tuning)
        self._contexts = [self._table.context_of(*sensor) for sensor in self._memory.sensors]

    def _freeze_deadlines(self) -> None:
        """Keep the deadlines that the silence going on began with; tonight's learning may change them."""
        found = self.deadlines()
        if found.ask_at is None or found.call_at is None or self._last_s == self._promised[0]:
            return
        self._promised = (self._last_s, found.ask_at, found.call_at)

    def _judged(self, fresh: NDArray[Any]) -> NDArray[Any]:
        """The new silences with which deadlines they outlasted, by the table that was in force."""
        if len(fresh):
            slot = np.array(self._contexts, np.int8)[fresh["sensor"]], half_hours(fresh["start_s"])
            fresh["asked"] = fresh["length_s"] > self._table.ask_s[slot]
            fresh["called"] = fresh["length_s"] > self._table.call_s[slot]
            since_s, ask_at, call_at = self._promised
            older = fresh["start_s"] == since_s  # it began before this table was in force
            fresh["asked"][older] = since_s + fresh["length_s"][older] > ask_at
            fresh["called"][older] = since_s + fresh["length_s"][older] > call_at
        return fresh

    @property
    def held(self) -> bool:
        """Whether a new table waits for the sign of life that ends a silence which has outlasted its ask deadline."""
        return self._held

    def deadlines(self) -> RhythmDeadlines:
        """What will happen if nothing more is seen. Changes nothing."""
        table = self._table
        if self._last < 0:
            return RhythmDeadlines(None, None, table.ready, None, DOOR, table)
        context, slot = self._contexts[self._last], half_hour(self._last_s)
        ask_at = self._last_s + float(table.ask_s[context, slot])
        call_at = self._last_s + float(table.call_s[context, slot])
        return RhythmDeadlines(ask_at, call_at, table.ready, self._last_s, context, table)

    def table(self) -> DeadlineTable:
        """The deadline table in force, frozen."""
        return self._table

    def to_bytes(self) -> bytes:
        """The whole state; `from_bytes` goes on exactly where this one is."""
        memory = self._memory
        header = {
            "last_s": or_none(self._last_s),
            "last": self._last,
            "promised": list(self._promised) if self._promised[0] > -np.inf else None,
            "held": self._held,
            "learn_due_s": or_none(self._learn_due_s),
            "sensors": list(memory.sensors),
            "special": memory.special,
            "decided_week": memory.decided_week,
            "new_silences": memory.new_silences,
            "new_slots": memory.new_slots,
        }
        arrays: dict[str, NDArray[Any]] = {
            "silences": np.frombuffer(memory.silences.tobytes(), np.uint8),
            "slots": memory.slots,
            "weekday_slots": memory.weekday_slots,
            "days": np.frombuffer(memory.days.tobytes(), np.uint8),
            "contexts": np.array(self._contexts, np.int8),
            "table": np.frombuffer(self._table.to_bytes(), np.uint8),
        }
        return pack(_MAGIC, header, arrays)

    @classmethod
    def from_bytes(cls, data: bytes, settings: RhythmSettings, tuning: Tuning = CHOSEN) -> "Rhythm":
        """The rhythm that `to_bytes` wrote. Other budgets in ``settings`` take effect at the next learning.

        Raises:
            UnreadableState: another version, or damaged.
        """
        header, arrays = unpack(_MAGIC, data)
        rhythm = cls(settings, tuning)
        with restoring("rhythm"):
            rhythm._restore(header, arrays)
        return rhythm

    def _restore(self, header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        memory = self._memory
        self._last_s = or_never(header["last_s"])
        self._last = header["last"]
        self._learn_due_s = or_never(header["learn_due_s"])
        self._held = header["held"]
        if header["promised"] is not None:
            self._promised = tuple(header["promised"])
        memory.sensors = {(name, kind): index for index, (name, kind) in enumerate(header["sensors"])}
        memory.new_silences = [tuple(row) for row in header["new_silences"]]
        memory.new_slots = [tuple(row) for row in header["new_slots"]]
        memory.silences = np.frombuffer(arrays["silences"].tobytes(), SILENCE).copy()
        memory.slots, memory.weekday_slots = arrays["slots"], arrays["weekday_slots"]
        memory.special, memory.decided_week = header["special"], header["decided_week"]
        memory.days = np.frombuffer(arrays["days"].tobytes(), DAY).copy()
        self._contexts = arrays["contexts"].tolist()
        self._table = DeadlineTable.from_bytes(arrays["table"].tobytes())
