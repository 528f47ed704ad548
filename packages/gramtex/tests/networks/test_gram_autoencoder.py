from dataclasses import replace

import pytest
import torch

from gramtex.config import PRESETS
from gramtex.networks.gram_autoencoder import GramAutoEncoder, count_parameters, parameter_table
from gramtex.networks.recursive_autoencoder import MlpAutoEncoder, RecursiveAutoEncoder

PAPER, TINY = PRESETS["paper"].model, PRESETS["tiny"].model


@pytest.mark.parametrize(
    ("transform", "total", "published"), [("gram", 10_676_728, 10.8e6), ("fc", 183_465_728, 184e6)]
)
def test_the_parameters_of_the_paper_preset_are_those_published(transform: str, total: int, published: float) -> None:
    table = parameter_table(replace(PAPER, transform=transform))
    assert table.total == total
    assert abs(table.total / published - 1) < 0.05


def test_the_parameters_of_each_part_are_as_specified() -> None:
    table = parameter_table(PAPER)
    assert table.levels[0] == ("relu1_1", 36_096, 35_976)
    assert table.levels[3] == ("relu4_1", 2_179_328, 2_187_328)
    assert (table.transforms, table.structure, table.discriminator) == (5_818_104, 4_858_624, 920_065)
    assert "10,676,728" in "\n".join(table.lines())


def test_the_table_counts_the_very_module() -> None:
    assert parameter_table(TINY).total == count_parameters(GramAutoEncoder(TINY))


def test_the_recursion_makes_the_coarsest_level_first() -> None:
    structure = RecursiveAutoEncoder(3, 4, 8, 2)
    codes = torch.randn(1, 2)
    before = structure.decode(codes)
    with torch.no_grad():
        structure.splits[0][-1].weight.add_(1.0)  # the split that makes the two finest
    after = structure.decode(codes)
    assert torch.equal(before[2], after[2])
    assert not torch.equal(before[1], after[1])
    assert not torch.equal(before[0], after[0])


def test_recursion_and_mlp_are_different_graphs_of_the_same_form() -> None:
    vectors = [torch.randn(2, 4) for _ in range(3)]
    for structure in (RecursiveAutoEncoder(3, 4, 8, 2), MlpAutoEncoder(3, 4, 8, 2)):
        codes = structure.encode(vectors)
        assert codes.shape == (2, 2)
        assert [each.shape for each in structure.decode(codes)] == [(2, 4)] * 3


def test_projected_and_whole_levels_give_the_same_codes() -> None:
    model = GramAutoEncoder(TINY).eval()
    levels = [torch.randn(3, channels, channels) for channels in TINY.channels]
    levels = [each + each.mT for each in levels]
    projected = model(model.project(levels))
    whole = model(levels, projected=False)
    torch.testing.assert_close(projected.codes, whole.codes)
    assert [each.shape for each in whole.levels] == [each.shape for each in levels]
    torch.testing.assert_close(model.decoders[0].expand(projected.levels[0]), whole.levels[0])


def test_codes_of_a_training_batch_have_unit_variance() -> None:
    model = GramAutoEncoder(TINY).train()
    levels = [torch.randn(50, channels, channels) for channels in TINY.channels]
    codes = model(levels, projected=False).codes
    torch.testing.assert_close(codes.var(0, unbiased=False), torch.ones(TINY.latent), atol=1e-2, rtol=0)


def test_encoding_sees_every_level_and_decoding_gives_symmetric_matrices() -> None:
    model = GramAutoEncoder(TINY).eval()
    grams = [torch.rand(2, channels, channels) + torch.eye(channels) for channels in TINY.channels]
    code = model.encode(grams)
    for number in range(len(grams)):
        other = [each.clone() for each in grams]
        other[number] = other[number] * 2
        assert not torch.allclose(model.encode(other), code, atol=1e-6)
    for matrix in model.decode(code):
        torch.testing.assert_close(matrix, matrix.mT)
