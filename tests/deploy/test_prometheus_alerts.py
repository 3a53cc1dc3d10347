"""The alert rules ask for what the auditor shows, and leave no kind of finding out."""

import re
from pathlib import Path

import pytest
import yaml

from alerts.watchdog.auditor import WatchdogFacts
from alerts.watchdog.settings import FindingKind
from dashboard.reading.states import BoardState
from dashboard.settings import DashboardSettings
from mimamori.server.metrics import MetricsPage, Pings, audited, counted
from store.engine import open_store, reading

RULES = Path(__file__).resolve().parents[2] / "deploy" / "server" / "prometheus-alerts.yml"


@pytest.fixture(scope="module")
def rules():
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return group["rules"]


def test_every_metric_of_a_rule_is_one_that_the_auditor_shows(rules, tmp_path):
    page = MetricsPage()
    db = open_store(f"sqlite:///{tmp_path}/mimamori.db")
    with reading(db) as connection:
        page.show([*audited(WatchdogFacts(), [], 0), *counted(connection, DashboardSettings(), 0)])
    db.dispose()
    families = {family.name for family in page.collect()}
    asked = {name for rule in rules for name in re.findall(r"mimamori_\w+", rule["expr"])}
    assert asked
    assert {name.removesuffix("_total") for name in asked} <= families


def test_the_kinds_of_findings_in_the_rules_are_all_that_there_are(rules):
    words = re.findall(r'kind=~?"([\w|]+)"', " ".join(rule["expr"] for rule in rules))
    named = {kind for word in words for kind in word.split("|")}
    by_other_means = {FindingKind.OVERDUE_TIMER}  # mimamori_oldest_overdue_timer_seconds
    assert named == set(FindingKind) - by_other_means


def test_the_other_labels_in_the_rules_have_the_values_that_there_are(rules):
    text = " ".join(rule["expr"] for rule in rules)
    assert set(re.findall(r'state="(\w+)"', text)) <= set(BoardState)
    assert set(re.findall(r'outcome="(\w+)"', text)) <= set(Pings)


def test_every_rule_has_a_severity_and_a_sentence(rules):
    for rule in rules:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"].endswith(".")
