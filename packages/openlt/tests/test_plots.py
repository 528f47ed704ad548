from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from hr_common import image
from openlt import plots
from openlt.metrics import roc_curve, threshold_sweep

COUNTS = np.array([300, 120, 60, 25, 9, 5])
RNG = np.random.default_rng(0)


def drawings() -> dict[str, Figure]:
    labels = np.r_[np.repeat(np.arange(6), 10), np.full(20, -1)].astype(np.int64)
    scores = RNG.random(80)
    return {
        "frequency": plots.frequency(COUNTS),
        "accuracy": plots.accuracy_by_count(COUNTS, np.array([0.9, 0.8, 0.5, np.nan, 0.2, 0.0])),
        "bands": plots.bars_by_band({"one": {"overall": 0.5, "many": 0.7, "medium": None, "few": 0.1}}),
        "rates": plots.rates({"msp": roc_curve(scores[:60], scores[60:])}, "known pictures accepted, %"),
        "sweep": plots.sweep(threshold_sweep(np.maximum(labels, 0), scores, labels)),
        "histograms": plots.histograms({"known": scores[:60], "unknown": np.r_[scores[60:], np.nan]}, "score"),
    }


def test_every_drawing_can_be_saved_and_has_something_on_it(tmp_path: Path) -> None:
    for name, figure in drawings().items():
        plots.save(figure, tmp_path / f"{name}.png")
        assert image.read(tmp_path / f"{name}.png", "L").std() > 10


def test_bands_are_coloured_by_the_rule() -> None:
    for rule, sizes in (
        ("paper", ["many: 1", "medium: 1", "few: 1"]),
        ("reference", ["many: 2", "medium: 0", "few: 1"]),
    ):
        figure = plots.frequency(np.array([101, 100, 5]), "paper" if rule == "paper" else "reference")
        legend = figure.axes[0].get_legend()
        assert legend is not None
        assert [text.get_text().removesuffix("es").removesuffix(" class") for text in legend.get_texts()] == sizes


def test_a_class_that_was_not_tested_has_no_point() -> None:
    axes = drawings()["accuracy"].axes[0]
    points = sum(len(np.atleast_1d(line.get_xdata())) for line in axes.lines if line.get_marker() == ".")
    assert points == 5


def test_a_bar_that_was_not_measured_says_so() -> None:
    texts = [text.get_text() for text in drawings()["bands"].axes[0].texts]
    assert texts == ["50.0", "70.0", "n/a", "10.0"]


def test_all_values_lie_in_some_bar_of_a_histogram() -> None:
    figure = plots.histograms({"a": np.r_[np.zeros(999), 1e9]}, "score")
    heights = figure.axes[0].patches[0].get_xy()[:, 1]  # type: ignore[attr-defined]
    # 999 of 1000 in the first bar, the far one in the last.
    assert np.unique(heights.round(6)).tolist() == pytest.approx([0, 0.1, 99.9])


def test_nothing_but_nan_gives_an_empty_drawing() -> None:
    assert not plots.histograms({"a": np.array([np.nan])}, "score").axes[0].patches
