"""Names for simulated people and places: common ones, combined by the seed. The town does not exist."""

from typing import Final

from numpy.random import Generator

FAMILY: Final = (
    ("佐藤", "さとう"),
    ("鈴木", "すずき"),
    ("高橋", "たかはし"),
    ("田中", "たなか"),
    ("伊藤", "いとう"),
    ("渡辺", "わたなべ"),
    ("山本", "やまもと"),
    ("中村", "なかむら"),
    ("小林", "こばやし"),
    ("加藤", "かとう"),
    ("吉田", "よしだ"),
    ("山田", "やまだ"),
    ("松本", "まつもと"),
    ("井上", "いのうえ"),
    ("木村", "きむら"),
    ("清水", "しみず"),
    ("岡田", "おかだ"),
    ("西村", "にしむら"),
    ("三浦", "みうら"),
    ("竹内", "たけうち"),
)
GIVEN: Final = (
    ("和子", "かずこ"),
    ("幸子", "さちこ"),
    ("節子", "せつこ"),
    ("洋子", "ようこ"),
    ("文子", "ふみこ"),
    ("千代", "ちよ"),
    ("静江", "しずえ"),
    ("トミ", "とみ"),
    ("美代子", "みよこ"),
    ("久子", "ひさこ"),
    ("清", "きよし"),
    ("茂", "しげる"),
    ("正雄", "まさお"),
    ("昭", "あきら"),
    ("勇", "いさむ"),
    ("義男", "よしお"),
    ("弘", "ひろし"),
    ("武", "たけし"),
)
TOWN: Final = "月見浜町"
AREAS: Final = ("上浜", "中浜", "下浜", "松の台")
COUNCIL: Final = "月見浜町社会福祉協議会"
HUB: Final = "あったかふれあいセンター 月見浜"


def draw_names(rng: Generator, count: int) -> list[tuple[str, str]]:
    """``count`` different names, as ``(姓 名, kana)``; a family name comes again only when all were used.

    Raises:
        ValueError: more than there are combinations.
    """
    combinations = len(FAMILY) * len(GIVEN)
    if count > combinations:
        raise ValueError(f"{count} different names are wanted, {combinations} can be made; ask for fewer homes")
    families, givens = rng.permutation(len(FAMILY)), rng.permutation(len(GIVEN))
    names = []
    for number in range(count):
        turn, place = divmod(number, len(FAMILY))
        family, given = FAMILY[families[place]], GIVEN[givens[(turn + place) % len(GIVEN)]]
        names.append((f"{family[0]} {given[0]}", f"{family[1]} {given[1]}"))
    return names
