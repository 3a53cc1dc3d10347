"""The constants of the decision as an argument: the same without it, different with others."""

import pytest

from anomaly import Rhythm, RhythmSettings, Tuning
from anomaly.thresholds import Ranks


def test_a_rhythm_without_tuning_has_the_constants_in_use(life):
    one, other = Rhythm(RhythmSettings()), Rhythm(RhythmSettings(), Tuning())
    for event in life(40):
        one.observe(*event)
        other.observe(*event)
    assert one.to_bytes() == other.to_bytes()


def test_other_constants_give_other_deadlines(life):
    tables = []
    for tuning in (Tuning(), Tuning(followed_daily=0.2), Tuning(length_share=0.4), Tuning(ranks=Ranks(4, 20))):
        rhythm = Rhythm(RhythmSettings(), tuning)
        for event in life(40):
            rhythm.observe(*event)
        tables.append(rhythm.table().ask_s.tobytes())
    assert len(set(tables)) == 4


def test_the_rarer_the_question_the_less_its_limit_follows_the_clock():
    tuning = Tuning()
    assert tuning.followed(7) > tuning.followed(90) >= tuning.least_followed
    assert tuning.followed(1) <= tuning.most_followed


@pytest.mark.parametrize("wrong", [{"length_share": 0.0}, {"survival_share": -1.0}, {"ranks": Ranks(20, 4)}])
def test_a_share_or_a_rank_that_makes_no_sense_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Tuning(**wrong)
