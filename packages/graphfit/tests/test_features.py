from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graphfit.data.items import Catalogue, Item
from graphfit.features import Features, background_colour, embed, load_encoder, read_garment, square
from hr_common.errors import InputError


def picture(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (60, 80)) -> Path:
    canvas = np.full((size[1], size[0], 3), 240, dtype=np.uint8)
    canvas[size[1] // 4 : -size[1] // 4, size[0] // 4 : -size[0] // 4] = colour
    Image.fromarray(canvas).save(path)
    return path


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    colours = {"red": (200, 20, 30), "blue": (20, 40, 200), "green": (30, 160, 40)}
    return Catalogue("three", tuple(Item(n, picture(tmp_path / f"{n}.png", c)) for n, c in colours.items()))


def test_batches_do_not_change_features(catalogue: Catalogue) -> None:
    one, all_ = embed(catalogue, batch=1), embed(catalogue, batch=3)
    assert one.values.shape == (3, 1280)
    np.testing.assert_allclose(one.values, all_.values, atol=1e-4)


def test_palettes_and_backgrounds_are_those_of_the_pictures(catalogue: Catalogue) -> None:
    features = embed(catalogue)
    assert features.palettes is not None
    assert features.backgrounds is not None
    red = features.palettes[0, 0]
    assert red[3] > 0.9
    assert red[1] > 50  # far on the red side of a*
    np.testing.assert_allclose(features.backgrounds, [[94.8, 0, 0]] * 3, atol=0.5)


def test_a_changed_picture_is_computed_anew_and_an_unchanged_one_is_not(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache.sqlite"
    before = embed(catalogue, cache=cache)
    picture(tmp_path / "red.png", (250, 220, 10))
    read = []
    monkeypatch.setattr("graphfit.features.read_garment", lambda path: read.append(path.name) or read_garment(path))
    after = embed(catalogue, cache=cache)
    assert read == ["red.png"]
    assert np.abs(after.values[0] - before.values[0]).max() > 0.1
    np.testing.assert_array_equal(after.values[1:], before.values[1:])


def test_features_come_back_from_a_file(catalogue: Catalogue, tmp_path: Path) -> None:
    features = embed(catalogue)
    features.save(tmp_path / "items.npz")
    again = Features.load(tmp_path / "items.npz", encoder="lite0")
    assert again.ids == features.ids
    np.testing.assert_array_equal(again.values, features.values)
    reordered = again.of(Catalogue("other order", catalogue.items[::-1]))
    np.testing.assert_array_equal(reordered.values, features.values[::-1])


def test_features_of_another_encoder_are_refused(features: Features, tmp_path: Path) -> None:
    features.save(tmp_path / "items.npz")
    with pytest.raises(InputError, match=r"made by encoder lite0 .* but resnet18 .*graphfit embed"):
        Features.load(tmp_path / "items.npz", encoder="resnet18")


def test_what_is_no_file_of_features_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("hello", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read as features"):
        Features.load(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(InputError, match="holds no encoder, ids"):
        Features.load(tmp_path / "other.npz")


def test_items_without_features_are_named(features: Features) -> None:
    with pytest.raises(InputError, match=r"1 items of shop have no features \(ghost"):
        features.of(Catalogue("shop", (Item("ghost"),)))


def test_all_pictures_that_cannot_be_read_are_named_together(tmp_path: Path) -> None:
    whole = picture(tmp_path / "whole.png", (9, 9, 9))
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:60])
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    (tmp_path / "text.jpg").write_text("no picture", encoding="utf-8")
    names = ("whole.png", "cut.png", "dot.png", "text.jpg", "missing.png")
    shop = Catalogue("shop", (*(Item(name, tmp_path / name) for name in names), Item("bare")))
    with pytest.raises(InputError, match="5 of 6 items cannot be embedded") as error:
        embed(shop)
    for words in (
        "cut.png is damaged",
        "dot.png has only 1×1 pixels",
        "text.jpg is no picture",
        "missing.png",
        "bare has no picture",
    ):
        assert words in str(error.value)


def test_an_empty_catalogue_is_refused() -> None:
    with pytest.raises(InputError, match="catalogue nothing is empty"):
        embed(Catalogue("nothing", ()))


def test_an_unknown_encoder_is_refused() -> None:
    with pytest.raises(InputError, match="unknown encoder 'vgg'; choose lite0"):
        load_encoder("vgg")


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGBA"])
def test_pictures_of_every_mode_are_read(tmp_path: Path, mode: str) -> None:
    suffix = "jpg" if mode == "CMYK" else "png"
    Image.new("RGB", (20, 30), (200, 30, 30)).convert(mode).save(tmp_path / f"picture.{suffix}")
    rgb, full = read_garment(tmp_path / f"picture.{suffix}")
    assert rgb.shape == (30, 20, 3)
    assert full.shape == (30, 20, 4)


def test_a_picture_is_fitted_into_a_square_on_its_own_background() -> None:
    picture_ = np.full((40, 20, 3), 200, dtype=np.uint8)
    picture_[10:30, 5:15] = 0
    fitted = square(picture_, 80)
    assert fitted.shape == (80, 80, 3)
    assert (fitted[:, :20] == 200).all()
    assert fitted[40, 40].tolist() == [0, 0, 0]
    np.testing.assert_allclose(background_colour(picture_), [80.6, 0, 0], atol=0.3)
