import torch

from gramtex.quilting import quilt_periodic


def test_a_flat_texture_stays_flat() -> None:
    quilt = quilt_periodic(torch.full((3, 32, 32), 0.3), (70, 90), torch.Generator().manual_seed(0))
    torch.testing.assert_close(quilt, torch.full((3, 70, 90), 0.3))


def test_stripes_go_on_across_pieces_and_borders() -> None:
    stripes = (torch.arange(32) // 4 % 2).float().expand(3, 32, 32)
    quilt = quilt_periodic(stripes, (64, 64), torch.Generator().manual_seed(0))
    wanted = (torch.arange(64) // 4 % 2).float()
    shifts = [float((quilt.mean(dim=(0, 1)) - wanted.roll(shift)).abs().mean()) for shift in range(8)]
    assert min(shifts) < 0.15


def test_the_quilt_does_not_merely_repeat() -> None:
    texture = torch.rand(3, 32, 32)
    quilt = quilt_periodic(texture, (64, 64), torch.Generator().manual_seed(0))
    assert float((quilt[:, :32, :32] - quilt[:, 32:, 32:]).abs().mean()) > 0.05
