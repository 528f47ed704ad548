"""Impulses in the error of linear prediction."""

from collections.abc import Iterator

import numpy as np

from viai.detection.findings import Detection, DetectionConfig, amplitude, confidence
from viai.detection.segments import Samples, Segment, millisecond, rms


def find_clicks(segment: Segment, rate: int, config: DetectionConfig) -> Iterator[Detection]:
    """Impulses in the error of linear prediction over 40 ms, without a change of its level."""
    unit, order = millisecond(rate), 20
    reach = 25 * unit  # a voice of 40 Hz and more has another pulse within
    for channel in range(segment.samples.shape[1]):
        error = _prediction_error(segment.samples[:, channel].astype(np.float64), 40 * unit, order)
        if not len(error):
            continue
        scale = np.repeat(np.median(error.reshape(-1, 40 * unit), axis=1), 40 * unit)
        peaks = np.flatnonzero(error > np.maximum(config.click_ratio * scale, amplitude(config.quiet_db)))
        if not len(peaks):
            continue
        borders = np.flatnonzero(np.diff(peaks) > 2 * unit) + 1
        for cluster in np.split(peaks, borders):
            first, last = int(cluster[0]), int(cluster[-1]) + 1
            if not segment.begin <= first < segment.end or last - first > 2 * unit:
                continue
            # The error rings for as many samples as the predictor looks back.
            after = error[last + order : last + order + reach]
            before = error[max(0, first - reach) : first]
            if len(before) < unit or len(after) < unit:
                continue
            height = float(error[first:last].max())
            is_lonely = height > 4 * max(float(before.max()), float(after.max()))
            if is_lonely and rms(after) < 2 * rms(before):
                excess = 20 * np.log10(height / (config.click_ratio * scale[first] + 1e-12))
                yield Detection(segment.offset + first, segment.offset + last, "click", confidence(excess))


def _prediction_error(samples: Samples, frame: int, order: int) -> Samples:
    """Absolute error of predicting a sample from the ``order`` before it; each frame has its own predictor."""
    count = len(samples) // frame
    if not count:
        return np.zeros(0)
    framed = samples[: count * frame].reshape(count, frame)
    spectrum = np.fft.rfft(framed * np.hanning(frame), n=2 * frame, axis=1)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, : order + 1]
    lags = np.abs(np.subtract.outer(np.arange(order), np.arange(order)))
    matrices = correlation[:, lags] + (1e-9 * correlation[:, :1, None] + 1e-12) * np.eye(order)
    predictors = np.linalg.solve(matrices, correlation[:, 1:, None])[..., 0]
    padded = np.concatenate((np.zeros(order), samples[: count * frame]))
    error = framed.copy()
    for lag in range(1, order + 1):
        error -= predictors[:, lag - 1 : lag] * padded[order - lag : order - lag + count * frame].reshape(count, frame)
    magnitude: Samples = np.abs(error).reshape(-1)
    return magnitude
