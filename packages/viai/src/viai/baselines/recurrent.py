"""SampleRNN and Visual2Sound in the results table: they play on from the known sound, one sample after the other.

A forward network plays on from the left. The bi-directional forms also let a network that was trained on reversed
time play on from the right, and blend both over the gap with a squared cosine; the paper names these forms and does not
say how it blends.

References:
    Zhou et al., "Vision-Infused Deep Audio Inpainting", ICCV 2019, table 1, for the four forms; the networks are in
    :mod:`viai.networks.sample_rnn`.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from hr_common import device as devices
from hr_common.errors import InputError
from viai.baselines.interface import Scene
from viai.checkpoints import Loaded, load_network, weights_folder
from viai.data.clips import picture_samples
from viai.networks.sample_rnn import Sampler, SampleRNN, Visual2Sound, amplitude, draw, quantise
from viai.picture import normalise

METHODS: dict[str, tuple[str, ...]] = {
    "samplernn": ("samplernn",),
    "visual2sound": ("visual2sound",),
    "bi-samplernn": ("samplernn", "samplernn-reversed"),
    "bi-visual2sound": ("visual2sound", "visual2sound-reversed"),
}
"""Networks of each method: the forward one, then the one on reversed time if there is one."""
ROWS = 64
"""Scenes that play together. A shorter block is filled up: a matrix product may round differently with the number of
rows, and one other rounding in ten thousand draws gives another sound."""


def blend(
    forward: Float[np.ndarray, "missing"], backward: Float[np.ndarray, "missing"]
) -> Float[np.ndarray, "missing"]:
    """Cross from one continuation to the other with a squared cosine.

    The first sample is that of ``forward``, the last that of ``backward``.
    """
    weight = np.cos(np.linspace(0.0, 0.5 * np.pi, len(forward))) ** 2
    return np.asarray(weight * forward + (1 - weight) * backward, forward.dtype)


def turned(scene: Scene) -> Scene:
    """Turn a scene over in time: sound, gap, spectrogram and pictures; flow keeps its sign."""
    start, stop = scene.gap
    length = len(scene.samples)
    return replace(
        scene,
        samples=scene.samples[::-1].copy(),
        gap=(length - stop, length - start),
        mel=scene.mel[:, ::-1].copy(),
        unknown=scene.unknown[::-1].copy(),
        frames=None if scene.frames is None else scene.frames[::-1].copy(),
        flow=None if scene.flow is None else scene.flow[::-1].copy(),
    )


@dataclass(frozen=True, eq=False)
class Recurrent:
    """One of the four recurrent methods; see :data:`METHODS`."""

    name: str
    """What the results table calls it."""
    forward: Loaded
    """Plays on from the left."""
    backward: Loaded | None = None
    """Plays on from the right, on reversed time; None for a method of one direction."""
    temperature: float | int = 1.0
    """Divides the logits before each draw; 1 draws from the distribution as it was learnt."""
    context_seconds: float | int = 1.0
    """Known sound that settles the states before a network plays on, in whole chunks of its training."""

    @classmethod
    def from_pretrained(
        cls,
        name: str,
        weights: str | Path | None = None,
        *,
        device: str = "auto",
        temperature: float | int = 1.0,
        context_seconds: float | int = 1.0,
    ) -> Recurrent:
        """Load the networks of a method.

        Args:
            name: One of :data:`METHODS`.
            weights: Folder with the ``.safetensors`` of :data:`METHODS`.
            device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
            temperature: Positive.
            context_seconds: See the field; one chunk at least is heard.

        Raises:
            InputError: The method is unknown, the temperature is not positive, or a file is missing or damaged or
                holds another network.
        """
        if name not in METHODS:
            raise InputError(f"unknown recurrent method '{name}'; choose one of {', '.join(METHODS)}")
        if not 0 < temperature < float("inf"):
            raise InputError(f"a temperature of {temperature} cannot be drawn at; give a positive number, usually 1")
        folder = weights_folder(None if weights is None else Path(weights))
        where = devices.resolve(device)
        loaded = [load_network(folder / f"{stage}.safetensors", stage, device=where) for stage in METHODS[name]]
        return cls(name, loaded[0], loaded[1] if len(loaded) > 1 else None, temperature, context_seconds)

    def play(self, scenes: Sequence[Scene], *, seed: int) -> list[Float32[np.ndarray, "missing"]]:
        """Fill the gaps.

        A scene sounds the same whichever others are played with it: its random numbers come from the seed and its own
        known samples.

        Args:
            scenes: Windows of one length.
            seed: Settles every random number.

        Raises:
            InputError: A network that sees is given a scene without pictures, or with pictures of another size.
        """
        ahead = self._play(self.forward, scenes, seed)
        if self.backward is None:
            return ahead
        back = self._play(self.backward, [turned(scene) for scene in scenes], seed)
        return [blend(left, right[::-1]) for left, right in zip(ahead, back, strict=True)]

    def _play(self, loaded: Loaded, scenes: Sequence[Scene], seed: int) -> list[Float32[np.ndarray, "missing"]]:
        """Let a network play on over every gap from what lies before it."""
        played: list[Float32[np.ndarray, "missing"]] = [np.empty(0, np.float32)] * len(scenes)
        # Gaps of about one length together: a block plays as long as its longest gap.
        order = sorted(range(len(scenes)), key=lambda number: scenes[number].gap[1] - scenes[number].gap[0])
        for first in range(0, len(order), ROWS):
            members = order[first : first + ROWS]
            block = _Block(loaded, [scenes[number] for number in members], self.context_seconds)
            for number, sound in zip(members, block.play(seed, self.temperature), strict=True):
                played[number] = sound
        return played


class _Block:
    """Scenes that play together, all of them with their gap at the same place of the rows."""

    def __init__(self, loaded: Loaded, scenes: Sequence[Scene], context_seconds: float | int) -> None:
        self.config = loaded.config
        self.scenes = scenes
        network = loaded.network
        self.eye = network if isinstance(network, Visual2Sound) else None
        self.network = cast(SampleRNN, network.sound if isinstance(network, Visual2Sound) else network)
        self.device = self.network.initial.device
        settings = self.config.sample_rnn
        self.chunks = max(1, round(context_seconds * self.config.spectrogram.sample_rate / settings.chunk))
        self.context = self.chunks * settings.chunk
        self.lead = settings.frames[0]
        longest = max(scene.gap[1] - scene.gap[0] for scene in scenes)
        self.steps = -(-longest // self.lead) * self.lead

    @torch.no_grad()
    def play(self, seed: int, temperature: float | int) -> list[Float32[np.ndarray, "missing"]]:
        """Return the samples of every gap."""
        known = self._rows([self._known(scene) for scene in self.scenes])
        seen = None if self.eye is None else self._rows([self._seen(self.eye, scene) for scene in self.scenes])
        state = self._warm_up(known, seen)
        ahead = None if seen is None else seen[:, self.context // self.lead :]
        sampler = Sampler(self.network, known[:, -self.lead :], state, ahead)
        chances = self._rows([self._chances(scene, seed) for scene in self.scenes]).T.contiguous()
        levels = draw(sampler, chances, temperature=temperature)
        samples = amplitude(levels, self.config.sample_rnn.levels).float().cpu().numpy()
        return [row[: scene.gap[1] - scene.gap[0]].copy() for row, scene in zip(samples, self.scenes, strict=False)]

    def _rows(self, rows: Sequence[Tensor]) -> Tensor:
        return torch.stack([*rows, *[rows[-1]] * (ROWS - len(rows))]).to(self.device)

    def _known(self, scene: Scene) -> Int64[Tensor, " lead_and_context"]:
        """Levels before the gap, with silence before the window."""
        wanted = self.lead + self.context
        past = scene.samples[max(0, scene.gap[0] - wanted) : scene.gap[0]]
        padded = np.concatenate([np.zeros(wanted - len(past), np.float32), past.astype(np.float32)])
        return quantise(torch.from_numpy(padded), self.config.sample_rnn.levels)

    def _seen(self, eye: Visual2Sound, scene: Scene) -> Float[Tensor, "coarse feature"]:
        """Describe what is seen during every coarse frame of context and gap."""
        size = self.config.picture.size
        if scene.frames is None or scene.flow is None:
            raise InputError("visual2sound needs the picture of every scene, and one has none; use samplernn for it")
        if scene.frames.shape[2:] != (size, size) or scene.flow.shape[2:] != (size, size):
            raise InputError(
                f"visual2sound was trained on pictures of {size} x {size} pixels, and a scene has "
                f"{' x '.join(map(str, scene.frames.shape[2:]))}; prepare them with the settings of its card"
            )
        begins = torch.arange(scene.gap[0] - self.context, scene.gap[0] + self.steps, self.lead)
        places = (begins // picture_samples(self.config)).clamp(0, len(scene.frames) - 1)
        # The block's longest gap may reach beyond this one's; what is looked at must not depend on it.
        last = min((scene.gap[1] - 1) // picture_samples(self.config), len(scene.frames) - 1)
        places = places.clamp(max=last)
        first = int(places[0])
        frames, flow = (
            normalise(torch.from_numpy(part[first : last + 1])[None].to(self.device))
            for part in (scene.frames, scene.flow)
        )
        described: Tensor = eye.describe(frames, flow)[0, places.to(self.device) - first]
        return described

    def _warm_up(
        self, known: Int64[Tensor, "row lead_and_context"], seen: Float[Tensor, "row coarse feature"] | None
    ) -> Float[Tensor, "row 2 hidden"]:
        """Hear the known sound, chunk by chunk; a row begins with its first chunk that is wholly known."""
        chunk = self.config.sample_rnn.chunk
        # A row without one whole chunk begins with the last, most of which is then silence.
        whole = [min(self.chunks, max(1, scene.gap[0] // chunk)) for scene in self.scenes]
        owned = torch.tensor([*whole, *[whole[-1]] * (ROWS - len(whole))], device=self.device)
        state = self.network.initial.expand(ROWS, -1, -1)
        for number in range(self.chunks):
            start = number * chunk
            frames = slice(start // self.lead, (start + chunk) // self.lead)
            _, state = self.network.tiers(
                known[:, start : start + self.lead + chunk],
                state,
                self.chunks - owned >= number,
                None if seen is None else seen[:, frames],
            )
        return state

    def _chances(self, scene: Scene, seed: int) -> Float32[Tensor, " time"]:
        """Draw uniform numbers that depend on the seed and on what is known before the gap."""
        heard = zlib.crc32(np.ascontiguousarray(scene.samples[: scene.gap[0]], np.float32).tobytes())
        rng = np.random.default_rng((seed, scene.gap[1] - scene.gap[0], heard))
        return torch.from_numpy(1 - rng.random(self.steps, np.float32))
