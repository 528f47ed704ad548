import math

import pytest
import torch
from torch.nn import functional

from viai.losses import (
    adversarial_loss,
    discriminator_loss,
    eta,
    onset_loss,
    reconstruction_loss,
    rises,
    synchronisation_loss,
)


def test_the_fading_weight_by_hand() -> None:
    assert eta(0, decay=0.9, floor=0.1) == 1.0
    assert eta(2_000, decay=0.9, floor=0.1) == pytest.approx(0.81)
    assert eta(500, decay=0.9, floor=0.1) == pytest.approx(math.sqrt(0.9))
    assert eta(1_000_000, decay=0.9, floor=0.1) == 0.1


def test_reconstruction_by_hand() -> None:
    prediction = torch.tensor([[[1.0, 2.0, 3.0, 4.0]], [[0.0, 0.0, 0.0, 0.0]]])
    target = torch.tensor([[[1.0, 1.0, 1.0, 1.0]], [[0.0, 0.0, 0.0, 8.0]]])
    unknown = torch.tensor([[False, True, True, False], [False, False, False, True]])
    # Whole: (0 + 1 + 2 + 3 + 8) / 8 = 1.75. Inside: (1 + 2) / 2 = 1.5 and 8 / 1 = 8, mean 4.75.
    loss = reconstruction_loss(prediction, target, unknown, whole=0.5)
    assert loss.item() == pytest.approx(0.5 * 1.75 + 4.75)


def test_reconstruction_does_not_depend_on_the_length_of_the_gap() -> None:
    target, prediction = torch.zeros(1, 2, 10), torch.full((1, 2, 10), 0.3)
    for length in (1, 5, 10):
        unknown = (torch.arange(10) < length)[None]
        assert reconstruction_loss(prediction, target, unknown, whole=0.0).item() == pytest.approx(0.3)


def test_reconstruction_of_a_window_without_gap_is_finite() -> None:
    none = torch.zeros(1, 4, dtype=torch.bool)
    assert reconstruction_loss(torch.ones(1, 1, 4), torch.zeros(1, 1, 4), none, whole=2.0).item() == 2


def test_an_undecided_discriminator_costs_the_logarithm_of_two() -> None:
    logits = torch.zeros(2, 1, 3, 4)
    for smoothing in (0.0, 0.1):
        assert discriminator_loss(logits, logits, torch.tensor(smoothing)).item() == pytest.approx(math.log(2))


def test_smoothing_moves_both_labels_to_the_middle() -> None:
    # The logit ln 9 is the probability 0.9, where a label of 0.9 wants it: no gradient is left.
    real = torch.full((1, 1, 2, 2), math.log(9), requires_grad=True)
    fake = torch.full((1, 1, 2, 2), -math.log(9), requires_grad=True)
    loss = discriminator_loss(real, fake, torch.tensor(0.1))
    assert loss.item() == pytest.approx(-0.9 * math.log(0.9) - 0.1 * math.log(0.1), rel=1e-5)
    for gradient in torch.autograd.grad(loss, [real, fake]):
        torch.testing.assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-7)


def test_without_smoothing_a_sure_discriminator_costs_nothing() -> None:
    sure = torch.full((1, 1, 2, 2), 40.0)
    assert discriminator_loss(sure, -sure, torch.tensor(0.0)).item() == pytest.approx(0, abs=1e-6)


def test_the_adversarial_term_is_the_soft_plus_of_the_doubt() -> None:
    logits = torch.linspace(-100, 100, 24).reshape(2, 1, 3, 4)
    torch.testing.assert_close(adversarial_loss(logits), functional.softplus(-logits).mean())


def test_synchronisation_by_hand() -> None:
    # Unit vectors after scaling: v = (1, 0), (0, 1) and u = (0.6, 0.8), (0, 1).
    sight = torch.tensor([[2.0, 0.0], [0.0, 3.0]]).reshape(2, 2, 1, 1)
    sound = torch.tensor([[3.0, 4.0], [0.0, 0.5]]).reshape(2, 2, 1, 1)
    # Together: 0.4^2 + 0.8^2 = 0.8 and 0. Apart: |v1 - u2| = 1.41 is far enough; |v2 - u1|^2 = 0.36 + 0.04.
    expected = (0.8 + 0 + 0 + (1 - math.sqrt(0.4)) ** 2) / 4
    assert synchronisation_loss(sight, sound).item() == pytest.approx(expected, rel=1e-6)


def test_a_wider_margin_pushes_more() -> None:
    sight, sound = torch.eye(2).reshape(2, 2, 1, 1), torch.eye(2).reshape(2, 2, 1, 1)
    assert synchronisation_loss(sight, sound, margin=1.0).item() == 0
    # Both pairs that do not belong together are sqrt(2) apart: 2 * (2 - 1.414)^2 / 4.
    assert synchronisation_loss(sight, sound, margin=2.0).item() == pytest.approx((2 - math.sqrt(2)) ** 2 / 2)


def test_synchronisation_teaches_the_picture_only() -> None:
    generator = torch.Generator().manual_seed(0)
    sight = torch.randn(4, 6, 1, 3, generator=generator, requires_grad=True)
    sound = torch.randn(4, 6, 1, 3, generator=generator, requires_grad=True)
    synchronisation_loss(sight, sound).backward()
    assert sight.grad is not None
    assert sight.grad.abs().sum() > 0
    assert sound.grad is None


def test_synchronisation_has_the_right_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    sound = torch.randn(3, 4, 1, 2, generator=generator, dtype=torch.float64)
    # Near the sounds of others, so that the margin matters.
    noise = torch.randn(sound.shape, generator=generator, dtype=torch.float64)
    sight = (sound.roll(1, 0) + 0.3 * noise).requires_grad_()
    assert torch.autograd.gradcheck(lambda values: synchronisation_loss(values, sound), sight)


def test_a_picture_upon_the_sound_of_another_has_a_finite_gradient() -> None:
    sight = torch.ones(2, 3, 1, 1, requires_grad=True)
    synchronisation_loss(sight, torch.ones(2, 3, 1, 1)).backward()
    assert sight.grad is not None
    assert torch.isfinite(sight.grad).all()


def test_rises_by_hand() -> None:
    mel = torch.zeros(1, 4, 5)
    mel[0, 0, 2] = 0.4  # up at frame 2, down again at 3
    mel[0, 1, 3:] = 0.2
    mel[0, 3, 1:] = 0.6
    expected = torch.tensor([[[0, 0, 2.0, 1.0, 0], [0, 3.0, 0, 0, 0]]])
    torch.testing.assert_close(rises(mel, 2), expected)
    torch.testing.assert_close(onset_loss(expected + 0.5, mel), torch.tensor(0.25))
