import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from openlt.networks.classifiers import CosineClassifier, squash_factor
from openlt.networks.meta_embedding import MetaEmbeddingClassifier, nearest_centroid


def test_the_embedding_is_that_of_the_paper() -> None:
    classifier = MetaEmbeddingClassifier(4, 3)
    features, memory = torch.randn(2, 4), torch.randn(3, 4)
    assert classifier.hallucinator is not None
    assert classifier.selector is not None
    read = classifier.hallucinator(features).softmax(dim=1) @ memory
    infused = torch.tanh(classifier.selector(features)) * read
    distance = torch.cdist(features, memory).amin(dim=1)
    embedding = 10 / distance[:, None] * (features + infused)
    norm = embedding.norm(dim=1, keepdim=True)
    weight = classifier.classifier.weight
    logits = 16 * norm / (1 + norm) * F.normalize(embedding) @ F.normalize(weight).T  # type: ignore[arg-type, operator]
    made = classifier(features, memory)
    torch.testing.assert_close(made.memory, infused)
    torch.testing.assert_close(made.distance, distance)
    torch.testing.assert_close(made.embedding, embedding)
    torch.testing.assert_close(made.logits, logits)


@pytest.mark.parametrize("switch", ["memory", "selector", "reachability", "cosine"])
def test_every_switch_changes_the_logits(switch: str) -> None:
    features, memory = torch.randn(2, 4), torch.randn(3, 4)
    torch.manual_seed(1)
    whole = MetaEmbeddingClassifier(4, 3)
    # The parts that both have are the same, so that the switch alone makes the difference.
    without = MetaEmbeddingClassifier(4, 3, **{switch: False})
    shared = {name: value for name, value in whole.state_dict().items() if name in without.state_dict()}
    without.load_state_dict(shared, strict=False)
    assert not torch.allclose(whole(features, memory).logits, without(features, memory).logits)


def test_other_centroids_give_other_logits() -> None:
    classifier, features = MetaEmbeddingClassifier(4, 3), torch.randn(2, 4)
    first, second = classifier(features, torch.randn(3, 4)), classifier(features, torch.randn(3, 4))
    assert not torch.allclose(first.logits, second.logits)


def test_no_gradient_reaches_the_centroids_and_the_distance_has_one_for_the_features() -> None:
    memory = torch.randn(3, 4, requires_grad=True)
    features = torch.randn(2, 4, requires_grad=True)
    made = MetaEmbeddingClassifier(4, 3)(features, memory)
    made.logits.square().sum().backward()
    assert memory.grad is None
    assert made.distance.requires_grad


@pytest.mark.parametrize("switches", [{}, {"squared_squash": True}])
def test_a_picture_on_its_centroid_has_finite_logits_and_gradients(switches: dict[str, bool]) -> None:
    memory = torch.randn(3, 4)
    features = memory[:2].clone().requires_grad_()
    made = MetaEmbeddingClassifier(4, 3, **switches)(features, memory)
    made.logits.square().sum().backward()
    assert bool(made.logits.isfinite().all())
    assert bool(features.grad is not None and features.grad.isfinite().all())


def test_a_feature_of_zeros_has_finite_logits_and_gradients() -> None:
    features = torch.zeros(2, 4, requires_grad=True)
    classifier = CosineClassifier(4, 3)
    classifier(features).sum().backward()
    assert bool(features.grad is not None and features.grad.isfinite().all())


def test_reading_from_as_many_centroids_as_there_are_is_reading_from_all() -> None:
    features, memory = torch.randn(2, 4), torch.randn(5, 4)
    whole = MetaEmbeddingClassifier(4, 5)
    few = MetaEmbeddingClassifier(4, 5, nearest_only=4)
    few.load_state_dict(whole.state_dict())
    # The fifth coefficient is next to nothing, so that the approximation has to agree.
    assert whole.hallucinator is not None
    assert few.hallucinator is not None
    for each in (whole, few):
        each.hallucinator.bias.data[2] = -100.0  # type: ignore[union-attr]
    torch.testing.assert_close(few(features, memory).logits, whole(features, memory).logits)


def test_single_precision_under_autocast() -> None:
    classifier, features, memory = MetaEmbeddingClassifier(8, 3), torch.randn(2, 8), torch.randn(3, 8)
    expected = classifier(features, memory).logits
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(classifier(features, memory).logits, expected, rtol=0.0, atol=0.0)


def test_the_hallucinator_begins_as_the_linear_classifier() -> None:
    linear, classifier = torch.nn.Linear(4, 3), MetaEmbeddingClassifier(4, 3)
    classifier.start_from(linear)
    assert classifier.hallucinator is not None
    torch.testing.assert_close(classifier.hallucinator.weight, linear.weight)


@given(st.integers(1, 40), st.integers(1, 17), st.integers(0, 1000))
def test_the_nearest_centroid_is_found_whatever_the_chunks(classes: int, chunk: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(5, 3, generator=generator) + 10
    centroids = torch.randn(classes, 3, generator=generator) + 10
    expected = torch.cdist(features.double(), centroids.double()).argmin(dim=1)
    assert torch.equal(nearest_centroid(features, centroids, chunk=chunk), expected)


def test_the_squash_factor_of_three_is_three_quarters_or_nine_tenths() -> None:
    assert float(squash_factor(torch.tensor(3.0))) == 0.75
    assert float(squash_factor(torch.tensor(3.0), squared=True)) == pytest.approx(0.9)


def test_many_classes_are_never_expanded_over_the_batch() -> None:
    # 64 x 20,000 x 64 numbers would be 312 MiB; the largest thing that may be made is classes x feature.
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            nonlocal largest
            made = func(*args, **(kwargs or {}))
            for each in made if isinstance(made, tuple | list) else (made,):
                if isinstance(each, torch.Tensor):
                    largest = max(largest, each.numel())
            return made

    classifier, features, memory = MetaEmbeddingClassifier(64, 20_000), torch.randn(64, 64), torch.randn(20_000, 64)
    with Watch():
        classifier(features.requires_grad_(), memory).logits.sum().backward()
    assert largest <= 20_000 * 64
