"""What is optimised: reconstruction of the Gram set, and nearness of the codes to the prior."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Codes = Float[Tensor, "_ latent"]
Scalar = Float[Tensor, ""]
_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def reconstruction_loss(
    predictions: Sequence[Float[Tensor, "..."]], targets: Sequence[Float[Tensor, "..."]]
) -> Float[Tensor, "level"]:
    """Mean squared norm of the error of every level, in coordinates whose own is 1.

    The upper triangles are isometric, so the norm is that of the matrices.
    """
    pairs = zip(predictions, targets, strict=True)
    return torch.stack([(prediction - target).flatten(1).square().sum(1).mean() for prediction, target in pairs])


def imq_mmd(x: Codes, y: Codes) -> Scalar:
    """Unbiased squared maximum mean discrepancy with the inverse multi-quadratic kernels of WAE-MMD.

    ``k(x, y) = Σ_s C_s / (C_s + |x - y|²)`` with ``C_s = 2 s dim`` for seven scales ``s`` around 1: for the standard
    normal prior, ``2 dim`` is the expected squared distance of two draws. The estimate can be slightly negative.

    Raises:
        ValueError: With fewer than two codes on a side.

    References:
        Tolstikhin, Bousquet, Gelly and Schölkopf, "Wasserstein Auto-Encoders", ICLR 2018, section 4.
    """
    if len(x) < 2 or len(y) < 2:
        raise ValueError(f"the discrepancy needs two codes on each side, not {len(x)} and {len(y)}")
    base = 2.0 * x.shape[1]

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        squared = (a.square().sum(1)[:, None] + b.square().sum(1)[None] - 2 * a @ b.mT).clamp(min=0)
        return torch.stack([base * scale / (base * scale + squared) for scale in _SCALES]).sum(0)

    def without_itself(a: Tensor) -> Tensor:
        whole = kernel(a, a)
        return (whole.sum() - whole.diagonal().sum()) / (len(a) * (len(a) - 1))

    return without_itself(x) + without_itself(y) - 2 * kernel(x, y).mean()


def discriminator_loss(prior_logits: Float[Tensor, "n 1"], code_logits: Float[Tensor, "m 1"]) -> Scalar:
    """``-E log D(z) - E log(1 - D(Enc(x)))``."""
    return F.softplus(-prior_logits).mean() + F.softplus(code_logits).mean()


def matching_loss(code_logits: Float[Tensor, "m 1"]) -> Scalar:
    """``-E log D(Enc(x))``, the form that does not saturate."""
    return F.softplus(-code_logits).mean()


def hinge_discriminator_loss(real: Float[Tensor, "n 1"], fake: Float[Tensor, "m 1"]) -> Scalar:
    """Hinge loss of a discriminator."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
