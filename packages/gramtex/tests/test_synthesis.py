from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gramtex.config import SynthesisConfig
from gramtex.data.procedural import draw
from gramtex.encoders import Encoder
from gramtex.seam import seam_score
from gramtex.synthesis import SynthesisResult, Synthesizer, write_result
from hr_common.errors import InputError

SOURCE = draw("leopard", (64, 64), seed=1)


@pytest.fixture(scope="module")
def synthesizer(quick_encoder: Encoder) -> Synthesizer:
    return Synthesizer(quick_encoder, SynthesisConfig(iterations=30))


@pytest.fixture(scope="module")
def tile(synthesizer: Synthesizer) -> SynthesisResult:
    return synthesizer.run(synthesizer.measure(SOURCE), (48, 64), tile=True, exemplar=SOURCE)


def test_an_image_comes_near_the_wanted_matrices(synthesizer: Synthesizer, tile: SynthesisResult) -> None:
    assert tile.image.shape == (48, 64, 3)
    assert tile.start_error > 0.2
    assert tile.relative_error < 0.005
    assert tile.relative_error == pytest.approx(
        synthesizer.measure(tile.image, tile=True).relative_error(synthesizer.measure(SOURCE))
    )


def test_trivial_rivals_are_farther_away(synthesizer: Synthesizer, tile: SynthesisResult) -> None:
    target = synthesizer.measure(SOURCE)
    noise = np.random.default_rng(0).permutation(SOURCE.reshape(-1, 3)).reshape(SOURCE.shape)
    blurred = np.array(Image.fromarray(SOURCE).resize((16, 16)).resize((64, 64)))
    for rival in (noise, blurred, draw("leopard", (64, 64), seed=2)):
        assert synthesizer.measure(rival).relative_error(target) > 5 * tile.relative_error


def test_a_tile_has_no_seam(tile: SynthesisResult) -> None:
    assert seam_score(tile.image).worst < 3
    assert seam_score(SOURCE).worst > 3


def test_the_default_encoder_works_from_noise_to_cloth(vgg: Encoder) -> None:
    synthesizer = Synthesizer(vgg, SynthesisConfig(iterations=20))
    result = synthesizer.run(synthesizer.measure(SOURCE), (48, 48), exemplar=SOURCE)
    assert result.start_error > 0.3
    assert result.relative_error < 0.05


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_picture(synthesizer: Synthesizer) -> None:
    target, few = synthesizer.measure(SOURCE), Synthesizer(synthesizer.encoder, SynthesisConfig(iterations=5))
    first, again, other = (few.run(target, (40, 40), seed=seed).image for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()


def test_a_set_fits_pictures_of_other_sizes(synthesizer: Synthesizer) -> None:
    result = synthesizer.run(synthesizer.measure(SOURCE), (96, 72), exemplar=SOURCE)
    assert result.image.shape == (96, 72, 3)
    assert result.relative_error < 0.03


def test_colours_come_out_right_without_an_exemplar(synthesizer: Synthesizer) -> None:
    result = synthesizer.run(synthesizer.measure(SOURCE), (48, 48))
    assert np.abs(result.image.mean(axis=(0, 1)) - SOURCE.mean(axis=(0, 1))).max() < 15


def test_a_large_picture_without_an_exemplar_grows_from_a_small_one(synthesizer: Synthesizer) -> None:
    few = Synthesizer(synthesizer.encoder, SynthesisConfig(iterations=28))
    result = few.run(synthesizer.measure(SOURCE), (256, 256), tile=True)
    assert result.image.shape == (256, 256, 3)
    assert result.evaluations < 20  # of the whole size: most were of a quarter of it
    assert result.relative_error < 0.1 * result.start_error
    assert seam_score(result.image).worst < 3


def test_tiles_are_enlarged_to_the_stride(vgg: Encoder) -> None:
    few = Synthesizer(vgg, SynthesisConfig(iterations=1))
    assert few.fitting_size((50, 64), tile=True) == (56, 64)
    assert few.fitting_size((50, 64), tile=False) == (50, 64)
    assert few.run(few.measure(SOURCE), (50, 64), tile=True, exemplar=SOURCE).image.shape == (56, 64, 3)


def test_blocks_give_the_same_picture(synthesizer: Synthesizer) -> None:
    target = synthesizer.measure(SOURCE)
    whole, pieces = (
        Synthesizer(synthesizer.encoder, SynthesisConfig(iterations=5, block=block)).run(target, (64, 64))
        for block in (512, 32)
    )
    assert whole.history == pytest.approx(pieces.history, rel=1e-4)
    assert whole.relative_error < 0.5 * whole.start_error
    # To a rounding of bytes; many more iterations would make another picture of what rounding leaves.
    assert np.abs(whole.image.astype(int) - pieces.image).max() <= 1


def test_the_end_of_a_regular_cloth_belongs_to_its_gram_matrices(synthesizer: Synthesizer) -> None:
    source = draw("gingham", (64, 64))
    free, held = (
        Synthesizer(synthesizer.encoder, SynthesisConfig(iterations=30, acf="on", acf_weight=weight)).run(
            synthesizer.measure(source), (64, 64), exemplar=source
        )
        for weight in (0.3, 3.0)
    )
    # Of 30 iterations the last 9 are without the term.
    assert held.history[21] < 0.5 * held.history[20]
    assert free.relative_error < 0.01
    assert held.relative_error < 0.02


def test_regular_cloth_is_held_in_order_by_its_autocorrelation(synthesizer: Synthesizer) -> None:
    few = Synthesizer(synthesizer.encoder, SynthesisConfig(iterations=2))
    for pattern, wanted in (("gingham", True), ("speckle", False)):
        source = draw(pattern, (64, 64))
        assert few.run(few.measure(source), (40, 40), exemplar=source).uses_acf is wanted


def test_interruption_gives_the_best_until_then(synthesizer: Synthesizer) -> None:
    def impatient(iteration: int, total: int, energy: float) -> None:
        assert total == 30
        if iteration == 4:
            raise KeyboardInterrupt

    result = synthesizer.run(synthesizer.measure(SOURCE), (40, 40), callback=impatient)
    assert result.interrupted
    assert len(result.history) == 4 <= result.evaluations
    assert result.relative_error < result.start_error


def test_sets_of_another_encoder_and_small_sizes_are_refused(synthesizer: Synthesizer, vgg: Encoder) -> None:
    with pytest.raises(InputError, match="the Gram set has encoder vgg16-hed, the encoder random-wide"):
        synthesizer.run(vgg.gram_set(SOURCE))
    with pytest.raises(InputError, match="31 x 40 pixels are too small for a texture"):
        synthesizer.run(synthesizer.measure(SOURCE), (40, 31))
    with pytest.raises(InputError, match="64 x 20 pixels are too small"):
        synthesizer.measure(SOURCE[:20])


def test_a_png_says_how_it_was_made(tmp_path: Path, tile: SynthesisResult) -> None:
    write_result(tmp_path / "a.png", tile, command="gramtex synthesize x.png", model_hash="abc", notes={"more": "ν"})
    with Image.open(tmp_path / "a.png") as file:
        texts = file.text  # type: ignore[attr-defined]
        assert (np.asarray(file) == tile.image).all()
    assert texts["gramtex:seed"] == "0"
    assert texts["gramtex:command"] == "gramtex synthesize x.png"
    assert texts["gramtex:model"] == "abc"
    assert float(texts["gramtex:relative_error"]) == pytest.approx(tile.relative_error, rel=1e-3)
    assert texts["more"] == "ν"
    write_result(tmp_path / "a.jpg", tile, command="")
    assert (tmp_path / "a.jpg").stat().st_size > 0
