import numpy as np
import pytest

from openlt.metrics import band_of

EDGES = np.array([101, 100, 99, 21, 20, 19, 1], np.int64)


def test_the_paper_puts_exactly_100_and_exactly_20_into_medium() -> None:
    assert band_of(EDGES, "paper").tolist() == [0, 1, 1, 1, 1, 2, 2]


def test_the_reference_code_puts_exactly_100_into_many_and_exactly_20_into_few() -> None:
    assert band_of(EDGES, "reference").tolist() == [0, 0, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("at_20", "at_100", "above", "between", "below", "paper", "reference"),
    [
        # How many classes of the two benchmarks have exactly 20, exactly 100, and other counts.
        (10, 6, 385, 463, 136, (385, 479, 136), (391, 463, 146)),
        (6, 1, 131, 156, 71, (131, 163, 71), (132, 156, 77)),
    ],
)
def test_counts_like_those_of_the_benchmarks_give_their_triples(
    at_20: int,
    at_100: int,
    above: int,
    between: int,
    below: int,
    paper: tuple[int, int, int],
    reference: tuple[int, int, int],
) -> None:
    counts = np.repeat(np.array([20, 100, 300, 50, 7], np.int64), [at_20, at_100, above, between, below])
    assert tuple(np.bincount(band_of(counts, "paper"))) == paper
    assert tuple(np.bincount(band_of(counts, "reference"))) == reference
