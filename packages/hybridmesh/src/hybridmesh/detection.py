"""Find people with the optional detector, MediaPipe 0.10.14, in a process of its own.

It brings a gigabyte along and insists on other versions of what this package uses too, so that it may live in an
environment of its own: any Python that has it will do.
"""

import logging
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hr_common.files import atomic_path
from hybridmesh.body.arrays import MissingAssetError

WORKER = Path(__file__).with_name("mediapipe_worker.py")
_logger = logging.getLogger(__name__)


def detect_people(photos: Sequence[Path], out: Path, *, python: Path | None = None, most: int = 8) -> None:
    """Write what the detector finds in photos as a file that :func:`hybridmesh.landmarks.read_landmarks` reads.

    Args:
        photos: Pictures.
        out: JSON to write.
        python: Interpreter that has mediapipe; by default this one.
        most: People in a picture, at most.

    Raises:
        MissingAssetError: That Python has no mediapipe 0.10.14.
        RuntimeError: The detector failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "landmarks.json"
        interpreter = str(python or sys.executable)
        command = [interpreter, str(WORKER), *map(str, photos), "--out", str(raw), "--most", str(most)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise MissingAssetError(
                f"cannot run {interpreter}: {error.strerror}; name a Python with --detector"
            ) from None
        if done.returncode == 3:
            raise MissingAssetError(
                f"the detector is not installed in {interpreter}. Give landmarks with --keypoints FILE, or install it, "
                "best into an environment of its own: python -m venv detector && detector/bin/pip install "
                "mediapipe==0.10.14, and then add --detector detector/bin/python"
            )
        if done.returncode != 0:
            raise RuntimeError(f"the detector failed: {done.stderr.strip().splitlines()[-1:] or 'no message'}")
        _logger.info("the detector looked at %d photos", len(photos))
        with atomic_path(out) as temporary:
            temporary.write_bytes(raw.read_bytes())
