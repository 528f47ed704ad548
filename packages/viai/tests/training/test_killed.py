import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("killed.py")


def test_a_run_that_is_killed_as_it_writes_or_finds_the_disk_full_goes_on_to_the_same_weights(
    clips_folder: Path,
    tiny_weights: Path,
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(clips_folder), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stdout.strip() == ""
