"""What the signs of a meter are worth, beside the true uses that sub-meters saw.

How a sign is matched: a true use is found when a sign of life lies within 15 minutes of it on either side; a sign is
confirmed when a true use lies within 15 minutes of it. Sub-meters see a few appliances only, so the share of confirmed
signs is a lower bound of the precision. By chance: the share of uses found when all signs are moved by one random time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anomaly import PowerReader
from evaluation.homes import home_of
from evaluation.power.recordings import MeterRecording
from evaluation.protocol import DAY_S, HOUR_S, Signs, last_before, prepare

WITHIN_S: Final = 900.0
WARM_UP_DAYS: Final = 14
FULL_DAY: Final = 0.95
EMPTY_AFTER_DAYS: Final = 28
EMPTY_DAYS: Final = 28
OUTAGE_S: Final = 1800.0
_CHANCES: Final = 20
_NIGHT_H: Final = (3, 5)
_BASE_H: Final = (1, 5)


@dataclass(frozen=True, slots=True, eq=False)
class ReaderOutput:
    """What the reader made of one meter.

    Attributes:
        sign_s: float64 [signs], when each sign of life happened.
        told_s: float64 [signs], when the reader said so.
        verdicts: whether the meter was trusted at the end of each day; None: still learning.
        doubt: why it is not trusted at the end.
        reader_after: the state of the reader after `EMPTY_AFTER_DAYS` days; None: the recording is shorter.
    """

    sign_s: NDArray[np.float64]
    told_s: NDArray[np.float64]
    verdicts: Sequence[bool | None]
    doubt: str
    reader_after: bytes | None


@dataclass(frozen=True, slots=True)
class PowerFigures:
    """How well the signs of one meter stand for the person, after the warm-up. None: nothing to count.

    Attributes:
        home: name.
        days: days heard.
        trusted_after_days: when the meter was first trusted. None: never.
        trusted_share: of the days after the warm-up, the share on which it was trusted.
        trustworthy: at the end of the recording.
        doubt: why not.
        recall: share of true uses found, by appliance and ``all``.
        chance: the same for all uses, with the signs moved by a random time.
        precision: share of signs confirmed by a true use; a lower bound.
        signs_per_day: signs a day.
        false_per_night: signs at 03:00-05:00 a night, whoever made them.
        empty_days: full days without a true use.
        signs_per_empty_day: signs on such a day.
        signs_per_base_day: signs a day when only the load of the home's nights is left (01:00-05:00, all day long).
        told_after_min: median and nine-in-ten of how long after its moment a sign was told, minutes.
    """

    home: str
    days: float
    trusted_after_days: int | None
    trusted_share: float | None
    trustworthy: bool | None
    doubt: str
    recall: Mapping[str, float]
    chance: float | None
    precision: float | None
    signs_per_day: float
    false_per_night: float
    empty_days: int
    signs_per_empty_day: float | None
    signs_per_base_day: float | None
    told_after_min: tuple[float, float] | None


def read_signs(meter: MeterRecording) -> ReaderOutput:
    """Read a recording from beginning to end, as in production."""
    reader = PowerReader()
    signs: list[tuple[float, float]] = []
    verdicts: list[bool | None] = []
    after: bytes | None = None
    day = meter.local_s[0] // DAY_S
    for local_s, watts in zip(meter.local_s.tolist(), meter.watts.tolist(), strict=True):
        if local_s // DAY_S != day:
            day = local_s // DAY_S
            verdicts.append(reader.trustworthy)
            if after is None and local_s - meter.local_s[0] >= EMPTY_AFTER_DAYS * DAY_S:
                after = reader.to_bytes()
        signs += [(sign_s, local_s) for sign_s, _ in reader.observe(local_s, watts)]
    verdicts.append(reader.trustworthy)
    found = np.array(sorted(signs), np.float64).reshape(-1, 2)
    return ReaderOutput(found[:, 0], found[:, 1], verdicts, str(reader.verdict.doubt), after)


def measure_power(meter: MeterRecording, output: ReaderOutput, seed: int = 0) -> PowerFigures:
    """The figures of one meter."""
    begin_s = meter.local_s[0] + WARM_UP_DAYS * DAY_S
    sign_s = output.sign_s[output.sign_s >= begin_s]
    told_min = (output.told_s[output.sign_s >= begin_s] - sign_s) / 60
    known = meter.use_s >= begin_s
    use_s, appliance = meter.use_s[known], meter.appliance[known]
    local_s = meter.local_s[meter.local_s >= begin_s]
    days = len(local_s) * _interval_s(local_s) / DAY_S  # without outages
    hour = sign_s % DAY_S / HOUR_S
    empty = _empty_days(meter, begin_s)
    past = output.verdicts[WARM_UP_DAYS:]
    return PowerFigures(
        home=meter.name,
        days=round(days, 1),
        trusted_after_days=next((day for day, trusted in enumerate(output.verdicts, start=1) if trusted), None),
        trusted_share=sum(trusted is True for trusted in past) / len(past) if past else None,
        trustworthy=output.verdicts[-1],
        doubt=output.doubt,
        recall=_recall(use_s, appliance, sign_s),
        chance=_chance(use_s, sign_s, (begin_s, float(meter.local_s[-1])), seed),
        precision=float(_near(sign_s, use_s).mean()) if len(sign_s) and len(use_s) else None,
        signs_per_day=len(sign_s) / days if days else 0.0,
        false_per_night=float(((hour >= _NIGHT_H[0]) & (hour < _NIGHT_H[1])).sum()) / days if days else 0.0,
        empty_days=len(empty),
        signs_per_empty_day=float(np.isin(sign_s // DAY_S, empty).sum()) / len(empty) if len(empty) else None,
        signs_per_base_day=_signs_per_base_day(meter, output),
        told_after_min=(float(np.median(told_min)), float(np.quantile(told_min, 0.9))) if len(told_min) else None,
    )


def _near(these: NDArray[np.float64], those: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether one of ``those`` (ascending) lies within 15 minutes; bool, one for each of ``these``."""
    first = np.searchsorted(those, these - WITHIN_S)
    return first < np.searchsorted(those, these + WITHIN_S, side="right")


def _recall(use_s: NDArray[np.float64], appliance: NDArray[np.str_], sign_s: NDArray[np.float64]) -> dict[str, float]:
    if not len(use_s):
        return {}
    found = _near(use_s, sign_s)
    by_kind = {str(kind): float(found[appliance == kind].mean()) for kind in np.unique(appliance)}
    return {"all": float(found.mean()), **by_kind}


def _chance(
    use_s: NDArray[np.float64], sign_s: NDArray[np.float64], span: tuple[float, float], seed: int
) -> float | None:
    if not len(use_s) or not len(sign_s):
        return None
    begin_s, length_s = span[0], span[1] - span[0]
    moved_s = np.random.default_rng(seed).uniform(HOUR_S, length_s - HOUR_S, _CHANCES)
    shares = [_near(use_s, np.sort(begin_s + (sign_s - begin_s + move_s) % length_s)).mean() for move_s in moved_s]
    return float(np.mean(shares))


def _interval_s(local_s: NDArray[np.float64]) -> float:
    return float(np.median(np.diff(local_s))) if len(local_s) > 1 else 60.0


def _empty_days(meter: MeterRecording, begin_s: float) -> NDArray[np.float64]:
    """Days heard in full on which no true use was seen."""
    if not len(meter.use_s):
        return np.empty(0)
    days, readings = np.unique(meter.local_s // DAY_S, return_counts=True)
    full = (readings * _interval_s(meter.local_s) >= FULL_DAY * DAY_S) & (days * DAY_S >= begin_s)
    return days[full & ~np.isin(days, meter.use_s // DAY_S)]


def _signs_per_base_day(meter: MeterRecording, output: ReaderOutput) -> float | None:
    """Signs a day of a reader that knows the home, when the home empties: its next nights, all day long."""
    if output.reader_after is None:
        return None
    nights = _nights(meter, meter.local_s[0] + EMPTY_AFTER_DAYS * DAY_S)
    if not nights:
        return None
    reader, signs = PowerReader.from_bytes(output.reader_after), 0
    span_s = (_BASE_H[1] - _BASE_H[0]) * HOUR_S
    begin_s = np.ceil(meter.local_s[0] / DAY_S + EMPTY_AFTER_DAYS) * DAY_S + DAY_S
    for piece in range(int(len(nights) * DAY_S / span_s)):
        at_s, watts = nights[piece % len(nights)]
        for offset_s, watt in zip(at_s.tolist(), watts.tolist(), strict=True):
            signs += len(reader.observe(float(begin_s + piece * span_s + offset_s), watt))
    return signs / len(nights)


def _nights(meter: MeterRecording, begin_s: float) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """(seconds from 01:00, watts) of each night of `EMPTY_DAYS` days that was heard."""
    hour = meter.local_s % DAY_S / HOUR_S
    base = (meter.local_s >= begin_s) & (hour >= _BASE_H[0]) & (hour < _BASE_H[1])
    at_s, watts = meter.local_s[base], meter.watts[base]
    days = np.unique(at_s // DAY_S)[:EMPTY_DAYS]
    return [(at_s[at_s // DAY_S == d] % DAY_S - _BASE_H[0] * HOUR_S, watts[at_s // DAY_S == d]) for d in days]


def silences(meter: MeterRecording, output: ReaderOutput, seed: int = 0) -> Signs | None:
    """The signs for the protocol; silences that touch an outage of the meter are neither counted nor collapsed in."""
    if not len(output.sign_s):
        return None
    signs = prepare(home_of(meter.name, ((at_s, "meter", "power", 1.0) for at_s in output.sign_s.tolist())), seed)
    broken = np.flatnonzero(np.diff(meter.local_s) > OUTAGE_S)
    touched = np.zeros(len(signs.local_s), bool)
    for begin_s, end_s in zip(meter.local_s[broken], meter.local_s[broken + 1], strict=True):
        touched |= (signs.local_s < end_s) & (signs.local_s + signs.gap_s > begin_s)
    collapses = {
        stratum: moments[~touched[last_before(signs.local_s, moments)]] for stratum, moments in signs.collapses.items()
    }
    return replace(signs, counted=signs.counted & ~touched, cold=signs.cold & ~touched, collapses=collapses)
