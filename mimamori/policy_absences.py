"""What registered absences do to a plan of ``mimamori policy explain``: why, until when, and what happens then."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Engine, select

from alerts.conditions import after_absences
from alerts.dry_run import Plan
from contracts.signals import SignalKind
from mimamori import desk
from store.engine import reading
from store.schema import absences

_PLANNED_MS: Final = 31 * 24 * 3_600_000
"""How far a plan looks ahead that opens no case."""
_BUTTON: Final = ("助けを呼ぶボタンはいつもどおり届きます。", "The help button works as ever.")
_HELP: Final = (
    "助けを呼ぶボタンは、ご不在の登録があってもすぐに届きます。",
    "The absence puts off nothing here: a call for help goes out at once.",
)


def absences_around(db: Engine, plan: Plan) -> list[dict[str, Any]]:
    """The absences of the plan's home that are not over when it begins, up to its last turn, the first first."""
    until_ms = plan.turns[-1].at_ms if plan.turns else plan.at_ms + _PLANNED_MS
    columns = absences.c.id, absences.c.from_ms, absences.c.to_ms, absences.c.note
    query = select(*columns).where(absences.c.home_id == plan.home, absences.c.to_ms > plan.at_ms)
    with reading(db) as connection:
        rows = connection.execute(query.where(absences.c.from_ms <= until_ms).order_by(absences.c.from_ms))
        return [dict(row) for row in rows.mappings()]


def absence_lines(away: Sequence[Mapping[str, Any]], plan: Plan, zone: str) -> Iterator[str]:
    """Each absence with its reason, and what the plan does about them, in Japanese and in English; nothing for none."""
    if not away:
        return
    for item in away:
        begins, ends = desk.moment(item["from_ms"], zone), desk.moment(item["to_ms"], zone)
        note = item["note"]
        yield (
            f"ご不在の登録 {item['id']}: {begins} から {ends} まで（理由: {note or '記録なし'}）  "
            f"absence registered from {begins} to {ends} (reason: {note or 'none noted'})"
        )
    yield from _HELP if plan.kind is SignalKind.HELP else _put_off(away, plan, zone)


def _put_off(away: Sequence[Mapping[str, Any]], plan: Plan, zone: str) -> Iterator[str]:
    spans = [(item["from_ms"], item["to_ms"]) for item in away]
    from_ms = max(spans[0][0], plan.at_ms)
    begins, ends = desk.moment(from_ms, zone), desk.moment(after_absences(from_ms, spans), zone)
    if from_ms > plan.at_ms:
        yield f"{begins} からは誰にも確認や訪問をお願いせず、{ends} に、はじめから本人に確かめます。{_BUTTON[0]}"
        yield f"From {begins} on nobody is asked; at {ends} the person is asked again, as at first. {_BUTTON[1]}"
    else:
        yield f"{ends} までは誰にも確認や訪問をお願いせず、そのときに本人に確かめます。{_BUTTON[0]}"
        yield f"Nobody is asked before {ends}; then the person is. {_BUTTON[1]}"
