"""Spectrograms of the page."""

import base64
import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from viai.report.excerpts import Excerpt, wav_bytes
from viai.report.spectrograms import draw_spectrogram, levels_db, time_ticks

RATE = 16_000


def tone(hertz: float, seconds: float = 2.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


def excerpt(seconds: float = 2.0) -> Excerpt:
    samples = np.zeros((round(seconds * RATE), 1))
    return Excerpt(start=3.0, rate=RATE, gaps=((3.5, 4.0),), before=samples, after=samples, reference=None)


@pytest.mark.parametrize("hertz", [250, 1_000, 4_000])
def test_a_tone_is_a_line_at_its_height_on_a_scale_like_mel(hertz: float) -> None:
    levels = levels_db(tone(hertz), RATE)
    # From 60 Hz to 8 kHz in 160 rows, evenly in log(1 + f / 700 Hz).
    low, high = np.log1p(60 / 700), np.log1p(8_000 / 700)
    expected = 159 * (np.log1p(hertz / 700) - low) / (high - low)
    assert levels[:, levels.shape[1] // 2].argmax() == pytest.approx(expected, abs=1.5)


def test_no_partial_falls_between_two_rows() -> None:
    for hertz in range(6_000, 6_100, 10):
        levels = levels_db(tone(hertz), RATE)
        assert levels.max() > levels_db(tone(1_000), RATE).max() - 3


@pytest.mark.parametrize("length", [1, 100, 5_000, 300_000])
def test_the_picture_is_never_wider_than_it_needs_to_be(length: int) -> None:
    levels = levels_db(np.ones(length), RATE)
    assert levels.shape[0] == 160
    assert 1 <= levels.shape[1] <= 640


def test_the_drawing_has_the_gap_where_it_is() -> None:
    drawn = draw_spectrogram(levels_db(tone(1_000), RATE), 0.0, excerpt(), 'a "title" <b>')
    assert 'aria-label="a &quot;title&quot; &lt;b&gt;"' in drawn
    x, width = map(float, re.search(r'class="gap" x="([\d.]+)" y="2" width="([\d.]+)"', drawn).groups())  # type: ignore[union-attr]
    place, span = map(float, re.search(r'<image .* x="([\d.]+)" y="12" width="([\d.]+)"', drawn).groups())  # type: ignore[union-attr]
    # From a quarter to a half of two seconds.
    assert (x - place) / span == pytest.approx(0.25, abs=0.001)
    assert width / span == pytest.approx(0.25, abs=0.001)
    assert [text for text in ("3 s", "3.5 s", "4 s", "5 s") if f">{text}<" not in drawn] == []


def test_the_same_levels_are_the_same_bytes_and_the_loudest_spot_is_bright() -> None:
    levels = levels_db(tone(1_000), RATE)
    drawn = draw_spectrogram(levels, levels.max(), excerpt(), "tone")
    assert drawn == draw_spectrogram(levels, levels.max(), excerpt(), "tone")
    data = re.search(r"base64,([^\"]+)", drawn)
    assert data is not None
    with Image.open(io.BytesIO(base64.b64decode(data[1]))) as picture:
        grey = np.asarray(picture.convert("L"))
    # The last row of the picture is the lowest frequency.
    assert grey.max() > 240
    assert abs(int(grey[:, grey.shape[1] // 2].argmax()) - (159 - levels[:, levels.shape[1] // 2].argmax())) <= 1


@given(st.floats(0, 4_000), st.floats(0.001, 4_000))
def test_ticks_are_round_few_and_inside(start: float, span: float) -> None:
    ticks = time_ticks(start, start + span)
    assert len(ticks) <= 8
    assert all(start - 1e-6 <= moment <= start + span + 1e-6 for moment in ticks)
    assert len(ticks) >= 2


def test_a_wav_has_16_bits_and_at_most_two_channels() -> None:
    samples = np.array([[0.5, 0.5, -1.0], [2.0, 2.0, 2.0]])
    data = wav_bytes(samples, 8_000)
    # Means 0 and 2; the second is clipped to 32,767.
    assert data[:4] == b"RIFF"
    assert np.frombuffer(data[-4:], "<i2").tolist() == [0, 32_767]
    assert np.frombuffer(wav_bytes(samples[:, :2], 8_000)[-8:], "<i2").tolist() == [16_384, 16_384, 32_767, 32_767]
