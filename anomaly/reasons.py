"""Why: one plain sentence, in Japanese and in English, from the evidence that a deadline table carries."""

from typing import Final

from anomaly.memory.day_types import DAY_HALF_HOURS, WEEK, weekday_of
from anomaly.memory.memory import day_of
from anomaly.occupancy import DAY_S, DOOR, HALF_HOUR_S, clock_time, half_hour
from anomaly.table import DeadlineTable
from contracts.signals import Sentence

_PLACES: Final[tuple[tuple[str, str, str], ...]] = (
    ("toilet", "トイレ", "toilet"),
    ("bath", "浴室", "bathroom"),
    ("shower", "浴室", "bathroom"),
    ("kitchen", "台所", "kitchen"),
    ("fridge", "冷蔵庫", "fridge"),
    ("freezer", "冷凍庫", "freezer"),
    ("dining", "食堂", "dining room"),
    ("bed", "寝室", "bedroom"),
    ("living", "居間", "living room"),
    ("work", "仕事部屋", "work area"),
    ("office", "書斎", "study"),
    ("hall", "廊下", "hallway"),
    ("entrance", "玄関", "entrance"),
    ("front", "玄関", "entrance"),
    ("door", "玄関", "entrance"),
)
"""Words in a sensor id that name a place, first match wins."""
NO_EVENTS_YET: Final = Sentence("まだ何も動きを受け取っていません。", "Nothing has been heard from this home yet.")

_USUALLY: Final = Sentence("いつもは", "Usually there is")
_DAYS_JA: Final = "月火水木金土日"
_DAYS_EN: Final = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_WELL_KNOWN: Final = {0b0011111: Sentence("平日", "On weekdays"), 0b1100000: Sentence("土日", "At weekends")}


def silence_sentence(table: DeadlineTable, since_local_s: float, due_local_s: float, context: int) -> Sentence:
    """Why a silence became a question.

    Args:
        table: the deadline table in force.
        since_local_s: last sign of life, seconds on the wall clock of the home.
        due_local_s: when the deadline passed or will pass, on the same clock.
        context: where the person was last heard.
    """
    spoken = _span(due_local_s - since_local_s)
    now = _clock(due_local_s, since_local_s)
    if not table.ready:
        last = _clock(since_local_s, since_local_s)
        return Sentence(
            f"生活リズムを学習中です({table.days}日目)。最後の動きは{last.ja}、"
            f"{now.ja}まで何も動きがありません({spoken.ja})。",
            f"Still learning this home's rhythm (day {table.days}): the last movement was at {last.en} "
            f"and nothing has been noticed until {now.en} ({spoken.en}).",
        )
    usual, longest = _usual(table, since_local_s, context), _longest(table, since_local_s)
    door = Sentence("最後は玄関でした。", " The last was the entrance.") if context == DOOR else Sentence("", "")
    today = Sentence("今日は", "today ") if due_local_s // DAY_S == since_local_s // DAY_S else Sentence("", "now ")
    return Sentence(
        f"{usual.ja}{today.ja}{now.ja}まで{spoken.ja}何も動きがありません({longest.ja})。{door.ja}",
        f"{usual.en}{today.en}nothing has been noticed for {spoken.en}, until {now.en} ({longest.en}).{door.en}",
    )


def _usual(table: DeadlineTable, since_s: float, context: int) -> Sentence:
    slot = half_hour(since_s)
    by = _clock(since_s + int(table.evidence.usual_min[context, slot]) * 60.0, since_s)
    place = _place(table, slot)
    days = _days(table, since_s)
    when = Sentence(f"{days.ja}はいつも", f"{days.en} there is usually") if days else _USUALLY
    return Sentence(f"{when.ja}{by.ja}までに{place.ja}動きがあります。", f"{when.en} movement{place.en} by {by.en}; ")


def _days(table: DeadlineTable, since_s: float) -> Sentence | None:
    """The weekdays that the evidence is of. None: of every day, as at night, or not of the day the silence began on."""
    weekdays = table.evidence.weekdays
    by_day = DAY_HALF_HOURS.start <= half_hour(since_s) < DAY_HALF_HOURS.stop
    if not by_day or not weekdays >> int(weekday_of(day_of(since_s))) & 1:
        return None
    if weekdays in _WELL_KNOWN:
        return _WELL_KNOWN[weekdays]
    listed = [day for day in range(WEEK) if weekdays >> day & 1]
    names = [_DAYS_EN[day] for day in listed]
    every = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return Sentence("・".join(_DAYS_JA[day] for day in listed) + "曜", f"On {every}")


def _place(table: DeadlineTable, slot: int) -> Sentence:
    index = int(table.evidence.place[slot])
    if index >= len(table.evidence.places):
        return Sentence("", "")
    sensor = table.evidence.places[index]
    for word, ja, en in _PLACES:
        if word in sensor.lower():
            return Sentence(f"{ja}の", f" ({en})")
    return Sentence("", "")


def _longest(table: DeadlineTable, since_s: float) -> Sentence:
    longest_s = int(table.evidence.longest_min[half_hour(since_s)]) * 60.0
    such = Sentence("の同じ曜日", " on such days") if _days(table, since_s) else Sentence("", "")
    if not longest_s:
        return Sentence(
            f"この30日{such.ja}、この時間帯に長い静けさはありません",
            f"no long silence at this hour{such.en} in the last 30 days",
        )
    span = _span(longest_s)
    return Sentence(
        f"この30日{such.ja}でこの時間帯にいちばん長い静けさは{span.ja}",
        f"the longest silence at this hour{such.en} in the last 30 days was {span.en}",
    )


def _clock(local_s: float, since_s: float) -> Sentence:
    text = clock_time(local_s // 60)
    match int(local_s // DAY_S) - int(since_s // DAY_S):
        case 0:
            return Sentence(text, text)
        case 1:
            return Sentence(f"翌日{text}", f"{text} the next day")
        case days:
            return Sentence(f"{days}日後の{text}", f"{text} {days} days later")


def _span(seconds: float) -> Sentence:
    minutes = max(0, round(seconds / 60))
    hours, rest = divmod(minutes, HALF_HOUR_S // 30)
    ja = (f"{hours}時間" if hours else "") + (f"{rest}分" if rest or not hours else "")
    en = " ".join(part for part in (f"{hours} h" if hours else "", f"{rest} min" if rest or not hours else "") if part)
    return Sentence(ja, en)
