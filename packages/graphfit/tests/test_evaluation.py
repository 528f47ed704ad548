import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graphfit.baselines.interface import Floor
from graphfit.baselines.registry import METHODS
from graphfit.calibration import Calibration
from graphfit.colour.schemes import STYLES
from graphfit.data.tasks import OutfitData
from graphfit.evaluation import Outcome, evaluate, markdown, summarise, without_nan
from graphfit.evaluation_report import chosen_methods, evaluate_run, write_report
from graphfit.features import Features
from graphfit.training.problem import Problem
from hr_common.errors import InputError


def outcome(scores: list[float], credits_: list[float], styles: list[int] | None = None) -> Outcome:
    return Outcome(
        labels=np.array([1, 1, 0, 0]),
        scores=np.array(scores, dtype=np.float64),
        credits=np.array(credits_, dtype=np.float64),
        styles=None if styles is None else np.array(styles),
        rule=np.array([0, 4]),
        calibration=Calibration(),
    )


def test_a_row_is_the_mean_over_seeds_with_their_deviation() -> None:
    row = summarise([outcome([3, 2, 1, 0], [1, 0], [0, 4]), outcome([3, 1, 2, 0], [1, 1], [0, 0])])
    assert (row.seeds, row.sets, row.questions) == (2, 4, 2)
    assert row.auc == pytest.approx((1 + 0.75) / 2)
    assert row.auc_deviation == pytest.approx(np.std([1, 0.75], ddof=1))
    assert row.fitb == pytest.approx(0.75)
    assert row.fitb_interval[0] <= 0.75 <= row.fitb_interval[1]
    assert row.style_accuracy == pytest.approx(0.75)
    assert row.style_counts == {style: int(style in (STYLES[0], STYLES[4])) for style in STYLES}


def test_one_seed_has_no_deviation_and_a_method_without_styles_no_style_score() -> None:
    row = summarise([outcome([3, 2, 1, 0], [1, 0])])
    assert math.isnan(row.auc_deviation)
    assert math.isnan(row.style_f1)
    assert "±" not in "".join(markdown({"one": row}))


def test_the_best_of_a_column_is_bold() -> None:
    lines = list(
        markdown(
            {"good": summarise([outcome([3, 2, 1, 0], [0, 0])]), "bad": summarise([outcome([0, 1, 2, 3], [1, 1])])}
        )
    )
    assert "| good | 1 | **1.000** |" in lines[2]
    assert "| **100.0** |" in lines[3]


def test_a_second_task_has_a_column_where_somebody_was_asked() -> None:
    asked = replace(outcome([3, 2, 1, 0], [0, 0]), more_credits=np.array([1.0, 0.0, 1.0, 1.0]))
    rows = {
        "asked": summarise([asked, outcome([3, 2, 1, 0], [0, 0])]),
        "not": summarise([outcome([0, 1, 2, 3], [1, 1])]),
    }
    assert (rows["asked"].more_questions, rows["asked"].more_fitb) == (4, 0.75)
    assert rows["asked"].more_fitb_interval[0] < 0.75 < rows["asked"].more_fitb_interval[1]
    lines = list(markdown(rows))
    assert "every blank %" in lines[0]
    assert "| **75.0** |" in lines[2]
    assert "| – | – | – |" in lines[3]
    assert len({line.count("|") for line in lines}) == 1


def test_splits_without_tasks_are_refused(problem: Problem) -> None:
    with pytest.raises(InputError, match="has no compatibility and fill-in-the-blank tasks for train; make them with"):
        evaluate(
            Problem(**{**vars(problem), "data": OutfitData("bare", problem.data.catalogue, problem.data.outfits)}),
            Floor(lambda one: 0.0),
            "train",
        )


def test_groups_and_names_of_methods_are_resolved() -> None:
    assert chosen_methods("none") == []
    assert "random" in chosen_methods("floors")
    assert "csn" not in chosen_methods("floors")
    assert set(chosen_methods("all")) == set(METHODS) - {"ours"}
    assert chosen_methods("csn, node") == ["csn", "node"]
    with pytest.raises(InputError, match="unknown method 'magic'; choose from random"):
        chosen_methods("csn,magic")


def test_a_run_is_measured_beside_floors(run: Path, data: OutfitData, features: Features, tmp_path: Path) -> None:
    report = evaluate_run(run, data, features, task="compat", baselines="random,size", device="cpu")
    assert list(report.rows) == ["random", "set size", "tiny (graphfit)"]
    assert report.rows["tiny (graphfit)"].auc > 0.8
    assert report.rows["set size"].auc == pytest.approx(0.5)
    write_report(tmp_path / "report.json", report)
    kept = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert kept["rows"]["set size"]["fitb"] == pytest.approx(0.25)
    assert kept["rows"]["random"]["style_f1"] is None
    write_report(tmp_path / "report.html", report)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<tr>") == 1 + 3 + 2  # head, rows, and the lines before and after
    assert "http" not in page
    with pytest.raises(InputError, match=r"a report is \.json or \.html"):
        write_report(tmp_path / "report.pdf", report)


def test_features_of_another_encoder_are_refused(run: Path, data: OutfitData, features: Features) -> None:
    from dataclasses import replace

    with pytest.raises(InputError, match="made by encoder other"):
        evaluate_run(run, data, replace(features, encoder="other"), device="cpu")


def test_nan_becomes_null_inside_lists_and_tables_too() -> None:
    assert without_nan({"a": float("nan"), "b": [1.0, (float("nan"),)]}) == {"a": None, "b": [1.0, [None]]}
