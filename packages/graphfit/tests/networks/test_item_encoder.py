from dataclasses import replace

import torch

from graphfit.config import FeatureConfig, NetworkConfig
from graphfit.inputs import UNKNOWN, ItemInputs
from graphfit.networks.item_encoder import ItemEncoder


def items(count: int = 5) -> ItemInputs:
    return ItemInputs(
        features=torch.randn(count, 12) * 3 + 7,
        categories=torch.arange(count),
        colours=torch.rand(count, 8),
        text=torch.randn(count, 16),
    )


def encoder(**changes: object) -> ItemEncoder:
    return ItemEncoder(12, FeatureConfig(text_buckets=16, **changes), NetworkConfig(dim=8)).eval()  # type: ignore[arg-type]


def test_features_are_standardised_by_the_training_items() -> None:
    shown, coder = items(50), encoder()
    coder.fit(shown)
    scaled = coder.condense(shown).features
    torch.testing.assert_close(scaled.mean(dim=0), torch.zeros(12), atol=1e-5, rtol=0)
    torch.testing.assert_close(scaled.std(dim=0, correction=0), torch.ones(12), atol=1e-5, rtol=0)


def test_a_feature_that_never_varies_is_not_blown_up() -> None:
    shown, coder = items(50), encoder()
    shown.features[:, 3] = 0.25
    coder.fit(shown)
    other = replace(shown, features=shown.features + 1e-4)
    assert float(coder.condense(other).features.abs().max()) < 10


def test_what_is_unknown_adds_nothing_and_what_is_known_adds_something() -> None:
    shown, coder = items(), encoder()
    bare = shown.without(category=True, colour=True, text=True)
    assert (bare.categories == UNKNOWN).all()
    picture_only = torch.relu(coder.picture(shown.features) + coder.category(bare.categories))  # type: ignore[misc]
    torch.testing.assert_close(coder(bare), picture_only)
    for known in ("category", "colour", "text"):
        partly = shown.without(**{name: name != known for name in ("category", "colour", "text")})
        assert not torch.allclose(coder(partly), coder(bare))


def test_inputs_can_be_switched_off() -> None:
    shown = items()
    coder = encoder(use_category=False, use_colour=False, use_text=False)
    torch.testing.assert_close(coder(shown), coder(shown.without(category=True, colour=True, text=True)))


def test_items_do_not_see_each_other() -> None:
    shown, coder = items(), encoder()
    rows = torch.tensor([3, 1])
    torch.testing.assert_close(coder(shown.take(rows)), coder(shown)[rows])
