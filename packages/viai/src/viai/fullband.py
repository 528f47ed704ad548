"""What the model does not know: the bands below 110 Hz and above 7,300 Hz, and the channels.

The model fills one channel between 125 and 7,600 Hz. The other bands come from the sound around the gap: at their level
there, with the events that the model placed. The other channels follow from how they related to the filled one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Float
from scipy.ndimage import convolve1d
from scipy.signal import fftconvolve, firwin, get_window, resample_poly

from hr_common.errors import InputError
from viai.baselines.autoregressive import interpolate_extrapolation

LOW_HZ = 110.0
"""Below, the filling is taken from the sound around the gap: the model's lowest mel band begins at 125 Hz."""
HIGH_HZ = 7_300.0
"""Above, likewise: the highest mel band ends at 7,600 Hz."""
_EVENTS_HZ = 2_000.0
_EVENT_DB = (-6.0, 12.0)
_DRIFT_DB = 2.0  # by which the events of a gap may change its treble as a whole
_LEVELLING = (0.25, 4.0)  # gains by which a band of a channel may be brought to its level
_CONTEXT_SECONDS = 0.3
_FLOOR = 1e-12
T = TypeVar("T")


def energy_above(samples: Float[np.ndarray, "time"], sample_rate: int, hertz: float | int) -> float:
    """Measure the level above a frequency.

    Args:
        samples: Sound, amplitude in [-1, 1].
        sample_rate: In Hz.
        hertz: Lower end of the band.

    Returns:
        Mean square of that part of the sound, in decibels re 1; -120 where there is none.
    """
    if len(samples) == 0:
        return -120.0
    # The window keeps the jump between end and begin out of the high band.
    window = get_window("hann", len(samples)) if len(samples) > 16 else np.ones(len(samples))
    power = np.abs(np.fft.rfft(np.asarray(samples, dtype=np.float64) * window)) ** 2
    power[1:] *= 2.0
    if len(samples) % 2 == 0:
        power[-1] /= 2.0
    band = power[np.fft.rfftfreq(len(samples), 1 / sample_rate) >= hertz].sum()
    return float(10 * np.log10(max(band / (len(samples) * float(window @ window)), _FLOOR)))


def fill_bands(
    samples: Float[np.ndarray, "time"],
    start: int,
    stop: int,
    sample_rate: int,
    model_fill: Float[np.ndarray, "gap"],
    *,
    generator: np.random.Generator | None = None,
    event_strength: float | int = 1.0,
) -> Float[np.ndarray, "gap"]:
    """Complete a filling of the model with the bands it does not know.

    Above 7.3 kHz: partials continued from both sides and, where these have died away, noise under the spectrum of the
    context, interpolated over the gap in decibels; an event that the model put between 2 and 7.3 kHz lifts it likewise.
    Below 110 Hz: the sound continued from both sides, and noise for the power that it loses. Both are spliced in with
    linear phase.

    Args:
        samples: Sound at the file's own rate; the gap is not read.
        start: First missing sample.
        stop: First sample after the gap.
        sample_rate: In Hz. At 14.6 kHz and below there is no upper band to add.
        model_fill: The model's samples for the gap, converted to that rate.
        generator: Source of the noise; seeded with 0 if not given.
        event_strength: How far the upper band follows the events of the model, 0 to 1; at most 6 dB down and 12 dB up.

    Returns:
        The samples of the gap, in double precision.

    Raises:
        InputError: If the gap does not fit the sound, or the filling not the gap.
    """
    if not 0 <= start < stop <= len(samples) or len(model_fill) != stop - start:
        raise InputError(
            f"gap [{start}, {stop}) with a filling of {len(model_fill)} samples does not fit {len(samples)} samples: "
            "the filling must be as long as the gap, and the gap lie inside"
        )
    generator = generator if generator is not None else np.random.default_rng(0)
    reach = round(2 * _CONTEXT_SECONDS * sample_rate)
    first, last = max(0, start - reach), min(len(samples), stop + reach)
    segment = np.array(samples[first:last], dtype=np.float64)
    begin, end = start - first, stop - first
    continued = segment.copy()
    continued[begin:end] = interpolate_extrapolation(segment, begin, end)
    segment[begin:end] = model_fill
    result = segment[begin:end] + _low_difference(segment, continued, begin, end, sample_rate, generator)
    # The shortest filter that still parts the bands; it needs some room below the Nyquist frequency.
    if sample_rate / 2 > HIGH_HZ + 200:
        taps = 2 * round(3.3 * sample_rate / 400 / 2) + 1
        highpass = firwin(taps, HIGH_HZ, fs=sample_rate, pass_zero=False)
        upper = _upper_band(segment, continued, begin, end, sample_rate, generator, event_strength)
        result += fftconvolve(upper - segment, highpass, mode="same")[begin:end]
    return np.asarray(result)


def mid_signal(samples: Float[np.ndarray, "time channel"], start: int, stop: int) -> Float[np.ndarray, "time"]:
    """Reduce a sound to the one channel that the model fills.

    That is the mean of all channels, or the loudest channel where the mean cancels (20 dB weaker than the channels).

    Args:
        samples: Sound; the gap is not read.
        start: First missing sample.
        stop: First sample after the gap.

    Returns:
        One channel in double precision, zero in the gap.
    """
    signal = np.array(samples, dtype=np.float64)
    signal[start:stop] = 0.0
    if (signal == signal[:, :1]).all():
        # A mean of equal numbers is not always that number.
        return signal[:, 0].copy()
    mean = signal.mean(axis=1)
    known = np.concatenate([signal[:start], signal[stop:]])
    if not len(known):
        return np.asarray(mean)
    powers = np.mean(known**2, axis=0)
    if np.mean(known.mean(axis=1) ** 2) < 0.01 * powers.mean():
        return signal[:, int(np.argmax(powers))].copy()
    return np.asarray(mean)


def fill_channels(
    mid_fill: Float[np.ndarray, "gap"],
    samples: Float[np.ndarray, "time channel"],
    start: int,
    stop: int,
    sample_rate: int,
    *,
    generator: np.random.Generator | None = None,
) -> Float[np.ndarray, "gap channel"]:
    """Spread the filling of one channel over all channels.

    A channel is the filling through a filter, by least squares over the context, so that delays between channels stay,
    plus a remainder: the filling with random phases, in each of 24 bands at the level and with the covariance between
    channels that the remainders have in the context. Both go from their values before the gap to those after it. At
    last every band of a channel is brought to the level over the filling that it has in the context.

    Args:
        mid_fill: Filling of :func:`mid_signal`.
        samples: Sound with the gap in it; the gap is not read.
        start: First missing sample.
        stop: First sample after the gap.
        sample_rate: In Hz.
        generator: Source of the phases; seeded with 0 if not given.

    Returns:
        The samples of the gap. Channels that are equal to the bit around the gap are so in it, silent ones stay silent.

    Raises:
        InputError: If the gap does not fit the sound, or the filling not the gap.
    """
    if not 0 <= start < stop <= len(samples) or len(mid_fill) != stop - start:
        raise InputError(f"gap [{start}, {stop}) and filling of {len(mid_fill)} do not fit {len(samples)} samples")
    generator = generator if generator is not None else np.random.default_rng(0)
    # More than is looked at: where the stretch is cut off, a window sees a click, far louder than a soft treble.
    reach = round((_CONTEXT_SECONDS + 0.05) * sample_rate)
    length = stop - start
    left = np.asarray(samples[max(0, start - reach) : start], dtype=np.float64)
    right = np.asarray(samples[stop : stop + reach], dtype=np.float64)
    known = np.concatenate([left, right])
    columns, member = _distinct(known)
    result = np.zeros((length, len(columns)))
    sounding = [index for index, column in enumerate(columns) if known[:, column].any()]
    if not len(known) or len(columns) == 1:
        # Nothing tells the channels apart.
        everywhere = bool(sounding) or not len(known)
        return np.repeat(np.asarray(mid_fill, np.float64)[:, np.newaxis], samples.shape[1], axis=1) * everywhere
    if sounding:
        zeroed = np.concatenate([left, np.zeros((length, samples.shape[1])), right])
        first = start - len(left)
        mid = mid_signal(samples, start, stop)[first : first + len(zeroed)].copy()
        mid[len(left) : len(left) + length] = mid_fill
        zeroed = zeroed[:, [columns[index] for index in sounding]]
        result[:, sounding] = _spread(zeroed, mid, len(left), length, sample_rate, generator)
    return result[:, member]


def _low_difference(
    segment: np.ndarray, continued: np.ndarray, begin: int, end: int, sample_rate: int, generator: np.random.Generator
) -> np.ndarray:
    """What the gap lacks below :data:`LOW_HZ`: the low band of the context less the model's."""
    factor = max(1, sample_rate // 1_000)
    # A predictor at the full rate is too short for periods of 10 ms and more: at 1 kHz it spans many.
    slow = resample_poly(continued, 1, factor)
    slow_begin, slow_end = max(0, begin // factor - 5), min(len(slow), -(-end // factor) + 5)
    slow[slow_begin:slow_end] = interpolate_extrapolation(slow, slow_begin, slow_end, order=128)
    taps = firwin(2 * round(3.3 * 1_000 / 40 / 2) + 1, LOW_HZ, fs=sample_rate / factor)
    low = _same(slow, taps)
    low[slow_begin:slow_end] += _rumble(low, slow_begin, slow_end, taps, generator)
    # Both through the same filters: outside the gap their difference vanishes.
    difference = low - _same(resample_poly(segment, 1, factor), taps)
    # Once more: the noise fades in and out, which widens its band.
    return np.asarray(resample_poly(_same(difference, taps), factor, 1)[begin:end])


def _rumble(low: np.ndarray, begin: int, end: int, taps: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Noise that makes up for the power which the continued low band loses on its way through the gap."""
    sides = [
        float(np.mean(part**2)) if len(part) else 0.0 for part in (low[max(0, begin - 300) : begin], low[end:][:300])
    ]
    ends = _both([power if power > _FLOOR else None for power in sides])
    if ends is None:
        return np.zeros(end - begin)
    wanted = np.geomspace(ends[0], ends[1], end - begin)
    window = get_window("hann", 101) / 50.0
    present = _same(low**2, window)[begin:end]
    noise = _same(generator.standard_normal(len(low) + len(taps)), taps)[: end - begin] / np.sqrt(taps @ taps)
    missing = np.sqrt(np.maximum(wanted - present, 0.0))
    fade = np.minimum(1.0, np.minimum(np.arange(1, end - begin + 1), np.arange(end - begin, 0, -1)) / 20)
    return np.asarray(fade * missing * noise)


def _same(samples: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """Filter with a symmetric filter of odd length, without delay."""
    return np.asarray(np.convolve(samples, taps)[len(taps) // 2 :][: len(samples)])


def _upper_band(
    segment: np.ndarray,
    continued: np.ndarray,
    begin: int,
    end: int,
    sample_rate: int,
    generator: np.random.Generator,
    event_strength: float | int,
) -> np.ndarray:
    """The segment with a gap that is right above :data:`HIGH_HZ`; below, it need not be."""
    size = 1 << round(np.log2(0.03 * sample_rate))
    spectrum, centres = _stft(segment, size)
    start_of_frame, end_of_frame = centres - size // 2, centres + size // 2
    touches = (end_of_frame > begin) & (start_of_frame < end)
    sides = [_power(spectrum[mask]) for mask in _side_masks(centres, size, begin, end, sample_rate)]
    levels = _both(sides)
    if levels is None:
        return segment
    place = np.clip((centres[touches] - begin) / (end - begin), 0.0, 1.0)[:, np.newaxis]
    decibels = (1 - place) * _decibels(levels[0]) + place * _decibels(levels[1])

    hertz = np.fft.rfftfreq(size, 1 / sample_rate)
    watched = (hertz >= _EVENTS_HZ) & (hertz < HIGH_HZ)
    usual = [_decibels(levels[side][watched].mean()) for side in (0, 1)]
    line = (1 - place[:, 0]) * usual[0] + place[:, 0] * usual[1]
    event = _decibels(np.mean(np.abs(spectrum[touches][:, watched]) ** 2, axis=1)) - line
    lifted = decibels + event_strength * np.clip(event, *_EVENT_DB)[:, np.newaxis]
    # Events move the treble about in time. Where the model is too soft or too loud throughout, the context is right.
    upper = hertz >= HIGH_HZ
    excess = float(_decibels((10 ** (lifted[:, upper] / 10)).mean() / (10 ** (decibels[:, upper] / 10)).mean()))
    decibels = lifted + np.clip(excess, -_DRIFT_DB, _DRIFT_DB) - excess

    wanted = 10 ** (decibels / 20)
    steady = _stft(continued, size)[0][touches]
    noise = generator.standard_normal((2, len(segment)))[0]
    random = _stft(noise, size)[0][touches] / np.sqrt(np.sum(get_window("hann", size) ** 2))
    # Powers add: noise fills up what the continued partials leave.
    missing = np.sqrt(np.maximum(wanted**2 - np.abs(steady) ** 2, 0.0))
    kept = steady * np.minimum(1.0, wanted / np.maximum(np.abs(steady), _FLOOR))
    spectrum[touches] = kept + missing * random
    result = segment.copy()
    result[begin:end] = _istft(spectrum, size, len(segment))[begin:end]
    return result


def _spread(
    channels: np.ndarray, mid: np.ndarray, begin: int, length: int, sample_rate: int, generator: np.random.Generator
) -> np.ndarray:
    size = 1 << round(np.log2(0.03 * sample_rate))
    parts = [_stft(channels[:, index], size) for index in range(channels.shape[1])]
    centres = parts[0][1]
    around = np.stack([spectrum for spectrum, _ in parts])
    source = _stft(mid, size)[0]
    bands = _bands(size, sample_rate)
    masks = _side_masks(centres, size, begin, begin + length, sample_rate)
    relations = [_relation(around[:, mask], source[mask], bands) for mask in masks]
    ends = _both(relations)
    if ends is None:
        # Too little context to learn bands from: one gain for all of them.
        outside = np.r_[0:begin, begin + length : len(mid)]
        gains = mid[outside] @ channels[outside] / max(float(mid[outside] @ mid[outside]), _FLOOR)
        return np.asarray(mid[begin : begin + length, np.newaxis] * gains)
    # Random phases in the time domain: filters that change no magnitude, as long as one window.
    phases = np.exp(2j * np.pi * generator.random((channels.shape[1], size // 2 + 1)))
    phases[:, [0, -1]] = 1.0
    copies = [fftconvolve(mid, taps, mode="same") for taps in np.fft.irfft(phases, size, axis=1)]
    voices = np.stack([source, *(_stft(copy, size)[0] for copy in copies)])
    place = np.clip((centres - begin) / length, 0.0, 1.0)
    near = (centres > begin - size // 4) & (centres < begin + length + size // 4)
    before, after = 1 - place[:, np.newaxis], place[:, np.newaxis]
    played = _band_powers(source[near], bands)
    result = np.zeros((length, channels.shape[1]))
    for index in range(channels.shape[1]):
        sides = [
            end.filters[index] * voices[0] + np.einsum("kj,jtk->tk", end.roots[bands, index], voices[1:])
            for end in ends
        ]
        spectrum = before * sides[0] + after * sides[1]
        # Partials and their copies with other phases add up to anything: the level between channels has to stay.
        decibels = before * _decibels(ends[0].ratios[index]) + after * _decibels(ends[1].ratios[index])
        wanted = (played * 10 ** (decibels[near] / 10)).sum(axis=0)
        present = _band_powers(spectrum[near], bands).sum(axis=0)
        gains = np.sqrt(wanted / np.maximum(present, _FLOOR))
        result[:, index] = _istft(spectrum * np.clip(gains, *_LEVELLING)[bands], size, len(mid))[begin : begin + length]
    return result


@dataclass(frozen=True, eq=False)
class _Relation:
    """How channels relate to the one that is filled."""

    filters: np.ndarray
    """(channel, bin), complex: what of a channel follows from the filled one."""
    roots: np.ndarray
    """(band, channel, copy): root of the covariance of what does not, over the power of the filled one."""
    ratios: np.ndarray
    """(channel, band): power of a channel over that of the filled one."""


def _relation(around: np.ndarray, source: np.ndarray, bands: np.ndarray) -> _Relation | None:
    """Relate channels (channel, frame, bin) to the source (frame, bin)."""
    if _power(source) is None:
        return None
    count = int(bands.max()) + 1
    # Over some neighbouring bins: few frames alone would make a filter of what is only chance.
    auto = _smooth(np.sum(np.abs(source) ** 2, axis=0))
    cross = _smooth(np.sum(around * source.conj(), axis=1))
    filters = np.where(auto > _FLOOR, cross / np.maximum(auto, _FLOOR), 0.0)
    rest = around - filters[:, np.newaxis] * source
    roots = np.zeros((count, len(around), len(around)))
    powers = _band_powers(source, bands).sum(axis=0)
    for band in np.flatnonzero(powers > _FLOOR):
        rows = rest[:, :, bands == band].reshape(len(around), -1)
        values, vectors = np.linalg.eigh((rows @ rows.conj().T).real / powers[band])
        # A band in which the source is nearly absent must not shout.
        roots[band] = vectors * np.sqrt(np.clip(values, 0.0, 100.0))
    ratios = np.stack([_band_powers(channel, bands).sum(axis=0) for channel in around]) / np.maximum(powers, _FLOOR)
    return _Relation(filters, roots, np.clip(ratios, 0.0, 100.0))


def _smooth(values: np.ndarray) -> np.ndarray:
    """Weighted mean over five bins."""
    return np.asarray(convolve1d(values, np.array([1, 2, 3, 2, 1]) / 9, axis=-1, mode="nearest"))


def _band_powers(spectrum: np.ndarray, bands: np.ndarray) -> np.ndarray:
    """Power (frame, band) of spectra (frame, bin)."""
    firsts = np.flatnonzero(np.diff(bands, prepend=-1))
    return np.asarray(np.add.reduceat(np.abs(spectrum) ** 2, firsts, axis=1))


def _distinct(known: np.ndarray) -> tuple[list[int], list[int]]:
    """First column of each kind, and for every column which kind it is."""
    kinds: dict[bytes, int] = {}
    columns: list[int] = []
    member = []
    for index in range(known.shape[1]):
        key = known[:, index].tobytes()
        if key not in kinds:
            kinds[key] = len(columns)
            columns.append(index)
        member.append(kinds[key])
    return columns, member


def _bands(size: int, sample_rate: int) -> np.ndarray:
    """Band of each bin: 24 of equal width on the mel-like scale log(1 + f / 700 Hz)."""
    hertz = np.fft.rfftfreq(size, 1 / sample_rate)
    scale = np.log1p(hertz / 700.0)
    return np.unique(np.minimum((24 * scale / scale[-1]).astype(int), 23), return_inverse=True)[1]


def _side_masks(
    centres: np.ndarray, size: int, begin: int, end: int, sample_rate: int
) -> tuple[np.ndarray, np.ndarray]:
    """Frames wholly before and wholly after the gap, at most 0.3 s away."""
    reach = _CONTEXT_SECONDS * sample_rate
    return (
        (centres + size // 2 <= begin) & (centres >= begin - reach),
        (centres - size // 2 >= end) & (centres <= end + reach),
    )


def _power(spectrum: np.ndarray) -> np.ndarray | None:
    power = np.mean(np.abs(spectrum) ** 2, axis=0) if len(spectrum) else np.zeros(1)
    return power if power.sum() > _FLOOR else None


def _both(pair: list[T | None]) -> tuple[T, T] | None:
    """A side that is missing or silent is replaced by the other."""
    left, right = pair
    if left is None and right is None:
        return None
    return (left if left is not None else right, right if right is not None else left)  # type: ignore[return-value]


def _decibels(power: np.ndarray | float) -> np.ndarray:
    return np.asarray(10 * np.log10(np.maximum(power, _FLOOR)))


def _stft(samples: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Spectra at a quarter of the window, and the centres of the windows; the ends are padded with zeros."""
    padded = np.pad(samples, (size, 2 * size))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // 4]
    centres = np.arange(len(frames)) * (size // 4) - size // 2
    return np.fft.rfft(frames * get_window("hann", size), axis=1), centres


def _istft(spectrum: np.ndarray, size: int, length: int) -> np.ndarray:
    frames = np.fft.irfft(spectrum, size, axis=1) * get_window("hann", size)
    total = np.zeros(length + 3 * size)
    for index, frame in enumerate(frames):
        total[index * (size // 4) : index * (size // 4) + size] += frame
    # Four squared Hann windows at a quarter of their length add up to 1.5.
    return np.asarray(total[size : size + length] / 1.5)
