"""What watching costs: events a second on one core, bytes a home, the nightly learning, and the question "who is due".

The same stream of signs of life goes, in the same run, through River's HalfSpaceTrees (one event at a time, as it is
made) and scikit-learn's IsolationForest (whole batches). Those two only score a vector; they keep no deadline and know
no home, so that one model stands for all homes here, in their favour. Give numbers of homes to measure others.
"""

import gc
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from river.anomaly import HalfSpaceTrees
from sklearn.ensemble import IsolationForest

from anomaly import DeadlineTable, Observations, Rhythm, RhythmSettings, Watch

HOMES = (1_000, 100_000, 1_000_000)
BATCH, BATCHES, ROUNDS = 20_000, 20, 5
RIVER_EVENTS = 3_000
DUE_S = 5 * 3600
START_S = 1_767_225_600.0
JAPAN_S = 32_400.0
DAY_S = 86_400.0
NIGHTS = 120
_PAGE = os.sysconf("SC_PAGE_SIZE")


def life(days: int, seed: int) -> Iterator[tuple[float, str, str, float]]:
    """A made-up life: up from about 7 to 23, six rooms, out once a day."""
    rng = np.random.default_rng(seed)
    for day in range(days):
        now_s, bed_s = (START_S + day * DAY_S + hour * 3600 + rng.normal(0, 1200) for hour in (7, 23))
        while now_s < bed_s:
            room = int(rng.integers(7))
            yield now_s, f"room {room}", "door" if room == 6 else "motion", 1.0
            now_s += 30 + rng.exponential(240 if room != 5 else 1500)


def learn() -> tuple[float, list[DeadlineTable]]:
    """Milliseconds of a nightly learning of a home that knows 90 days or more (the median), and its tables."""
    rhythm, spent, tables = Rhythm(RhythmSettings()), [], []
    learned = START_S
    for event in life(NIGHTS, seed=1):
        night_s = event[0] // DAY_S * DAY_S + 3 * 3600
        if night_s > learned:
            begin = time.perf_counter()
            rhythm.advance(night_s)
            spent.append(time.perf_counter() - begin)
            tables.append(rhythm.table())
            learned = night_s
        rhythm.observe(*event)
    return float(np.median(spent[90:])) * 1000, tables


def memory_bytes() -> int:
    """Resident memory of this process."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def fleet(homes: int, packed: list[bytes]) -> tuple[Watch, float]:
    """A watch over so many homes, each with its own table and heard of once, and the bytes that it takes a home."""
    tables = [DeadlineTable.from_bytes(data) for data in packed]
    before = memory_bytes()
    watch = Watch()
    for home in range(homes):
        watch.put(f"home-{home:032d}", tables[home % len(tables)])
    rng = np.random.default_rng(2)
    for begin in range(0, homes, BATCH):
        watch.observe(batch(np.arange(begin, min(begin + BATCH, homes)), START_S, rng))
    return watch, (memory_bytes() - before) / homes


def batch(home: NDArray[np.intp], now_s: float, rng: np.random.Generator) -> Observations:
    """A sign of life of each of these homes in the minute after ``now_s``, in order of time."""
    n = len(home)
    utc_s = now_s + np.sort(rng.random(n)) * 60
    return Observations(home, utc_s, np.full(n, JAPAN_S), rng.integers(0, 3, n).astype(np.int8))


def seconds(work: Callable[[], object], rounds: int = 1) -> float:
    """The best of some rounds: what the others of this machine do in between is not meant."""
    best = float("inf")
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begin)
    return best


def vectors(stream: list[Observations]) -> NDArray[np.float64]:
    """What the two models are given of each event: hour of the day, context, minute; float64 [events, 3], 0 to 1."""
    return np.concatenate(
        [np.c_[(o.utc_s + o.offset_s) % DAY_S / DAY_S, o.context / 2, o.utc_s % 3600 / 3600] for o in stream]
    )


def river_rate(stream: list[Observations]) -> float:
    """Events a second of HalfSpaceTrees with its own defaults: score, then learn."""
    model = HalfSpaceTrees(seed=1)
    rows = [dict(zip("abc", row, strict=True)) for row in vectors(stream)[:RIVER_EVENTS].tolist()]

    def work() -> None:
        for row in rows:
            model.score_one(row)
            model.learn_one(row)

    return len(rows) / seconds(work, ROUNDS)


def forest_rate(stream: list[Observations]) -> float:
    """Events a second of IsolationForest with its own defaults: fitted on one batch for free, scores the next."""
    rows = vectors(stream[:2])
    model = IsolationForest(random_state=1, n_jobs=1).fit(rows[:BATCH])
    return BATCH / seconds(lambda: model.score_samples(rows[BATCH:]), ROUNDS)


def measure(homes: int, packed: list[bytes]) -> None:
    """Print one line of figures for a number of homes."""
    begin = time.perf_counter()
    watch, bytes_a_home = fleet(homes, packed)
    built_s = time.perf_counter() - begin
    rng = np.random.default_rng(3)
    stream = [batch(rng.integers(0, homes, BATCH), START_S + 60 * (n + 1), rng) for n in range(BATCHES * ROUNDS)]
    rate = max(
        BATCH * BATCHES / seconds(lambda part=part: [watch.observe(one) for one in part])  # type: ignore[misc]
        for part in (stream[n * BATCHES : (n + 1) * BATCHES] for n in range(ROUNDS))
    )
    due_ms = seconds(lambda: watch.due(START_S + DUE_S), ROUNDS) * 1000
    river, forest = river_rate(stream), forest_rate(stream)
    print(
        f"{homes:>9,} homes: {rate:>10,.0f} events/s | {bytes_a_home:>6,.0f} B a home | due(now) {due_ms:6.2f} ms, "
        f"{len(watch.due(START_S + DUE_S)):,} due | River {river:>6,.0f} events/s (1/{rate / river:,.0f}) | "
        f"IsolationForest {forest:>7,.0f} events/s (1/{rate / forest:,.0f}) | built in {built_s:.0f} s",
        flush=True,
    )


def main(numbers: tuple[int, ...]) -> None:
    """Print the learning, then a line for each number of homes."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core, whatever the libraries would like
    nightly_ms, tables = learn()
    events = sum(1 for _ in life(NIGHTS, 1)) / NIGHTS
    print(f"nightly learning: {nightly_ms:.2f} ms a home (90 to {NIGHTS} days known, {events:.0f} events a day)")
    fresh = multiprocessing.get_context("spawn")
    for homes in numbers:  # each in a process of its own: memory that another one freed would hide what it takes
        process = fresh.Process(target=measure, args=(homes, [table.to_bytes() for table in tables[30:]]))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(process.exitcode)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"batches of {BATCH:,}, one core, best of {ROUNDS} rounds of {BATCHES} batches; peak memory {peak:,.0f} MB")


if __name__ == "__main__":
    main(tuple(int(text) for text in sys.argv[1:]) or HOMES)
