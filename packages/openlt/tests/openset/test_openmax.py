import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import exponweib

from openlt.metrics.open_set import f_measure
from openlt.openset import OpenMax
from openlt.openset.openmax import ALPHAS, TAILS, Weibull, fit_weibull


def trained(seed: int = 0, counts: tuple[int, ...] = (60, 40, 30, 25), **options: int) -> tuple[OpenMax, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    logits = 8.0 * np.eye(len(counts))[labels] + rng.normal(0, 1, (len(labels), len(counts)))
    detector = OpenMax(**options)
    detector.fit(np.zeros((len(labels), 2)), logits, labels)
    return detector, logits


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 50), st.integers(5, 40))
def test_the_fit_is_that_of_scipy(seed: int, tail: int) -> None:
    distances = np.random.default_rng(seed).weibull(1.5, 200) * 0.3
    model = fit_weibull(distances, tail)
    assert model is not None
    kept = np.sort(distances)[-tail:]
    _, shape, _, scale = exponweib.fit(kept + 1 - kept[0], f0=1, floc=0)
    assert model.shape == pytest.approx(shape, rel=1e-3)
    assert model.scale == pytest.approx(scale, rel=1e-4)
    probe = np.linspace(0, 2, 20)
    expected = exponweib.cdf(np.maximum(probe + 1 - kept[0], 0), 1, shape, 0, scale)
    np.testing.assert_allclose(model(probe), expected, atol=1e-3)


def test_the_chance_is_between_zero_and_one_and_rises() -> None:
    model = Weibull(shape=40.0, scale=1.2, smallest=0.5)
    chances = model(np.array([-10.0, 0.0, 0.5, 0.7, 5.0]))
    assert chances[0] == 0
    assert (np.diff(chances) >= 0).all()
    assert chances[-1] == 1


def test_two_distances_or_equal_ones_have_no_fit() -> None:
    assert fit_weibull(np.array([0.1, 0.2]), 20) is None
    assert fit_weibull(np.full(10, 0.3), 20) is None


def test_one_revision_worked_by_hand() -> None:
    detector, _ = trained(alpha=2)
    logits = np.array([[6.0, 3.0, -1.0, 0.5]])
    detector._models = [lambda distances: np.full_like(distances, 0.5)] * 4  # type: ignore[list-item]
    # Ranks 1 and 2 have weights 2/2 and 1/2: 6 loses 3, 3 loses 0.75; the unknown gets both.
    expected = softmax([3.0, 2.25, -1.0, 0.5, 3.75])
    np.testing.assert_allclose(detector.probabilities(logits)[0], expected)
    assert detector.score(np.zeros((1, 2)), logits) == pytest.approx(expected[0] - 1)


def test_a_negative_logit_is_lowered_too_and_the_unknown_gains() -> None:
    detector, _ = trained(alpha=4)
    detector._models = [lambda distances: np.full_like(distances, 1.0)] * 4  # type: ignore[list-item]
    logits = np.array([[-2.0, -4.0, -6.0, -8.0]])
    expected = softmax([-4.0, -7.0, -9.0, -10.0, 2 + 3 + 3 + 2.0])
    np.testing.assert_allclose(detector.probabilities(logits)[0], expected)


def test_what_looks_like_training_pictures_is_known_and_what_lies_far_off_is_not() -> None:
    detector, logits = trained(tail=5)
    strange = np.full((1, 4), 4.0)
    assert (detector.score(np.zeros((len(logits), 2)), logits) > 0.1).mean() > 0.9
    assert detector.score(np.zeros((1, 2)), strange)[0] < 0.1


def test_probabilities_add_up_to_one() -> None:
    detector, logits = trained()
    np.testing.assert_allclose(detector.probabilities(logits).sum(axis=1), 1)


def test_a_class_that_is_never_right_is_modelled_from_all_its_pictures() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), [40, 40, 2, 6])
    logits = 8.0 * np.eye(4)[labels] + rng.normal(0, 1, (len(labels), 4))
    logits[labels == 3] += [8.0, 0.0, 0.0, -2.0]
    detector = OpenMax()
    detector.fit(np.zeros((len(labels), 2)), logits, labels)
    assert detector.from_all_pictures == 1
    assert detector.from_all_classes == 1  # two pictures are too few for a fit of their own
    assert detector.unrevised == 0
    assert np.isfinite(detector.probabilities(logits)).all()


def test_a_class_without_pictures_is_left_as_it_is() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 20)
    logits = 8.0 * np.eye(4)[labels] + rng.normal(0, 1, (60, 4))
    detector = OpenMax()
    detector.fit(np.zeros((60, 2)), logits, labels)
    assert detector.unrevised == 1
    assert np.isfinite(detector.probabilities(logits)).all()


def test_tail_and_alpha_are_those_of_the_best_f_on_validation_pictures() -> None:
    # Logits that hardly differ: ten of them together drown every known class.
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(12), 30)

    def unsure(classes: np.ndarray) -> np.ndarray:
        return 1.5 + 1.2 * np.eye(12)[classes] + rng.normal(0, 0.2, (len(classes), 12))

    detector = OpenMax()
    detector.fit(np.zeros((len(labels), 2)), unsure(labels), labels)
    known, strange = unsure(labels), 1.5 + rng.normal(0, 0.2, (200, 12))
    logits, truth = np.concatenate([known, strange]), np.concatenate([labels, np.full(200, -1)])

    def reached() -> float:
        accepted = detector.score(np.zeros((len(logits), 0)), logits) >= 0.1
        return f_measure(np.where(accepted, logits.argmax(axis=1), -1), truth)

    before = reached()
    detector.settle(logits, truth, 0.1)
    assert before < 0.1
    assert reached() > before + 0.3
    assert detector.alpha < 10
    settled = (detector.tail, detector.alpha, reached())
    others = []
    for detector.tail, detector.alpha in itertools.product(TAILS, ALPHAS):
        detector._model_tails()
        others.append(reached())
    assert max(others) == settled[2]
