"""Gram matrices: what a texture is here. Sets of them know the encoder they belong to."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from hr_common.errors import InputError, refusing
from hr_common.files import atomic_path, read_arrays

_LARGE = 1 << 16  # positions above which single precision no longer adds up
_IDENTITY = ("encoder", "levels", "weights_hash")


def gram_matrix(features: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel channel"]:
    """Correlate every pair of feature channels over all positions.

    Dividing by the number of positions makes the result independent of the image's size, so that a small exemplar can
    drive a large synthesis. More than 65,536 positions are added up in double precision.

    Args:
        features: Activations of one layer.

    Returns:
        Symmetric positive semi-definite matrices; entry ``(i, j)`` is the mean over positions of channel ``i`` times
        channel ``j``. Not centred.

    References:
        Gatys, Ecker and Bethge, "Texture Synthesis Using Convolutional Neural Networks", NeurIPS 2015, eq. (1), which
        sums where this takes the mean.
    """
    flat = features.flatten(start_dim=2)
    product: Tensor = _SelfProduct.apply(flat)
    return product / flat.shape[-1]


class _SelfProduct(torch.autograd.Function):
    """F Fᵀ, whose gradient (D + Dᵀ) F takes one product of matrices; by itself, torch would take two."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor) -> Tensor:
        ctx.save_for_backward(flat)
        if flat.shape[-1] <= _LARGE:
            return flat @ flat.mT
        pieces = [(piece @ piece.mT).double() for piece in torch.split(flat, _LARGE, dim=-1)]
        return torch.stack(pieces).sum(dim=0).to(flat.dtype)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> Tensor:
        (flat,) = ctx.saved_tensors
        both = outer[0] + outer[0].mT
        # In the layout of the features: mixed ones take the layers below twice the time.
        gradient: Tensor = (flat.mT @ both).mT if flat.stride(-2) == 1 else both @ flat
        return gradient


@functools.cache
def _triangle(channels: int) -> Int[Tensor, "2 entry"]:
    return torch.triu_indices(channels, channels)


@functools.cache
def _scale(channels: int) -> Float[Tensor, " entry"]:
    rows, columns = _triangle(channels)
    return torch.where(rows == columns, 1.0, math.sqrt(2.0)).double()


def vech(
    matrices: Float[Tensor, "*batch channel channel"], *, isometric: bool = False
) -> Float[Tensor, "*batch entry"]:
    """Read the upper triangle of symmetric matrices row by row: ``channel * (channel + 1) / 2`` numbers.

    Args:
        matrices: Symmetric; the lower triangle is not looked at.
        isometric: Multiply entries off the diagonal by √2, so that the distance of two vectors is the Frobenius
            distance of the matrices.
    """
    rows, columns = _triangle(matrices.shape[-1]).to(matrices.device)
    entries = matrices[..., rows, columns]
    return entries * _scale(matrices.shape[-1]).to(matrices) if isometric else entries


def unvech(
    vectors: Float[Tensor, "*batch entry"], *, isometric: bool = False
) -> Float[Tensor, "*batch channel channel"]:
    """Undo :func:`vech`: to the bit or, if isometric, to one unit in the last place.

    Raises:
        ValueError: The number of entries is that of no triangle.
    """
    count = vectors.shape[-1]
    channels = (math.isqrt(8 * count + 1) - 1) // 2
    if channels * (channels + 1) // 2 != count:
        raise ValueError(f"{count} entries are no upper triangle; expected 1, 3, 6, 10, …")
    entries = vectors / _scale(channels).to(vectors) if isometric else vectors
    # By looking up instead of writing in place: each entry above the diagonal stands in two places.
    return entries[..., _places(channels).to(vectors.device)]


@functools.cache
def _places(channels: int) -> Int[Tensor, "channel channel"]:
    rows, columns = _triangle(channels)
    places = torch.empty((channels, channels), dtype=torch.int64)
    places[rows, columns] = places[columns, rows] = torch.arange(len(rows))
    return places


@dataclass(frozen=True, eq=False)
class GramSet:
    """The Gram matrices of one texture, and which encoder they were measured with.

    Raises:
        InputError: There are not as many matrices as levels, or one is not square or not finite.
    """

    encoder: str
    """Name in the registry of encoders."""
    levels: tuple[str, ...]
    """Names of the layers, fine to coarse."""
    weights_hash: str
    """Digest of the encoder's weights."""
    matrices: tuple[Float[Tensor, "_ _"], ...]
    """One for each level, float32, symmetric."""

    def __post_init__(self) -> None:
        if len(self.matrices) != len(self.levels):
            raise InputError(f"{len(self.matrices)} Gram matrices do not fit {len(self.levels)} levels")
        for level, matrix in self.items():
            if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
                raise InputError(f"the Gram matrix of {level} has shape {tuple(matrix.shape)}; expected a square")
            if not bool(torch.isfinite(matrix).all()):
                raise InputError(f"the Gram matrix of {level} holds NaN or infinity")

    def __getitem__(self, level: str) -> Float[Tensor, "channel channel"]:
        if level not in self.levels:
            raise KeyError(f"no level {level!r}; this set has {', '.join(self.levels)}")
        return self.matrices[self.levels.index(level)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.levels)

    def __len__(self) -> int:
        return len(self.levels)

    def items(self) -> Iterator[tuple[str, Tensor]]:
        """Pair level names and matrices."""
        return zip(self.levels, self.matrices, strict=True)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(len(matrix) for matrix in self.matrices)

    def to(self, device: torch.device | str) -> GramSet:
        """Return the set with its matrices on a device."""
        return self.replaced([matrix.to(device) for matrix in self.matrices])

    def replaced(self, matrices: Sequence[Tensor]) -> GramSet:
        """Return a set of the same identity with other matrices."""
        return GramSet(self.encoder, self.levels, self.weights_hash, tuple(matrices))

    def refuse_other(self, other: GramSet) -> None:
        """Check that two sets can be compared.

        Raises:
            InputError: Encoder, levels or weights differ; the message names both.
        """
        for what in _IDENTITY:
            own, theirs = getattr(self, what), getattr(other, what)
            if own != theirs:
                shown = [", ".join(each) if isinstance(each, tuple) else each for each in (own, theirs)]
                raise InputError(f"Gram sets do not fit together: {what} {shown[0]} against {shown[1]}")

    def relative_errors(self, target: GramSet) -> Float[Tensor, " level"]:
        """Measure ‖own − target‖² / ‖target‖² (Frobenius) level by level.

        Raises:
            InputError: The sets are of different encoders.
        """
        self.refuse_other(target)
        return torch.stack(
            [
                (own - other).double().square().sum() / other.double().square().sum().clamp(min=1e-30)
                for own, other in zip(self.matrices, target.matrices, strict=True)
            ]
        ).float()

    def relative_error(self, target: GramSet) -> float:
        """Return the mean of :meth:`relative_errors` over the levels."""
        return float(self.relative_errors(target).mean())

    def distance(self, other: GramSet) -> float:
        """Return the Frobenius distance of all levels, each relative to the mean of both norms; symmetric.

        Raises:
            InputError: The sets are of different encoders.
        """
        self.refuse_other(other)
        pairs = [(a.double(), b.double()) for a, b in zip(self.matrices, other.matrices, strict=True)]
        terms = [2 * (a - b).norm() / (a.norm() + b.norm()).clamp(min=1e-30) for a, b in pairs]
        return math.sqrt(sum(float(term) ** 2 for term in terms) / len(terms))

    def save(self, path: str | Path) -> None:
        """Write the set as ``.npz``, atomically and without pickles: identity and upper triangles."""
        arrays = {name: np.array(getattr(self, name)) for name in _IDENTITY}
        arrays |= {f"upper{index}": vech(matrix.cpu()).numpy() for index, matrix in enumerate(self.matrices)}
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> GramSet:
        """Read a set that :meth:`save` wrote. Pickles are not read.

        Raises:
            InputError: The file is missing, damaged, or holds something else.
        """
        found = read_arrays(path)
        if missing := [name for name in _IDENTITY if name not in found]:
            raise InputError(f"{path} is no Gram set: it holds no {', '.join(missing)}")
        with refusing(f"{path} is no whole Gram set: it"):
            levels = tuple(str(level) for level in found["levels"].tolist())
            if missing := [name for name in (f"upper{index}" for index in range(len(levels))) if name not in found]:
                raise InputError(f"{path} is no whole Gram set: it holds no {', '.join(missing)}")
            matrices = [unvech(torch.from_numpy(found[f"upper{index}"]).float()) for index in range(len(levels))]
            return cls(str(found["encoder"]), levels, str(found["weights_hash"]), tuple(matrices))
