"""Names for simulated people and places: common ones, combined by the seed. The town does not exist."""

import json
from pathlib import Path
from typing import Final

from numpy.random import Generator

_NAMES: Final = Path(__file__).with_name("names.json")
"""Family and given names, each as it is written and as it is read."""
AREAS: Final = ("上浜", "中浜", "下浜", "松の台")
COUNCIL: Final = "月見浜町社会福祉協議会"
HUB: Final = "あったかふれあいセンター 月見浜"


def draw_names(rng: Generator, count: int) -> list[tuple[str, str]]:
    """``count`` different names, as ``(姓 名, kana)``; a family name comes again only when all were used.

    Raises:
        ValueError: more than there are combinations.
    """
    known = json.loads(_NAMES.read_text(encoding="utf-8"))
    family_names, given_names = known["family"], known["given"]
    combinations = len(family_names) * len(given_names)
    if count > combinations:
        raise ValueError(f"{count} different names are wanted, {combinations} can be made; ask for fewer homes")
    families, givens = rng.permutation(family_names).tolist(), rng.permutation(given_names).tolist()
    names = []
    for number in range(count):
        turn, place = divmod(number, len(families))
        family, given = families[place], givens[(turn + place) % len(givens)]
        names.append((f"{family[0]} {given[0]}", f"{family[1]} {given[1]}"))
    return names
