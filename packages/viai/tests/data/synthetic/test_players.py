from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from viai.data.synthetic.clips import Cast, film, perform
from viai.data.synthetic.instruments import CLASSES
from viai.data.synthetic.players import PLAYERS, make_player
from viai.data.synthetic.players.strings import finger_place
from viai.data.synthetic.players.winds import fingering, valves
from viai.data.synthetic.scene import Canvas, draw_style
from viai.data.synthetic.scores import Note
from viai.data.synthetic.tunes import Tune, TuneNote

TUNE = Tune("scale", tuple(TuneNote(n / 2, 0.5, 60 + (0, 2, 4, 7)[n % 4], False) for n in range(40)))
WORLD = np.array([[160.0, 0, 96], [0, 160.0, 80]])


def filmed(name: str, seed: int = 1, seconds: float = 2.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    instrument = CLASSES[name].instruments[0]
    cast = Cast(tune=3 if instrument.bank else TUNE, family=4, instrument=instrument)
    notes = perform(name, cast, seconds=seconds, rng=rng)
    frames, _ = film(
        name, notes, instrument=instrument, family=4, seconds=seconds, rate=Fraction(25, 2), size=(96, 128), rng=rng
    )
    return frames


def drawn(name: str, notes: list[Note], times: list[float], instrument: int = 0) -> np.ndarray:
    """The player alone, with a resting camera and seen by an unchanging eye."""
    style = draw_style(0, np.random.default_rng(0))
    player = make_player(
        name,
        notes,
        instrument=CLASSES[name].instruments[instrument],
        style=style,
        seconds=4.0,
        rng=np.random.default_rng(0),
    )
    frames = []
    for time in times:
        image = np.full((160, 192, 3), 90, np.uint8)
        player.draw(Canvas(image, WORLD), time)
        frames.append(image)
    return np.array(frames).astype(int)


def test_every_class_has_a_player():
    assert set(PLAYERS) == set(CLASSES)


@pytest.mark.parametrize("name", list(CLASSES))
def test_equal_seeds_film_equally_and_others_do_not(name):
    frames = filmed(name)
    assert frames.shape == (25, 96, 128, 3)
    assert np.array_equal(frames, filmed(name))
    assert not np.array_equal(frames, filmed(name, seed=2))


@pytest.mark.parametrize("name", list(CLASSES))
def test_the_picture_says_which_note_is_played(name):
    low, high = (36, 38) if name == "drums" else (63, 64) if name == "congas" else (60, 63)
    if name in ("tuba", "cello"):
        low, high = 45, 48
    elif name == "xylophone":
        low, high = 70, 73

    def with_pitch(pitch: int) -> np.ndarray:
        return drawn(name, [Note(onset=1.0, duration=0.5, pitch=pitch, velocity=100)], [1.0])[0]

    first, second = with_pitch(low), with_pitch(high)
    assert (np.abs(first - second).max(axis=-1) > 40).sum() > 20


@pytest.mark.parametrize("name", list(CLASSES))
def test_playing_moves_more_than_resting(name):
    instrument = CLASSES[name].instruments[0]
    keys = [38, 42, 50, 38] if name == "drums" else [63, 64, 63, 64] if name == "congas" else None
    middle = (instrument.low + instrument.high) // 2
    notes = [
        Note(onset=1.0 + 0.3 * n, duration=0.28, pitch=keys[n] if keys else middle + (0, 3, 1, 5)[n], velocity=110)
        for n in range(4)
    ]
    times = [float(time) for time in np.arange(1.0, 2.1, 0.04)]
    playing = np.abs(np.diff(drawn(name, notes, times), axis=0)).mean()
    resting = np.abs(np.diff(drawn(name, [], times), axis=0)).mean()
    assert playing > 1.5 * resting


@pytest.mark.parametrize("onset", [1.0, 1.213])
def test_the_picture_moves_most_on_the_struck_bar_at_the_onset(onset):
    notes = [Note(onset=onset, duration=0.2, pitch=pitch, velocity=110) for pitch in (70,)]
    times = [float(time) for time in onset + np.arange(-0.3, 0.3, 0.01)]
    frames = drawn("xylophone", notes, times)
    quiet = drawn("xylophone", [], times)
    # The bar is where the picture at the onset differs from the one without the note below the hands.
    brightened = np.abs(frames[30] - quiet[30]).max(axis=-1) > 40
    rows, columns = np.nonzero(brightened & (np.arange(160)[:, None] > 80))
    box = frames[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    change = np.abs(np.diff(box, axis=0)).mean(axis=(1, 2, 3))
    assert abs(times[int(change.argmax()) + 1] - onset) <= 0.02


def test_a_finger_an_octave_up_stops_the_string_in_the_middle():
    assert finger_place(67, (55, 62, 69, 76)) == (1, pytest.approx(1 - 2 ** (-5 / 12)))
    assert finger_place(88, (55, 62, 69, 76)) == (3, 0.5)
    assert finger_place(55, (55, 62, 69, 76)) == (0, 0.0)


def test_trumpet_valves_are_those_of_the_fingering_chart():
    # Sounding keys: B flat 4 open, A 1+2, A flat 2+3, G 1+3, F sharp 1+2+3, F open; a semitone below open is 2.
    chart = {70: (0, 0, 0), 69: (0, 1, 0), 68: (1, 0, 0), 67: (1, 1, 0), 66: (0, 1, 1), 65: (0, 0, 0), 64: (0, 1, 0)}
    assert {pitch: valves(pitch, fundamental=46) for pitch in chart} == chart


def test_woodwind_fingers_differ_for_the_twelve_semitones():
    assert len({fingering(pitch) for pitch in range(60, 72)}) == 12
    assert fingering(60)[1:7] == (1, 1, 1, 1, 1, 1)
    assert fingering(71)[1:7] == (0, 0, 0, 0, 0, 0)
