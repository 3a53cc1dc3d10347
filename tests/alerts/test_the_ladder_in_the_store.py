"""The whole way of a silence, on a real database, with the outbox as everybody's phone."""

from store.schema import audit

HOUR = 3_600_000
MINUTE = 60_000


def test_it_asks_the_person_then_two_neighbours_then_the_council_for_ever(village, start):
    village.at(start + 2 * HOUR - 1)
    assert village.told("ask") == []
    village.at(start + 2 * HOUR)
    assert village.told("ask") == ["hana"]
    village.at(start + 2 * HOUR + 30 * MINUTE - 1)
    assert village.told("call") == []
    village.at(start + 2 * HOUR + 30 * MINUTE)
    assert village.told("call") == ["ichiro", "jiro"]
    village.at(start + 2 * HOUR + 90 * MINUTE - 1)
    assert village.told("staff") == []
    for times in range(1, 50):
        village.at(start + 2 * HOUR + 90 * MINUTE + (times - 1) * 30 * MINUTE)
        assert village.told("staff") == ["shiki"] * times
    assert village.case().state == "staff_attention"


def test_safe_ends_it_and_the_others_are_told(village, start):
    village.at(start + 2 * HOUR)
    village.at(start + 2 * HOUR + 30 * MINUTE)
    assert village.answers("ichiro", "going", start + 2 * HOUR + 31 * MINUTE).state == "claimed"
    village.at(start + 2 * HOUR + 31 * MINUTE)
    assert village.answers("ichiro", "safe", start + 2 * HOUR + 45 * MINUTE).state == "resolved"
    village.at(start + 2 * HOUR + 45 * MINUTE)
    case = village.case()
    assert (case.outcome, case.outcome_by) == ("safe", "ichiro")
    assert village.told("news") == ["jiro", "jiro"]
    assert village.told("staff") == []
    assert [row.what for row in village.rows(audit) if row.incident_id] == ["opened", "escalated", "claimed", "ended"]
