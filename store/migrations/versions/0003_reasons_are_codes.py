"""Reasons are codes: the audit, why an incident is put off, why a try failed, and the last trimming

The first schema kept English sentences, and read some of them again. Each becomes its code, with its parameters. What no
version is known to have written stays, whole, as the text of ``earlier_version``.

Revision ID: 0003
Revises: 0002
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import json
from pathlib import Path
import re
from typing import Any, TypeAlias

from alembic import op
import sqlalchemy as sa

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Line: TypeAlias = tuple[str, list[str], dict[str, Any]]
"""What an audit line says: ``what``, ``reasons``, ``params``."""
UNKNOWN = "earlier_version"
AT_A_TIME = 1000
TRIES = ("attempts", "test_sends")
WORDS = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
REASONS: dict[str, str] = WORDS["reasons"]
"""The code of each sentence."""
FINDINGS: dict[str, str] = WORDS["findings"]
"""The sentence of each kind."""
FAILURES: dict[str, str] = WORDS["failures"]
"""The code of what stood at the beginning of a detail."""
OF_INCIDENTS: list[str] = WORDS["of_incidents"]
"""What an audit line about an incident says that it is."""
SENTENCES = {code: sentence for sentence, code in REASONS.items()}
KINDS = ("silence", "help", "gateway_lost", "sensor_lost", "decline", "no_return", "area_outage")
ANSWERS = ("going", "safe", "cannot", "called_119", "closed")
DEFERRED_FOR = {"absence_registered": "absence", "quiet_hours": "quiet_hours", "area_told": "area"}
THINGS = r"organisation|person|home|relation|contact method|absence|leave"
DONE = r"added|changed|opted out|opted in|revoked|verified|linked|enabled|disabled|cancelled"
REGISTER = re.compile(rf"({THINGS}) ({DONE})(?:: (.+))?")
TRIMMED = re.compile(r"before (\d+) ms; (\d+) messages of the quarantine, (\d+) lapses, (\d+) notes")
DEFERRED = re.compile(r"(\d+) events from before (\d+) ms are more than a third of all")
FINDING = re.compile(r"(\d+) (.+) \((.*?)(?: and \d+ more)?\)")
FINDING_KINDS = {sentence: kind for kind, sentence in FINDINGS.items()}


def upgrade() -> None:
    for table in TRIES:
        op.add_column(table, sa.Column("failure", sa.Text))
    op.add_column("audit", sa.Column("reasons", sa.JSON, server_default="[]", nullable=False))
    op.add_column("audit", sa.Column("params", sa.JSON, server_default="{}", nullable=False))
    op.add_column("incidents", sa.Column("deferred_for", sa.Text))
    trimmings = op.create_table(
        "trimmings",
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("times_put_off", sa.Integer, nullable=False),
    )
    _take_failures_out_of_details()
    _rewrite_audit(lambda row: dict(zip(("what", "reasons", "params"), to_codes(row.what, row.reason), strict=True)))
    _take_over_deferrals()
    _take_over_trimming(trimmings)
    with op.batch_alter_table("audit") as batch_op:
        batch_op.drop_column("reason")
        for name in ("reasons", "params"):  # the default was for the lines that were there
            batch_op.alter_column(name, server_default=None)


def downgrade() -> None:
    op.add_column("audit", sa.Column("reason", sa.Text, server_default="", nullable=False))
    _rewrite_audit(
        lambda row: dict(zip(("what", "reason"), to_sentences(row.what, row.reasons, row.params), strict=True))
    )
    _put_failures_into_details()
    op.drop_table("trimmings")
    new = [(table, "failure") for table in TRIES]
    for table, column in (*new, ("incidents", "deferred_for"), ("audit", "params"), ("audit", "reasons")):
        op.drop_column(table, column)  # not by a copy: other rows point at the incidents


# ---- The audit -------------------------------------------------------------------------------------------------------


def to_codes(what: str, reason: str) -> Line:
    """The codes and parameters of a line as the first schema had it."""
    readers: tuple[Callable[[str, str], Line | None], ...] = (_of_incident, _of_register, _of_upkeep, _of_auditor)
    found = (read(what, reason) for read in readers)
    return next((line for line in found if line is not None), (UNKNOWN, [UNKNOWN], {"what": what, "text": reason}))


def to_sentences(what: str, reasons: Sequence[str], params: Mapping[str, Any]) -> tuple[str, str]:
    """The line as the first schema had it."""
    if what in OF_INCIDENTS:
        return what, "; ".join(_sentence(what, reason, params) for reason in reasons)
    if what == UNKNOWN:
        return params["what"], params["text"]
    if what in ("finding", "finding_over"):
        return what.replace("_", " "), _finding(params) if what == "finding" else params["kind"]
    if what == "events_trimmed":
        counts = (
            f"{params['quarantined']} messages of the quarantine, {params['lapses']} lapses, {params['notes']} notes"
        )
        return f"events trimmed: {params.get('events', 0)}", f"before {params['before_ms']} ms; {counts}"
    if what == "trimming_put_off":
        words = f"{params['events']} events from before {params['before_ms']} ms are more than a third of all"
        return "trimming put off", words
    detail = params.get("cause") or ", ".join(params.get("columns", ()))
    words = what.replace("contact_method", "contact method").replace("opted_", "opted ").replace("_", " ")
    return f"{words}: {detail}" if detail else words, params["id"]


def _of_incident(what: str, reason: str) -> Line | None:
    if what not in OF_INCIDENTS:
        return None
    reasons: list[str] = []
    params: dict[str, Any] = {}
    for part in reason.split("; ") if reason else ():
        if part in REASONS:
            reasons.append(REASONS[part])
        elif part.removesuffix(" noticed") in KINDS:
            reasons.append("noticed")
            params["kind"] = part.removesuffix(" noticed")
        elif part.removeprefix("answered ") in ANSWERS:
            reasons.append("answered")
            params["answer"] = part.removeprefix("answered ")
        else:
            return what, [UNKNOWN], {"text": reason}
    return what, reasons, params


def _sentence(what: str, reason: str, params: Mapping[str, Any]) -> str:
    if reason == UNKNOWN:
        return str(params["text"])
    if reason == "noticed":
        return f"{params['kind']} noticed"
    if reason == "answered":
        return f"answered {params['answer']}"
    if reason == "another_going":
        return "another one is going" if what == "declined" else "another responder is still going"
    return SENTENCES[reason]


def _of_register(what: str, reason: str) -> Line | None:
    found = REGISTER.fullmatch(what)
    if found is None:
        return None
    thing, done, detail = found.groups()
    params: dict[str, Any] = {"id": reason}
    if detail:
        params |= {"columns": detail.split(", ")} if done == "changed" else {"cause": detail}
    return f"{thing}_{done}".replace(" ", "_"), [], params


def _of_upkeep(what: str, reason: str) -> Line | None:
    if what == "person erased":
        return "person_erased", [], {"id": reason}
    if what == "trimming put off" and (found := DEFERRED.fullmatch(reason)):
        return "trimming_put_off", [], {"events": int(found[1]), "before_ms": int(found[2])}
    events = what.removeprefix("events trimmed: ")
    if events != what and events.isdecimal() and (found := TRIMMED.fullmatch(reason)):
        names = ("before_ms", "quarantined", "lapses", "notes")
        return "events_trimmed", [], {"events": int(events), **dict(zip(names, map(int, found.groups()), strict=True))}
    return None


def _of_auditor(what: str, reason: str) -> Line | None:
    if what == "finding over" and reason in FINDINGS:
        return "finding_over", [], {"kind": reason}
    found = FINDING.fullmatch(reason) if what == "finding" else None
    if found is None or found[2] not in FINDING_KINDS:
        return None
    return "finding", [], {"kind": FINDING_KINDS[found[2]], "n": int(found[1]), "about": found[3].split(", ")}


def _finding(params: Mapping[str, Any]) -> str:
    rest = params["n"] - len(params["about"])
    more = f" and {rest} more" if rest > 0 else ""
    return f"{params['n']} {FINDINGS[params['kind']]} ({', '.join(params['about'])}{more})"


def _rewrite_audit(values: Callable[[Any], Mapping[str, Any]]) -> None:
    """Give each line its values, so many at a time that a long audit does not fill the memory."""
    connection, audit = op.get_bind(), _table("audit")
    for rows in _lines(connection, audit):
        for row in rows:
            connection.execute(sa.update(audit).where(audit.c.id == row.id).values(**values(row)))


def _lines(connection: sa.Connection, audit: sa.Table) -> Iterator[Sequence[Any]]:
    last = -1
    while True:
        rows = connection.execute(sa.select(audit).where(audit.c.id > last).order_by(audit.c.id).limit(AT_A_TIME)).all()
        if not rows:
            return
        yield rows
        last = rows[-1].id


def _table(name: str) -> sa.Table:
    """The table with the columns that it has at this moment."""
    return sa.Table(name, sa.MetaData(), autoload_with=op.get_bind(), resolve_fks=False)


# ---- What was read out of the audit ----------------------------------------------------------------------------------


def _take_over_deferrals() -> None:
    """Why each incident that is put off now was put off last; one whose reason is not known stays without."""
    connection, audit, incidents = op.get_bind(), _table("audit"), _table("incidents")
    put_off = (audit.c.to_state == "deferred") & audit.c.what.in_(["opened", "deferred"])
    query = sa.select(audit.c.incident_id, audit.c.reasons).join(incidents, incidents.c.id == audit.c.incident_id)
    newest = connection.execute(query.where(put_off, incidents.c.state == "deferred").order_by(audit.c.id)).all()
    for incident, reasons in {row.incident_id: row.reasons for row in newest}.items():
        causes = [DEFERRED_FOR[reason] for reason in reasons if reason in DEFERRED_FOR]
        if causes:
            own = incidents.c.id == incident
            connection.execute(sa.update(incidents).where(own).values(deferred_for=causes[0]))


def _take_over_trimming(trimmings: sa.Table) -> None:
    """When old events were last looked at, and how often in a row they were left."""
    connection, audit = op.get_bind(), _table("audit")
    query = sa.select(audit.c.at_ms, audit.c.what).where(audit.c.actor == "retention").order_by(audit.c.id.desc())
    at_ms, times = None, 0
    for row in connection.execute(query):
        at_ms = row.at_ms if at_ms is None else at_ms
        if row.what != "trimming_put_off":
            break
        times += 1
    if at_ms is not None:
        connection.execute(sa.insert(trimmings).values(n=1, at_ms=at_ms, times_put_off=times))


# ---- Tries -----------------------------------------------------------------------------------------------------------


def _take_failures_out_of_details() -> None:
    """Until now the code stood at the beginning of the vendor's words, or in place of them."""
    for table in map(_table, TRIES):
        detail = table.c.detail
        for words, code in FAILURES.items():
            begins = (detail == words) | detail.startswith(f"{words} ", autoescape=True)
            rest = sa.func.ltrim(sa.func.substr(detail, len(words) + 1))
            op.execute(sa.update(table).where(begins).values(failure=code, detail=rest))


def _put_failures_into_details() -> None:
    for table in map(_table, TRIES):
        for words, code in FAILURES.items():
            before = sa.func.trim(sa.literal(f"{words} ").concat(table.c.detail))
            op.execute(sa.update(table).where(table.c.failure == code).values(detail=before))
