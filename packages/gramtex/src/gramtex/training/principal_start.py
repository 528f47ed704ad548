"""Start as the linear model: with these weights the auto-encoder is the principal component analysis of the levels.

With default draws the reconstruction starts at 50 to 1,000 and the matching term has lost before it is down. Every
level could start with its own principal directions and the decoder at the mean Gram set; since the residual paths of
the recursion are linear, it can as well start with the *joint* principal components of all levels, so that training
only has to add what is not linear.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gramtex.gram_space import principal_components
from gramtex.networks.gram_autoencoder import GramAutoEncoder
from gramtex.networks.recursive_autoencoder import MlpAutoEncoder, RecursiveAutoEncoder


@torch.no_grad()
def principal_start(model: GramAutoEncoder, features: Sequence[Float[Tensor, "row _"]]) -> None:
    """Set the linear layers from the projected levels of some training rows.

    A recursion gets the joint components of all levels, an MLP those of each level and a decoder that starts at the
    mean (its hidden layer has no linear path).

    Args:
        model: Its projections and standardisation have been fitted.
        features: At most some two thousand rows: the work grows with their square.
    """
    structure, width = model.structure, model.config.width
    if isinstance(structure, RecursiveAutoEncoder):
        loadings, deviations = principal_components(features, width)
        first = deviations[0].clamp(min=1e-12)
        levels = len(features)
        # The share of each level's vector in the mean of means that the recursion takes: 1/2 for the coarsest, …
        halvings = [levels - 1, *range(levels - 1, 0, -1)]
        for number, loading in enumerate(loadings):
            _set(model.encoders[number].linear, loading.mT * 2.0 ** halvings[number] / first)
            _set(model.decoders[number].linear, loading * first)
        for part in [*structure.merges, *structure.splits]:
            layers: Any = part
            _set(layers[-1], torch.zeros_like(layers[-1].weight))
        latent = structure.to_code.weight.shape[0]
        same = torch.eye(latent, width, device=deviations.device)
        _set(structure.to_code, same)
        # The code is normalised to unit variance; its spread comes back here.
        _set(structure.from_code, same.mT * (deviations / first)[:, None])
    elif isinstance(structure, MlpAutoEncoder):
        for number, level in enumerate(features):
            (loading,), deviations = principal_components([level], width)
            _set(model.encoders[number].linear, loading.mT / deviations[0])
            _set(model.decoders[number].linear, loading * deviations[0])
        last: Any = structure.decoder[-1]
        _set(last, torch.zeros_like(last.weight))


def _set(layer: nn.Linear, weight: Tensor) -> None:
    layer.weight.copy_(weight)
    layer.bias.zero_()
