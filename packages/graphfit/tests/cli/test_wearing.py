"""The commands of who wears, on a shop of small pictures and with the weights that ship."""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from graphfit.cli import main
from graphfit.cli.wearing import parse_length
from hr_common.errors import InputError

COLOURS = {
    "red": (200, 30, 40), "yellow": (235, 205, 50), "blue": (35, 70, 170), "green": (40, 140, 70),
    "black": (25, 25, 27), "orange": (230, 120, 40),
}  # fmt: skip
# Height and width of the garment in the picture.
SHAPES = {"tops": (40, 40), "bottoms": (60, 24), "shoes": (16, 36), "bags": (28, 30)}
FIRST = "tops-red"


def graphfit(line: str) -> Result:
    return CliRunner().invoke(main, shlex.split(line))


def said(result: Result, code: int = 0) -> str:
    """What the command wrote, once it ended with the code that was expected."""
    assert result.exit_code == code, result.output
    return result.output


def refused(line: str) -> str:
    """The one line of an error."""
    result = graphfit(line)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        cache = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(cache))
        patch.setenv("OMP_NUM_THREADS", "1")
        yield cache


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    with (folder / "shop.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "image", "category", "fine", "title", "price"])
        for number, (name, colour) in enumerate(COLOURS.items()):
            for category, (height, width) in SHAPES.items():
                picture = np.full((80, 60, 3), 236, np.uint8)
                top, left = (80 - height) // 2, (60 - width) // 2
                picture[top : top + height, left : left + width] = colour
                Image.fromarray(picture).save(folder / f"{category}-{name}.png")
                item = f"{category}-{name}"
                rows.writerow([item, f"{item}.png", category, item, f"{name} {category}", 10 + 5 * number])
    return folder


@pytest.fixture(scope="module")
def stock(shop: Path) -> str:
    return f"--catalogue {shop / 'shop.csv'} --device cpu"


def test_outfits_of_pictures_and_of_ids_are_scored(shop: Path, stock: str) -> None:
    files = " ".join(str(shop / f"{item}.png") for item in ("tops-red", "bottoms-black", "shoes-black"))
    shown = said(graphfit(f"score {files} --device cpu"))
    assert "outfit 1: score 0." in shown
    assert "% of real and" in shown
    assert shown.count("without it") == 3
    two = json.loads(said(graphfit(f"score tops-red,bottoms-black,shoes-black tops-blue,shoes-red {stock} --json")))
    assert [len(one["items"]) for one in two] == [3, 2]
    assert two[0]["style"] == "monochromatic"
    assert 0 < two[0]["score"] < 1


def test_the_category_of_a_picture_can_be_said_and_a_folder_is_an_outfit(shop: Path, tmp_path: Path) -> None:
    for item in ("tops-red", "shoes-red"):
        (tmp_path / f"{item}.png").write_bytes((shop / f"{item}.png").read_bytes())
    (one,) = json.loads(said(graphfit(f"score {tmp_path} --device cpu --json")))
    assert one["categories"] == ["unknown", "unknown"]
    line = f"score tops={shop / 'tops-red.png'} boots={shop / 'shoes-red.png'} --device cpu --json"
    (one,) = json.loads(said(graphfit(line)))
    assert one["categories"] == ["tops", "shoes"]


def test_one_garment_is_undetermined(stock: str) -> None:
    result = graphfit(f"score {FIRST} {stock}")
    assert "outfit 1: undetermined (one garment)" in said(result)
    assert "its score is undetermined" in result.stderr


def test_blanks_are_filled_from_candidates_and_from_a_category(stock: str, tmp_path: Path) -> None:
    offered = "shoes-red shoes-blue shoes-green shoes-black"
    rows = json.loads(said(graphfit(f"fill-blank tops-red bottoms-black --candidates {offered} {stock} --json")))
    assert sorted(row["item"] for row in rows) == sorted(offered.split())
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    line = f"fill-blank tops-red bottoms-black --category shoes -k 2 --max-price 25 -o {tmp_path / 'best.png'} {stock}"
    shown = said(graphfit(line)).splitlines()
    assert [one[:9] for one in shown[:2]] == ["1. shoes-", "2. shoes-"]
    assert shown[-1] == f"wrote {tmp_path / 'best.png'}"
    assert not {"shoes-black", "shoes-orange"} & {one.split()[1] for one in shown[:2]}


def test_outfits_in_all_styles_are_composed_with_boards(stock: str, tmp_path: Path) -> None:
    out = tmp_path / "outfits"
    shown = said(graphfit(f"collocate {FIRST} --style all --length 3-4 -k 2 -o {out} {stock}"))
    assert shown.splitlines()[-1] == f"wrote {out / 'outfits.html'}"
    answers = {one["style"]: one for one in json.loads((out / "outfits.json").read_text(encoding="utf-8"))}
    assert set(answers) == {"analogous", "complementary", "triadic", "same", "monochromatic", "other"}
    for style, answer in answers.items():
        assert answer["outfits"] or answer["reason"], style
        for number, outfit in enumerate(answer["outfits"], start=1):
            assert outfit["style"] == style
            assert FIRST in outfit["items"]
            assert (out / f"{style}-{number}.png").is_file()
    # Red, yellow and blue are a triad, red and green opposites.
    assert answers["triadic"]["outfits"]
    assert answers["complementary"]["outfits"]
    assert (out / "sheet.png").is_file()
    assert "not empty; give another --out, or --force" in refused(f"collocate {FIRST} -o {out} {stock}")


def test_a_picture_from_outside_can_be_the_query(shop: Path, stock: str, tmp_path: Path) -> None:
    picture = tmp_path / "mine.png"
    picture.write_bytes((shop / "bags-green.png").read_bytes())
    result = graphfit(f"collocate {picture} --style any -k 1 --json {stock}")
    assert f"{picture} is taken for bags" in result.stderr
    (answer,) = json.loads(result.stdout)
    assert "mine" in answer["outfits"][0]["items"]
    said(graphfit(f"collocate {picture} --category tops --style any -k 1 {stock}"))


def test_a_style_that_does_not_exist_ends_with_its_reason_and_writes_nothing(stock: str, tmp_path: Path) -> None:
    others = [f"{kind}-{colour}" for kind in SHAPES for colour in COLOURS if colour not in ("red", "black")]
    line = f"collocate {FIRST} --style triadic {stock} " + " ".join(f"--exclude {one}" for one in others)
    result = graphfit(f"{line} -o {tmp_path / 'none'}")
    assert result.exit_code == 2
    assert "there is no such outfit: no item of hue" in result.stderr
    assert not (tmp_path / "none").exists()
    answers = json.loads(graphfit(f"{line} --json").stdout)
    assert [(one["style"], one["outfits"]) for one in answers] == [("triadic", [])]
    assert answers[0]["reason"].startswith("no item of hue")


def test_similar_garments_are_listed(stock: str) -> None:
    rows = json.loads(said(graphfit(f"similar shoes-blue -k 3 {stock} --json")))
    assert len(rows) == 3
    assert "shoes-blue" not in [row["item"] for row in rows]


def test_the_style_is_told_without_a_network(shop: Path, tmp_path: Path) -> None:
    items = " ".join(str(shop / f"{item}.png") for item in ("tops-red", "bottoms-yellow", "bags-blue"))
    shown = said(graphfit(f"style {items} -o {tmp_path / 'circle.png'}"))
    assert "outfit 1: triadic: three groups of hues" in shown
    assert "(ryb wheel)" in shown
    assert "#c81e28 100 %" in shown
    with Image.open(tmp_path / "circle.png") as picture:
        assert picture.size == (480, 480)
    other = json.loads(said(graphfit(f"style {items} --wheel hsv --json")))
    assert other[0]["wheel"] == "hsv"
    assert other[0]["style"] != "triadic"  # red, yellow and blue are no triad in HSV


def test_boards_are_pictures_or_a_page(stock: str, tmp_path: Path) -> None:
    for name in ("board.png", "page.html"):
        shown = said(graphfit(f"board tops-red,bottoms-black,shoes-red -o {tmp_path / name} {stock}"))
        assert shown.splitlines()[-1] == f"wrote {tmp_path / name}"
    outfit = f"board tops-red,shoes-red {stock} -o {tmp_path}"
    assert "exists; add --force to overwrite it" in refused(f"{outfit}/board.png")
    assert "a board is .png" in refused(f"{outfit}/board.tiff")


def test_an_index_takes_the_place_of_the_catalogue(shop: Path, stock: str, tmp_path: Path) -> None:
    features, index = tmp_path / "shop.npz", tmp_path / "index"
    said(graphfit(f"embed {shop / 'shop.csv'} --device cpu -o {features}"))
    line = f"index {features} -c {shop / 'shop.csv'} -o {index} --contexts 10 --steps 2 --device cpu"
    shown = said(graphfit(line))
    assert "no category has more than 200 items, so nothing is pruned" in shown
    assert shown.splitlines()[-1] == f"wrote {index}: 24 items"
    found, plain = (
        json.loads(said(graphfit(f"collocate {FIRST} --style other {source} --json --device cpu")))
        for source in (f"--index {index}", f"--catalogue {shop / 'shop.csv'} --features {features}")
    )
    assert found == plain
    assert "leave --catalogue and --features out" in refused(f"collocate {FIRST} --index {index} {stock}")


def test_the_drawn_wardrobe_is_there_without_a_catalogue(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from graphfit.data import wardrobe

    # A few of its garments, since drawing all of them takes half a minute.
    few = partial(wardrobe.draw_wardrobe, kinds=("T-shirt", "jeans", "sneakers"))
    monkeypatch.setattr(wardrobe, "draw_wardrobe", few)
    shown = said(graphfit("style t-shirt-red,jeans-denim,sneakers-mustard"))
    assert "three groups" in shown or "3 groups" in shown
    assert shown.count("%") >= 3
    assert (own_cache / "graphfit" / "wardrobe" / "jeans-denim.jpg").is_file()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("score nowhere.jpg other.jpg", "there is no file nowhere.jpg"),
        ("score tops-reed,shoes-red {stock}", "has no item 'tops-reed'; the nearest ids are tops-red"),
        ("score tops-red,tops-red {stock}", "given twice"),
        ("score {folder}/broken.png {folder}/tops-red.png", "broken.png"),
        ("score {folder}/dot.png {folder}/tops-red.png", "has only 1×1 pixels"),
        ("score {folder}/empty", "holds no pictures"),
        ("score sofa={folder}/tops-red.png {folder}/shoes-red.png", "unknown category 'sofa'; choose one of tops"),
        ("score tops-red,shoes-red -c {folder}/none.csv", "there is no catalogue"),
        ("score tops-red,shoes-red -c {folder}/empty", "it lists no items"),
        ("collocate tops-reed {stock}", "the nearest ids are tops-red"),
        ("collocate tops-red --style pastel {stock}", "--style pastel is unknown; choose one of analogous"),
        ("collocate tops-red --length 6-3 {stock}", "--length 6-3 is the wrong way round; write 3-6"),
        ("collocate tops-red --length 1-3 {stock}", "--length 1-3 is out of range"),
        ("collocate tops-red --length many {stock}", "--length many is no length; write fewest and most"),
        ("collocate tops-red --keep-category socks {stock}", "unknown category 'socks'"),
        ("collocate tops-red --keep-category hats {stock}", "no item is left in hats"),
        ("collocate tops-red --max-price 1 {stock}", "under a price of 1"),
        ("collocate tops-red --column image {stock}", "expected NAME=YOURS"),
        ("collocate tops-red --index {folder}", "holds no index; make one with"),
        ("collocate tops-red --features {folder}/shop.csv {stock}", "cannot be read as features"),
        ("collocate tops-red --features {other} {stock}", "were made by encoder resnet18-x"),
        ("collocate tops-red --features {short} {stock}", "trained on features of 1280 numbers, but these have 5"),
        ("fill-blank tops-red {stock}", "give either --candidates A B C D or --category CATEGORY"),
        ("fill-blank tops-red --category hats {stock}", "nothing is left to choose from in hats"),
        ("fill-blank tops-red --candidates tops-red {stock}", "tops-red is in the outfit already"),
        ("similar tops-reed {stock}", "the nearest ids are tops-red"),
        ("style tops-red,shoes-red -c {folder}/none.json", "there is no catalogue"),
        ("index {folder}/shop.csv -c {folder}/shop.csv -o {folder}/new", "cannot be read as features"),
        ("demo -o {folder}", "not empty; give another --out"),
    ],
)
def test_wrong_input_is_one_line(line: str, words: str, shop: Path, stock: str, tmp_path: Path) -> None:
    from graphfit.features import Features

    (shop / "broken.png").write_bytes((shop / "tops-red.png").read_bytes()[:60])
    Image.new("RGB", (1, 1)).save(shop / "dot.png")
    (shop / "empty").mkdir(exist_ok=True)
    ids = tuple(f"{category}-{name}" for name in COLOURS for category in SHAPES)
    for name, encoder in (("other", "resnet18-x"), ("short", "lite0")):
        Features(ids, np.ones((len(ids), 5), np.float32), encoder).save(tmp_path / f"{name}.npz")
    before = sorted(tmp_path.iterdir())
    filled = line.format(
        stock=stock, folder=shop, other=tmp_path / "other.npz", short=tmp_path / "short.npz", tmp=tmp_path
    )
    assert words in refused(filled)
    assert sorted(tmp_path.iterdir()) == before


def test_lengths_are_read_as_a_range_or_a_number() -> None:
    assert parse_length("3-6") == (3, 6)
    assert parse_length("4") == (4, 4)
    for text in ("", "-", "3-", "-3", "a-b", "6-3", "2-21"):
        with pytest.raises(InputError, match="--length"):
            parse_length(text)


def test_ctrl_c_ends_with_130_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    command = [sys.executable, "-m", "graphfit", "demo", "-o", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        # A shell in the background has its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and len(list(out.glob("wardrobe/*.jpg"))) < 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert errors.strip().splitlines()[-1] == "Interrupted."
    assert "Traceback" not in errors
    assert not list(out.rglob(".*"))
    for file in out.rglob("*.jpg"):
        with Image.open(file) as picture:
            picture.load()
