"""The adversaries: on codes, as WAE-GAN has it, and optionally on the decoded level vectors."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class LatentDiscriminator(nn.Module):
    """Four hidden layers and one logit: is this code drawn from the prior?

    References:
        Tolstikhin, Bousquet, Gelly and Schölkopf, "Wasserstein Auto-Encoders", ICLR 2018, algorithm 1.
    """

    def __init__(self, latent: int, width: int = 512) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise((latent, width, width, width, width)):
            layers += [nn.Linear(before, after), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, codes: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch 1"]:
        """Logits; positive for the prior."""
        logits: Tensor = self.layers(codes)
        return logits


class VectorDiscriminator(nn.Module):
    """Hinge discriminator with spectral norm on the vectors of all levels side by side.

    Such an adversary on the Gram side is not evidenced in the paper: it is an option of ours, off by default.
    """

    def __init__(self, inputs: int, width: int = 512) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            spectral_norm(nn.Linear(inputs, width)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Linear(width, width)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Linear(width, 1)),
        )

    def forward(self, vectors: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch 1"]:
        """Scores; positive for vectors of real Gram sets."""
        scores: Tensor = self.layers(vectors)
        return scores
