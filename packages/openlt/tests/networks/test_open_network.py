from dataclasses import replace

import pytest
import torch

from hr_common.errors import InputError
from openlt.config import OpenltConfig, load_config
from openlt.networks.meta_embedding import MetaEmbeddingClassifier
from openlt.networks.open_network import build_classifier, build_network, hand_over

TINY = load_config("tiny")


def test_the_second_stage_begins_with_the_features_of_the_first() -> None:
    first, second = build_network(TINY, 1, 5), build_network(TINY, 2, 5)
    hand_over(first, second, restart_classifier=True)
    pictures = torch.randn(2, 3, 16, 16)
    # The attention is there but changes nothing yet.
    assert second.features.attention is not None
    with torch.inference_mode():
        torch.testing.assert_close(second.eval().features(pictures).features, first.eval().features(pictures).features)
    assert isinstance(second.classifier, MetaEmbeddingClassifier)
    assert second.classifier.hallucinator is not None
    torch.testing.assert_close(second.classifier.hallucinator.weight, first.classifier.weight)  # type: ignore[arg-type]


def test_a_new_projection_may_be_missing_but_the_backbone_may_not_change() -> None:
    assert TINY.stage2 is not None
    plain: OpenltConfig = replace(TINY, stage1=replace(TINY.stage1, projection=False))
    hand_over(build_network(plain, 1, 5), build_network(TINY, 2, 5), restart_classifier=True)
    wide = replace(TINY, network=replace(TINY.network, width=8))
    with pytest.raises(InputError, match=r"do not fit the next one \(of another shape: backbone.conv1.weight"):
        hand_over(build_network(wide, 1, 5), build_network(TINY, 2, 5), restart_classifier=True)
    deep = replace(TINY, network=replace(TINY.network, backbone="resnet18"))
    with pytest.raises(InputError, match=r"left over: backbone.layer1.1.conv1.weight"):
        hand_over(build_network(deep, 1, 5), build_network(TINY, 2, 5), restart_classifier=True)
    with pytest.raises(InputError, match=r"missing: backbone.layer1.1.conv1.weight"):
        hand_over(build_network(TINY, 1, 5), build_network(deep, 2, 5), restart_classifier=True)


def test_a_classifier_is_kept_or_begins_anew() -> None:
    config = load_config("tiny", method="focal")
    first, kept, new = build_network(config, 1, 5), build_network(config, 2, 5), build_network(config, 2, 5)
    hand_over(first, kept, restart_classifier=False)
    hand_over(first, new, restart_classifier=True)
    assert torch.equal(kept.classifier.weight, first.classifier.weight)  # type: ignore[arg-type]
    assert not torch.equal(new.classifier.weight, first.classifier.weight)  # type: ignore[arg-type]


def test_a_memory_is_asked_for() -> None:
    network = build_network(TINY, 2, 5).eval()
    with pytest.raises(InputError, match="classifies with a memory; give the centroids"):
        network(torch.randn(1, 3, 16, 16))


@pytest.mark.parametrize("kind", ["linear", "meta", "margin", "scale", "cosine", "nearest-mean"])
def test_every_classifier_scores_every_class(kind: str) -> None:
    classifier = build_classifier(kind, TINY.network, 4, 7)
    inputs = (torch.randn(2, 4), torch.randn(7, 4)) if kind == "meta" else (torch.randn(2, 4),)
    made = classifier(*inputs)
    assert (made.logits if kind == "meta" else made).shape == (2, 7)


def test_an_unknown_classifier_is_refused() -> None:
    with pytest.raises(InputError, match="unknown classifier 'tree'; choose one of meta, linear, "):
        build_classifier("tree", TINY.network, 4, 7)


def test_switches_of_the_configuration_reach_the_classifier() -> None:
    without = replace(TINY.network, memory=False, reachability=False, cosine=False, attention=False)
    classifier = build_classifier("meta", without, 4, 7)
    assert isinstance(classifier, MetaEmbeddingClassifier)
    assert classifier.hallucinator is None
    assert isinstance(classifier.classifier, torch.nn.Linear)
    assert build_network(replace(TINY, network=without), 2, 7).features.attention is None


def test_mirrored_features_are_blind_to_the_side_but_only_outside_training() -> None:
    pictures = torch.randn(3, 3, 16, 16)
    network = build_network(load_config("tiny", "lists", "plain", overrides=("network.mirror=true",)), 1, 4).features
    # The preset for tests does not mirror its training pictures, and then neither are those that are recognised.
    assert not network.mirror
    overrides = ("network.mirror=true", "data.flip=true")
    network = build_network(load_config("tiny", "lists", "plain", overrides=overrides), 1, 4).features
    network.train()
    assert not torch.allclose(network(pictures).features, network(pictures.flip(3)).features)
    network.eval()
    found = network(pictures).features
    torch.testing.assert_close(found, network(pictures.flip(3)).features)
    network.mirror = False
    torch.testing.assert_close(found, (network(pictures).features + network(pictures.flip(3)).features) / 2)
