"""Several fillings of one gap: the numbers they are drawn from, and which is the best."""

import numpy as np

from viai.report import CandidateReport

INAUDIBLE_CLICK = 3.0
"""Click score up to which a join is not heard."""


def generators(seed: int, start: int, count: int) -> list[np.random.Generator]:
    """Sources of noise for the candidates of a gap.

    Candidate 0 is the filling that is made when no others are asked for.

    Args:
        seed: Of the whole repair.
        start: First sample of the gap in the file.
        count: Number of candidates.
    """
    return [np.random.default_rng((seed, start, number) if number else (seed, start)) for number in range(count)]


def ranked(candidates: list[CandidateReport]) -> list[CandidateReport]:
    """Sort candidates, the best first.

    Joins that can be heard, with a click score above :data:`INAUDIBLE_CLICK` at either edge, come last, the loudest at
    the very end. Among the others the one comes first whose sound fits the picture best; without a picture, the one
    with the lowest click score. Of equals, the lower number.
    """

    def key(candidate: CandidateReport) -> tuple[float, float, float, int]:
        click = max(candidate.click_start or 0.0, candidate.click_stop or 0.0)
        return max(click, INAUDIBLE_CLICK), -(candidate.synchrony or 0.0), click, candidate.number

    return sorted(candidates, key=key)
