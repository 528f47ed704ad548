"""Unit variance for every dimension of the code, over all processes."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributed.nn.functional import all_gather


class CodeNorm(nn.BatchNorm1d):
    """Batch normalisation without parameters, of the whole batch of all processes.

    Without it the latent adversary wins before the codes have moved: their spread stays at a tenth of the prior's.
    With it the matching term only has to shape the distribution. :class:`torch.nn.SyncBatchNorm` does the same on GPUs
    only; a code is so short that gathering all of them costs nothing.
    """

    def __init__(self, latent: int) -> None:
        super().__init__(latent, affine=False)

    def forward(self, codes: Float[Tensor, "batch latent"]) -> Float[Tensor, "whole latent"]:
        """Normalised codes: in training those of all processes in the order of their ranks, else the given ones."""
        several = self.training and torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1
        # torch has no types for the gathering that lets gradients through.
        whole = torch.cat(list(all_gather(codes.contiguous()))) if several else codes  # type: ignore[no-untyped-call]
        normed: Tensor = super().forward(whole)
        return normed
