"""Recursive auto-encoder over the granularity levels, and the plain one it is compared with.

That the levels are joined by a recursion is the paper's; this wiring is ours.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

Vectors = Float[Tensor, "batch width"]
Codes = Float[Tensor, "batch latent"]


def _two_layers(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, outputs))


class RecursiveAutoEncoder(nn.Module):
    """Merges the level vectors from fine to coarse, and splits them again from coarse to fine.

    Encoder: ``h_1 = v_1``, ``h_l = (h_{l-1} + v_l)/2 + Merge_l([h_{l-1}, v_l])``, ``z = W h_L``.
    Decoder: ``ĥ_L = W' z``, ``[ĥ_{l-1}, v̂_l] = [ĥ_l, ĥ_l] + Split_l(ĥ_l)``, ``v̂_1 = ĥ_1``.

    Args:
        levels: Number of levels (L), fine to coarse.
        width: Numbers in the vector of a level.
        hidden: Width inside merges and splits.
        latent: Numbers in the code.
    """

    def __init__(self, levels: int, width: int, hidden: int, latent: int) -> None:
        super().__init__()
        self.merges = nn.ModuleList(_two_layers(2 * width, hidden, width) for _ in range(levels - 1))
        self.splits = nn.ModuleList(_two_layers(width, hidden, 2 * width) for _ in range(levels - 1))
        self.to_code = nn.Linear(width, latent)
        self.from_code = nn.Linear(latent, width)

    def encode(self, vectors: Sequence[Vectors]) -> Codes:
        """Code of the vectors of all levels, fine to coarse."""
        state = vectors[0]
        for merge, vector in zip(self.merges, vectors[1:], strict=True):
            state = (state + vector) / 2 + merge(torch.cat([state, vector], dim=1))
        code: Tensor = self.to_code(state)
        return code

    def decode(self, codes: Codes) -> list[Vectors]:
        """Vectors of all levels, fine to coarse; the coarsest is made first."""
        state: Tensor = self.from_code(codes)
        vectors = []
        for split in reversed(self.splits):
            both = torch.cat([state, state], dim=1) + split(state)
            state, vector = both.chunk(2, dim=1)
            vectors.append(vector)
        return [state, *reversed(vectors)]


class MlpAutoEncoder(nn.Module):
    """All level vectors side by side through one hidden layer, and the mirror image: the ablation without recursion."""

    def __init__(self, levels: int, width: int, hidden: int, latent: int) -> None:
        super().__init__()
        self.levels = levels
        self.encoder = _two_layers(levels * width, hidden, latent)
        self.decoder = _two_layers(latent, hidden, levels * width)

    def encode(self, vectors: Sequence[Vectors]) -> Codes:
        """Code of the vectors of all levels."""
        code: Tensor = self.encoder(torch.cat(list(vectors), dim=1))
        return code

    def decode(self, codes: Codes) -> list[Vectors]:
        """Vectors of all levels, fine to coarse."""
        vectors: Tensor = self.decoder(codes)
        return list(vectors.chunk(self.levels, dim=1))
