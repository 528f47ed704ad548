from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viai.data.synthetic.scores import KICK, Manner, Note, perform_pattern, perform_tune
from viai.data.synthetic.tunes import Tune, TuneNote

SCALE = Tune("scale", tuple(TuneNote(n / 2, 0.5, 60 + 2 * (n % 8), False) for n in range(40)))
MANNER = Manner(note_seconds=(0.2, 0.5), second_voice=0.3, slur=0.2)


def played(seed: int, low: int = 50, high: int = 75) -> list[Note]:
    return perform_tune(SCALE, low=low, high=high, seconds=8.0, manner=MANNER, rng=np.random.default_rng(seed))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(30, 80), st.integers(13, 40))
def test_notes_stay_in_the_clip_and_in_the_range_of_the_instrument(seed, low, width):
    notes = played(seed, low, low + width)
    assert notes
    assert all(low <= note.pitch <= low + width and 1 <= note.velocity <= 127 for note in notes)
    assert all(note.onset > 0 and note.duration > 0 and note.onset + note.duration <= 8.0 for note in notes)
    assert [note.onset for note in notes] == sorted(note.onset for note in notes)


def test_a_tune_keeps_its_intervals_when_it_fits_the_range():
    notes = [note for note in played(3) if note.pitch >= 0]
    melody = {onset: max(n.pitch for n in group) for onset, group in itertools.groupby(notes, lambda note: note.onset)}
    steps = {abs(after - before) for before, after in itertools.pairwise(melody.values())}
    assert steps <= {2, 4, 10, 12, 14}  # seconds of the scale, a note left out, and the leap back


def test_equal_seeds_play_equally_and_others_do_not():
    assert played(1) == played(1)
    assert played(1) != played(2)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 3999), st.integers(0, 1000))
def test_a_drummer_has_two_hands_and_one_foot(number, seed):
    notes = perform_pattern(number, kind="kit", seconds=6.0, rng=np.random.default_rng(seed))
    for note in notes:
        at_once = [other for other in notes if abs(other.onset - note.onset) < 0.003]
        assert sum(other.pitch != KICK for other in at_once) <= 2


@pytest.mark.parametrize(("kind", "keys"), [("congas", {62, 63, 64}), ("bongos", {60, 61})])
def test_hand_drums_use_their_own_keys(kind, keys):
    notes = perform_pattern(5, kind=kind, seconds=8.0, rng=np.random.default_rng(0))
    assert notes
    assert {note.pitch for note in notes} <= keys
