import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hr_common.errors import InputError
from openlt.metrics import FVariant, decide, f_measure
from openlt.openset import threshold_at_best_f, threshold_at_tpr


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=50), st.sampled_from([0.5, 0.9, 0.95, 1.0]))
def test_the_threshold_accepts_the_wanted_share_and_no_higher_one_does(values: list[float], tpr: float) -> None:
    known = np.array(values)
    threshold = threshold_at_tpr(known, tpr)
    assert (known >= threshold).mean() >= tpr - 1e-12
    assert (known > threshold).mean() < tpr


@given(st.integers(0, 500), st.sampled_from(["oltr2020", "legacy"]))
def test_no_threshold_gives_a_better_f(seed: int, variant: FVariant) -> None:
    rng = np.random.default_rng(seed)
    labels = np.r_[rng.integers(0, 3, 20), np.full(10, -1)]
    predictions = np.where(rng.random(30) < 0.6, np.maximum(labels, 0), rng.integers(0, 3, 30))
    scores = np.round(rng.random(30), 1)
    best = f_measure(
        decide(predictions, scores, threshold_at_best_f(predictions, scores, labels, variant)), labels, variant
    )
    tried = [f_measure(decide(predictions, scores, each), labels, variant) for each in np.unique(scores)]
    assert best == pytest.approx(max(tried))


def test_calibration_without_unknown_pictures_names_the_split_they_belong_in() -> None:
    with pytest.raises(InputError, match="open_val"):
        threshold_at_best_f(np.array([0]), np.array([0.5]), np.array([0]))
    with pytest.raises(InputError, match="give val pictures"):
        threshold_at_tpr(np.array([]))
