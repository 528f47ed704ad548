from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hr_common.errors import InputError
from viai.data.synthetic.tunes import Tune, load_tunes, read_abc

HEADER = "X:7\nT:A tune\nM:4/4\nL:1/8\n"
FILLER = "CDEF GABc|" * 2


def first_notes(body: str, count: int, key: str = "C", header: str = HEADER) -> list[tuple[float, float, int]]:
    tune = read_abc(f"{header}K:{key}\n{body}|{FILLER}\n", source="book")[0]
    return [(note.onset, note.duration, note.pitch) for note in tune.notes[:count]]


def test_eighth_notes_of_c_major_are_half_a_quarter_long():
    assert first_notes("C E G2 c", 4) == [(0, 0.5, 60), (0.5, 0.5, 64), (1, 1, 67), (2, 0.5, 72)]


def test_the_key_signature_sharpens_and_an_accidental_lasts_to_the_bar_line():
    # D major: F and C are sharp. A natural F stays natural in its bar only.
    assert [pitch for *_, pitch in first_notes("F =F F | F c", 5, key="D")] == [66, 65, 65, 66, 73]


@pytest.mark.parametrize(("key", "pitch"), [("Am", 71), ("Dm", 70), ("Gdor", 70), ("Amix", 71), ("Bb", 70), ("F", 70)])
def test_modes_flatten_b_where_they_should(key, pitch):
    assert first_notes("B", 1, key=key)[0][2] == pitch


def test_broken_rhythm_lengthens_one_note_and_shortens_the_other():
    assert [length for _, length, _ in first_notes("C>D E<F", 4)] == [0.75, 0.25, 0.25, 0.75]


def test_a_triplet_fills_the_time_of_two_notes():
    assert [onset for onset, *_ in first_notes("(3CDE F", 4)] == pytest.approx([0, 1 / 3, 2 / 3, 1], abs=1e-5)


def test_a_tie_joins_and_a_rest_is_silent():
    assert first_notes("C2-C z D", 2) == [(0, 1.5, 60), (2, 0.5, 62)]


def test_octave_marks_slashes_and_chords_are_understood():
    assert first_notes("C, c' C/ D// [CEG]2", 5) == [
        (0, 0.5, 48), (0.5, 0.5, 84), (1, 0.25, 60), (1.25, 0.125, 62), (1.375, 1, 67),
    ]  # fmt: skip


def test_a_slur_joins_every_note_but_its_first():
    tune = read_abc(f"{HEADER}K:C\n(CDE) F|{FILLER}\n", source="book")[0]
    assert [note.slurred for note in tune.notes[:4]] == [False, True, True, False]


def test_without_a_unit_length_the_metre_decides():
    assert first_notes("C", 1, header="X:1\nM:2/4\n")[0][1] == 0.25
    assert first_notes("C", 1, header="X:1\nM:6/8\n")[0][1] == 0.5


def test_ornaments_texts_and_grace_notes_make_no_sound():
    assert [pitch for *_, pitch in first_notes('"Am"C {fe}!trill!D "4"E', 3)] == [60, 62, 64]


def test_short_tunes_and_tunes_in_voices_are_passed_over():
    assert read_abc("X:1\nK:C\nCDE|\n", source="book") == []
    assert read_abc(f"X:1\nK:C\nV:1\n{FILLER}{FILLER}\n", source="book") == []


@given(st.integers(-24, 24))
def test_a_melody_keeps_its_fingerprint_in_another_key(shift):
    tune = read_abc(f"{HEADER}K:G\n{FILLER}\n", source="book")[0]
    moved = Tune("other", tuple(replace(note, pitch=note.pitch + shift) for note in tune.notes))
    assert moved.fingerprint == tune.fingerprint


def test_one_melody_printed_twice_is_kept_once_and_the_cache_gives_the_same_tunes(tmp_path):
    (tmp_path / "book.abc").write_text(
        f"X:1\nK:C\n(3CDE {FILLER}\n\nX:2\nK:D\n(3DEF DEFG ABcd|DEFG ABcd|\n\nX:3\nK:C\nGGG{FILLER}"
    )
    cache = tmp_path / "cache.json"
    tunes = load_tunes(tmp_path, cache=cache)
    assert [tune.name.split("/")[-1] for tune in tunes] == ["1", "3"]
    assert load_tunes(cache=cache) == tunes


def test_a_folder_without_tunes_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no tunes of 16 notes or more in .*ABC files"):
        load_tunes(tmp_path)


def test_a_broken_cache_is_refused(tmp_path):
    (tmp_path / "cache.json").write_text('{"a": "1,2"}')
    with pytest.raises(InputError, match="no cache of tunes"):
        load_tunes(cache=tmp_path / "cache.json")
