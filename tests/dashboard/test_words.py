"""Words of the pages in both languages."""

import re
import string
from collections.abc import Mapping
from pathlib import Path

import pytest

from alerts.decisions.codes import DeferredFor
from alerts.decisions.model import Answer
from alerts.decisions.policy import Audience
from alerts.incidents.answers import OUTCOMES
from anomaly import NoteKind
from contracts.health import SensorRole
from contracts.signals import SignalKind
from dashboard.person.record import DEVICE_OUTCOMES, PERSON_OUTCOMES, SAID
from dashboard.reading.contact_times import ContactStatus
from dashboard.reading.states import BoardState
from dashboard.site.i18n import Words, texts
from simulators.town.neighbourhood import draw_neighbourhood
from simulators.town.scenario import household_of
from store.schema import DELIVERY_STATES, INCIDENT_STATES

HERE = Path(__file__).resolve().parents[2] / "dashboard"
TEXTS = "\n".join(path.read_text(encoding="utf-8") for path in (HERE / "templates").glob("*.html"))
CODE = TEXTS + "\n".join(path.read_text(encoding="utf-8") for path in HERE.rglob("*.py"))
LITERAL = re.compile(r"""\b(?:t|self|_two)\(\s*['"]([a-z0-9_.]+)['"]\s*[,)]""")
PREFIX = re.compile(r"""\bt\(['"]([a-z0-9_.]+\.)['"] ~""")
FAMILY = re.compile(r"""\bt\.word\(['"]([a-z0-9_]+)['"],""")


def gaps(text: str | Mapping[str, str]) -> set[str]:
    forms = [text] if isinstance(text, str) else [form for name, form in text.items() if name != "by"]
    return {name for form in forms for _, name, _, _ in string.Formatter().parse(form) if name}


def test_both_languages_have_the_same_sentences():
    assert texts("ja").keys() == texts("en").keys()


def test_both_languages_have_the_same_gaps_in_each_sentence():
    different = {key for key, text in texts("ja").items() if gaps(text) != gaps(texts("en")[key])}
    assert different == set()


def test_every_sentence_the_pages_name_exists():
    named = set(LITERAL.findall(CODE))
    assert len(named) > 80
    assert named - texts("ja").keys() == set()


def test_every_family_of_sentences_the_pages_name_exists():
    families = {*PREFIX.findall(TEXTS), *(f"{family}." for family in FAMILY.findall(TEXTS))}
    assert {"state.", "kind.", "outcome."} <= families
    for family in families:
        assert any(key.startswith(family) for key in texts("ja")), family


@pytest.mark.parametrize(
    ("family", "members"),
    [
        ("state.", list(BoardState)),
        ("kind.", list(SignalKind)),
        ("delivery.", DELIVERY_STATES),
        ("incident.", INCIDENT_STATES),
        ("role.", list(SensorRole)),
        ("answer.", list(Answer)),
        ("step.", list(Audience)),
        ("outcome.", [*OUTCOMES, "self_ok", "movement", "recovered"]),
        ("said.", SAID),
        ("next.", ["ask", "call", "case", "none", "unknown", "absent", "now_ask", "now_call", "now_case"]),
        ("ask_time.", set(ContactStatus) - {ContactStatus.TO_COME}),
        ("call_time.", set(ContactStatus) - {ContactStatus.TO_COME, ContactStatus.NOT_MADE}),
        ("again_time.", [ContactStatus.TO_COME, ContactStatus.NOW, ContactStatus.LATE]),
        ("lapse.", ["ask", "call"]),
        ("note.", list(NoteKind)),
        ("resp.todo.", [1, 2, 3, 4]),
        ("deferred.", [*DeferredFor, "other"]),
        ("method.", ["verified", "unverified", "disabled"]),
        ("kept.", ["opted_out", "no_contact", "on_leave", "off_hours"]),
        ("standing.", ["closed", "area", "devices", "you_go", "emergency", "others_go", "you_cannot", "open"]),
    ],
)
def test_every_member_of_a_family_has_a_word(family: str, members: list[object]):
    assert {f"{family}{member}" for member in members} - texts("ja").keys() == set()


def test_the_outcomes_on_the_page_are_those_alerts_knows():
    assert set(PERSON_OUTCOMES) | set(DEVICE_OUTCOMES) == set(OUTCOMES)


@pytest.mark.parametrize(
    ("seconds", "ja", "en"),
    [
        (0, "0秒", "0 s"),
        (59.9, "59秒", "59 s"),
        (60, "1分", "1 min"),
        (3600, "1時間", "1 h"),
        (7500, "2時間5分", "2 h 5 min"),
        (90_000, "1日1時間", "1 d 1 h"),
        (-7500, "2時間5分", "2 h 5 min"),
    ],
)
def test_spans_are_said_in_the_two_units_that_matter(seconds: float, ja: str, en: str):
    assert Words("ja").span(seconds) == ja
    assert Words("en").span(seconds) == en


def test_a_time_of_another_day_carries_its_date():
    now = 1_767_225_600_000  # 09:00 on 1 January 2026 in Tokyo
    assert Words("ja").clock(now, "Asia/Tokyo", now) == "09:00"
    assert Words("ja").clock(now + 86_400_000, "Asia/Tokyo", now) == "1月2日 09:00"
    assert Words("en").clock(now, "Europe/London", now + 86_400_000) == "1 Jan 00:00"
    assert Words("ja").clock(None, "Asia/Tokyo", now) == "—"


def test_one_home_is_not_one_homes():
    assert [Words("en")("area.extent", homes=n, still=1) for n in (1, 2)] == [
        "1 home (1 still going on)",
        "2 homes (1 still going on)",
    ]
    assert Words("ja")("area.extent", homes=1, still=1) == "1軒のお宅（うち1軒が続いています）"


@pytest.mark.parametrize(("language", "said"), [("ja", "9月6日（日）"), ("en", "Sun 6 Sep")])
def test_a_day_is_said_with_its_weekday(language: str, said: str):
    assert Words(language).day(1_788_652_800_000, "Asia/Tokyo") == said


def test_names_are_said_politely_in_japanese():
    assert Words("ja").name_of("山田 花子") == "山田 花子 様"
    assert Words("en").name_of("山田 花子") == "山田 花子"


def test_an_unknown_language_becomes_japanese():
    assert Words("fr").language == "ja"


@pytest.mark.parametrize(
    ("sensor", "ja", "en"),
    [
        ("kitchen.motion", "台所の人感センサー", "kitchen motion sensor"),
        ("motion/kitchen", "台所の人感センサー", "kitchen motion sensor"),
        ("kitchen_motion2", "台所の人感センサー2", "kitchen motion sensor2"),
        ("living_room.tv", "居間のテレビ", "living room television"),
        ("fridge.door", "冷蔵庫のドア", "fridge door"),
        ("Toilet", "トイレ", "toilet"),
        ("grandmas.motion", "grandmas.motion", "grandmas.motion"),
        ("0x00158d0001", "0x00158d0001", "0x00158d0001"),
        ("room.motion", "room.motion", "room.motion"),
        ("台所", "台所", "台所"),
        ("-", "-", "-"),
    ],
)
def test_a_sensor_is_named_by_an_id_that_is_wholly_known(sensor: str, ja: str, en: str):
    assert Words("ja").sensor(sensor) == ja
    assert Words("en").sensor(sensor) == en


def test_the_sensors_of_the_simulated_homes_have_japanese_names():
    town = draw_neighbourhood(7, 12)
    ids = {sensor.id for home in town.homes for sensor in household_of(home, town.seed).sensors}
    assert len(ids) > 5
    assert {name for name in map(Words("ja").sensor, ids) if re.search("[A-Za-z]", name)} == set()


def test_whatever_part_of_alerts_acted_is_one_to_the_reader():
    assert {Words("ja").actor(actor) for actor in ("alerts", "alerts.receipts", "alerts.sender")} == {"自動"}
    assert Words("ja").actor("importer") == "importer"


@pytest.mark.parametrize("state", DELIVERY_STATES)
def test_how_far_a_message_got_is_said_for_every_channel(state: str):
    for channel in ("line", "sms", "voice", "home"):
        assert not re.search("[A-Za-z]", Words("ja").delivery(channel, state))
    assert Words("ja").delivery("voice", "read") == "応答"
    assert Words("ja").delivery("sms", "delivered") == "配達"


def test_an_exact_time_of_another_day_carries_its_date():
    now = 1_767_225_600_000
    assert Words("ja").exact(now, "Asia/Tokyo", now + 1000) == "09:00:00"
    assert Words("ja").exact(now, "Asia/Tokyo", now - 86_400_000) == "1月1日 09:00:00"
    assert Words("ja").exact(now, "Asia/Tokyo") == "09:00:00"
