import subprocess
import sys
from pathlib import Path

from hybridmesh.body import BodyModel
from hybridmesh.config import load_synth
from hybridmesh.data.synthetic import synthesize

SCRIPT = Path(__file__).with_name("killed.py")


def test_a_run_that_is_killed_as_it_writes_or_finds_the_disk_full_goes_on_to_the_same_weights(
    lo: BodyModel,
    tmp_path: Path,
) -> None:
    for domain, count in (("studio", 6), ("wild", 6)):
        synthesize(lo, [], load_synth("tiny"), count=count, domain=domain, seed=0).save(tmp_path / domain)  # type: ignore[arg-type]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stdout.strip() == ""
