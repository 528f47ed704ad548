import csv
import json
from pathlib import Path

import numpy as np
import pytest

from viai.evaluation.results import Evaluation, length_band
from viai.evaluation.scoring import METRICS, NOTHING, Score
from viai.metrics import Retrieval


def score(
    source: str, label: str, method: str, psnr: float, l1: float, *, f1: float = 1.0, seconds: float = 0.5
) -> Score:
    return Score(
        clip=f"{source}_000",
        label=label,
        source=source,
        gap_start_seconds=1.0,
        gap_seconds=seconds,
        method=method,
        psnr_gap=psnr,
        ssim_gap=0.5,
        l1_gap=l1,
        onset_f1_gap=f1,
        false_onsets_gap=NOTHING if f1 == f1 else 2.0,
        snr_gap=NOTHING,
        si_sdr_gap=NOTHING,
        sdr_bss_around=NOTHING,
        lsd_gap=NOTHING,
        click=NOTHING,
        psnr_full=30.0,
        ssim_full=0.9,
    )


RESULT = Evaluation(
    scores=(
        score("a", "bell", "interpolation", 20.0, 0.10, f1=0.0),
        score("a", "bell", "viai-a", 21.0, 0.08, f1=0.5),
        score("a", "bell", "oracle", 25.0, 0.01, f1=1.0),
        score("b", "drum", "interpolation", 10.0, 0.30, f1=NOTHING, seconds=1.5),
        score("b", "drum", "viai-a", 13.0, 0.24, f1=NOTHING, seconds=1.5),
        score("b", "drum", "oracle", 20.0, 0.02, f1=NOTHING, seconds=1.5),
    ),
    methods=("interpolation", "viai-a", "oracle"),
    silent=3,
    frechet_mel_gap={"interpolation": 50.0, "viai-a": 40.0, "oracle": 10.0},
    retrieval=Retrieval(windows=64, recall_1=0.25, recall_5=0.5, recall_10=0.75, median_rank=5.5),
    missing=("samplernn",),
)


def test_gains_are_paired_and_better_is_positive() -> None:
    # Gains of 1 and 3 dB, of 0.02 and 0.06 levels: the smaller error is the better one.
    psnr, l1 = (RESULT.gain("viai-a", "interpolation", metric) for metric in ("psnr_gap", "l1_gap"))
    assert psnr is not None
    assert l1 is not None
    assert (psnr.mean, psnr.low, psnr.high) == pytest.approx((2, 1, 3))
    assert (l1.mean, l1.low, l1.high) == pytest.approx((0.04, 0.02, 0.06))
    drum = RESULT.gain("viai-a", "interpolation", "psnr_gap", label="drum")
    assert drum is not None
    assert drum.mean == pytest.approx(3)
    assert RESULT.values("viai-a", "psnr_gap", label="bell").tolist() == [21.0]
    assert RESULT.values("viai-a", "psnr_gap", band="1000-1500 ms").tolist() == [13.0]


def test_gaps_that_do_not_have_a_figure_are_left_out_of_its_mean() -> None:
    onset, false, sound = (RESULT.interval("viai-a", name) for name in ("onset_f1_gap", "false_onsets_gap", "snr_gap"))
    assert onset is not None
    assert false is not None
    assert (onset.mean, false.mean) == (0.5, 2.0)
    assert sound is None


@pytest.mark.parametrize(
    ("seconds", "band"),
    [(0.02, "0-50 ms"), (0.05, "50-100 ms"), (0.1, "100-200 ms"), (0.3999, "200-400 ms"), (0.4, "400-700 ms"),
     (0.7, "700-1000 ms"), (1.0, "1000-1500 ms"), (1.5, "1000-1500 ms"), (1.5001, "over 1500 ms")],
)  # fmt: skip
def test_a_length_on_an_edge_belongs_to_the_longer_band(seconds: float, band: str) -> None:
    assert length_band(seconds) == band


def test_only_gains_between_methods_that_are_there_are_shown() -> None:
    assert RESULT.comparisons == [("viai-a", "interpolation")]
    whole = Evaluation(scores=RESULT.scores, methods=("interpolation", "viai-a"))
    assert whole.comparisons == [("viai-a", "interpolation")]


def test_the_oracle_is_marked_wherever_it_stands() -> None:
    text = RESULT.markdown()
    lines = [line for line in text.splitlines() if "oracle" in line]
    assert lines
    assert all(line.startswith("| oracle (sees the answer)") for line in lines)
    assert RESULT.as_dict()["no_method"] == ["oracle"]


def test_the_text_says_what_was_left_out() -> None:
    first = RESULT.markdown().splitlines()[0]
    assert first.startswith("2 gaps of 2 held-out recordings")
    assert "3 gaps left out whose target is silent" in first
    assert "no weights given for samplernn" in first
    assert "over the 1 gaps whose target has an onset" in RESULT.markdown()


def test_the_tables_hold_means_classes_lengths_and_retrieval() -> None:
    text = RESULT.markdown()
    assert "| viai-a | 17.00 [13.00, 21.00] | 0.500 | 0.1600 [0.0800, 0.2400] | 0.500 | 2.00 | 40.0 |" in text
    assert "| method | bell (1) | drum (1) |" in text
    assert "| viai-a | 21.00 | 13.00 |" in text
    assert "| method | 400-700 ms (1) | 1000-1500 ms (1) |" in text
    # The drum has no onset.
    assert "| viai-a | 0.500 | – |" in text
    assert "| viai-av | 0.250 | 0.500 | 0.750 | 5.5 |" in text
    assert "| chance | 0.016 | 0.078 | 0.156 | 32.5 |" in text


def test_figures_of_the_whole_window_are_in_no_table() -> None:
    titles = [METRICS[name].title for name in ("psnr_full", "ssim_full")]
    assert not any(title in RESULT.markdown() for title in titles)


def test_json_has_no_number_that_is_none() -> None:
    record = json.loads(json.dumps(RESULT.as_dict(), allow_nan=False))
    assert record["means"]["viai-a"]["psnr_gap"]["mean"] == 17.0
    assert record["means"]["viai-a"]["snr_gap"] is None
    assert record["classes"]["viai-a"]["bell"]["psnr_gap"]["mean"] == 21.0
    assert record["lengths"]["viai-a"]["400-700 ms"]["psnr_gap"]["mean"] == 21.0
    assert record["gains"]["viai-a over interpolation"]["l1_gap"]["mean"] == pytest.approx(0.04)
    assert (record["gaps"], record["sources"], record["silent"]) == (2, 2, 3)


def test_csv_has_a_row_for_every_gap_and_method(tmp_path: Path) -> None:
    RESULT.write_csv(tmp_path / "figures.csv", {"viai": "9.9"})
    with (tmp_path / "figures.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows] == ["interpolation", "viai-a", "oracle"] * 2
    assert float(rows[1]["psnr_gap"]) == 21.0
    # What is not there is empty, not "nan".
    assert (rows[0]["snr_gap"], rows[4]["onset_f1_gap"], rows[0]["viai"]) == ("", "", "9.9")


def test_intervals_are_drawn_over_sources() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(20, 3, 10)
    scores = [score(f"s{place}", "bell", "hold", value, 0.1) for place, value in enumerate(values)]
    single = Evaluation(tuple(scores), ("hold",)).interval("hold", "psnr_gap")
    repeated = Evaluation(tuple(one for one in scores for _ in range(4)), ("hold",)).interval("hold", "psnr_gap")
    assert single is not None
    assert repeated is not None
    # Four gaps of the same recording say no more than one.
    assert repeated.high - repeated.low == pytest.approx(single.high - single.low)
