"""What is optimised: reconstruction, adversarial and synchronisation terms as functions of tensors.

The likelihood of the WaveNet has a module of its own, :mod:`viai.mixture`.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional


def eta(step: int, *, decay: float, floor: float) -> float:
    """Weight that falls with training: ``max(floor, decay ** (step / 1000))``.

    The paper lets the whole-picture term (eta1) and the probe (eta2) fade; form and numbers are not stated there.
    """
    return max(floor, math.pow(decay, step / 1000))


def reconstruction_loss(
    prediction: Float[Tensor, "batch band frame"],
    target: Float[Tensor, "batch band frame"],
    unknown: Bool[Tensor, "batch frame"],
    *,
    whole: float,
) -> Float[Tensor, ""]:
    """Mean absolute error of the whole picture, times ``whole``, plus that of the unknown frames.

    The second mean is taken over the unknown frames of each window alone, where the paper takes it over
    the masked picture: so a short gap weighs as much as a long one.
    """
    error = (prediction - target).abs()
    missing = unknown[:, None].to(error.dtype)
    inside = (error * missing).sum(dim=(1, 2)) / (missing.sum(dim=(1, 2)) * error.shape[1]).clamp(min=1)
    return whole * error.mean() + inside.mean()


def discriminator_loss(
    real: Float[Tensor, "batch 1 height width"],
    fake: Float[Tensor, "batch 1 height width"],
    smoothing: Float[Tensor, ""],
) -> Float[Tensor, ""]:
    """Binary cross-entropy on logits, both labels moved towards the middle by the same amount.

    Args:
        real: Logits for real spectrograms.
        fake: Logits for painted ones, detached from the generator.
        smoothing: One random number in [0, 0.1] a step.
    """
    high = (1 - smoothing).expand_as(real)
    low = smoothing.expand_as(fake)
    return 0.5 * (
        functional.binary_cross_entropy_with_logits(real, high) + functional.binary_cross_entropy_with_logits(fake, low)
    )


def adversarial_loss(fake: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, ""]:
    """How far the discriminator is from taking the painted spectrograms for real."""
    return functional.binary_cross_entropy_with_logits(fake, torch.ones_like(fake))


def synchronisation_loss(
    sight: Float[Tensor, "batch channel 1 time"], sound: Float[Tensor, "batch channel 1 time"], margin: float = 1.0
) -> Float[Tensor, ""]:
    """Contrastive loss that draws the code of a picture to the code of its own sound.

    With unit vectors v of the picture and u of the intact sound: the squared distance of every pair that
    belongs together, and the squared shortfall from ``margin`` of every pair that does not, over 2N.
    Gradients reach the picture's side only. Needs a batch of eight or more to mean much.
    """
    v = functional.normalize(sight.flatten(1), dim=1)
    u = functional.normalize(sound.detach().flatten(1), dim=1)
    squared = (v[:, None] - u[None]).square().sum(dim=2)
    matched = torch.eye(len(v), dtype=torch.bool, device=v.device)
    # The root's gradient is infinite at zero, where a mismatched pair can be at the start.
    distance = squared.clamp(min=1e-12).sqrt()
    shortfall = (margin - distance).clamp(min=0).square()
    return torch.where(matched, squared, shortfall).sum() / (2 * len(v))


def rises(mel: Float[Tensor, "batch band frame"], groups: int) -> Float[Tensor, "batch group frame"]:
    """Where levels rise: the positive differences of successive frames, averaged over groups of bands.

    Args:
        mel: Levels in [0, 1].
        groups: Equal groups of neighbouring bands, low ones first.

    Returns:
        Ten times the mean rise, which is about one at a struck note; the first frame has none.
    """
    rise = functional.pad((mel[:, :, 1:] - mel[:, :, :-1]).clamp(min=0), (1, 0))
    return 10 * rise.reshape(len(mel), groups, -1, mel.shape[2]).mean(dim=2)


def onset_loss(told: Float[Tensor, "batch group frame"], mel: Float[Tensor, "batch band frame"]) -> Float[Tensor, ""]:
    """Mean squared error of the rises that the picture tells against those of the intact sound."""
    return functional.mse_loss(told, rises(mel, told.shape[1]))
