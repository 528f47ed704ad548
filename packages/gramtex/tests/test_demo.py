from pathlib import Path

from gramtex.demo import run_demo
from hr_common import image


def test_the_demo_leaves_tiles_and_a_sheet(tmp_path: Path) -> None:
    lines = list(run_demo(tmp_path / "demo", patterns=("plaid",), side=32, iterations=4))
    assert lines[-1].startswith(f"wrote {tmp_path / 'demo' / 'sheet.png'}")
    assert image.read(tmp_path / "demo" / "plaid.png").shape == (32, 32, 3)
    assert image.read(tmp_path / "demo" / "sheet.png").shape[1] > 128
