"""Several fillings of one gap."""

from dataclasses import replace

import numpy as np

from viai.candidates import generators, ranked
from viai.report import CandidateReport

PLAIN = CandidateReport(
    number=0, click_start=1.0, click_stop=1.0, level_difference_db=0.0, spectral_distance_db=None, synchrony=None
)


def order(*candidates: CandidateReport) -> list[int]:
    return [candidate.number for candidate in ranked(list(candidates))]


def test_without_a_picture_the_quietest_join_wins() -> None:
    first, second = replace(PLAIN, click_stop=2.0), replace(PLAIN, number=1, click_start=1.5)
    assert order(first, second) == [1, 0]


def test_with_a_picture_synchrony_wins_among_joins_that_cannot_be_heard() -> None:
    first = replace(PLAIN, synchrony=0.5, click_start=0.5)
    second = replace(PLAIN, number=1, synchrony=0.6, click_start=2.9)
    third = replace(PLAIN, number=2, synchrony=0.9, click_start=3.1)
    assert order(first, second, third) == [1, 0, 2]


def test_the_loudest_click_is_the_last_whatever_is_seen() -> None:
    loud = replace(PLAIN, click_stop=9.0, synchrony=1.0)
    less = replace(PLAIN, number=1, click_start=4.0, synchrony=-1.0)
    assert order(loud, less) == [1, 0]


def test_of_equals_the_first_is_kept_and_edges_without_a_score_do_not_count() -> None:
    assert order(replace(PLAIN, number=2), PLAIN, replace(PLAIN, number=1)) == [0, 1, 2]
    assert order(PLAIN, replace(PLAIN, number=1, click_start=None, click_stop=0.5)) == [1, 0]


def test_candidate_zero_draws_what_is_drawn_alone_and_the_others_differ() -> None:
    alone = np.random.default_rng((5, 100)).random(3)
    drawn = [source.random(3) for source in generators(5, 100, 3)]
    np.testing.assert_array_equal(drawn[0], alone)
    np.testing.assert_array_equal(generators(5, 100, 1)[0].random(3), alone)
    assert len({float(values[0]) for values in drawn}) == 3
