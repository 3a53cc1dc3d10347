"""Reasons, failures and audit lines are codes: each has words in both languages, and nothing reads words."""

import ast
import re
import string
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from alerts.channels.line import texts as line_texts
from alerts.channels.twilio import texts as phone_texts
from alerts.decisions.codes import VARIANTS, DeferredFor, Reason, What
from alerts.decisions.model import Answer, News, Purpose
from alerts.decisions.reasons import WaitStart
from alerts.errors import Failure
from alerts.ports import SendOutcome
from alerts.watchdog.settings import FindingKind, Told
from alerts.wording.catalogue import LOCALES, catalogue, texts_in
from contracts.signals import SignalKind
from dashboard.site.i18n import texts
from store.audit_codes import RegisterChange, Upkeep

ROOT = Path(__file__).parents[2]
AUDITED = (What, RegisterChange, Upkeep, Told)
OTHER_CODES = (Reason, DeferredFor, Failure, FindingKind, WaitStart)
KINDS = {Reason.NOTICED: [*SignalKind], Reason.ANSWERED: [*Answer, "closed"]}
"""The values of the parameter of a reason that has words of its own for each."""
WRITTEN_BY_NOBODY = {Reason.EARLIER_VERSION}
IN_PRODUCT = ("alerts", "dashboard", "ingest", "mimamori", "store", "anomaly", "contracts")
READS = ("split", "rsplit", "partition", "rpartition", "startswith", "endswith", "removeprefix", "removesuffix", "find")
PROSE = re.compile(r"reason|detail|remark|sentence|words?$|wording")
VENDORS_WORDS = {("alerts/channels/line/channel.py", "monthly limit")}
"""LINE tells an empty quota from a flood by its own words alone."""


def keys_of_the_codes() -> set[str]:
    keys = {f"what.{code}" for codes in AUDITED for code in codes}
    keys |= {f"failure.{code}" for code in Failure} | {f"finding.{kind}" for kind in FindingKind}
    keys |= {f"quiet.since.{since}" for since in WaitStart}
    keys |= {f"test_send.{outcome}" for outcome in SendOutcome}
    keys |= {f"explain.purpose.{purpose}" for purpose in set(Purpose) - {Purpose.TEST}}
    keys |= {f"explain.left_out.{word}" for word in ("no_contact", "off_hours", "on_leave", "opted_out")}
    keys |= {f"message.{name}.{part}" for name in messages() for part in ("subject", "body")}
    for reason in set(Reason) - WRITTEN_BY_NOBODY:
        keys |= {f"reason.{reason}.{kind}" for kind in KINDS[reason]} if reason in VARIANTS else {f"reason.{reason}"}
    return keys


def messages() -> Iterator[str]:
    """What can be asked of whom about what, and told."""
    people = [kind for kind in SignalKind if kind.concerns_person]
    yield from (f"ask.{kind}" for kind in people if kind is not SignalKind.HELP)
    yield from (f"call.{kind}" for kind in people)
    yield from (f"staff.{kind}" for kind in SignalKind)
    yield from (f"news.{news}" for news in News)
    yield from (f"area_news.{news}" for news in (News.RECOVERED, News.CLOSED))
    yield from ("staff_119", "bundle", "test")


def python_files() -> Iterator[tuple[str, ast.Module]]:
    for package in IN_PRODUCT:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def forms(text: str | Mapping[str, str]) -> list[str]:
    return [text] if isinstance(text, str) else [form for name, form in text.items() if name != "by"]


@pytest.mark.parametrize("codes", [*AUDITED, *OTHER_CODES])
def test_a_code_is_no_sentence(codes):
    assert [code for code in codes if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", code)] == []


def test_no_two_parts_write_the_same_code_into_the_audit():
    codes = [str(code) for part in AUDITED for code in part]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_code_has_words_in_both_languages(language):
    found = texts_in(LOCALES, language)
    assert keys_of_the_codes() - found.keys() == set()
    assert all(form.strip() for key in keys_of_the_codes() for form in forms(found[key]))


@pytest.mark.parametrize("language", ["ja", "en"])
def test_no_words_are_left_over(language):
    """Whatever is no code's is named in the code that uses it."""
    named = {
        node.value
        for _file, tree in python_files()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert texts_in(LOCALES, language).keys() - keys_of_the_codes() - named == set()


@pytest.mark.parametrize("folder", [LOCALES, line_texts.LOCALES, phone_texts.LOCALES])
def test_both_languages_have_the_same_gaps_in_each_text(folder):
    def gaps(text: str | Mapping[str, str]) -> set[str]:
        return {name for form in forms(text) for _, name, _, _ in string.Formatter().parse(form) if name}

    ja, en = (texts_in(folder, language) for language in ("ja", "en"))
    assert ja.keys() == en.keys()
    assert [key for key in ja if gaps(ja[key]) != gaps(en[key])] == []


@pytest.mark.parametrize("language", ["ja", "en"])
def test_no_key_of_a_locale_is_a_sentence(language):
    assert [key for key in texts(language) if not re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)+|[a-z]+", key)] == []


def test_a_line_of_the_audit_is_said_in_either_language():
    line = ["noticed", "quiet_hours"], {"kind": "silence"}
    assert catalogue("ja").reasons(*line) == "いつもより長い静けさ、夜間は知らせません"
    assert catalogue("en").reasons(*line) == "longer silence than usual; quiet hours"
    assert catalogue("ja").what("opened") == "気づきから対応を始めました"
    assert catalogue("en").reasons([], {}) == ""


def test_what_an_earlier_version_wrote_is_shown_as_it_was_written():
    assert catalogue("ja").reasons(["earlier_version"], {"text": "by hand; twice"}) == "by hand; twice"
    assert catalogue("en").what("earlier_version") == "recorded by an earlier version"


def test_one_is_said_in_the_singular():
    said = [catalogue("en")("finding.overdue_timer", n=n, named="i1") for n in (1, 2)]
    assert said[0].startswith("1 open incident is overdue and nobody moves it;")
    assert said[1].startswith("2 open incidents are overdue and nobody moves them;")


def test_no_code_reads_prose():
    """Nothing is decided from words: not from a part of them, not from how they begin, not from what stands in them.

    What cannot be seen: words that are handed to a function under another name.
    """
    found = [
        f"{file}:{node.lineno}: {ast.unparse(node)}"
        for file, tree in python_files()
        for node in ast.walk(tree)
        if _reads_prose(node, file)
    ]
    assert found == []


def _reads_prose(node: ast.AST, file: str) -> bool:
    if isinstance(node, ast.Compare):
        left = node.left
        is_looked_for = isinstance(node.ops[0], ast.In | ast.NotIn) and isinstance(left, ast.Constant)
        return is_looked_for and _is_sentence(left.value) and (file, left.value) not in VENDORS_WORDS
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in READS:
        return False
    said = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
    return any(_is_sentence(value) for value in said) or PROSE.search(_last_name(node.func.value)) is not None


def _is_sentence(value: object) -> bool:
    return isinstance(value, str) and (value == "; " or re.search(r"[a-z] [a-z]", value) is not None)


def _last_name(node: ast.expr) -> str:
    """The name of what is read: the last one of ``a.b.c``, the key of ``row["c"]``."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return node.id if isinstance(node, ast.Name) else ""


@pytest.mark.parametrize(
    "code",
    [
        'why = row.reason.split("; ")',
        'is_off = "quiet hours" in text',
        "word = result.detail.partition(' ')[0]",
        'known = row["reason"].startswith("an")',
        'part = text.removeprefix("answered by ")',
    ],
)
def test_reading_prose_would_be_seen(code):
    assert any(_reads_prose(node, "x.py") for node in ast.walk(ast.parse(code)))


def test_nothing_is_written_into_the_audit_but_codes():
    """No line says ``what`` in a text of its own: it takes a member of one of the sets."""
    for file, tree in python_files():
        inserts = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_audit_insert(node)]
        for node in inserts:
            whats = [keyword.value for keyword in node.keywords if keyword.arg == "what"]
            assert not any(isinstance(value, ast.Constant) for value in whats), f"{file}:{node.lineno}"


def _is_audit_insert(node: ast.Call) -> bool:
    return ast.unparse(node.func).startswith("insert(audit).values")
