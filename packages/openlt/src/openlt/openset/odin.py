"""ODIN, which needs the network itself: it asks how confidence grows when the picture is changed a little."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor


def odin_scores(
    network: Callable[[Tensor], Tensor],
    images: Float[Tensor, "batch channel height width"],
    *,
    temperature: float = 1000.0,
    step: float = 0.0014,
) -> Float[Tensor, " batch"]:
    """Largest softmax probability at a high temperature, after a step of the picture towards more of it.

    Args:
        network: From pictures to logits, in evaluation mode. Its parameters get no gradients.
        images: As the network takes them; the step is in the same units.
        temperature: Divides the logits.
        step: Change of each pixel.

    Returns:
        Scores, higher is more known.

    References:
        Liang, Li and Srikant, "Enhancing The Reliability of Out-of-distribution Image Detection in Neural Networks",
        ICLR 2018, eq. (1) and (2).
    """
    with torch.enable_grad():
        variable = images.detach().requires_grad_()
        confidence = (network(variable) / temperature).log_softmax(dim=1).amax(dim=1)
        (slope,) = torch.autograd.grad(confidence.sum(), variable)
    with torch.no_grad():
        return (network(images + step * slope.sign()) / temperature).softmax(dim=1).amax(dim=1)
