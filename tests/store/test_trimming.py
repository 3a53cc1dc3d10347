"""Old events go once a day, and a wrong clock destroys nothing."""

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from store import schema
from store.engine import reading
from store.register.registry import edit
from store.retention import RetentionError
from store.timeseries.port import Point
from store.timeseries.sqlite import SqliteTimeSeries
from store.trimming import ANNOUNCED_TIMES, DAY_MS, trim_if_due

NOW_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
YEARS_MS = 10 * 366 * DAY_MS


@pytest.fixture
def series(tmp_path: Path) -> Iterator[SqliteTimeSeries]:
    opened = SqliteTimeSeries(tmp_path / "series.db")
    yield opened
    opened.close()


class Town:
    """Homes whose gateways report: an event a day from ``days`` ago until now, and a heartbeat now."""

    def __init__(self, engine: Engine, series: SqliteTimeSeries) -> None:
        self.engine, self.series = engine, series

    def settle(self, number: int, days: int = 0) -> None:
        home, gateway = f"h{number}", f"gw{number}"
        if number > 1:
            with edit(self.engine, actor="test", now_ms=NOW_MS) as registry:
                registry.add_home("taro", "council", gateway, id=home)
        self.series.write([event(gateway, n, NOW_MS - (days - n) * DAY_MS) for n in range(days + 1)])
        with self.engine.begin() as connection:
            live = {"home_id": home, "last_event_ms": NOW_MS, "updated_ms": NOW_MS}
            connection.execute(insert(schema.live_states).values(live))
            connection.execute(insert(schema.gateways).values(gateway=gateway, heartbeat_ms=NOW_MS))

    def hear(self, heartbeat_ms: int, **last_event_ms: int) -> None:
        with self.engine.begin() as connection:
            connection.execute(update(schema.gateways).values(heartbeat_ms=heartbeat_ms))
            for home, at_ms in last_event_ms.items():
                one = update(schema.live_states).where(schema.live_states.c.home_id == home)
                connection.execute(one.values(last_event_ms=at_ms))

    def audit(self) -> list[dict[str, Any]]:
        lines = select(schema.audit).where(schema.audit.c.actor == "retention").order_by(schema.audit.c.id)
        with reading(self.engine) as connection:
            return [dict(row) for row in connection.execute(lines).mappings()]

    def trim(self, now_ms: int, keep_days: int = 400) -> Any:  # None where a test expects it, else a Trimming
        return trim_if_due(self.engine, self.series, now_ms, keep_days)


def event(gateway: str, n: int, t_ms: int) -> Point:
    return Point(gateway, t_ms * 1_000_000 + n, "toilet.door", "contact", '{"open":true}', "e", n, 2, False)


@pytest.fixture
def town(any_cast: SimpleNamespace, series: SqliteTimeSeries) -> Town:
    made = Town(any_cast.engine, series)
    made.settle(1, days=402)
    return made


def test_what_is_older_than_the_days_kept_goes_with_a_line_in_the_audit(town: Town) -> None:
    done = town.trim(NOW_MS)
    assert (done.events, done.deferred) == (2, False)
    assert town.series.count() == 401
    (line,) = town.audit()
    assert (line["what"], line["params"]["events"], line["at_ms"]) == ("events_trimmed", 2, NOW_MS)


def test_it_is_done_once_a_day_whatever_the_process_does(town: Town) -> None:
    assert town.trim(NOW_MS) is not None
    assert town.trim(NOW_MS + 23 * HOUR_MS) is None
    town.hear(NOW_MS + DAY_MS, h1=NOW_MS + DAY_MS)
    assert town.trim(NOW_MS + DAY_MS).events == 1
    assert len(town.audit()) == 2


def test_a_server_years_ahead_of_its_homes_removes_only_what_is_really_old(town: Town) -> None:
    wrong_ms = NOW_MS + YEARS_MS
    town.hear(wrong_ms)  # heartbeats are stamped by the server; events of devices that are not ahead go to quarantine
    assert town.trim(wrong_ms).events == 2
    assert town.series.count() == 401


def test_one_device_that_is_as_wrong_as_the_server_does_not_outvote_the_others(town: Town) -> None:
    wrong_ms = NOW_MS + YEARS_MS
    town.settle(2)
    town.settle(3)
    town.hear(wrong_ms, h2=wrong_ms)
    town.trim(wrong_ms)
    assert town.series.count("gw1") == 401


def test_devices_ahead_of_the_server_change_nothing(town: Town) -> None:
    town.hear(NOW_MS, h1=NOW_MS + YEARS_MS)
    assert town.trim(NOW_MS).events == 2


def test_a_clock_that_all_are_wrong_with_is_announced_for_two_weeks_and_set_right_in_time_costs_nothing(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    wrong_ms = NOW_MS + YEARS_MS
    for day in range(ANNOUNCED_TIMES):
        town.hear(wrong_ms + day * DAY_MS, h1=wrong_ms + day * DAY_MS)
        assert town.trim(wrong_ms + day * DAY_MS).deferred
    assert town.series.count() == 403
    assert "403 events, more than a third of all, are from before 2035-" in caplog.text
    assert caplog.records[-1].levelno == logging.ERROR
    assert {line["what"] for line in town.audit()} == {"trimming_put_off"}
    town.hear(NOW_MS + DAY_MS, h1=NOW_MS)
    assert town.trim(NOW_MS + HOUR_MS).events == 2, "the lines of the wrong clock are in the future and do not count"
    assert town.series.count() == 401


def test_what_was_announced_for_two_weeks_is_done_and_the_next_time_is_announced_anew(town: Town) -> None:
    for day in range(ANNOUNCED_TIMES + 1):
        town.hear(NOW_MS + day * DAY_MS)
        assert town.trim(NOW_MS + day * DAY_MS, keep_days=30).deferred is (day < ANNOUNCED_TIMES)
        assert town.trim(NOW_MS + day * DAY_MS + HOUR_MS, keep_days=30) is None, "a restart announces nothing twice"
    assert town.series.count() == 31
    town.hear(NOW_MS + 20 * DAY_MS)
    assert town.trim(NOW_MS + 20 * DAY_MS, keep_days=10).deferred


def test_with_no_home_heard_of_within_a_day_nothing_goes_and_it_is_tried_again(town: Town) -> None:
    late_ms = NOW_MS + DAY_MS
    assert town.trim(late_ms) is None
    town.hear(late_ms)
    assert town.trim(late_ms).events == 2


def test_an_empty_store_and_one_too_young_are_left_as_they_are(
    any_cast: SimpleNamespace, series: SqliteTimeSeries
) -> None:
    town = Town(any_cast.engine, series)
    assert town.trim(NOW_MS) is None
    town.settle(1, days=5)
    assert town.trim(NOW_MS).events == 0
    assert series.count() == 6


def test_keeping_less_than_a_day_is_refused(town: Town) -> None:
    with pytest.raises(RetentionError, match="keep_days"):
        town.trim(NOW_MS, keep_days=0)
