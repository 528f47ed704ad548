import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.covariance import OAS
from sklearn.neighbors import NearestNeighbors as SklearnNeighbours

from openlt.openset import Mahalanobis, MetaNorm, NearestNeighbours, Reachability, RelativeMahalanobis
from openlt.openset.distances import nearest_squared, shrunk_covariance


def clouds(seed: int, counts: tuple[int, ...] = (40, 12, 5), size: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    centres = rng.normal(0, 4, (len(counts), size))
    return centres[labels] + rng.normal(0, 1, (len(labels), size)), labels


def no_logits(count: int, classes: int = 3) -> np.ndarray:
    return np.zeros((count, classes))


def test_shrinkage_is_that_of_scikit_learn() -> None:
    residuals = np.random.default_rng(0).normal(size=(20, 8)) * np.arange(1, 9)
    np.testing.assert_allclose(
        shrunk_covariance(residuals), OAS(assume_centered=True).fit(residuals).covariance_, rtol=1e-10
    )


def test_mahalanobis_is_the_distance_under_the_shared_covariance() -> None:
    features, labels = clouds(1)
    detector = Mahalanobis()
    detector.fit(features, no_logits(len(features)), labels)
    means = np.stack([features[labels == label].mean(axis=0) for label in range(3)])
    inverse = np.linalg.inv(shrunk_covariance(features - means[labels]))
    queries = np.random.default_rng(2).normal(0, 5, (10, 6))
    expected = cdist(queries, means, "mahalanobis", VI=inverse).min(axis=1) ** 2
    np.testing.assert_allclose(detector.score(queries, no_logits(10)), -expected, rtol=1e-9)


def test_relative_mahalanobis_adds_the_distance_to_all_pictures() -> None:
    features, labels = clouds(1)
    plain, relative = Mahalanobis(), RelativeMahalanobis()
    for detector in (plain, relative):
        detector.fit(features, no_logits(len(features)), labels)
    queries = np.random.default_rng(2).normal(0, 5, (10, 6))
    mean = features.mean(axis=0, keepdims=True)
    inverse = np.linalg.inv(shrunk_covariance(features - mean))
    background = cdist(queries, mean, "mahalanobis", VI=inverse)[:, 0] ** 2
    expected = plain.score(queries, no_logits(10)) + background
    np.testing.assert_allclose(relative.score(queries, no_logits(10)), expected, rtol=1e-9)


@given(st.integers(0, 100))
def test_mahalanobis_ignores_invertible_scalings_when_there_is_plenty_of_data(seed: int) -> None:
    features, labels = clouds(seed, (4000, 3000, 2000), 3)
    queries = np.random.default_rng(seed).normal(0, 5, (5, 3))
    scale = 10.0 ** np.random.default_rng(seed + 1).uniform(-0.3, 0.3)
    scores = []
    for factor in (1.0, scale):
        detector = Mahalanobis()
        detector.fit(features * factor, no_logits(len(features)), labels)
        scores.append(detector.score(queries * factor, no_logits(5)))
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-8)


def test_a_constant_feature_and_classes_of_one_picture_are_no_obstacle() -> None:
    features, labels = clouds(3, (30, 1, 1))
    features[:, 0] = 2.0
    for kind in (Mahalanobis, RelativeMahalanobis, NearestNeighbours, Reachability):
        detector = kind()
        detector.fit(features, no_logits(len(features)), labels)
        assert np.isfinite(detector.score(features, no_logits(len(features)))).all()


def test_neighbours_are_those_of_scikit_learn_and_k_is_the_smallest_class() -> None:
    features, labels = clouds(4, (40, 12, 4))
    detector = NearestNeighbours(k=50)
    detector.fit(features, no_logits(len(features)), labels)
    queries = np.random.default_rng(5).normal(0, 5, (300, 6))
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    lengths = np.linalg.norm(queries, axis=1, keepdims=True)
    far, _ = SklearnNeighbours(n_neighbors=4).fit(unit).kneighbors(queries / lengths)
    np.testing.assert_allclose(detector.score(queries, no_logits(300)), -far[:, 3], atol=1e-7)


def test_reachability_is_the_distance_to_the_nearest_centroid() -> None:
    detector = Reachability(np.array([[0.0, 0.0], [10.0, 0.0]]))
    assert detector.score(np.array([[3.0, 4.0], [10.0, 1.0]]), no_logits(2)) == pytest.approx([-5, -1])


def test_reachability_takes_class_means_where_it_is_given_no_centroids() -> None:
    detector = Reachability()
    with pytest.raises(ValueError, match="no centroids"):
        detector.score(np.zeros((1, 2)), no_logits(1))
    detector.fit(np.array([[0.0, 0.0], [2.0, 0.0], [9.0, 9.0]]), no_logits(3, 2), np.array([0, 0, 1]))
    assert detector.score(np.array([[1.0, 1.0]]), no_logits(1)) == pytest.approx([-1.0])


def test_meta_norm_is_the_length() -> None:
    assert MetaNorm.reads == "meta"
    assert MetaNorm().score(np.array([[3.0, 4.0]]), no_logits(1)) == pytest.approx([5.0])


def test_nearest_distances_are_those_of_scipy_across_chunks() -> None:
    rng = np.random.default_rng(0)
    points, centres = rng.normal(size=(2500, 4)), rng.normal(size=(7, 4))
    expected = cdist(points, centres, "sqeuclidean").min(axis=1)
    np.testing.assert_allclose(nearest_squared(points, centres), expected, atol=1e-12)
