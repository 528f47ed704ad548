"""The Gram energy and its exact gradient, in one piece or block by block for pictures that do not fit the memory."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gramtex.encoders.encoder import Encoder, Padding


def gram_energy(
    encoder: Encoder,
    image: Float[Tensor, "3 height width"],
    targets: Sequence[Float[Tensor, "_ _"]],
    *,
    padding: Padding,
    weights: Sequence[float] | None = None,
    block: int | None = None,
) -> Float[Tensor, ""]:
    """Measure how far the Gram matrices of an image are from the wanted ones: mean of relative squared errors.

    E = (1/L) Σ_l w_l ‖Gram_l(x) − Ĝ_l‖² / ‖Ĝ_l‖². Relative errors need no weights that depend on the encoder; Gatys et
    al. sum plain ones. Differentiable in the image.

    Args:
        encoder: Measures it.
        image: RGB in [0, 1].
        targets: Wanted matrices, one for each level.
        padding: ``circular`` if the image is periodic.
        weights: Of the levels; 1 by default.
        block: Side in pixels of the blocks that are looked at one by one. The result and the gradient are the same to
            rounding, memory is that of a block, and the time a third more. ``None``: the image as a whole.
    """
    scales = _scales(targets, weights)
    if block is None or max(image.shape[-2:]) <= block:
        grams = encoder.grams(image[None], padding=padding)
        return _energy([gram[0] for gram in grams], targets, scales)
    energy: Tensor = _Blockwise.apply(image, encoder, tuple(targets), scales, padding, block)
    return energy


def blockwise_grams(
    encoder: Encoder, image: Float[Tensor, "3 height width"], *, padding: Padding, block: int
) -> list[Float[Tensor, "_ _"]]:
    """Compute the Gram matrices of an image of any size, block by block, without gradients."""
    return _grams_and_counts(encoder, image, padding, block)[0]


def _grams_and_counts(encoder: Encoder, image: Tensor, padding: Padding, block: int) -> tuple[list[Tensor], list[int]]:
    """Also return the number of positions of each level."""
    with torch.no_grad():
        sums = [image.new_zeros((width, width), dtype=torch.float64) for width in encoder.widths]
        counts = [0] * len(sums)
        for piece in _pieces(encoder, image, padding, block):
            for level, features in enumerate(piece.features(encoder, piece.cut(image))):
                sums[level] += (features @ features.T).double()
                counts[level] += features.shape[1]
        return [(total / count).to(image.dtype) for total, count in zip(sums, counts, strict=True)], counts


def _scales(targets: Sequence[Tensor], weights: Sequence[float] | None) -> list[float]:
    """What the squared error of each level is multiplied with."""
    chosen = [1.0] * len(targets) if weights is None else weights
    norms = [float(target.double().square().sum().clamp(min=1e-30)) for target in targets]
    return [weight / (norm * len(targets)) for weight, norm in zip(chosen, norms, strict=True)]


def _energy(grams: Sequence[Tensor], targets: Sequence[Tensor], scales: Sequence[float]) -> Tensor:
    terms = [(own - wanted).square().sum() * scale for own, wanted, scale in zip(grams, targets, scales, strict=True)]
    return torch.stack(terms).sum()


class _Piece:
    """One block with the margin that its features see, and where it lies."""

    def __init__(self, rows: Tensor, columns: Tensor, inner: tuple[slice, slice], strides: Sequence[int]) -> None:
        self.rows, self.columns, self.inner, self.strides = rows, columns, inner, strides

    def cut(self, image: Tensor) -> Tensor:
        return image[:, self.rows[:, None], self.columns]

    def features(self, encoder: Encoder, cut: Tensor) -> list[Tensor]:
        """Features of the positions that belong to the block, channels first; the margin's are dropped."""
        # What a cut needs at its own border is inside its margin; only the border of the whole image is looked at, and
        # there a cut of an image that is not periodic ends.
        whole = encoder(cut[None], padding="reflect")
        found = []
        for features, stride in zip(whole, self.strides, strict=True):
            down, right = (
                slice(each.start // stride, None if each.stop is None else each.stop // stride) for each in self.inner
            )
            found.append(features[0, :, down, right].flatten(1))
        return found


def _divided(span: slice, stride: int) -> slice:
    return slice(span.start // stride, None if span.stop is None else span.stop // stride)


def _pieces(encoder: Encoder, image: Tensor, padding: Padding, block: int) -> Iterator[_Piece]:
    stride = encoder.stride
    margin = -(-encoder.reach // stride) * stride
    step = max(block // stride, 1) * stride
    spans: list[list[tuple[Tensor, slice]]] = []
    for side in image.shape[-2:]:
        spans.append([])
        # The last block takes what a step leaves over, since it may be too narrow for the encoder.
        starts = list(range(0, side, step))
        if len(starts) > 1 and side - starts[-1] < max(margin, stride):
            starts.pop()
        for number, start in enumerate(starts):
            is_last = number == len(starts) - 1
            stop = side if is_last else starts[number + 1]
            if padding == "circular":
                places = torch.arange(start - margin, stop + margin, device=image.device) % side
                spans[-1].append((places, slice(margin, margin + stop - start)))
            else:
                first, last = max(start - margin, 0), min(stop + margin, side)
                places = torch.arange(first, last, device=image.device)
                spans[-1].append((places, slice(start - first, None if is_last else stop - first)))
    for rows, inner_rows in spans[0]:
        for columns, inner_columns in spans[1]:
            yield _Piece(rows, columns, (inner_rows, inner_columns), encoder.strides)


class _Blockwise(torch.autograd.Function):
    """Two passes: Gram matrices of the whole first; then, block by block, dE/dG carried back to the pixels."""

    @staticmethod
    def forward(
        ctx: Any,
        image: Tensor,
        encoder: Encoder,
        targets: tuple[Tensor, ...],
        scales: list[float],
        padding: Padding,
        block: int,
    ) -> Tensor:
        grams, counts = _grams_and_counts(encoder, image, padding, block)
        width = image.shape[-1]
        gradient = torch.zeros_like(image)
        # E depends on F through G = F Fᵀ / M alone, so that <dE/dG, F_block F_blockᵀ> / M has the gradient of E.
        errors = [
            2 * scale / count * (own - wanted)
            for own, wanted, scale, count in zip(grams, targets, scales, counts, strict=True)
        ]
        for piece in _pieces(encoder, image, padding, block):
            with torch.enable_grad():
                cut = piece.cut(image.detach()).requires_grad_()
                features = piece.features(encoder, cut)
                part = torch.stack(
                    [((error @ each) * each).sum() for error, each in zip(errors, features, strict=True)]
                ).sum()
            (back,) = torch.autograd.grad(part, cut)
            # Places repeat where a periodic image is narrower than block and margins.
            rows, columns = torch.meshgrid(piece.rows, piece.columns, indexing="ij")
            places = (rows * width + columns).flatten()
            gradient.view(3, -1).index_add_(1, places, back.flatten(1))
        ctx.save_for_backward(gradient)
        return _energy(grams, targets, scales)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return outer[0] * gradient, None, None, None, None, None
