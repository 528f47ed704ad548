import numpy as np
import pytest

from hr_common.errors import InputError
from viai.metrics.retrieval import retrieve


def test_ranks_by_hand() -> None:
    sounds = np.array([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]])
    pictures = np.array([[5.0, 0.1], [1.0, 0.9], [-1.0, 0.0]])
    # The second picture is nearer to the first sound than to its own, which comes second.
    found = retrieve(pictures, sounds)
    assert (found.windows, found.median_rank) == (3, 1)
    assert found.recall_1 == pytest.approx(2 / 3)
    assert found.recall_5 == found.recall_10 == 1


def test_unit_length_is_all_that_counts() -> None:
    rng = np.random.default_rng(0)
    pictures, sounds = rng.standard_normal((20, 5)), rng.standard_normal((20, 5))
    scaled = retrieve(pictures * rng.uniform(0.1, 9, (20, 1)), sounds * rng.uniform(0.1, 9, (20, 1)))
    assert scaled == retrieve(pictures, sounds)


def test_chance_is_one_in_as_many_as_there_are() -> None:
    rng = np.random.default_rng(1)
    found = [retrieve(rng.standard_normal((64, 8)), rng.standard_normal((64, 8))) for _ in range(100)]
    # 6,400 pictures: standard errors of 0.16 % and 0.45 %.
    assert np.mean([one.recall_1 for one in found]) == pytest.approx(1 / 64, abs=0.006)
    assert np.mean([one.recall_10 for one in found]) == pytest.approx(10 / 64, abs=0.015)
    assert np.mean([one.median_rank for one in found]) == pytest.approx(32.5, abs=3)


def test_codes_that_never_change_find_nothing() -> None:
    found = retrieve(np.ones((30, 4)), np.ones((30, 4)))
    assert (found.recall_1, found.recall_10, found.median_rank) == (0, 0, 30)


def test_one_window_is_no_choice() -> None:
    with pytest.raises(InputError, match="at least two windows to choose from, found 1"):
        retrieve(np.ones((1, 4)), np.ones((1, 4)))
