import torch

from viai.config import PAPER, TINY
from viai.networks.discriminator import PatchDiscriminator


def test_the_maps_are_those_of_the_paper() -> None:
    with torch.device("meta"):
        judge = PatchDiscriminator(PAPER.network.discriminator_channels)
    shapes: list[tuple[int, ...]] = []
    for layer in judge.layers:
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(lambda _module, _inputs, output: shapes.append(tuple(output.shape[1:])))
    judge(torch.empty(2, 1, 80, 200, device="meta"))
    assert shapes == [(64, 80, 100), (128, 40, 50), (256, 20, 25), (512, 20, 25), (1, 20, 25)]


def test_judgements_are_logits() -> None:
    judge = PatchDiscriminator(TINY.network.discriminator_channels).eval()
    with torch.no_grad():
        judge.layers[-1].weight.zero_()
        judge.layers[-1].bias.fill_(5.0)
    # A probability could not be five.
    assert (judge(torch.rand(1, 1, 80, 40)) == 5).all()


def test_a_patch_is_judged_by_its_surroundings_only() -> None:
    judge = PatchDiscriminator(TINY.network.discriminator_channels).eval().double()
    mel = torch.rand(1, 1, 80, 200, dtype=torch.float64)
    other = mel.clone()
    other[..., 100:] = 0
    changed = torch.nonzero((judge(mel) != judge(other)).any(dim=2).flatten()).flatten()
    # One logit for eight frames: those of the far side stay, those over the change move.
    assert changed.min() >= 8
    assert set(range(13, 25)) <= set(changed.tolist())
