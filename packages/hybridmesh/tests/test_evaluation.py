import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hr_common.errors import InputError
from hr_common.files import read_json
from hybridmesh.body import BodyModel
from hybridmesh.config import Input, SynthConfig
from hybridmesh.data.people import PeopleSet
from hybridmesh.data.synthetic import synthesize
from hybridmesh.evaluation import MEAN_BODY, evaluate
from hybridmesh.networks.parameters import Parameters

from .conftest import smpl_like


class Oracle:
    """Knows the labels; moves the shape of everybody by so much."""

    inputs: Input = "iuv"
    size = 48

    def __init__(self, people: PeopleSet, error: float = 0.0) -> None:
        self.people, self.error = people, error

    def predict(self, batch: Mapping[str, torch.Tensor]) -> Parameters:
        camera = torch.from_numpy(self.people["camera"])[batch["index"]]
        return Parameters(batch["pose"], batch["betas"] + self.error, camera)


@pytest.fixture(scope="module")
def people(lo: BodyModel) -> PeopleSet:
    config = SynthConfig(size=48, occlusion=0.0, dense_points=40)
    return synthesize(lo, [], config, count=7, domain="wild", seed=0, test=True)


def test_who_knows_the_truth_has_no_error(people: PeopleSet, lo: BodyModel) -> None:
    result = evaluate(people, lo, Oracle(people), geodesic=True)
    figures = result.figures["regressor"]
    for name in ("pve", "mpjpe", "pa_mpjpe", "pve_t", "dense_px"):
        assert figures[name].max() < 1e-2, name
    assert figures["pck_05"].min() == 1
    assert figures["mask_iou"].min() > 0.99
    assert figures["part_iou"].min() > 0.97
    assert figures["gps"].min() > 0.95
    mean = result.figures[MEAN_BODY]
    assert mean["pve"].min() > 30
    assert mean["gps"].max() < 0.8


def test_figures_do_not_depend_on_the_batch_and_nobody_is_dropped(people: PeopleSet, lo: BodyModel) -> None:
    # All of them in one picture: a person is a row, not a name.
    crowd = replace(people, columns=people.columns | {"imgname": np.full(7, "crowd.jpg")})
    small, large = (evaluate(crowd, lo, Oracle(people, 0.5), batch=size) for size in (3, 64))
    assert small.rows == list(range(7))
    for name, values in large.figures["regressor"].items():
        np.testing.assert_allclose(small.figures["regressor"][name], values, atol=1e-3, rtol=1e-4, err_msg=name)


def test_only_people_with_a_known_body_count(people: PeopleSet, lo: BodyModel) -> None:
    columns = people.columns | {"has_smpl": np.array([0, 1, 1, 0, 0, 1, 0], np.uint8)}
    result = evaluate(replace(people, columns=columns), lo, None)
    assert result.rows == [1, 2, 5]
    assert list(result.figures) == [MEAN_BODY]
    with pytest.raises(InputError, match="nobody in this set has pose and shape"):
        evaluate(replace(people, columns=people.columns | {"has_smpl": np.zeros(7, np.uint8)}), lo, None)


def test_the_report_says_what_was_compared_and_how(people: PeopleSet, lo: BodyModel, tmp_path: Path) -> None:
    result = evaluate(people, lo, Oracle(people, 1.0), protocol="smpl24")
    result.write(tmp_path, people)
    report = read_json(tmp_path / "report.json")
    assert report["protocol"]["name"] == "smpl24"
    assert report["body_id"] == lo.id
    assert report["people"] == 7
    pve = report["results"]["regressor"]["pve"]
    assert set(pve) == {"mean", "median", "std", "n"}
    assert MEAN_BODY in report["results"]
    with (tmp_path / "people.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 14
    mine = [float(row["pve"]) for row in rows if row["model"] == "regressor"]
    assert np.mean(mine) == pytest.approx(pve["mean"], rel=1e-4)
    table = (tmp_path / "table.md").read_text(encoding="utf-8").splitlines()
    assert table[0] == "| protocol smpl24 | PVE (mm) | MPJPE (mm) | PA-MPJPE (mm) | PVE-T (mm) | people |"
    assert [line.split(" | ")[0] for line in table[2:]] == ["| mean body", "| regressor"]
    assert f"{pve['mean']:.1f}" in table[3]


def test_gendered_truth_is_posed_with_bodies_of_that_gender() -> None:
    neutral, male = BodyModel(smpl_like(80)), BodyModel(smpl_like(80, seed=1))
    rng = np.random.default_rng(0)
    columns = {
        "center": np.full((4, 2), 24.0), "scale": np.full(4, 0.24), "has_smpl": np.ones(4, np.uint8),
        "pose": rng.normal(0, 0.1, (4, 72)).astype(np.float32), "shape": np.zeros((4, 10), np.float32),
        "gender": np.array(["m", "f", "", "m"]), "crops": np.zeros((4, 48, 48, 3), np.uint8),
    }  # fmt: skip
    people = PeopleSet(columns=columns)
    result = evaluate(people, neutral, None, genders={"male": male})
    assert result.rows == [0, 1, 2, 3]
    differ = result.figures[MEAN_BODY]["pve_t"] > 1
    assert differ.tolist() == [True, False, False, True]
