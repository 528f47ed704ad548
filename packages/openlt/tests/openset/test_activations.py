import numpy as np
import pytest
from scipy.special import logsumexp

from openlt.openset import ReAct, VirtualLogit
from openlt.openset.activations import linear_head


def linear_problem(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    weight, bias = rng.normal(size=(6, 4)), rng.normal(size=4)
    # Training pictures vary in four directions of six.
    features = np.abs(rng.normal(0, 2, (200, 4))) @ rng.normal(size=(4, 6)) + 0.01 * rng.normal(size=(200, 6))
    return features, features @ weight + bias, rng.integers(0, 4, 200), weight, bias


def test_a_linear_classifier_is_recovered() -> None:
    features, logits, _, weight, bias = linear_problem()
    found_weight, found_bias = linear_head(features, logits)
    np.testing.assert_allclose(found_weight, weight, atol=1e-8)
    np.testing.assert_allclose(found_bias, bias, atol=1e-8)


def test_react_cuts_features_at_the_quantile() -> None:
    features, logits, labels, weight, bias = linear_problem()
    detector = ReAct(quantile=0.8)
    detector.fit(features, logits, labels)
    cut = np.minimum(features, np.quantile(features, 0.8)) @ weight + bias
    np.testing.assert_allclose(detector.score(features, logits), logsumexp(cut, axis=1), atol=1e-7)


def test_react_that_keeps_everything_is_energy() -> None:
    features, logits, labels, _, _ = linear_problem()
    detector = ReAct(quantile=1.0)
    detector.fit(features, logits, labels)
    np.testing.assert_allclose(detector.score(features, logits), logsumexp(logits, axis=1), atol=1e-7)


def test_vim_lowers_the_score_of_what_leaves_the_space_of_training_pictures() -> None:
    features, logits, labels, _, _ = linear_problem()
    detector = VirtualLogit(kept=4)
    detector.fit(features, logits, labels)
    # A direction that neither the training pictures nor the logits know.
    strange = np.linalg.svd(features - features.mean(axis=0))[2][-1]
    moved = features[:5] + 3 * strange
    before = detector.score(features[:5], logits[:5])
    after = detector.score(moved, logits[:5])
    assert (after < before - 1).all()


def test_vim_scales_the_unfamiliar_part_to_the_largest_logit() -> None:
    features, logits, labels, _, _ = linear_problem()
    detector = VirtualLogit(kept=4)
    detector.fit(features, logits, labels)
    virtual = logsumexp(logits, axis=1) - detector.score(features, logits)
    assert virtual.mean() == pytest.approx(logits.max(axis=1).mean())
