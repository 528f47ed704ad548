import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from gramtex.cli import main
from gramtex.data.procedural import draw
from gramtex.encoders import DEFAULT_ENCODER
from hr_common import image

QUICK = "--encoder enlite0 --device cpu --threads 1"


def gramtex(line: str, *more: str | Path) -> Result:
    return CliRunner().invoke(main, [*shlex.split(line), *map(str, more)])


def said(result: Result, code: int) -> str:
    """What the command wrote, once it ended with the code that was expected."""
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def like(tmp_path: Path) -> Path:
    image.write(tmp_path / "like.png", draw("gingham", (48, 48)))
    return tmp_path / "like.png"


def test_synthesize_writes_a_tile_and_says_how_good_it_is(tmp_path: Path, like: Path) -> None:
    out = tmp_path / "out.png"
    text = said(gramtex(f"synthesize {QUICK} --tile --iterations 6 --size 50x40", like, "-o", out), 0)
    assert "a tile's sides have to be multiples of 16: 64 x 48 pixels" in text
    assert f"wrote {out}: relative Gram error" in text.splitlines()[-1]
    assert image.read(out).shape == (48, 64, 3)
    with Image.open(out) as file:
        assert file.text["gramtex:command"].startswith("gramtex synthesize like.png")  # type: ignore[attr-defined]
        assert str(tmp_path) not in str(file.text)  # type: ignore[attr-defined]


def test_variations_have_seeds_in_a_row_and_files_of_their_own(tmp_path: Path, like: Path) -> None:
    line = f"synthesize {QUICK} --iterations 2 --size 32 --variations 2 --seed 5 --json"
    report = json.loads(said(gramtex(line, like, "-o", tmp_path / "v.png"), 0))
    assert [each["seed"] for each in report] == [5, 6]
    assert [Path(each["file"]).name for each in report] == ["v-1.png", "v-2.png"]
    assert (image.read(tmp_path / "v-1.png") != image.read(tmp_path / "v-2.png")).any()


def test_the_same_seed_gives_the_same_file(tmp_path: Path, like: Path) -> None:
    for name in ("a.png", "b.png"):
        said(gramtex(f"synthesize {QUICK} --iterations 2 --size 32", like, "-o", tmp_path / name), 0)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_palette_decides_the_colours(tmp_path: Path, like: Path) -> None:
    out = tmp_path / "blue.png"
    line = f"synthesize {QUICK} --iterations 3 --size 32 --palette '#101060,#8080ff'"
    said(gramtex(line, like, "-o", out), 0)
    mean = image.read(out).mean(axis=(0, 1))
    assert np.abs(mean - np.array([0x48, 0x48, 0xB0])).max() < 12
    image.write(tmp_path / "red.png", np.full((40, 40, 3), (200, 20, 20), np.uint8))
    line = f"synthesize {QUICK} --iterations 3 --size 32 --force --colour-from"
    said(gramtex(line, tmp_path / "red.png", like, "-o", out), 0)
    assert image.read(out)[..., 0].mean() > 150


def test_interpolate_fills_a_folder(tmp_path: Path, like: Path) -> None:
    image.write(tmp_path / "b.png", draw("dots", (40, 40)))
    line = f"interpolate {QUICK} --steps 3 --iterations 2 --size 32 --space gram --grid"
    text = said(gramtex(line, like, tmp_path / "b.png", "-o", tmp_path / "film"), 0)
    assert "wrote 3 pictures to" in text
    assert sorted(path.name for path in (tmp_path / "film").iterdir()) == ["000.png", "001.png", "002.png", "sheet.png"]


def test_tile_keeps_the_middle(tmp_path: Path, like: Path) -> None:
    out = tmp_path / "tile.png"
    report = json.loads(said(gramtex(f"tile {QUICK} --iterations 3 --json", like, "-o", out), 0))
    assert report["kept"] >= 0.5
    assert (image.read(out)[10:-10, 10:-10] == image.read(like)[10:-10, 10:-10]).all()


def test_prepare_lists_what_gave_no_crop(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    image.write(tmp_path / "photos/large.png", draw("floral", (200, 200)))
    image.write(tmp_path / "photos/small.png", draw("floral", (40, 40)))
    result = gramtex("prepare --per-image 1", tmp_path / "photos", "-o", tmp_path / "data")
    text = said(result, 1)
    assert "wrote 1 crops of 1 photographs" in text
    assert "small.png: 40 x 40 pixels; a crop needs 128" in text


def test_info_lists_encoders_and_parameters() -> None:
    assert DEFAULT_ENCODER in said(gramtex("info"), 0)
    assert "vgg19" in json.loads(said(gramtex("info --json"), 0))["encoders"]
    assert json.loads(said(gramtex("info --preset paper --json"), 0))["total"] == 10_676_728
    assert "183,465,728" in said(gramtex("info --preset paper --transform fc"), 0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("synthesize {like} -o {folder}/like.png", "like.png exists; add --force"),
        ("synthesize {like} -o {folder}/nowhere/x.png", "nowhere does not exist; create it first"),
        ("synthesize {like} -o {folder}/x.gift", "'.gift' is no picture format"),
        ("synthesize {like} -o {folder}/x.png --size 12", "--size 12: each side has to be 32 to 16384 pixels"),
        ("synthesize {like} -o {folder}/x.png --size big", "--size big is no size; write WIDTHxHEIGHT"),
        ("synthesize {like} -o {folder}/x.png --encoder vgg", "unknown encoder 'vgg'; choose one of vgg16-hed"),
        ("synthesize {like} -o {folder}/x.png --encoder vgg19", "the weights of vgg19 do not ship"),
        ("synthesize {like} -o {folder}/x.png --palette red,blue", "'red' is no colour"),
        ("synthesize {like} -o {folder}/x.png --palette #000000,#ffffff --colour-from {like}", "give one of them"),
        ("synthesize {small} -o {folder}/x.png", "small.png: 20 x 20 pixels are too small for a texture"),
        ("synthesize {text} -o {folder}/x.png", "text.png is no picture that can be read"),
        ("tile {small} -o {folder}/x.png", "20 x 20 pixels are too small"),
        ("prepare {folder}/nowhere -o {folder}/data", "no such file or folder"),
        ("interpolate {like} {like} -o {folder}", "exists; add --force"),
        ("synthesize {like} -o {folder}/x.png --device tpu", "--device tpu is unknown"),
    ],
)
def test_mistakes_are_one_line_and_code_2(tmp_path: Path, like: Path, line: str, message: str) -> None:
    image.write(tmp_path / "small.png", draw("dots", (20, 20)))
    (tmp_path / "text.png").write_text("no picture")
    places = {"like": like, "folder": tmp_path, "small": tmp_path / "small.png", "text": tmp_path / "text.png"}
    before = sorted(tmp_path.iterdir())
    text = said(gramtex(line.format(**places).replace("#", "\\#")), 2)
    assert message in " ".join(text.split())
    assert "Traceback" not in text
    assert sorted(tmp_path.iterdir()) == before


def test_ctrl_c_writes_the_best_until_then(tmp_path: Path, like: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gramtex.encoders import Encoder

    calls = 0
    measure = Encoder.grams

    def impatient(self: Encoder, *args: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise KeyboardInterrupt
        return measure(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Encoder, "grams", impatient)
    result = gramtex(f"synthesize {QUICK} --size 32", like, "-o", tmp_path / "out.png")
    assert "the best until the interruption" in said(result, 130)
    assert image.read(tmp_path / "out.png").shape == (32, 32, 3)
