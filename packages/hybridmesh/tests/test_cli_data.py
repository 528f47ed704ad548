import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from hybridmesh.cli import main
from hybridmesh.data.people import PeopleSet


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


@pytest.fixture(scope="module")
def synth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synth") / "people"
    result = run("synth", out, "--preset", "tiny", "--count", "4,4,3", "--body", "free-lo", "--jobs", 2)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "studio: 4 people of 32×32 pixels, 0 with dense points, poses from no motions"
    assert lines[-1] == f"wrote {out}; look at {out / 'sheet.png'}"
    return out


def refused(result: Result, *words: str) -> None:
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    for word in words:
        assert word in result.stderr


def test_synth_writes_three_sets_and_a_sheet(synth: Path) -> None:
    assert {each.name for each in synth.iterdir()} == {"studio", "wild", "test", "sheet.png"}
    assert [len(PeopleSet.load(synth / kind)) for kind in ("studio", "wild", "test")] == [4, 4, 3]
    assert PeopleSet.load(synth / "wild").manifest["settings"]["size"] == 32


def test_synth_overwrites_nothing_unasked(synth: Path) -> None:
    refused(run("synth", synth, "--preset", "tiny"), "holds people already; add --force")


def test_synth_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    refused(run("synth", tmp_path / "a", "--count", "1,2"), "--count '1,2' is not of the form STUDIO,WILD,TEST")
    refused(run("synth", tmp_path / "a", "--count", "0,0,0", "--body", "free-lo"), "nobody to render")
    refused(run("synth", tmp_path / "a", "--mocap", tmp_path, "--body", "free-lo"), "holds no motions (.bvh, .amc)")
    refused(run("synth", tmp_path / "a", "--backgrounds", tmp_path, "--body", "free-lo"), "holds no photos")
    refused(run("synth", tmp_path / "a", "--set", "sise=3"), "did you mean 'size'?")
    assert not (tmp_path / "a").exists()


def test_evaluate_reports_the_mean_body(synth: Path, tmp_path: Path) -> None:
    arguments = ("evaluate", "mean", synth / "test", "--body", "free-lo", "--out", tmp_path / "report")
    result = run(*arguments, "--protocol", "spin")
    assert result.exit_code == 0, result.output
    assert "| protocol spin | PVE (mm) |" in result.stdout
    assert "| mean body |" in result.stdout
    assert {each.name for each in (tmp_path / "report").iterdir()} == {"report.json", "people.csv", "table.md"}
    refused(run(*arguments), "is not empty; add --force")
    again = run(*arguments, "--force", "--json")
    report = json.loads(again.stdout)
    assert report["protocol"]["name"] == "dct"
    assert report["data_sha256"] == PeopleSet.load(synth / "test").manifest["sha256"]


def test_evaluate_refuses_what_does_not_fit(synth: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "report")
    refused(run("evaluate", "mean", synth / "test", *out), "body 'free-lo', not of 'free'")
    refused(run("evaluate", tmp_path / "no", synth / "test", "--body", "free-lo", *out), "no")
    refused(run("evaluate", "mean", synth / "test", "--body", "free-lo", "--gendered", *out), "add --body smpl")
    np.save(tmp_path / "j.npy", np.zeros((17, 5)))
    refused(
        run("evaluate", "mean", synth / "test", "--body", "free-lo", "--h36m-regressor", tmp_path / "j.npy", *out),
        "of the shape (17, 5), not floats of (17, 3296)",
    )


def test_convert_makes_a_set_of_spins_archive(tmp_path: Path) -> None:
    part = np.zeros((2, 24, 3))
    part[:, :, 2] = 1
    np.savez(
        tmp_path / "spin.npz", imgname=np.array(["x.jpg", "y.jpg"]), center=np.ones((2, 2)), scale=np.ones(2), part=part
    )
    result = run("convert", tmp_path / "spin.npz", "--from", "spin", "--studio", "--out", tmp_path / "set")
    assert result.exit_code == 0, result.output
    assert result.stdout.strip().endswith("2 people, 0 with pose and shape, 0 with 0 dense points")
    people = PeopleSet.load(tmp_path / "set")
    assert people["imgname"].tolist() == ["../x.jpg", "../y.jpg"]
    assert people["source"].tolist() == ["studio", "studio"]
    refused(run("convert", tmp_path / "set", "--out", tmp_path / "other"), "say which with --from NAME")
