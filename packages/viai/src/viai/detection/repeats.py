"""A buffer that is followed by a copy of itself."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt64

from viai.detection.findings import Detection, DetectionConfig, amplitude, confidence
from viai.detection.segments import FLAT, Samples, Segment, quantisation_step, rms

_HASH_SEED = 0x5EED
_JUMP = 0.06  # smallest step at the start of a copy, relative to its level; six times the largest error inside
_LANDMARK_BITS = 3  # comparisons that have to hold where a fingerprint is taken: one place in eight
_PRINT_BITS = 40
_POSITION_BITS = 24  # of a key, below the fingerprint
_HASH_BITS = 2  # an exact fingerprint is taken at one place in four
_NOISE_SIGMAS = 6.0
_SEAM = 1.2  # third difference where a buffer begins anew, relative to the largest inside it
_STUCK_COPIES = 3  # from so many copies on, only an audible seam tells a stuck buffer from a loop or a tone

_Prints = UInt64[np.ndarray, "_"]


@dataclass(frozen=True)
class _Match:
    """The stretch ``[start, stop)`` equals what was ``lag`` samples earlier."""

    start: int
    stop: int
    lag: int


class Repeats:
    """Stuck buffers of up to two seconds, whether their copies are exact or carry a little noise.

    Two kinds of fingerprint of 3 ms of sound propose where a copy may lie and how long its buffer is: a hash of the
    samples themselves, and the outcome of forty comparisons of pairs of samples, which survives small differences. The
    samples then decide. The copy must be as long as the lag, or a multiple of it, and must begin abruptly; that tells
    a stuck buffer from a steady tone, which also repeats itself. Where a buffer comes back more than twice, as in a
    rendered loop or tone, its seam has to be more abrupt than anything inside it.
    """

    def __init__(self, config: DetectionConfig, rate: int) -> None:
        self.shortest = max(8, round(config.repeat_shortest_seconds * rate))
        self.longest = round(config.repeat_longest_seconds * rate)
        self.tolerance = amplitude(config.repeat_error_db)
        self.quiet = amplitude(config.quiet_db)
        self.window = self.shortest * 3 // 4  # shorter than the shortest buffer, so that several fit
        generator = np.random.default_rng(_HASH_SEED)
        self.pairs = generator.integers(0, self.window, size=(_PRINT_BITS, 2)).tolist()
        self.factor = int(generator.integers(1 << 62, 1 << 63)) | 1
        self.reach = self.longest + self.shortest

    def __call__(self, segment: Segment) -> list[Detection]:
        """Find the copies that begin in the core of a segment."""
        low, high = max(0, segment.begin - self.reach), min(len(segment.samples), segment.end + 2 * self.reach)
        sound = segment.samples[low:high] + np.float32(0)  # makes -0 equal to 0 bit by bit
        # Unequal weights, so that opposite channels do not cancel.
        weights = np.float32(0.8) ** np.arange(sound.shape[1], dtype=np.float32)
        weights /= weights.sum()
        mixed = sound[:, 0] * weights[0]
        for channel in range(1, sound.shape[1]):
            mixed += sound[:, channel] * weights[channel]
        step = quantisation_step(mixed)
        found: list[Detection] = []
        done: list[tuple[int, int]] = []
        # Steady tones are alike at every period; what tells their copies apart is the noise that the second
        # difference brings out. Copies that are not exact differ there, so the sound itself is looked at as well.
        proposals = {
            *self._proposals(*self._exact_prints(sound), 1),
            *self._proposals(*self._rough_prints(mixed), 2),
            *self._proposals(*self._rough_prints(np.diff(mixed, 2)), 2),
        }
        for position, lag in self._likely(mixed, sorted(proposals)):
            if any(start <= position < stop for start, stop in done):
                continue
            match = self._verify(mixed, position, lag)
            if match is None:
                continue
            excess_db = self._excess_db(mixed, match, step)
            if excess_db < 0:
                continue
            done.append((match.start, match.stop))
            if segment.begin <= match.start + low < segment.end:
                shift = segment.offset + low
                found.append(Detection(match.start + shift, match.stop + shift, "repeat", confidence(excess_db)))
        return found

    def _exact_prints(self, sound: np.ndarray) -> tuple[np.ndarray, _Prints]:
        """Places, and a hash of the samples that follow in all channels."""
        bits = np.ascontiguousarray(sound).view(np.uint32)
        hashes = bits[:, 0].astype(np.uint64)
        power = self.factor
        for channel in range(1, bits.shape[1]):
            hashes += bits[:, channel] * np.uint64(power)
            power = power * self.factor % (1 << 64)
        width = 1
        power = self.factor * 3 % (1 << 64)
        while 2 * width <= self.window and len(hashes) > width:
            hashes = hashes[:-width] + np.uint64(power) * hashes[width:]
            power = power * power % (1 << 64)
            width *= 2
        if len(hashes) < 2:
            return np.empty(0, np.int64), np.empty(0, np.uint64)
        # The high bits of a product depend on all samples. A constant stretch has equal hashes beside each other.
        chosen = (hashes[1:] >> np.uint64(64 - _HASH_BITS) == 0) & (hashes[1:] != hashes[:-1])
        positions = np.flatnonzero(chosen) + 1
        return positions, hashes[positions] >> np.uint64(_POSITION_BITS)

    def _rough_prints(self, samples: Samples) -> tuple[np.ndarray, _Prints]:
        """Places where the first comparisons hold, and the outcome of the others there."""
        count = len(samples) - self.window
        if count <= self.shortest:
            return np.empty(0, np.int64), np.empty(0, np.uint64)
        chosen = np.ones(count, dtype=bool)
        for first, second in self.pairs[:_LANDMARK_BITS]:
            chosen &= samples[first : first + count] > samples[second : second + count]
        positions = np.flatnonzero(chosen)
        prints = np.zeros(len(positions), dtype=np.uint64)
        for first, second in self.pairs[_LANDMARK_BITS:]:
            prints <<= np.uint64(1)
            prints |= samples[first:][positions] > samples[second:][positions]
        return positions, prints

    def _proposals(self, positions: np.ndarray, prints: _Prints, least: int) -> list[tuple[int, int]]:
        """Positions in the middle of what looks like a copy, with the lag to the original."""
        if len(positions) < 2:
            return []
        keys = np.sort((prints << np.uint64(_POSITION_BITS)) | positions.astype(np.uint64))
        # The difference of two keys with equal fingerprints is the lag; otherwise it is larger than any.
        lags = (keys[1:] - keys[:-1]).astype(np.int64)
        later = (keys[1:] & np.uint64((1 << _POSITION_BITS) - 1)).astype(np.int64)
        fits = (lags >= self.shortest) & (lags <= self.longest) & (later >= lags)
        lags, later = lags[fits], later[fits]
        if not len(lags):
            return []
        order = np.lexsort((later, lags))
        lags, later = lags[order], later[order]
        borders = np.flatnonzero((np.diff(lags) != 0) | (np.diff(later) > np.maximum(self.shortest, lags[1:] // 4))) + 1
        firsts, lasts = np.concatenate(([0], borders)), np.concatenate((borders, [len(lags)])) - 1
        middles = (firsts + lasts)[lasts - firsts + 1 >= least] // 2
        return list(zip(later[middles].tolist(), lags[middles].tolist(), strict=True))

    def _likely(self, samples: Samples, proposals: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """The proposals whose first 3 ms are alike."""
        pairs = np.array(proposals, dtype=np.int64).reshape(-1, 2)
        pairs = pairs[(pairs[:, 0] >= pairs[:, 1]) & (pairs[:, 0] + self.window <= len(samples))]
        likely: list[tuple[int, int]] = []
        for some in np.array_split(pairs, len(pairs) // 4096 + 1):
            places = some[:, :1] + np.arange(self.window)
            here = samples[places]
            error = np.square(here - samples[places - some[:, 1:]]).sum(axis=1)
            # A window of 3 ms may be quieter than the copy as a whole, to which the tolerance refers.
            alike = error <= (3 * self.tolerance) ** 2 * np.square(here).sum(axis=1)
            likely += [(position, lag) for position, lag in some[alike].tolist()]
        return likely

    def _verify(self, samples: Samples, position: int, lag: int) -> _Match | None:
        match = self._extent(samples, position, lag)
        if match is None:
            return None
        # In a steady tone the nearest equal fingerprint is whole periods closer than the buffer is long.
        longer = match.stop - match.start
        if self.shortest <= longer <= self.longest and abs(longer - round(longer / lag) * lag) > 2:
            match = self._extent(samples, position, longer) or match
        length, lag = match.stop - match.start, match.lag
        copies = round(length / lag)
        is_open = match.stop >= len(samples)
        if copies < 1 or (abs(length - copies * lag) > max(3, lag // 50) and not is_open):
            return None
        return match

    def _excess_db(self, samples: Samples, match: _Match, step: float) -> float:
        """How far beyond the threshold the sound jumps back where the copy begins."""
        start, stop, lag = match.start, match.stop, match.lag
        before = max(lag, start - self.shortest)
        level = rms(samples[start:stop])
        if start - before < self.shortest // 2 or level < max(self.quiet, 8 * step):
            return -np.inf
        inside = np.abs(np.diff(samples[start : start + lag]))
        if (inside == 0).mean() > FLAT:
            return -np.inf
        # The end of the buffer is not like what was before the buffer.
        jump = rms(samples[before:start] - samples[before - lag : start - lag]) / level
        if round((stop - start) / lag) >= _STUCK_COPIES:
            bend = np.abs(np.diff(samples[start - 3 : start + lag], 3))
            if bend[:3].max() < _SEAM * bend[3:].max():
                return -np.inf
        return float(20 * np.log10(jump / _JUMP + 1e-20))

    def _extent(self, samples: Samples, position: int, lag: int) -> _Match | None:
        """The stretch around a position that equals what was ``lag`` earlier."""
        if position < lag:
            return None
        error = rms(samples[position : position + self.window] - samples[position - lag : position - lag + self.window])
        start, stop = position, position + self.window
        for _ in range(3):
            # An exact copy differs nowhere; noise stays below six standard deviations for the length of any buffer.
            limit = _NOISE_SIGMAS * error
            start = _first_equal(samples, position, lag, limit)
            stop = _first_unequal(samples, position + self.window, lag, limit)
            again = rms(samples[start:stop] - samples[start - lag : stop - lag])
            if again <= error:
                break
            error = again
        if error > self.tolerance * rms(samples[start:stop]):
            return None
        return _Match(start, stop, lag)


def _first_unequal(samples: Samples, position: int, lag: int, limit: float) -> int:
    """The first place from ``position`` on that differs from what was ``lag`` earlier."""
    step = 1024
    while position < len(samples):
        stop = min(len(samples), position + step)
        differs = np.abs(samples[position:stop] - samples[position - lag : stop - lag]) > limit
        if differs.any():
            return position + int(differs.argmax())
        position, step = stop, 2 * step
    return len(samples)


def _first_equal(samples: Samples, position: int, lag: int, limit: float) -> int:
    """The first place of the stretch before ``position`` that does not differ from what was ``lag`` earlier."""
    step = 1024
    while position > lag:
        start = max(lag, position - step)
        differs = np.abs(samples[start:position] - samples[start - lag : position - lag]) > limit
        if differs.any():
            return position - int(differs[::-1].argmax())
        position, step = start, 2 * step
    return lag
