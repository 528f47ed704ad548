import csv
import subprocess
from importlib.metadata import version
from pathlib import Path

from hr_common.tables import provenance, write_csv


def test_rows_get_what_is_behind_them_and_missing_columns_stay_empty(tmp_path: Path) -> None:
    path = tmp_path / "speed.csv"
    write_csv(path, [{"way": "slow, plain", "ms": 3.5}, {"way": "fast", "bits": 8}], {"cores": 2})
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"way": "slow, plain", "ms": "3.5", "cores": "2", "bits": ""},
        {"way": "fast", "ms": "", "cores": "2", "bits": "8"},
    ]


def test_versions_and_the_commit_are_named(tmp_path: Path) -> None:
    about = provenance("hr-common", "numpy", folder=tmp_path)
    assert about["hr-common"] == version("hr-common")
    assert about["numpy"] == version("numpy")
    assert about["commit"] == "unknown"
    for command in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-mx"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert head.stdout.startswith(str(provenance("hr-common", folder=tmp_path)["commit"]))
