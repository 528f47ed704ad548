import numpy as np
import torch
import torch.nn.functional as F

from openlt.baselines.episodes import base_classes, masked_objective
from openlt.baselines.fslwf import LearntCosineClassifier, WeightGenerator


def test_scores_are_a_scaled_and_shifted_cosine() -> None:
    classifier, features = LearntCosineClassifier(4, 3), torch.randn(2, 4)
    classifier.bias.data.fill_(0.25)
    expected = 10 * (F.cosine_similarity(features[:, None], classifier.weight[None], dim=2) + 0.25)
    torch.testing.assert_close(classifier(features), expected)


def test_a_new_weight_is_the_mean_example_plus_what_attention_finds() -> None:
    generator = WeightGenerator(3, 4)
    torch.nn.init.uniform_(generator.average)
    torch.nn.init.uniform_(generator.attention)
    examples, base, allowed = torch.randn(1, 2, 3), torch.randn(4, 3), torch.tensor([0, 1, 3])
    expected = torch.zeros(3)
    for example in examples[0]:
        direction = example / example.norm()
        query = generator.query(direction)
        scores = torch.stack([F.cosine_similarity(query, generator.keys[row], dim=0) for row in allowed.tolist()])
        shares = (generator.sharpness * scores).softmax(dim=0)
        found = sum(share * F.normalize(base[row], dim=0) for share, row in zip(shares, allowed.tolist(), strict=True))
        expected = expected + (generator.average * direction + generator.attention * found) / 2
    torch.testing.assert_close(generator(examples, base, allowed)[0], expected)


def test_classes_that_play_new_ones_are_not_attended_to() -> None:
    generator, examples, base = WeightGenerator(3, 4), torch.randn(2, 5, 3), torch.randn(4, 3)
    allowed = torch.tensor([0, 1])
    made = generator(examples, base, allowed)
    base[2:] = 100.0
    torch.testing.assert_close(generator(examples, base, allowed), made)


def test_base_classes_have_twenty_pictures_and_more() -> None:
    assert base_classes(np.array([500, 20, 19, 100, 5])).tolist() == [0, 1, 3]


def test_few_shot_classes_are_hidden_from_the_first_stage() -> None:
    masked = masked_objective(lambda logits, labels, _: F.cross_entropy(logits, labels), np.array([0, 2]))
    logits = torch.randn(3, 3, requires_grad=True)
    loss = masked(logits, torch.tensor([0, 1, 2]), 0.0)
    expected = F.cross_entropy(logits[[0, 2]][:, [0, 2]], torch.tensor([0, 1]))
    torch.testing.assert_close(loss, expected)
    assert float(masked(logits, torch.tensor([1, 1, 1]), 0.0).detach()) == 0
