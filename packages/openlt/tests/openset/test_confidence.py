import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import entropy

from openlt.openset import DETECTORS, Energy, Entropy, KLMatching, MaxProbability, PriorCorrected

NONE = np.zeros((0, 0))


def logits_of(seed: int, count: int = 40, classes: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, (count, classes))


def features_like(logits: np.ndarray) -> np.ndarray:
    return np.zeros((len(logits), 2))


def test_scores_of_one_picture_by_hand() -> None:
    # Probabilities 1/2, 1/4, 1/4.
    logits = np.log(np.array([[2.0, 1.0, 1.0]]))
    features = features_like(logits)
    assert MaxProbability().score(features, logits) == pytest.approx([0.5])
    assert Energy().score(features, logits) == pytest.approx([np.log(4)])
    assert Entropy().score(features, logits) == pytest.approx([-1.5 * np.log(2)])


@given(st.integers(0, 1000))
def test_entropy_is_that_of_scipy(seed: int) -> None:
    logits = logits_of(seed)
    np.testing.assert_allclose(
        Entropy().score(features_like(logits), logits), -entropy(softmax(logits, axis=1), axis=1)
    )


@given(st.integers(0, 1000), st.floats(-50, 50))
def test_softmax_scores_ignore_what_is_added_to_all_logits_and_energy_adds_it(seed: int, shift: float) -> None:
    logits = logits_of(seed)
    features = features_like(logits)
    for name in ("msp", "entropy"):
        detector = DETECTORS[name]()
        np.testing.assert_allclose(
            detector.score(features, logits + shift), detector.score(features, logits), atol=1e-9
        )
    for name in ("energy", "max-logit"):
        detector = DETECTORS[name]()
        np.testing.assert_allclose(detector.score(features, logits + shift), detector.score(features, logits) + shift)


def test_scores_stay_finite_for_huge_logits() -> None:
    logits = np.array([[1e4, -1e4, 0.0]], np.float32)
    for name in ("msp", "max-logit", "energy", "entropy"):
        assert np.isfinite(DETECTORS[name]().score(features_like(logits), logits)).all()


def test_kl_matching_is_zero_for_a_typical_output_and_less_for_another() -> None:
    logits = np.repeat(np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.1, 0.6]])), 4, axis=0)
    labels = np.repeat(np.arange(3), 4)
    detector = KLMatching()
    detector.fit(features_like(logits), logits, labels)
    strange = np.log(np.array([[1.0, 1.0, 1.0]]) / 3)
    nearest = min(entropy(np.ones(3) / 3, row) for row in ([0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.1, 0.6]))
    np.testing.assert_allclose(detector.score(features_like(logits), logits), 0, atol=1e-9)
    assert detector.score(features_like(strange), strange) == pytest.approx([-nearest])


def test_kl_matching_models_a_class_that_is_never_predicted_by_its_own_pictures() -> None:
    logits = np.log(np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4]]))
    detector = KLMatching()
    detector.fit(features_like(logits), logits, np.array([0, 0, 1]))
    assert detector.score(features_like(logits), logits)[2] == pytest.approx(0, abs=1e-9)


def test_the_prior_is_taken_from_the_logits() -> None:
    # Class 0 was there three times as often. A picture with logits of log 3 and 0 says nothing beyond that.
    logits = np.array([[np.log(3.0), 0.0]])
    detector = PriorCorrected(MaxProbability())
    detector.fit(np.zeros((4, 2)), np.zeros((4, 2)), np.array([0, 0, 0, 1]))
    assert detector.score(features_like(logits), logits) == pytest.approx([0.5])
