from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gramtex.encoders import ENCODERS, load_efficientnet_lite0, load_encoder
from hr_common.errors import InputError

VGG19 = (2, 2, 4, 4, 4)
WIDTHS = (64, 128, 256, 512, 512)


def torchvision_vgg19() -> dict[str, torch.Tensor]:
    """Weights under torchvision's names, of the right shapes; the numbers are drawn."""
    tensors, number, channels = {}, 0, 3
    for count, width in zip(VGG19, WIDTHS, strict=True):
        for _ in range(count):
            tensors[f"features.{number}.weight"] = 0.05 * torch.randn(width, channels, 3, 3)
            tensors[f"features.{number}.bias"] = 0.1 * torch.randn(width)
            channels, number = width, number + 2
        number += 1
    return {**tensors, "classifier.0.weight": torch.zeros(1), "classifier.0.bias": torch.zeros(1)}


@pytest.mark.parametrize(
    ("name", "widths"),
    [
        ("vgg16-hed", (64, 128, 256, 512)),
        ("enlite0", (32, 32, 32, 32, 32, 32, 96, 96, 96, 144, 144, 144)),
        ("random-wide", (64,) * 8),
        ("vgg16-wide", (64, 128, 256, 512, 64, 64, 64, 64, 64)),
    ],
)
def test_what_ships_measures_a_picture(name: str, widths: tuple[int, ...]) -> None:
    encoder = load_encoder(name)
    assert encoder.widths == widths
    features = encoder(torch.rand(1, 3, 64, 64))
    assert [each.shape[1] for each in features] == list(widths)
    assert [64 // each.shape[2] for each in features] == list(encoder.strides)
    grams = encoder.gram_set(torch.rand(3, 64, 64))
    assert grams.encoder == name
    assert grams.levels == ENCODERS[name].levels
    encoder.refuse_other(grams)


def test_the_same_weights_have_the_same_digest_whatever_the_levels() -> None:
    assert load_encoder(levels=("relu2_1",)).weights_hash == load_encoder().weights_hash
    assert load_encoder().weights_hash != load_encoder("enlite0").weights_hash


def test_the_pair_measures_what_both_measure() -> None:
    image = torch.rand(3, 64, 64)
    pair = load_encoder("vgg16-wide").gram_set(image)
    for name, level in (("vgg16-hed", "relu3_1"), ("random-wide", "wide15")):
        torch.testing.assert_close(pair[level], load_encoder(name).gram_set(image)[level], rtol=1e-4, atol=1e-4)


def test_real_features_tell_cloth_from_noise_of_the_same_colours() -> None:
    from gramtex.data.procedural import draw

    encoder, cloth = load_encoder(), draw("leopard", (64, 64))
    target = encoder.gram_set(cloth)
    shuffled = cloth.reshape(-1, 3)[torch.randperm(64 * 64).numpy()].reshape(64, 64, 3)
    other_piece = encoder.gram_set(draw("leopard", (64, 96))[:, 32:])
    assert other_piece.relative_error(target) < 0.3 * encoder.gram_set(shuffled).relative_error(target)


@pytest.mark.parametrize("name", ["vgg16-hed", "enlite0", "random-wide"])
def test_periodic_features_move_with_the_picture(name: str) -> None:
    encoder, image = load_encoder(name), torch.rand(1, 3, 64, 96)
    stride = encoder.stride
    for still, moved, step in zip(
        encoder(image, padding="circular"),
        encoder(image.roll((stride, 2 * stride), (2, 3)), padding="circular"),
        encoder.strides,
        strict=True,
    ):
        wanted = still.roll((stride // step, 2 * stride // step), (2, 3))
        torch.testing.assert_close(moved, wanted, rtol=1e-3, atol=1e-2 * float(wanted.abs().mean()))


@pytest.mark.parametrize("name", ["vgg16-hed", "enlite0", "random-wide"])
def test_no_position_sees_farther_than_the_encoder_says(name: str) -> None:
    encoder, image = load_encoder(name), torch.rand(1, 3, 160, 160)
    changed = image.clone()
    changed[..., :8] = 1 - changed[..., :8]
    for before, after, stride in zip(encoder(image), encoder(changed), encoder.strides, strict=True):
        untouched = -(-(8 + encoder.reach) // stride)
        assert torch.allclose(before[..., untouched:], after[..., untouched:], rtol=1e-4, atol=1e-3)


def test_a_periodic_picture_has_to_fit_the_stride(vgg: torch.nn.Module) -> None:
    with pytest.raises(ValueError, match="multiples of 8, not 60 x 64"):
        vgg(torch.rand(1, 3, 64, 60), padding="circular")


def test_pixels_may_stand_in_front() -> None:
    encoder = load_encoder(levels=("pixels", "relu1_1"))
    image = torch.rand(3, 40, 40)
    gram = encoder.gram_set(image)["pixels"]
    assert float(gram[0, 0]) == pytest.approx(1)
    torch.testing.assert_close(gram[0, 1:], image.mean(dim=(1, 2)))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_vgg19_is_read_from_a_file(tmp_path: Path, suffix: str) -> None:
    tensors, path = torchvision_vgg19(), tmp_path / f"vgg{suffix}"
    torch.save(tensors, path) if suffix == ".pth" else save_file(tensors, path)
    levels = ("conv1_1", "pool1", "relu3_4", "relu5_1")
    encoder = load_encoder("vgg19", weights=path, levels=levels)
    assert encoder.widths == (64, 64, 256, 512)
    assert encoder.strides == (1, 2, 4, 16)
    image = torch.rand(1, 3, 32, 32)
    mean, deviation = (torch.tensor(each).view(1, 3, 1, 1) for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    padded = torch.nn.functional.pad((image - mean) / deviation, (1, 1, 1, 1), mode="reflect")
    first = torch.nn.functional.conv2d(padded, tensors["features.0.weight"], tensors["features.0.bias"]).relu()
    torch.testing.assert_close(encoder(image)[0], first)


def test_the_caffe_variant_sees_blue_first(tmp_path: Path) -> None:
    tensors, path = torchvision_vgg19(), tmp_path / "vgg.safetensors"
    save_file(tensors, path)
    encoder = load_encoder("vgg19-caffe", weights=path, levels=("relu1_1",))
    image = torch.rand(1, 3, 32, 32)
    bgr = image.flip(1) * 255 - torch.tensor([104.007, 116.669, 122.679]).view(1, 3, 1, 1)
    padded = torch.nn.functional.pad(bgr, (1, 1, 1, 1), mode="reflect")
    first = torch.nn.functional.conv2d(padded, tensors["features.0.weight"], tensors["features.0.bias"]).relu()
    torch.testing.assert_close(encoder(image)[0], first, rtol=1e-4, atol=1e-3)


def test_refusals_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown encoder 'vgg'; choose one of vgg16-hed"):
        load_encoder("vgg")
    with pytest.raises(InputError, match="weights of vgg19 do not ship; give their file"):
        load_encoder("vgg19")
    with pytest.raises(InputError, match="unknown level relu9_1; choose among relu1_1"):
        load_encoder(levels=("relu9_1",))
    with pytest.raises(InputError, match="ends at relu4_1 and lacks conv4_2, conv4_3, conv5_1"):
        load_encoder(levels=("relu5_1",))
    with pytest.raises(InputError, match="enlite0 brings its own weights"):
        load_encoder("enlite0", weights=tmp_path / "x.pth")
    with pytest.raises(InputError, match="each once, not relu1_1, relu1_1"):
        load_encoder(levels=("relu1_1", "relu1_1"))
    (tmp_path / "bad.pth").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(InputError, match="holds no weights that can be read safely"):
        load_encoder("vgg19", weights=tmp_path / "bad.pth")
    torch.save({"fc.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"neither features\.0\.weight nor conv1_1\.weight"):
        load_encoder("vgg19", weights=tmp_path / "other.pth")


def test_the_feature_network_gives_both_kinds_of_features() -> None:
    with torch.inference_mode():
        middle, head = load_efficientnet_lite0().pooled_features(torch.rand(2, 3, 65, 64))
    assert middle.shape == (2, 112)
    assert head.shape == (2, 1280)
    assert float(head.min()) >= 0
    assert float(head.max()) <= 6
