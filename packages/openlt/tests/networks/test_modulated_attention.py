import pytest
import torch

from openlt.networks.modulated_attention import ModulatedAttention


def test_a_new_attention_changes_nothing() -> None:
    features = torch.randn(2, 6, 3, 3)
    attended = ModulatedAttention(6, 3)(features)
    torch.testing.assert_close(attended.features, features, rtol=0.0, atol=0.0)


@pytest.mark.parametrize("size", [1, 4, 7])
def test_any_map_size_is_attended_and_the_modulation_sums_to_one(size: int) -> None:
    attended = ModulatedAttention(4, size)(torch.randn(2, 4, size, size))
    assert attended.modulation.shape == (2, 1, size, size)
    torch.testing.assert_close(attended.modulation.sum(dim=(1, 2, 3)), torch.ones(2))


def test_each_place_gathers_by_the_softmax_over_the_keys() -> None:
    attention = ModulatedAttention(2, 2)
    torch.nn.init.normal_(attention.w.weight)
    features = torch.randn(1, 2, 2, 2)
    places = features[0].flatten(1).T
    query, key, value = (
        places @ conv.weight[:, :, 0, 0].T + conv.bias for conv in (attention.theta, attention.phi, attention.g)
    )
    gathered = torch.stack(
        [sum(share * value[other] for other, share in enumerate((key @ query[place]).softmax(0))) for place in range(4)]  # type: ignore[misc]
    )
    context = (gathered @ attention.w.weight[:, :, 0, 0].T).T.view(1, 2, 2, 2)
    modulation = attention.modulate(features.flatten(1)).softmax(dim=1).view(1, 1, 2, 2)
    attended = attention(features)
    torch.testing.assert_close(attended.context, context)
    torch.testing.assert_close(attended.features, features + modulation * context)


def test_all_its_layers_learn_once_the_last_is_no_longer_zero() -> None:
    attention = ModulatedAttention(4, 3)
    torch.nn.init.normal_(attention.w.weight)
    attention(torch.randn(2, 4, 3, 3)).features.square().sum().backward()
    for name, each in attention.named_parameters():
        # The bias of the keys shifts all scores of a place alike, which a softmax does not see.
        assert each.grad is not None
        assert bool(each.grad.abs().sum() > 0) or name == "phi.bias", name
