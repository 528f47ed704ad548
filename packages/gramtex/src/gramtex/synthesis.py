"""Step two: an image whose Gram matrices are those of a set."""

import functools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from PIL import Image, PngImagePlugin
from torch import Tensor

from gramtex import __version__
from gramtex.autocorrelation import PEAK, AutocorrelationTarget, secondary_peak
from gramtex.blocks import blockwise_grams, gram_energy
from gramtex.config import SynthesisConfig
from gramtex.descriptors import GramSet
from gramtex.encoders.encoder import PIXELS, Encoder, Padding, image_bytes, image_tensor
from gramtex.optimisation import Descent, minimise
from gramtex.quilting import quilt_periodic
from gramtex.spectrum import REACH, Colours, SpectralImage, resize_periodic
from hr_common import image as hr_image
from hr_common.errors import InputError
from hr_common.files import atomic_path

MIN_SIDE = 32
"""Pixels; smaller pictures say too little about a texture."""

_COARSE = 64  # least side of a coarse stage
_PATCH = 128  # least side of a stage that makes less of a texture
_PROBE, _PROBE_ITERATIONS = 32, 40
# Of the iterations, by the number of stages, coarse to fine; each stage costs four times as much as the one before.
_SHARES = {1: (1.0,), 2: (0.5, 0.45), 3: (0.5, 0.33, 0.25)}
# Of the last stage, without the autocorrelation: once there is order it stays, and the two terms do not agree to the
# last per mille. It does not stay for ever: a drawn plaid after 0.55 has half as much disorder again as after 0.3.
_FREE = 0.3
# Of stages that make less of a texture: the last ones only have to mend the seams of a quilt.
_PATCH_SHARES = {1: (1.0,), 2: (0.6, 0.25), 3: (0.6, 0.2, 0.15)}

Callback = Callable[[int, int, float], None]
"""Is told the iteration, how many there will be, and the energy of the stage."""


@dataclass(frozen=True, eq=False)
class SynthesisResult:
    """An image and how well it fits."""

    image: UInt8[np.ndarray, "height width 3"]
    """RGB."""
    relative_error: float
    """Mean over levels of ‖Gram(image) − wanted‖² / ‖wanted‖², measured on the bytes above."""
    start_error: float
    """The same for the noise that the synthesis began with."""
    history: tuple[float, ...]
    """Energy after each iteration, stage after stage; the stages of a coarse-to-fine run have different scales."""
    evaluations: float
    """How often energy and gradient were computed, in those of the final size: a coarse one counts by its pixels."""
    seconds: float
    """Processor time of this process."""
    seed: int
    """Of the noise."""
    uses_acf: bool = False
    """Whether the autocorrelation term took part."""
    interrupted: bool = False
    """Whether Ctrl-C ended it early; the image is the best until then."""


@dataclass(frozen=True, eq=False)
class _Stage:
    """One scale of a coarse-to-fine run."""

    size: tuple[int, int]
    iterations: int
    targets: tuple[Tensor, ...]
    exemplar: Tensor | None
    ordered: bool = False
    """Whether the autocorrelation term takes part."""


class Synthesizer:
    """Makes images from Gram sets.

    Args:
        encoder: The one that the sets were measured with.
        config: Settings of step two.
    """

    def __init__(self, encoder: Encoder, config: SynthesisConfig | None = None) -> None:
        self.encoder = encoder
        self.config = SynthesisConfig() if config is None else config

    def measure(self, image: UInt8[np.ndarray, "height width 3"], *, tile: bool = False) -> GramSet:
        """Measure the Gram set of a picture of any size.

        Raises:
            InputError: A side is shorter than 32 pixels.
        """
        refuse_small(image.shape[1], image.shape[0])
        padding: Padding = "circular" if tile else "reflect"
        tensor = image_tensor(image).to(self.encoder.mean.device)
        return self.encoder.wrap(blockwise_grams(self.encoder, tensor, padding=padding, block=self.config.block))

    def fitting_size(self, size: tuple[int, int], *, tile: bool) -> tuple[int, int]:
        """Return the height and width that come out: those asked for, or for tiles the next multiples of the stride."""
        stride = self.encoder.stride if tile else 1
        return (-(-size[0] // stride) * stride, -(-size[1] // stride) * stride)

    def run(
        self,
        target: GramSet,
        size: tuple[int, int] = (256, 256),
        *,
        tile: bool = False,
        exemplar: UInt8[np.ndarray, "height width 3"] | None = None,
        start: Float[Tensor, "3 _ _"] | None = None,
        seed: int = 0,
        callback: Callback | None = None,
    ) -> SynthesisResult:
        """Synthesise an image.

        Bit for bit the same for the same arguments on the same machine with the same number of threads.

        Args:
            target: Wanted Gram matrices. They say nothing about size.
            size: Height and width in pixels; see :meth:`fitting_size` for tiles.
            tile: Make the image periodic in both directions: every convolution wraps around.
            exemplar: Picture that the set is of. It lends its colours to the start, its autocorrelation if it is
                regular, and coarser versions of itself to the first stages of a large synthesis.
            start: Image to begin with, RGB in [0, 1], instead of noise; there is one stage then.
            seed: Of the noise.
            callback: Called after each iteration. ``KeyboardInterrupt`` ends the run with the best image so far.

        Raises:
            InputError: The set is of another encoder, or a side is shorter than 32 pixels.
        """
        self.encoder.refuse_other(target)
        refuse_small(size[1], size[0])
        began = time.process_time()
        config, device = self.config, self.encoder.mean.device
        size = self.fitting_size(size, tile=tile)
        padding: Padding = "circular" if tile else "reflect"
        source = None if exemplar is None else image_tensor(exemplar).to(device)
        wanted = tuple(matrix.to(device) for matrix in target.matrices)
        colours = self._colours(target, source)
        uses_acf = source is not None and (
            config.acf == "on"
            or (config.acf == "auto" and secondary_peak(source[:, : _PATCH * 4, : _PATCH * 4]) > PEAK)
        )
        generator = torch.Generator().manual_seed(seed)
        if start is None:
            stages = self._plan(wanted, source, size)
        else:
            stages = [_Stage(size, config.iterations, wanted, source)]
        if uses_acf:
            stages = list(_ordered(stages))
        total = sum(stage.iterations for stage in stages)
        image, history, done, interrupted, evaluations = start, list[float](), 0, False, 0.0
        for stage in stages:
            reach = config.exponent if source is None else REACH
            space = SpectralImage(stage.size, colours, exponent=config.exponent, device=device, reach=reach)
            if image is None:
                code = space.noise(generator, config.noise)
            else:
                code = self._next_code(space, stage, image, generator)
            tell = None
            if callback is not None:
                tell = functools.partial(_tell, callback, done, total)
            descent = self._descend(space, stage, code, padding if stage.size == size else "circular", tell=tell)
            history += descent.history
            evaluations += descent.evaluations * math.prod(stage.size) / math.prod(size)
            done += stage.iterations
            image = space.render(descent.code)
            if interrupted := descent.interrupted:
                break
        if image is None:
            raise ValueError("a synthesis needs a stage")
        pixels = image_bytes(image if tuple(image.shape[-2:]) == size else resize_periodic(image, size))
        return SynthesisResult(
            image=pixels,
            relative_error=self.measure(pixels, tile=tile).relative_error(target),
            start_error=self._noise_error(target, colours, size, seed),
            history=tuple(history),
            evaluations=evaluations,
            seconds=time.process_time() - began,
            seed=seed,
            uses_acf=uses_acf,
            interrupted=interrupted,
        )

    def _descend(
        self,
        space: SpectralImage,
        stage: _Stage,
        code: Tensor,
        padding: Padding,
        *,
        tell: Callable[[int, float], None] | None = None,
    ) -> Descent:
        acf = None
        if stage.ordered and stage.exemplar is not None:
            acf = AutocorrelationTarget.of(stage.exemplar, stage.size)
        return minimise(
            lambda code: self._energy(space.render(code), stage.targets, padding, acf),
            code,
            iterations=stage.iterations,
            history=self.config.history,
            enough=self.config.enough,
            patience=self.config.patience,
            callback=tell,
        )

    def _noise_error(self, target: GramSet, colours: Colours, size: tuple[int, int], seed: int) -> float:
        """The relative error of the noise that a synthesis in one stage begins with, on a patch of it."""
        part = (min(size[0], _PATCH), min(size[1], _PATCH))
        space = SpectralImage(part, colours, exponent=self.config.exponent, device=self.encoder.mean.device)
        noise = space.render(space.noise(torch.Generator().manual_seed(seed), self.config.noise))
        return self.measure(image_bytes(noise)).relative_error(target)

    def _energy(
        self, image: Tensor, targets: tuple[Tensor, ...], padding: Padding, acf: AutocorrelationTarget | None
    ) -> Tensor:
        config = self.config
        energy = gram_energy(self.encoder, image, targets, padding=padding, block=config.block)
        energy = energy + config.range_weight * (F.relu(image - 1).square() + F.relu(-image).square()).mean()
        if acf is not None:
            energy = energy + config.acf_weight * acf.energy(image, periodic=padding == "circular")
        if config.tv_weight:
            down, right = image.diff(dim=1).abs().mean(), image.diff(dim=2).abs().mean()
            energy = energy + config.tv_weight * (down + right)
        return energy

    def _colours(self, target: GramSet, source: Tensor | None) -> Colours:
        if source is not None:
            return Colours.of(source.cpu())
        if PIXELS in target.levels:
            return Colours.of_pixel_gram(target[PIXELS].cpu())
        return self._probed_colours(target)

    def _probed_colours(self, target: GramSet) -> Colours:
        """Find out what colours a Gram set is about: those of a small image that comes near it."""
        device, config = self.encoder.mean.device, self.config
        space = SpectralImage((_PROBE, _PROBE), Colours.usual(), exponent=config.exponent, device=device)
        stage = _Stage(
            (_PROBE, _PROBE), _PROBE_ITERATIONS, tuple(matrix.to(device) for matrix in target.matrices), None
        )
        noise = space.noise(torch.Generator().manual_seed(0), config.noise)
        found = self._descend(space, stage, noise, padding="circular")
        return Colours.of(space.render(found.code).cpu())

    def _plan(self, wanted: tuple[Tensor, ...], source: Tensor | None, size: tuple[int, int]) -> list[_Stage]:
        """Coarse to fine: with an exemplar, pictures of it at a fraction of its scale; without, pieces of its texture.

        A Gram set belongs to one scale. The coarse stages of an exemplar have sets of their own; where there is none,
        the first stages make less of the texture instead, which :func:`quilt_periodic` then spreads.
        """
        iterations, stages = self.config.iterations, []
        if source is None:
            factors = [factor for factor in (4, 2, 1) if min(size) // factor >= _PATCH or factor == 1]
        else:
            factors = [
                factor for factor in (4, 2, 1)
                if factor == 1 or (min(size) // factor >= _COARSE and min(source.shape[1:]) // factor >= MIN_SIDE)
            ]  # fmt: skip
        shares = (_PATCH_SHARES if source is None else _SHARES)[len(factors)]
        for factor, share in zip(factors, shares, strict=True):
            count = max(round(iterations * share), 1)
            if factor == 1:
                stages.append(_Stage(size, count, wanted, source))
                continue
            # Circular, so that the next stage finds no border; that takes multiples of the stride.
            part = self.fitting_size((-(-size[0] // factor), -(-size[1] // factor)), tile=True)
            if source is None:
                stages.append(_Stage(part, count, wanted, None))
                continue
            small = F.interpolate(source[None], scale_factor=1 / factor, mode="area")[0]
            targets = blockwise_grams(self.encoder, small, padding="reflect", block=self.config.block)
            stages.append(_Stage(part, count, tuple(targets), small))
        return stages

    def _next_code(self, space: SpectralImage, stage: _Stage, image: Tensor, generator: torch.Generator) -> Tensor:
        """The code to begin a stage with: what the stage before has found, made larger."""
        if image.shape[-2:] == stage.size:
            return space.invert(image)
        if stage.exemplar is not None:
            return space.invert(resize_periodic(image, stage.size))
        return space.invert(quilt_periodic(image, stage.size, generator))


def write_result(
    path: str | Path,
    result: SynthesisResult,
    *,
    command: str,
    model_hash: str = "",
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write an image, atomically; a PNG also says how it was made.

    Text chunks: ``Software``, ``gramtex:seed``, ``gramtex:command``, ``gramtex:model``, ``gramtex:relative_error``.

    Args:
        path: ``.png``, or another suffix that Pillow can write, which then holds the picture alone.
        result: What to write.
        command: The command line, without paths of the machine.
        model_hash: Digest of the model, or of the encoder's weights.
        notes: More text chunks.

    Raises:
        InputError: The suffix is no picture format.
    """
    if Path(path).suffix.lower() != ".png":
        hr_image.write(path, result.image)
        return
    chunks = PngImagePlugin.PngInfo()
    texts = {
        "Software": f"gramtex {__version__}",
        "gramtex:seed": str(result.seed),
        "gramtex:command": command,
        "gramtex:model": model_hash,
        "gramtex:relative_error": f"{result.relative_error:.3e}",
        **(notes or {}),
    }
    for key, text in texts.items():
        chunks.add_itxt(key, text)
    with atomic_path(path) as temporary:
        Image.fromarray(result.image).save(temporary, "PNG", pnginfo=chunks)


def _ordered(stages: Sequence[_Stage]) -> Iterator[_Stage]:
    """Let the autocorrelation take part in all stages but the end of the last one."""
    last = stages[-1]
    free = round(last.iterations * _FREE)
    for stage in [*stages[:-1], replace(last, iterations=last.iterations - free)]:
        yield replace(stage, ordered=True)
    if free:
        yield replace(last, iterations=free)


def _tell(callback: Callback, done: int, total: int, iteration: int, energy: float) -> None:
    callback(done + iteration, total, energy)


def refuse_small(width: int, height: int) -> None:
    """Check that a picture is large enough to be a texture.

    Raises:
        InputError: A side is shorter than 32 pixels.
    """
    if min(width, height) < MIN_SIDE:
        raise InputError(
            f"{width} x {height} pixels are too small for a texture; each side has to have {MIN_SIDE} or more"
        )
