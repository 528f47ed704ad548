from dataclasses import replace
from pathlib import Path

import pytest

from hr_common.errors import InputError
from hybridmesh.ablation import MEAN, PAPER, Row, Study, markdown, paired_markdown, paper_markdown, read_rows, verdicts
from hybridmesh.body import BodyModel
from hybridmesh.config import INPUTS, LEARNING_PRESETS, SUPERVISIONS, load_synth
from hybridmesh.data.people import PeopleSet
from hybridmesh.data.synthetic import synthesize
from hybridmesh.plots import plot_grid
from hybridmesh.training.loop import finish
from hybridmesh.training.start import prepare

TINY = LEARNING_PRESETS["tiny"]


def paper_rows() -> list[Row]:
    return [
        Row(kind, supervision, 0, *figures, steps=0, seconds=0.0, settings="")
        for kind, row in PAPER.items()
        for supervision, figures in row.items()
    ]


@pytest.fixture(scope="module")
def study(lo: BodyModel) -> Study:
    config = load_synth("tiny")
    studio, wild = (
        synthesize(lo, [], config, count=12, domain=domain, seed=0)  # type: ignore[arg-type]
        for domain in ("studio", "wild")
    )
    test = synthesize(lo, [], config, count=4, domain="wild", seed=0, test=True)
    training = replace(TINY.training, common_epochs=1, epochs=1)
    return Study(PeopleSet.concatenate([studio, wild]), test, lo, replace(TINY, training=training))


def test_a_study_fills_its_table_and_goes_on_where_it_stopped(study: Study, tmp_path: Path) -> None:
    path, told = tmp_path / "grid.csv", list[Row]()
    study.run(path, inputs=["iuv"], supervisions=["sparse"], report=told.append)
    assert [row.cell for row in told] == [(MEAN, "", 0), ("iuv", "sparse", 0)]
    assert 100 < told[0].pve < 400
    assert told[0].pve_t == pytest.approx(study.mean_row().pve_t)
    assert told[1].steps == 2 * ((12 + 12) // 8)
    rows = study.run(path, inputs=["iuv"], supervisions=["full", "sparse"], report=told.append)
    assert [row.cell for row in told[2:]] == [("iuv", "full", 0)]
    assert read_rows(path, study.digest) == rows
    with pytest.raises(InputError, match="other settings or people"):
        read_rows(path, "another")
    plot_grid(rows, tmp_path / "grid.png")
    assert (tmp_path / "grid.png").stat().st_size > 5000


def test_sharing_the_common_epochs_changes_no_cell(study: Study, tmp_path: Path) -> None:
    rows = study.run(tmp_path / "grid.csv", inputs=["segment"], supervisions=["dense_sparse"])
    network = finish(prepare(study.people, study.body, study.configure("segment", "dense_sparse")))
    alone = study._measure(network(study._test_batch("segment")))
    assert (rows[1].pve, rows[1].mpjpe, rows[1].pve_t) == pytest.approx(alone, abs=0.02)


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "grid.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="no table of ablate"):
        read_rows(tmp_path / "grid.csv", "")


def test_the_paper_s_table_is_printed_and_passes_its_own_test() -> None:
    assert set(PAPER) == set(INPUTS)
    assert all(tuple(row) == SUPERVISIONS for row in PAPER.values())
    assert "| image+iuv | 122.4 / 105.1 / 30.2 |" in paper_markdown()
    found = verdicts(paper_rows())
    assert len(found) == 15
    assert all(found.values())


def test_a_grid_in_another_order_is_called_so() -> None:
    rows = [replace(row, pve=180.0) if row.supervision == "dense_sparse" else row for row in paper_rows()]
    rows.append(Row(MEAN, "", 0, 150.0, 120.0, 50.0, steps=0, seconds=0.0, settings=""))
    found = verdicts([row for row in rows if row.input in ("iuv", MEAN)])
    assert found == {
        "iuv: PVE in the paper's order": True,
        "iuv: PVE-T in the paper's order": True,
        "iuv: dense points take a tenth off sparse only": True,  # 180 against 204.3
        "iuv: every setting with dense points beats the mean body": False,
    }


def test_seeds_are_averaged_with_their_spread() -> None:
    rows = [Row("iuv", "full", seed, pve, 90.0, 30.0, 1, 1.0, "") for seed, pve in enumerate((100.0, 104.0))]
    assert "| iuv | 102.0 ± 2.8 / 90.0 ± 0.0 / 30.0 ± 0.0 |" in markdown(rows)


def test_what_a_step_takes_off_is_counted_seed_by_seed() -> None:
    worse = [Row("iuv", "sparse", seed, pve, 90.0, 50.0, 1, 1.0, "") for seed, pve in enumerate((200.0, 100.0, 300.0))]
    better = [Row("iuv", "dense_sparse", seed, pve, 90.0, 40.0, 1, 1.0, "") for seed, pve in ((1, 90.0), (0, 160.0))]
    table = paired_markdown([*worse, *better])
    assert "Sparse only → Dense & Sparse |" in table
    assert "| iuv | 15.0 ± 7.1 % / 10.0 ± 0.0 |  |  |  |  |" in table  # 20 % and 10 %; the third seed has no partner
