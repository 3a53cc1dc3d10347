"""Many homes under watch: a batch of signs of life in, new deadlines out; no loop over homes.

State is a struct of arrays. A home's state is the join of what was observed (the newest moment, and of one moment the
lowest context), so the order of arrival inside or between batches and repeats change no deadline.

A million homes fit in one process: deadlines lie side by side as whole minutes, ask and call of one half-hour in one
cache line; what else a table holds is packed, and unpacked tables are kept of the homes asked for last only.
"""

import zlib
from dataclasses import dataclass
from functools import lru_cache
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
_LAST, _CONTEXT, _CALL = 0, 2, 3
"""Columns of the state of a home."""
_ROW: Final = np.dtype("V32")


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
class HomeDeadlines:
    """The deadlines in force of some homes: arrays with one entry a home.

    Attributes:
        home: intp [m].
        ask_at: float64 [m], UTC seconds; inf: never.
        call_at: float64 [m], UTC seconds; inf: never.
        last_s: float64 [m], last sign of life, UTC seconds; -inf: nothing heard yet.
        context: int8 [m].
    """

    home: NDArray[np.intp]
    ask_at: NDArray[np.float64]
    call_at: NDArray[np.float64]
    last_s: NDArray[np.float64]
    context: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class DeadlineChanges(HomeDeadlines):
    """What a batch changed: the deadlines of the touched homes, ascending by index, and the lapses.

    Attributes:
        lapses: silences in this batch that had outlasted a deadline, by home and time.
    """

    lapses: list[Lapse]


class Watch:
    """The homes of one process."""

    def __init__(self) -> None:
        self._index: dict[str, int] = {}
        self._tables: list[bytes] = []  # packed, by index of the home
        self._wait_min, self._state, self._ask_at = _empty_arrays(_FIRST_CAPACITY)

    def _grow(self, capacity: int) -> None:
        n = len(self._index)
        wait_min, state, ask_at = _empty_arrays(capacity)
        wait_min[:n], state[:n], ask_at[:n] = self._wait_min, self._state, self._ask_at
        self._wait_min, self._state, self._ask_at = wait_min, state, ask_at

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
            if index == len(self._ask_at):
                self._grow(int(_GROWTH * index))
            self._index[home] = index
            self._tables.append(b"")
        self._tables[index] = zlib.compress(table.to_bytes(), 1)
        self._wait_min[index] = waits_min
        hot = hot or self.hot(index)
        if hot is not None:
            self._set(index, hot)
        return index

    def index(self, home: str) -> int:
        """The index of a home. Raises KeyError where it is not watched."""
        return self._index[home]

    def table(self, home: int) -> DeadlineTable:
        """The table in force of the home with this index."""
        return _unpacked(self._tables[home])

    def hot(self, home: int) -> HotState | None:
        """What to keep of the home with this index over a restart. None: nothing was heard yet."""
        last_s, offset_s, context, _ = self._state[home].tolist()
        return None if last_s == -np.inf else HotState(last_s, offset_s, int(context))

    def _set(self, home: int, hot: HotState) -> None:
        slot = int((hot.last_s + hot.offset_s) // HALF_HOUR_S) % HALF_HOURS
        ask_min, call_min = self._wait_min[home, hot.context, slot].tolist()
        self._state[home] = hot.last_s, hot.offset_s, hot.context, hot.last_s + call_min * _MINUTE_S
        self._ask_at[home] = hot.last_s + ask_min * _MINUTE_S

    def due(self, now_s: float) -> NDArray[np.intp]:
        """Indices of the homes whose ask deadline has passed by ``now_s`` (UTC seconds), ascending."""
        return np.flatnonzero(self._ask_at[: len(self._index)] <= now_s)

    def deadlines(self, home: NDArray[np.intp]) -> HomeDeadlines:
        """The deadlines in force of the homes with these indices, in their order. A look-up: it changes nothing.

        Raises:
            IndexError: an index that `put` never gave.
        """
        self._check_known(home)
        return HomeDeadlines(home, *self._look_up(home))

    def observe(self, observed: Observations) -> DeadlineChanges:
        """Take in a batch.

        A sign of life older than the newest of its home changes no deadline and makes no lapse.

        Raises:
            IndexError: an index that `put` never gave.
            ValueError: a context that is none, or a time that is not finite.
        """
        self._check(observed)
        batch = _in_order(observed)
        if not len(batch.home):
            return DeadlineChanges(batch.home, *self._look_up(batch.home), lapses=[])
        starts = np.r_[True, batch.home[1:] != batch.home[:-1]]
        first = np.flatnonzero(starts)
        touched = batch.home[first]
        past = self._state.take(touched, axis=0), self._ask_at.take(touched)
        due_s = self._due(batch)
        lapses = self._lapses(batch, starts, due_s, past)
        self._take_newest(batch, np.r_[first[1:], len(batch.home)] - 1, due_s, past[0])
        return DeadlineChanges(touched, *self._look_up(touched), lapses=lapses)

    def _check(self, observed: Observations) -> None:
        self._check_known(observed.home)
        if not np.isfinite(observed.utc_s).all() or not np.isfinite(observed.offset_s).all():
            raise ValueError("utc_s and offset_s must be finite")
        if not ((observed.context >= 0) & (observed.context < CONTEXTS)).all():
            raise ValueError(f"context must be 0 to {CONTEXTS - 1}")

    def _check_known(self, home: NDArray[np.intp]) -> None:
        n = len(self._index)
        if len(home) and (home.min() < 0 or home.max() >= n):
            raise IndexError(f"a home index lies outside 0 to {n - 1}: put() the home first")

    def _due(self, signs: Observations) -> NDArray[np.float64]:
        """When ask and call are due after each sign if nothing more is heard; float64 [n, 2], UTC seconds."""
        slot = np.floor((signs.utc_s + signs.offset_s) / HALF_HOUR_S).astype(np.int64) % HALF_HOURS
        row = (signs.home * CONTEXTS + signs.context) * HALF_HOURS + slot
        wait_s = self._wait_min.reshape(-1, 2).take(row, axis=0) * _MINUTE_S
        return signs.utc_s[:, None] + wait_s

    def _lapses(
        self,
        batch: Observations,
        starts: NDArray[np.bool_],
        due_s: NDArray[np.float64],
        past: tuple[NDArray[np.float64], NDArray[np.float64]],
    ) -> list[Lapse]:
        """The deadlines that had passed when each sign came: of the sign before it, in this batch or in the past."""
        home = np.cumsum(starts) - 1
        state, ask_at = past
        since_s, since_due_s = np.roll(batch.utc_s, 1), np.roll(due_s, 1, axis=0)
        # A late sign before it in the batch does not count: the home's past is newer.
        of_past = np.flatnonzero(starts | (since_s < state[home, _LAST]))
        since_s[of_past] = state[home[of_past], _LAST]
        since_due_s[of_past, 0], since_due_s[of_past, 1] = ask_at[home[of_past]], state[home[of_past], _CALL]
        lapsed = (batch.utc_s[:, None] > since_due_s) & (batch.utc_s > since_s)[:, None]
        return [
            Lapse(
                home=int(batch.home[row]),
                kind="call" if kind else "ask",
                since_s=float(since_s[row]),
                due_s=float(since_due_s[row, kind]),
                ended_s=float(batch.utc_s[row]),
            )
            for row, kind in zip(*np.nonzero(lapsed), strict=True)
        ]

    def _take_newest(
        self, batch: Observations, newest: NDArray[np.intp], due_s: NDArray[np.float64], state: NDArray[np.float64]
    ) -> None:
        utc_s, context = batch.utc_s[newest], batch.context[newest]
        newer = (utc_s > state[:, _LAST]) | ((utc_s == state[:, _LAST]) & (context < state[:, _CONTEXT]))
        newest = newest[newer]
        home, due_s = batch.home[newest], due_s[newest]
        rows = np.stack([utc_s[newer], batch.offset_s[newest], context[newer], due_s[:, 1]], axis=1)
        self._state.view(_ROW)[home, 0] = rows.view(_ROW)[:, 0]  # a row in one piece is twice as fast
        self._ask_at[home] = due_s[:, 0]

    def _look_up(
        self, home: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int8]]:
        """``ask_at``, ``call_at``, ``last_s`` and ``context`` of these homes."""
        state = self._state.take(home, axis=0)
        context = state[:, _CONTEXT].astype(np.int8)
        return self._ask_at.take(home), state[:, _CALL].copy(), state[:, _LAST].copy(), context


@lru_cache(maxsize=_UNPACKED)
def _unpacked(packed: bytes) -> DeadlineTable:
    return DeadlineTable.from_bytes(zlib.decompress(packed))


def _whole_minutes(table: DeadlineTable) -> NDArray[np.uint16]:
    """Ask and call deadlines side by side; uint16 [contexts, half-hours, 2]."""
    waits = np.stack([table.ask_s, table.call_s], axis=-1) / _MINUTE_S
    if not ((waits >= 0) & (waits <= _LONGEST_MIN) & (waits == np.rint(waits))).all():
        raise ValueError(f"ask_s and call_s must be whole minutes, at most {_LONGEST_MIN}")
    return waits.astype(np.uint16)


def _empty_arrays(capacity: int) -> tuple[NDArray[np.uint16], NDArray[np.float64], NDArray[np.float64]]:
    """What is known of so many homes.

    Returns:
        Waits, uint16 [homes, contexts, half-hours, 2 (ask, call)], minutes; state, float64 [homes, 4], the last sign
        (UTC s), its offset (s), its context and call_at (UTC s); ask_at, float64 [homes], UTC s.
    """
    state = np.zeros((capacity, 4))
    state[:, _LAST], state[:, _CALL] = -np.inf, np.inf
    # Zeros cost no memory until a home is put there; they are never looked up before.
    return np.zeros((capacity, CONTEXTS, HALF_HOURS, 2), np.uint16), state, np.full(capacity, np.inf)


def _in_order(observed: Observations) -> Observations:
    """By home, then time; of one moment the lowest context last, where it stands."""
    utc_s, home = observed.utc_s, observed.home
    n = len(home)
    if n and (utc_s[1:] > utc_s[:-1]).all():  # as a stream mostly comes: one sort of whole numbers will do
        bits = n.bit_length()
        order = np.sort((home.astype(np.int64) << bits) | np.arange(n)) & ((1 << bits) - 1)
    else:
        order = np.lexsort((-observed.context.astype(np.int64), utc_s, home))
    return Observations(home[order], utc_s[order], observed.offset_s[order], observed.context[order])
