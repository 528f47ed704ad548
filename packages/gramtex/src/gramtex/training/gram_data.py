"""What training reads: standardisation and bases learnt from the cache, and the levels of each batch."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from gramtex.extraction import GramCache
from gramtex.networks.gram_autoencoder import GramAutoEncoder
from gramtex.networks.gram_transform import GramDecoder, GramEncoder

_CHUNK = 64
Rows = np.ndarray[Any, np.dtype[np.int64]]


def chunks(rows: Rows) -> Iterator[Rows]:
    """Cut row numbers into pieces that fit into memory."""
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]


@torch.no_grad()
def fit_statistics(model: GramAutoEncoder, cache: GramCache, rows: Rows) -> None:
    """Set mean, scale and, for Gram transformations, the bases ``U = V`` of every level from training rows.

    The basis is made of the leading eigenvectors of the mean of ``(Y - Ȳ)²``: of all orthonormal ones it keeps most of
    the energy on both sides of the matrix.
    """
    for number, level in enumerate(model.config.levels):
        channels = model.config.channels[number]
        total = torch.zeros(channels, channels, dtype=torch.float64)
        squares = torch.zeros_like(total)
        for part in tqdm(list(chunks(rows)), desc=f"statistics of {level}", disable=None, leave=False):
            values = cache.coordinates(part, level)
            total += values.sum(0)
            stacked = values.flatten(0, 1)  # symmetric matrices: the sum of their squares is one product
            squares += stacked.mT @ stacked
        mean = total / len(rows)
        spread = squares / len(rows) - mean @ mean
        standard = model.standards[number]
        standard.mean.copy_(mean)
        standard.scale.copy_(spread.trace().clamp(min=1e-12).sqrt())
        encoder, decoder = model.encoders[number], model.decoders[number]
        if isinstance(encoder, GramEncoder) and isinstance(decoder, GramDecoder):
            leading = torch.linalg.eigh(spread)[1].flip(1)[:, : encoder.basis.shape[1]]
            # Eigenvectors have no sign of their own; one is settled so that machines agree.
            leading = leading * leading.gather(0, leading.abs().argmax(0, keepdim=True)).sign()
            encoder.basis.copy_(leading)
            decoder.basis.copy_(leading)


class LevelFeatures:
    """Projected levels of some rows, in memory where they are small enough.

    Args:
        model: Its projections are applied, so they must not change while this lives.
        cache: Where the rows are.
        rows: Which rows.
    """

    def __init__(self, model: GramAutoEncoder, cache: GramCache, rows: Rows) -> None:
        self.model, self.cache, self.rows = model, cache, rows
        self.held: list[Tensor] | None = None
        device = next(model.parameters()).device
        if model.config.transform == "gram":
            parts = [
                [each.cpu() for each in self._project(part, device)]
                for part in tqdm(list(chunks(rows)), desc="project", disable=None, leave=False)
            ]
            self.held = [torch.cat(level) for level in zip(*parts, strict=True)]

    def __len__(self) -> int:
        return len(self.rows)

    @torch.no_grad()
    def _project(self, rows: Rows, device: torch.device) -> list[Float[Tensor, "row feature"]]:
        return self.model.project(whole_levels(self.model, self.cache, rows, device))

    def batch(self, positions: Sequence[int] | Tensor, device: torch.device) -> list[Float[Tensor, "batch feature"]]:
        """Features of every level, at positions among the rows."""
        chosen = torch.as_tensor(positions)
        if self.held is not None:
            return [level[chosen].to(device) for level in self.held]
        return self._project(self.rows[chosen.numpy()], device)


@torch.no_grad()
def whole_levels(
    model: GramAutoEncoder, cache: GramCache, rows: Rows, device: torch.device
) -> list[Float[Tensor, "row _ _"]]:
    """Standardised coordinates of every level of the model."""
    pairs = zip(model.config.levels, model.standards, strict=True)
    return [standard(cache.coordinates(rows, level).to(device)) for level, standard in pairs]


@torch.no_grad()
def encode_rows(model: GramAutoEncoder, cache: GramCache, rows: Rows) -> Float[Tensor, "row latent"]:
    """Codes of rows of the cache."""
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    parts = []
    for part in chunks(rows):
        features = model.project(whole_levels(model, cache, part, device))
        vectors = [encoder.code(each) for encoder, each in zip(model.encoders, features, strict=True)]
        parts.append(model.code_norm(model.structure.encode(vectors)).cpu())
    model.train(was_training)
    return torch.cat(parts)
