import numpy as np
import pytest

from hr_common.errors import InputError
from openlt.openset import DETECTORS, Detector


def problem(classes: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), [30, 20, 8, 5])
    features = rng.normal(0, 1, (len(labels), 10)) + 6 * np.eye(classes, 10)[labels]
    return features.astype(np.float32), (features @ rng.normal(size=(10, classes))).astype(np.float32), labels


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_follows_the_interface_on_single_precision(name: str) -> None:
    features, logits, labels = problem()
    detector = DETECTORS[name]()
    assert isinstance(detector, Detector)
    assert detector.reads in ("direct", "meta")
    detector.fit(features, logits, labels)
    scores = detector.score(features, logits)
    assert scores.shape == (len(labels),)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("name", DETECTORS)
def test_a_picture_is_scored_alone_as_among_others(name: str) -> None:
    features, logits, labels = problem()
    detector = DETECTORS[name]()
    detector.fit(features, logits, labels)
    together = detector.score(features, logits)
    np.testing.assert_allclose(detector.score(features[3:4], logits[3:4]), together[3:4], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", ["mahalanobis", "relative-mahalanobis", "knn", "vim", "reachability"])
def test_what_lies_far_from_all_training_pictures_scores_lower(name: str) -> None:
    features, logits, labels = problem()
    detector = DETECTORS[name]()
    detector.fit(features, logits, labels)
    strange = np.zeros((1, 10), np.float32)
    strange[0, 9] = 30.0
    assert detector.score(strange, logits[:1])[0] < np.quantile(detector.score(features, logits), 0.05)


@pytest.mark.parametrize("name", ["openmax", "kl-matching"])
def test_what_needs_classes_times_classes_says_so_before_memory_runs_out(name: str) -> None:
    # A view that takes no memory.
    logits = np.broadcast_to(np.float32(0), (2, 74_500))
    with pytest.raises(InputError, match="74,500 times 74,500 numbers"):
        DETECTORS[name]().fit(np.zeros((2, 3)), logits, np.array([0, 1]))
