from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from viai.data.synthetic.motion import Glide, Strokes, Timeline, share_between_hands, travel
from viai.data.synthetic.scores import Note

onset_lists = st.lists(st.floats(0.08, 1.0), min_size=1, max_size=8).map(lambda gaps: list(np.cumsum(gaps)))


def notes_at(onsets: list[float], velocity: int = 90, duration: float = 0.06) -> list[Note]:
    return [Note(onset=onset, duration=duration, pitch=60, velocity=velocity) for onset in onsets]


@settings(deadline=None)
@given(onset_lists)
def test_a_stroke_touches_its_place_at_the_onset_and_only_then(onsets):
    places = [(0.1 * number, 0.0) for number in range(len(onsets))]
    strokes = Strokes(notes_at(onsets), places, approach=0.2, rest=0.3)
    for onset, place in zip(onsets, places, strict=True):
        hit, before = strokes.at(onset, (0, 0)), strokes.at(onset - 1e-9, (0, 0))
        assert hit.height == 0
        assert before.height < 1e-6
        assert math.dist(hit.position, place) < 1e-9
        assert math.dist(before.position, place) < 1e-6
        assert strokes.at(onset + 0.02, (0, 0)).height > 0.03
        assert strokes.at(onset - 0.02, (0, 0)).height > 0.03


def test_a_loud_stroke_is_raised_higher_and_in_advance():
    def heights(velocity: int) -> list[float]:
        strokes = Strokes(notes_at([1.0], velocity), [(0, 0)], approach=0.2, rest=0.2)
        return [strokes.at(1 - ahead, (0, 0)).height for ahead in (0.25, 0.1)]

    waiting, raised = heights(120)
    assert raised > waiting + 0.3
    assert raised > heights(50)[1] + 0.2


@given(onset_lists)
def test_a_glide_is_there_at_the_onset_and_stays(onsets):
    targets = [float(number) for number in range(len(onsets))]
    glide = Glide(onsets, targets, lead=0.1)
    for onset, target in zip(onsets, targets, strict=True):
        assert glide.at(onset) == target
        assert abs(glide.at(onset - 1e-6) - target) < 1e-3


def test_a_bow_keeps_its_direction_in_a_note_and_turns_at_the_next():
    onsets = [0.5, 1.0, 1.5, 2.0]
    notes = notes_at(onsets, duration=0.5)
    way = travel(notes, seconds=3.0, turns=lambda note: not note.slurred, speed=1.5)
    signs = []
    for onset in onsets:
        steps = np.diff([way.at(onset + t) for t in np.arange(0.03, 0.47, 0.02)])
        assert (steps > 0).all() or (steps < 0).all()
        signs.append(np.sign(steps[0]))
    assert signs == [-1, 1, -1, 1]


@settings(deadline=None)
@given(onset_lists, st.floats(0.5, 4.0))
def test_a_bow_never_runs_out(onsets, speed):
    notes = notes_at(onsets, velocity=127)
    way = travel(notes, seconds=10.0, turns=lambda note: True, speed=speed)
    assert max(abs(way.at(t)) for t in np.arange(0, 10, 0.05)) <= 1.05


def test_a_louder_note_takes_more_bow():
    def length(velocity: int) -> float:
        way = travel(notes_at([0.2], velocity, 0.5), seconds=1.0, turns=lambda note: True, speed=1.5)
        return abs(way.at(1.0) - way.at(0.0))

    assert length(120) > 1.3 * length(50)


def test_the_left_hand_takes_the_left_one_of_two_notes_struck_together():
    notes = notes_at([0.5, 0.5, 1.0, 1.0])
    assert share_between_hands(notes, [0.3, -0.2, -0.1, 0.4]) == [1, 0, 0, 1]


def test_quick_repetitions_alternate():
    hands = share_between_hands(notes_at([0.1 * number for number in range(6)]), [0.0] * 6)
    assert hands in ([0, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0])


def test_blowing_is_up_at_the_onset_and_down_after_the_release():
    line = Timeline(notes_at([1.0], velocity=127, duration=0.5))
    assert line.blowing(0.5) == 0
    assert line.blowing(1.0) == 1
    assert line.blowing(1.4) == 1
    assert line.blowing(1.7) == 0
