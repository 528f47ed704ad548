"""From a mel picture to sound without sampling one sample after another.

Griffin-Lim iterations in which the known samples around the gap are put back every time. What makes them land on the
right partials is the start: fine spectral structure and phases are taken from the sound on both sides, as far as
the predicted mel levels agree with it; the rest starts from noise under the predicted envelope.

Rate 16 kHz; frame ``k`` of the mel picture covers the samples ``[320 k, 320 k + 1280)``. Inside, frames are twice
as dense (hop 160): more overlap leaves the iterations less freedom to go wrong.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.lib.stride_tricks import sliding_window_view

from hr_common.errors import InputError
from viai.baselines.autoregressive import continue_sound

WINDOW = 1_280
"""Samples in an analysis window: 80 ms."""
MEL_HOP = 320
"""Samples between two frames of the mel picture: 20 ms."""
HOP = 160
"""Samples between two frames of the iterations: 10 ms."""
_CONTEXT = 3 * WINDOW
_HANN = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
_TINY = 1e-9


def fill_by_phase(
    known: Float[np.ndarray, "time"],
    start: int,
    stop: int,
    mel: Float[np.ndarray, "band frame"],
    filterbank: Float[np.ndarray, "band bin"],
    *,
    iterations: int = 60,
    momentum: float | int = 0.99,
    agreement_db: float | int = 18.0,
    seed: int = 0,
) -> Float[np.ndarray, "gap"]:
    """Find the samples of a gap that fit a predicted mel picture and the sound around it.

    Args:
        known: Sound at 16 kHz; what it holds inside the gap is not read.
        start: First missing sample.
        stop: First sample after the gap.
        mel: Levels in [0, 1]: predicted for the frames that touch the gap; the others are not read.
        filterbank: Weights that sum the 641 bins of a window of 1,280 samples to mel bands.
        iterations: Rounds of Griffin-Lim.
        momentum: Step beyond each projection, 0 for the plain method.
        agreement_db: Difference between predicted band level and context at which the fine structure of the context
            counts for 1/e. Smaller: smoother spectra.
        seed: Settles the noise that the iterations start from.

    Returns:
        The missing samples.

    Raises:
        InputError: If the gap does not fit the sound, or the mel picture or the filterbank do not fit either.

    References:
        D. Griffin, J. Lim, "Signal estimation from modified short-time Fourier transform", IEEE Trans. ASSP 32(2),
        1984; momentum from N. Perraudin, P. Balazs, P. Sondergaard, "A fast Griffin-Lim algorithm", WASPAA 2013.
    """
    if not 0 <= start < stop <= len(known):
        raise InputError(f"gap [{start}, {stop}) does not fit a sound of {len(known)} samples at 16 kHz")
    if filterbank.shape != (mel.shape[0], WINDOW // 2 + 1):
        raise InputError(
            f"filterbank is {filterbank.shape}, {mel.shape[0]} mel bands need {(mel.shape[0], WINDOW // 2 + 1)}"
        )
    if mel.shape[1] <= (stop - 1) // MEL_HOP:
        raise InputError(
            f"mel picture has {mel.shape[1]} frames; a gap to sample {stop} needs at least {(stop - 1) // MEL_HOP + 1}"
        )
    segment, origin = _segment(known, start, stop)
    first, last = start - origin, stop - origin
    positions = np.arange(0, len(segment) - WINDOW + 1, HOP)
    touches = (positions + WINDOW > first) & (positions < last)

    bands = _amplitude_at(mel, positions[touches] + origin)
    continued = _continuation(known, start, stop, segment, first)
    magnitude = _magnitudes(
        segment, first, last, positions[touches], bands, filterbank.astype(np.float64), agreement_db
    )
    spectrum = _stft(continued)
    spectrum[touches] = _with_noise(
        spectrum[touches], magnitude, _stft(_shaped_noise(len(segment), positions[touches], bands, seed))[touches]
    )
    outside = np.ones(len(segment), dtype=bool)
    outside[first:last] = False
    previous = spectrum.copy()
    samples = _istft(spectrum, len(segment))
    for _ in range(iterations):
        samples[outside] = segment[outside]
        projected = _stft(samples)
        ahead = projected + momentum * (projected - previous)
        previous = projected
        projected = projected.copy()
        projected[touches] = magnitude * ahead[touches] / np.maximum(np.abs(ahead[touches]), _TINY)
        samples = _istft(projected, len(segment))
    return samples[first:last]


def _segment(known: np.ndarray, start: int, stop: int) -> tuple[np.ndarray, int]:
    """Gap and surroundings with zeros in the gap and beyond the ends of the sound; position of its first sample."""
    origin = (start - _CONTEXT) // MEL_HOP * MEL_HOP
    end = stop + _CONTEXT + (origin - stop - _CONTEXT) % HOP
    segment = np.zeros(end - origin)
    left, right = max(origin, 0), min(end, len(known))
    segment[left - origin : start - origin] = known[left:start]
    segment[stop - origin : right - origin] = known[stop:right]
    return segment, origin


def _amplitude_at(mel: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Mel amplitude (frame, band) of the windows that begin at the positions; levels are interpolated linearly."""
    place = np.clip(positions / MEL_HOP, 0, mel.shape[1] - 1)
    before = np.floor(place).astype(int)
    after = np.minimum(before + 1, mel.shape[1] - 1)
    weight = place - before
    level = np.clip((1 - weight) * mel[:, before] + weight * mel[:, after], 0.0, 1.0).T
    # Level 0 is silence: the map to levels ends there.
    return np.asarray(np.where(level > 0, 10 ** ((100 * level - 80) / 20), 0.0))


def _stft(samples: np.ndarray) -> np.ndarray:
    return np.asarray(np.fft.rfft(sliding_window_view(samples, WINDOW)[::HOP] * _HANN, axis=-1))


def _istft(spectrum: np.ndarray, length: int) -> np.ndarray:
    frames = np.fft.irfft(spectrum, WINDOW, axis=-1) * _HANN
    samples, weight = np.zeros(length), np.zeros(length)
    pieces = WINDOW // HOP
    # Every eighth frame follows without overlap, so eight additions do for any length.
    for phase in range(pieces):
        block = frames[phase::pieces]
        samples[phase * HOP : phase * HOP + block.size] += block.ravel()
        weight[phase * HOP : phase * HOP + block.size] += np.tile(_HANN**2, len(block))
    return np.asarray(samples / np.maximum(weight, 1e-3))


def _continuation(known: np.ndarray, start: int, stop: int, segment: np.ndarray, first: int) -> np.ndarray:
    """The segment with the sound continued into the gap from both sides: the phases that steady partials will have."""
    length = stop - start
    ramp = np.cos(0.5 * np.pi * (np.arange(length) + 0.5) / length) ** 2
    from_left = continue_sound(known[:start], length, order=600)
    from_right = continue_sound(known[stop:][::-1], length, order=600)[::-1]
    result = segment.copy()
    result[first : first + length] = ramp * from_left + (1 - ramp) * from_right
    return result


def _magnitudes(
    segment: np.ndarray,
    first: int,
    last: int,
    positions: np.ndarray,
    bands: np.ndarray,
    filterbank: np.ndarray,
    agreement_db: float,
) -> np.ndarray:
    """Magnitudes (frame, bin) whose mel amplitudes are the given ones, with the fine structure of the context."""
    # Bins that no triangle reaches follow the outermost band.
    reach = filterbank / np.maximum(filterbank.max(axis=1, keepdims=True), _TINY)
    bins = np.flatnonzero(reach.sum(axis=0) > 1e-6)
    reach[0, : bins[0]] = 1.0
    reach[-1, bins[-1] + 1 :] = 1.0
    reach /= np.maximum(reach.sum(axis=0), _TINY)

    context = _context_spectra(segment, first, last, positions)
    present = context @ filterbank.T
    ratio = 20 * np.log10(np.maximum(bands, 1e-5) / np.maximum(present, 1e-5))
    trust = np.exp(-((ratio / agreement_db) ** 2)) @ reach
    smooth = (bands / np.maximum(filterbank.sum(axis=1), _TINY)) @ reach
    scaled = context * 10 ** ((ratio @ reach) / 20)
    magnitude = np.exp(trust * np.log(scaled + _TINY) + (1 - trust) * np.log(smooth + _TINY))
    # Multiplicative updates keep the fine structure and bring the band sums to what was predicted.
    weight = filterbank / np.maximum(filterbank.sum(axis=0), _TINY)
    for _ in range(10):
        correction = (bands / np.maximum(magnitude @ filterbank.T, _TINY)) @ weight
        magnitude[:, bins] *= correction[:, bins]
    return np.asarray(magnitude)


def _context_spectra(segment: np.ndarray, first: int, last: int, positions: np.ndarray) -> np.ndarray:
    """Magnitudes on both sides of the gap, faded from one into the other over the frames."""
    frames = np.stack(
        [
            np.sqrt(np.mean([np.abs(np.fft.rfft(segment[p : p + WINDOW] * _HANN)) ** 2 for p in places], axis=0))
            for places in ([first - WINDOW - s for s in (0, 160, 320)], [last + s for s in (0, 160, 320)])
        ]
    )
    # A silent or missing side has nothing to say.
    energy = frames.sum(axis=1)
    if energy[0] < 1e-6 * energy[1]:
        frames[0] = frames[1]
    elif energy[1] < 1e-6 * energy[0]:
        frames[1] = frames[0]
    place = np.clip((positions + WINDOW - first) / (last - first + WINDOW), 0.0, 1.0)[:, np.newaxis]
    return np.asarray((1 - place) * frames[0] + place * frames[1])


def _shaped_noise(length: int, positions: np.ndarray, bands: np.ndarray, seed: int) -> np.ndarray:
    """White noise under the course of the predicted level, so that its phases know where the events are."""
    level = np.sqrt(np.mean(bands**2, axis=1))
    envelope = np.interp(np.arange(length), positions + WINDOW // 2, level)
    return np.asarray(np.random.default_rng(seed).standard_normal(length) * (envelope + _TINY))


def _with_noise(continued: np.ndarray, magnitude: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Spectrum of the wanted magnitude: phases of the continuation, of noise where that is too weak."""
    missing = np.maximum(magnitude - np.abs(continued), 0.0)
    mixed = continued + missing * noise / np.maximum(np.abs(noise), _TINY)
    return np.asarray(magnitude * mixed / np.maximum(np.abs(mixed), _TINY))
