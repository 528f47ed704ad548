import torch
import torch.nn.functional as F

from openlt.networks.classifiers import NearestMeanClassifier, NormalisedClassifier, ScaledClassifier


def test_the_margin_classifier_gives_scaled_cosines() -> None:
    classifier, features = NormalisedClassifier(4, 3, scale=30.0), torch.randn(2, 4)
    expected = 30 * F.cosine_similarity(features[:, None], classifier.weight[None], dim=2)
    torch.testing.assert_close(classifier(features), expected)


def test_the_scaled_classifier_scales_the_whole_logit_and_learns_the_scale_alone() -> None:
    classifier, features = ScaledClassifier(4, 3), torch.randn(2, 4)
    classifier.scale.data.copy_(torch.tensor([1.0, 2.0, 3.0]))
    torch.testing.assert_close(classifier(features), classifier.linear(features) * torch.tensor([1.0, 2.0, 3.0]))
    assert [name for name, each in classifier.named_parameters() if each.requires_grad] == ["scale"]


def test_the_nearest_mean_wins() -> None:
    classifier = NearestMeanClassifier(2, 2)
    classifier.means.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    # Unit length before the distance: the far picture counts by its direction.
    logits = classifier(torch.tensor([[9.0, 1.0], [0.1, 0.2]]))
    assert logits.argmax(dim=1).tolist() == [0, 1]
    torch.testing.assert_close(logits[0, 0], torch.tensor(-16 * 2 * (1 - 9 / 82**0.5)))
