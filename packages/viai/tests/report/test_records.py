"""Reports for people and for scripts."""

import json
from dataclasses import replace

from viai.report import CandidateReport, GapReport, RepairReport

GAP = GapReport(
    start=1.2,
    stop=1.6,
    method="viai-av",
    vocoder="wavenet",
    note="",
    click_start=0.9,
    click_stop=None,
    level_difference_db=-0.5,
    treble_gap_db=None,
    treble_context_db=None,
    seconds=2.34,
)
REPORT = RepairReport(
    source="in.wav",
    video="film.mp4",
    placement="placed by the video's own sound",
    sample_rate=44_100,
    channels=2,
    frames=441_000,
    seed=0,
    weights={"viai-a": "ab", "viai-av": "cd", "wavenet": "ef"},
    gaps=(GAP,),
    refused=("5.000 s to 9.500 s: more than 4 s cannot be guessed",),
)


def candidate(number: int) -> CandidateReport:
    return CandidateReport(
        number=number,
        click_start=1.0,
        click_stop=1.0,
        level_difference_db=0.0,
        spectral_distance_db=None,
        synchrony=None,
    )


def test_a_gap_is_one_line_with_method_vocoder_and_time() -> None:
    assert GAP.line() == "1.200 s to 1.600 s: viai-av, wavenet (2.3 s)"


def test_the_autoregressive_method_has_no_vocoder() -> None:
    assert replace(GAP, method="ar", vocoder=None).line() == "1.200 s to 1.600 s: ar (2.3 s)"


def test_a_note_ends_the_line() -> None:
    assert replace(GAP, note="no video given").line().endswith("(2.3 s); no video given")


def test_the_chosen_candidate_is_named_if_there_was_a_choice() -> None:
    chosen = replace(GAP, candidate=2, candidates=(candidate(2), candidate(0), candidate(1)))
    assert chosen.line() == "1.200 s to 1.600 s: viai-av, wavenet, candidate 2 of 3 (2.3 s)"
    assert "candidate" not in replace(GAP, candidates=(candidate(0),)).line()


def test_the_lines_name_the_place_of_the_picture_every_gap_and_what_was_refused() -> None:
    assert REPORT.lines() == [
        "picture: placed by the video's own sound",
        GAP.line(),
        "left as it was: 5.000 s to 9.500 s: more than 4 s cannot be guessed",
    ]
    assert replace(REPORT, video=None, placement=None, refused=()).lines() == [GAP.line()]


def test_json_has_every_field() -> None:
    value = json.loads(json.dumps(replace(REPORT, gaps=(replace(GAP, candidates=(candidate(0),)),)).as_dict()))
    assert value["gaps"][0]["method"] == "viai-av"
    assert value["gaps"][0]["click_stop"] is None
    assert value["gaps"][0]["candidates"][0]["number"] == 0
    assert value["refused"] == list(REPORT.refused)
    assert value["weights"]["wavenet"] == "ef"
    assert set(value) == set(vars(REPORT))


def test_only_weights_that_took_part_are_named() -> None:
    assert REPORT.weights_of(GAP) == {"viai-av": "cd", "wavenet": "ef"}
    assert REPORT.weights_of(replace(GAP, method="ar+viai-a", vocoder="phase")) == {"viai-a": "ab"}
    assert REPORT.weights_of(replace(GAP, method="ar", vocoder=None)) == {}
