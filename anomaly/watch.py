"""Many homes under watch: a batch of signs of life in, new deadlines out; no loop over homes.

State is a struct of arrays. A home's state is the join of what was observed (the newest moment, and of one moment the
lowest context), so the order of arrival inside or between batches and repeats change no deadline.

A million homes fit in one process: deadlines lie side by side as whole minutes, ask and call of one half-hour in one
cache line; what else a table holds is packed, and unpacked tables are kept of the homes asked for last only.
"""

import zlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from anomaly.occupancy import CONTEXTS, HALF_HOUR_S, HALF_HOURS
from anomaly.table import DeadlineTable

_FIRST_CAPACITY: Final = 64
_GROWTH: Final = 1.5
_UNPACKED: Final = 128
"""So many tables are kept as objects beside their packed form."""
_MINUTE_S: Final = 60.0
_LONGEST_MIN: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class HotState:
    """What must survive a restart, beside the table, for a home's deadlines to be the same.

    Attributes:
        last_s: last sign of life, seconds since 1970 UTC.
        offset_s: local minus UTC at that moment, seconds.
        context: where it was, see `DeadlineTable.context_of`.
    """

    last_s: float
    offset_s: float
    context: int


@dataclass(frozen=True, slots=True)
class Observations:
    """Signs of life of many homes, in order of arrival; arrays of one length n.

    Attributes:
        home: intp [n], index given by `Watch.put`.
        utc_s: float64 [n], when, seconds since 1970 UTC.
        offset_s: float64 [n], local minus UTC, seconds.
        context: int8 [n], `DeadlineTable.context_of` the sensor.
    """

    home: NDArray[np.intp]
    utc_s: NDArray[np.float64]
    offset_s: NDArray[np.float64]
    context: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Lapse:
    """A silence that had outlasted a deadline before a sign of life ended it. All times UTC seconds."""

    home: int
    kind: Literal["ask", "call"]
    since_s: float
    due_s: float
    ended_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a batch changed: arrays with one entry a touched home, ascending by index, and the lapses.

    Attributes:
        home: intp [m].
        ask_at: float64 [m], UTC seconds; inf: never.
        call_at: float64 [m], UTC seconds; inf: never.
        last_s: float64 [m], last sign of life, UTC seconds.
        context: int8 [m].
        lapses: silences in this batch that had outlasted a deadline, by home and time.
    """

    home: NDArray[np.intp]
    ask_at: NDArray[np.float64]
    call_at: NDArray[np.float64]
    last_s: NDArray[np.float64]
    context: NDArray[np.int8]
    lapses: list[Lapse]


class Watch:
    """The homes of one process."""

    def __init__(self) -> None:
        self._index: dict[str, int] = {}
        self._tables = _Tables()
        self._grow(_FIRST_CAPACITY)

    def _grow(self, capacity: int) -> None:
        n = len(self._index)
        for name, empty in _empty_arrays(capacity).items():
            if n:
                empty[:n] = getattr(self, name)[:n]
            setattr(self, name, empty)

    _wait_min: NDArray[np.uint16]  # [homes, contexts, half-hours, 2 (ask, call)]
    _last_s: NDArray[np.float64]
    _offset_s: NDArray[np.float64]
    _context: NDArray[np.int8]
    _ask_at: NDArray[np.float64]
    _call_at: NDArray[np.float64]

    def put(self, home: str, table: DeadlineTable, hot: HotState | None = None) -> int:
        """Take a home under watch, or give it a new table.

        Args:
            home: its id.
            table: the table in force from now on, also for a silence that has already begun.
            hot: where it stood when it was last watched. None: as this watch knows it, or nothing heard yet.

        Returns:
            The index of the home, for `Observations`.

        Raises:
            ValueError: the table's deadlines are not whole minutes, of 0 to 65,535.
        """
        waits_min = _whole_minutes(table)
        index = self._index.get(home)
        if index is None:
            index = len(self._index)
            if index == len(self._last_s):
                self._grow(int(_GROWTH * index))
            self._index[home] = index
        self._tables.put(index, table)
        self._wait_min[index] = waits_min
        if hot is not None:
            self._last_s[index], self._offset_s[index], self._context[index] = hot.last_s, hot.offset_s, hot.context
        self._set_deadlines(np.array([index]))
        return index

    def index(self, home: str) -> int:
        """The index of a home. Raises KeyError where it is not watched."""
        return self._index[home]

    def table(self, home: int) -> DeadlineTable:
        """The table in force of the home with this index."""
        return self._tables.get(home)

    def hot(self, home: int) -> HotState | None:
        """What to keep of the home with this index over a restart. None: nothing was heard yet."""
        if self._last_s[home] == -np.inf:
            return None
        return HotState(float(self._last_s[home]), float(self._offset_s[home]), int(self._context[home]))

    def due(self, now_s: float) -> NDArray[np.intp]:
        """Indices of the homes whose ask deadline has passed by ``now_s`` (UTC seconds), ascending."""
        return np.flatnonzero(self._ask_at[: len(self._index)] <= now_s)

    def observe(self, observed: Observations) -> Outcome:
        """Take in a batch.

        A sign of life older than the newest of its home changes no deadline and makes no lapse.

        Raises:
            IndexError: an index that `put` never gave.
            ValueError: a context that is none, or a time that is not finite.
        """
        self._check(observed)
        batch = _in_order(observed)
        first = np.flatnonzero(np.r_[True, batch.home[1:] != batch.home[:-1]]) if len(batch.home) else np.empty(0, int)
        touched = batch.home[first]
        since_s, offset_s, context = self._before(batch, first)
        lapses = self._lapses(batch, since_s, offset_s, context)
        self._take_newest(batch, np.r_[first[1:], len(batch.home)] - 1 if len(first) else first)
        return self._outcome(touched, lapses)

    def _check(self, observed: Observations) -> None:
        n = len(self._index)
        if len(observed.home) and (observed.home.min() < 0 or observed.home.max() >= n):
            raise IndexError(f"a home index lies outside 0 to {n - 1}: put() the home first")
        if not np.isfinite(observed.utc_s).all() or not np.isfinite(observed.offset_s).all():
            raise ValueError("utc_s and offset_s must be finite")
        if not ((observed.context >= 0) & (observed.context < CONTEXTS)).all():
            raise ValueError(f"context must be 0 to {CONTEXTS - 1}")

    def _before(
        self, batch: Observations, first: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int8]]:
        """For each sign of life, the one it followed: of this batch, or of the home's past."""
        since_s, offset_s, context = np.roll(batch.utc_s, 1), np.roll(batch.offset_s, 1), np.roll(batch.context, 1)
        touched = batch.home[first]
        since_s[first], offset_s[first] = self._last_s[touched], self._offset_s[touched]
        context[first] = self._context[touched]
        known_s = self._last_s[batch.home]
        older = since_s < known_s  # a late one before it in the batch: the home's past is newer
        since_s = np.where(older, known_s, since_s)
        offset_s = np.where(older, self._offset_s[batch.home], offset_s)
        return since_s, offset_s, np.where(older, self._context[batch.home], context)

    def _lapses(
        self,
        batch: Observations,
        since_s: NDArray[np.float64],
        offset_s: NDArray[np.float64],
        context: NDArray[np.int8],
    ) -> list[Lapse]:
        ended = np.flatnonzero((batch.utc_s > since_s) & (since_s > -np.inf))
        wait_s = self._waits(batch.home[ended], since_s[ended], offset_s[ended], context[ended])
        due_s = since_s[ended, None] + wait_s
        rows, kinds = np.nonzero(batch.utc_s[ended, None] > due_s)
        return [
            Lapse(
                home=int(batch.home[ended[row]]),
                kind="call" if kind else "ask",
                since_s=float(since_s[ended[row]]),
                due_s=float(due_s[row, kind]),
                ended_s=float(batch.utc_s[ended[row]]),
            )
            for row, kind in zip(rows, kinds, strict=True)
        ]

    def _waits(
        self,
        home: NDArray[np.intp],
        since_s: NDArray[np.float64],
        offset_s: NDArray[np.float64],
        context: NDArray[np.int8],
    ) -> NDArray[np.float64]:
        """Seconds of silence until ask and call; float64 [n, 2]."""
        slot = ((since_s + offset_s) // HALF_HOUR_S).astype(np.int64) % HALF_HOURS
        row = (home * CONTEXTS + context) * HALF_HOURS + slot
        waits: NDArray[np.float64] = self._wait_min.reshape(-1, 2)[row] * _MINUTE_S
        return waits

    def _take_newest(self, batch: Observations, newest: NDArray[np.intp]) -> None:
        home, utc_s, context = batch.home[newest], batch.utc_s[newest], batch.context[newest]
        known_s = self._last_s[home]
        newer = (utc_s > known_s) | ((utc_s == known_s) & (context < self._context[home]))
        home = home[newer]
        self._last_s[home], self._context[home] = utc_s[newer], context[newer]
        self._offset_s[home] = batch.offset_s[newest][newer]
        self._set_deadlines(home)

    def _set_deadlines(self, home: NDArray[np.intp]) -> None:
        home = home[self._last_s[home] > -np.inf]
        wait_s = self._waits(home, self._last_s[home], self._offset_s[home], self._context[home])
        self._ask_at[home], self._call_at[home] = (self._last_s[home] + wait_s[:, kind] for kind in (0, 1))

    def _outcome(self, home: NDArray[np.intp], lapses: list[Lapse]) -> Outcome:
        return Outcome(home, self._ask_at[home], self._call_at[home], self._last_s[home], self._context[home], lapses)


class _Tables:
    """The tables by index of the home: those used last as objects, the others packed."""

    def __init__(self) -> None:
        self._packed: list[bytes] = []
        self._recent: OrderedDict[int, DeadlineTable] = OrderedDict()

    def put(self, index: int, table: DeadlineTable) -> None:
        if index == len(self._packed):
            self._packed.append(b"")
        self._packed[index] = b""
        self._keep(index, table)

    def get(self, index: int) -> DeadlineTable:
        table = self._recent.get(index)
        if table is None:
            table = DeadlineTable.from_bytes(zlib.decompress(self._packed[index]))
        self._keep(index, table)
        return table

    def _keep(self, index: int, table: DeadlineTable) -> None:
        self._recent[index] = table
        self._recent.move_to_end(index)
        if len(self._recent) > _UNPACKED:
            oldest, table = self._recent.popitem(last=False)
            if not self._packed[oldest]:
                self._packed[oldest] = zlib.compress(table.to_bytes(), 1)


def _whole_minutes(table: DeadlineTable) -> NDArray[np.uint16]:
    """Ask and call deadlines side by side; uint16 [contexts, half-hours, 2]."""
    waits = np.stack([table.ask_s, table.call_s], axis=-1) / _MINUTE_S
    if not ((waits >= 0) & (waits <= _LONGEST_MIN) & (waits == np.rint(waits))).all():
        raise ValueError(f"ask_s and call_s must be whole minutes, at most {_LONGEST_MIN}")
    minutes: NDArray[np.uint16] = waits.astype(np.uint16)
    return minutes


def _empty_arrays(capacity: int) -> dict[str, NDArray[np.generic]]:
    return {
        # Zeros cost no memory until a home is put there; they are never looked up before.
        "_wait_min": np.zeros((capacity, CONTEXTS, HALF_HOURS, 2), np.uint16),
        "_last_s": np.full(capacity, -np.inf),
        "_offset_s": np.zeros(capacity),
        "_context": np.zeros(capacity, np.int8),
        "_ask_at": np.full(capacity, np.inf),
        "_call_at": np.full(capacity, np.inf),
    }


def _in_order(observed: Observations) -> Observations:
    """By home, then time; of one moment the lowest context last, where it stands."""
    order = np.lexsort((-observed.context.astype(np.int64), observed.utc_s, observed.home))
    return Observations(observed.home[order], observed.utc_s[order], observed.offset_s[order], observed.context[order])
