"""Mixtures of logistic distributions over 16-bit sample values.

A distribution is described by ``3 * mixtures`` numbers a sample, in this order along the channel axis: the logits of
the component weights, the means, and the logarithms of the scales. Means and scales are in units of the amplitude,
which lies in [-1, 1]; the levels are ``levels`` equally spaced values, -1 and 1 included.

References:
    Salimans, Karpathy, Chen and Kingma, "PixelCNN++", ICLR 2017, section 2.1.
    van den Oord et al., "Parallel WaveNet", ICML 2018, section 2.1, which brought it to raw sound.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

LEVELS = 65_536
"""Values of a 16-bit sample."""
MIN_LOG_SCALE = -7.0
"""Default lower bound of the logarithm of a scale: a spread of about 1e-3."""
TAIL = 0.999
"""Beyond this amplitude the tail of the distribution counts instead of a bin."""
SMALL_MASS = 1e-5
"""Below this mass of a bin its density times its width is used: the difference of two sigmoids has lost its digits."""
UNIFORM_EDGE = 6e-8
"""Uniform noise stays this far from 0 and 1, where the logistic distribution has its infinities."""


def split_parameters(
    parameters: Float[Tensor, "batch parameter time"], min_log_scale: float = MIN_LOG_SCALE
) -> tuple[
    Float[Tensor, "batch mixture time"], Float[Tensor, "batch mixture time"], Float[Tensor, "batch mixture time"]
]:
    """Take the numbers of a network apart.

    Args:
        parameters: Three numbers a component.
        min_log_scale: Smallest logarithm of a scale; smaller ones are raised to it.

    Returns:
        Logits of the weights, means, and logarithms of the scales.

    Raises:
        ValueError: The number of channels is no multiple of three.
    """
    if parameters.shape[1] % 3:
        raise ValueError(f"a mixture has three numbers a component, so {parameters.shape[1]} channels cannot be split")
    logits, means, log_scales = parameters.chunk(3, dim=1)
    return logits, means, log_scales.clamp(min=min_log_scale)


def discretized_mix_logistic_loss(
    parameters: Float[Tensor, "batch parameter time"],
    target: Float[Tensor, "batch time"],
    *,
    levels: int = LEVELS,
    min_log_scale: float = MIN_LOG_SCALE,
) -> Float[Tensor, "batch time"]:
    """Negative logarithm of the probability of each sample's level.

    The probability of a level is the mass of the mixture between the middles to its neighbours. Below -0.999 it is all
    the mass below the upper of the two, above 0.999 all the mass above the lower. Where a bin holds hardly any mass, it
    is the density times the width of the bin.

    With up to a thousand levels the outermost ones alone have a tail, and the probabilities sum to one. Of 65,536, the
    33 next to either end have, so they sum to more where the mixture has mass there.

    Args:
        parameters: Three numbers a component.
        target: Samples in [-1, 1].
        levels: Number of values a sample can have.
        min_log_scale: Smallest logarithm of a scale.

    Returns:
        Nats a sample; not averaged.
    """
    logits, means, log_scales = split_parameters(parameters, min_log_scale)
    target = target.unsqueeze(1)
    half_bin = 1.0 / (levels - 1)
    inverse_scales = torch.exp(-log_scales)
    centred = target - means
    upper = (centred + half_bin) * inverse_scales
    lower = (centred - half_bin) * inverse_scales
    middle = centred * inverse_scales

    log_below = functional.logsigmoid(upper)
    log_above = functional.logsigmoid(-lower)
    mass = torch.sigmoid(upper) - torch.sigmoid(lower)
    log_density = middle - 2.0 * functional.softplus(middle) - log_scales
    # The clamp keeps the gradient of the branch that is not taken finite.
    log_bin = torch.where(
        mass > SMALL_MASS,
        torch.log(mass.clamp(min=SMALL_MASS)),
        log_density + torch.log(target.new_tensor(2.0 * half_bin)),
    )
    log_component = torch.where(target < -TAIL, log_below, torch.where(target > TAIL, log_above, log_bin))
    return -torch.logsumexp(functional.log_softmax(logits, dim=1) + log_component, dim=1)


def sample(
    parameters: Float[Tensor, "batch parameter time"],
    noise: Float[Tensor, "batch time 2"],
    *,
    temperature: float = 1.0,
    min_log_scale: float = MIN_LOG_SCALE,
) -> Float[Tensor, "batch time"]:
    """Turn uniform noise into samples of the mixtures, by two inverse distribution functions.

    Args:
        parameters: Three numbers a component.
        noise: Uniform numbers in [0, 1]; the first of a sample chooses the component, the second the place in it.
        temperature: Factor of the scales; zero gives the mean of the chosen component.
        min_log_scale: Smallest logarithm of a scale.

    Returns:
        Amplitudes, clamped to [-1, 1]; not rounded to levels.
    """
    logits, means, log_scales = split_parameters(parameters, min_log_scale)
    steps = logits.softmax(dim=1).cumsum(dim=1)
    # Rounding can leave the last step a little short of one; it must not be passed.
    chosen = (steps[:, :-1] <= noise[:, None, :, 0]).sum(dim=1, keepdim=True)
    mean = means.gather(1, chosen).squeeze(1)
    scale = temperature * log_scales.gather(1, chosen).squeeze(1).exp()
    place = noise[..., 1].clamp(UNIFORM_EDGE, 1 - UNIFORM_EDGE)
    return (mean + scale * (place.log() - torch.log1p(-place))).clamp(-1.0, 1.0)
