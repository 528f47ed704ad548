"""From a painted spectrogram to the samples of a gap, at the file's rate, in all of its channels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hr_common import audio
from viai.baselines.autoregressive import interpolate
from viai.fullband import energy_above, fill_bands, fill_channels, mid_signal
from viai.gaps import Gap
from viai.joins import click_score, join, match_level, soft_limit
from viai.networks.generation import generate
from viai.networks.wavenet import WaveNet
from viai.painting import Analysis, resample_known
from viai.phase import fill_by_phase
from viai.spectrogram import MelSpectrogram

OVERHANG_SECONDS = 0.05
"""Sound generated beyond the end of a gap, to find where it meets the known sound in phase."""
CROSSFADE_SECONDS = 0.008
"""From the continued sound to the filling, inside the gap, at each edge."""
TREBLE_HZ = 7_600.0
"""Upper end of what the networks know."""
_SIDE_SECONDS = 0.1  # of sound on either side that levels are compared with


@dataclass(frozen=True)
class Filling:
    """The content of a gap and how well it fits."""

    samples: Float[np.ndarray, "gap channel"]
    click_start: float | None
    click_stop: float | None
    treble_gap_db: float | None
    treble_context_db: float | None


def fill_autoregressive(
    samples: Float[np.ndarray, "time channel"], gap: Gap, known: tuple[int, int], rate: int
) -> Filling:
    """Interpolate every channel by itself; equal channels stay equal.

    Args:
        samples: A window at the file's rate.
        gap: What is missing.
        known: From where and up to where the window is known, the gap aside.
        rate: In Hz.
    """
    first, last = known
    columns = [
        interpolate(samples[first:last, channel], gap.start - first, gap.stop - first, rate)
        for channel in range(samples.shape[1])
    ]
    return _judged(samples, np.stack(columns, axis=1), gap, rate)


def fill_by_network(
    samples: Float[np.ndarray, "time channel"],
    gap: Gap,
    known: tuple[int, int],
    rate: int,
    analysis: Analysis,
    painted: Float[Tensor, "1 band frame"],
    *,
    place: Gap,
    unfilled: Sequence[Gap],
    wavenet: WaveNet | None,
    front: MelSpectrogram,
    blends: bool,
    rng: np.random.Generator,
) -> Filling:
    """Turn the painted spectrogram into sound and fit it between the known sounds.

    Args:
        samples: A window at the file's rate, earlier gaps filled.
        gap: What is missing.
        known: From where and up to where the window is known, the gap aside.
        rate: In Hz.
        analysis: The window as the networks see it.
        painted: Its completed spectrogram.
        place: The gap among those of the analysis.
        unfilled: All that is still missing, the gap included.
        wavenet: Samples the sound; without it, phases are found for the painted magnitudes.
        front: The spectrogram of the networks.
        blends: Let the autoregressive continuation reach into the gap by a third from either side.
        rng: Source of all noise.
    """
    model_rate = front.config.sample_rate
    sound = np.zeros(len(analysis.samples))
    resampled = resample_known(samples, unfilled, rate, model_rate) * analysis.gain
    sound[: len(resampled)] = resampled
    if wavenet is None:
        mel = painted[0].cpu().numpy().astype(np.float64)
        filters = front.filters.cpu().numpy()
        model = fill_by_phase(sound, place.start, place.stop, mel, filters, seed=int(rng.integers(2**31)))
    else:
        overhang = round(OVERHANG_SECONDS * model_rate)
        length = min(place.length + overhang, len(sound) - place.start)
        model = sample_gap(wavenet, sound, place.start, length, painted, rng)
    seconds = gap.length_seconds(rate)
    fade = seconds / 3 if blends else CROSSFADE_SECONDS
    # The gap was rounded outwards: only a sample that is known as a whole counts as known.
    low = min(-(-known[0] * model_rate // rate), place.start)
    high = max(min(known[1] * model_rate // rate, len(sound)), place.stop)
    joined = join(sound[low:high], place.start - low, place.stop - low, model, model_rate, crossfade_seconds=fade)
    sound[place.start : place.stop] = joined

    mid = mid_signal(samples, 0, 0)
    spread = audio.resample(sound / analysis.gain, model_rate, rate)
    filling = spread[gap.start : gap.stop]
    filling = np.pad(filling, (0, gap.length - len(filling)))
    first, last = known
    inner = Gap(gap.start - first, gap.stop - first)
    filling = fill_bands(mid[first:last], inner.start, inner.stop, rate, filling, generator=rng)
    filling = match_level(filling, mid[first : gap.start], mid[gap.stop : last], rate)
    columns = fill_channels(filling, samples[first:last], inner.start, inner.stop, rate, generator=rng)
    ceiling = max(1.0, float(np.abs(samples).max()))
    finished = [
        _finish(samples[first:last, channel], columns[:, channel], inner, rate, ceiling)
        for channel in range(samples.shape[1])
    ]
    return _judged(samples, np.stack(finished, axis=1), gap, rate)


def sample_gap(
    wavenet: WaveNet,
    sound: Float[np.ndarray, "time"],
    start: int,
    length: int,
    painted: Float[Tensor, "1 band frame"],
    rng: np.random.Generator,
) -> Float[np.ndarray, "length"]:
    """Let the WaveNet continue a sound.

    Args:
        wavenet: The network.
        sound: Sound at the network's rate and level; only what precedes ``start`` is read, as far as the network
            reaches.
        start: First sample to draw.
        length: Number of samples to draw.
        painted: Completed spectrogram of the whole of ``sound``.
        rng: Source of the draws.
    """
    begin = max(0, start - wavenet.config.receptive_field)
    past = torch.from_numpy(sound[begin:start].astype(np.float32)).unsqueeze(0)
    noise = torch.from_numpy(rng.random((1, length, 2), dtype=np.float32))
    drawn = generate(wavenet, past.to(painted.device), painted.float(), noise.to(painted.device), start=begin)
    return drawn[0].cpu().numpy().astype(np.float64)


def level_difference_db(samples: Float[np.ndarray, "time channel"], gap: Gap, rate: int) -> float:
    """Level of a gap over the mean level of 100 ms on either side, in dB; zero if either is silent."""
    reach = round(_SIDE_SECONDS * rate)
    sides = np.concatenate([samples[max(0, gap.start - reach) : gap.start], samples[gap.stop : gap.stop + reach]])
    inside = float(np.square(samples[gap.start : gap.stop]).mean())
    around = float(np.square(sides).mean()) if len(sides) else 0.0
    return 10 * float(np.log10(inside / around)) if inside > 0 and around > 0 else 0.0


def _finish(
    samples: Float[np.ndarray, "time"], filling: Float[np.ndarray, "gap"], gap: Gap, rate: int, ceiling: float
) -> Float[np.ndarray, "gap"]:
    """Join one channel at the file's rate, without new clipping."""
    joined = join(samples, gap.start, gap.stop, filling, rate, crossfade_seconds=CROSSFADE_SECONDS, search_seconds=0.0)
    return soft_limit(joined, ceiling) if np.abs(joined).max() > ceiling else joined


def _judged(
    samples: Float[np.ndarray, "time channel"], filling: Float[np.ndarray, "gap channel"], gap: Gap, rate: int
) -> Filling:
    """Measure what a filling is like in its place."""
    repaired = samples.copy()
    repaired[gap.start : gap.stop] = filling
    mono = mid_signal(repaired, 0, 0)
    has_treble = rate / 2 > TREBLE_HZ + 400
    reach = round(_SIDE_SECONDS * rate) * 3
    around = np.concatenate([mono[max(0, gap.start - reach) : gap.start], mono[gap.stop : gap.stop + reach]])
    return Filling(
        samples=filling,
        click_start=click_score(mono, gap.start, rate) if gap.start > 0 else None,
        click_stop=click_score(mono, gap.stop, rate) if gap.stop < len(mono) else None,
        treble_gap_db=energy_above(mono[gap.start : gap.stop], rate, TREBLE_HZ) if has_treble else None,
        treble_context_db=energy_above(around, rate, TREBLE_HZ) if has_treble else None,
    )
