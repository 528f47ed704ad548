import subprocess
import sys
from pathlib import Path

from graphfit.data.splitting import write_polyvore
from graphfit.data.tasks import OutfitData
from graphfit.features import Features

SCRIPT = Path(__file__).with_name("killed.py")


def test_a_run_that_is_killed_as_it_writes_or_finds_the_disk_full_goes_on_to_the_same_weights(
    data: OutfitData,
    features: Features,
    tmp_path: Path,
) -> None:
    write_polyvore(tmp_path / "data", data, "nondisjoint")
    features.save(tmp_path / "features.npz")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path / "data"), str(tmp_path / "features.npz"), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stdout.strip() == ""
