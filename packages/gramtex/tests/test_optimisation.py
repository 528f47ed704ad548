import math
from itertools import pairwise

import pytest
import torch

from gramtex.optimisation import minimise


def bowl(code: torch.Tensor) -> torch.Tensor:
    return (code - 3).square().mean()


def valley(code: torch.Tensor) -> torch.Tensor:
    """Rosenbrock's: many iterations to the bottom at 1, 1."""
    return (1 - code[0]).square() + 100 * (code[1] - code[0].square()).square()


START = torch.tensor([-1.2, 1.0])


def test_it_finds_the_bottom() -> None:
    torch.testing.assert_close(minimise(bowl, torch.zeros(5), iterations=20, history=5).code, torch.full((5,), 3.0))
    found = minimise(valley, START, iterations=100, history=10, patience=100)
    torch.testing.assert_close(found.code, torch.ones(2), rtol=0, atol=1e-3)
    assert len(found.history) < 100
    assert all(after <= before for before, after in pairwise(found.history))


def test_the_first_step_in_many_dimensions_is_no_smaller_than_it_has_to_be() -> None:
    weights = torch.linspace(0.5, 2, 30_000)
    seen = []

    def energy(code: torch.Tensor) -> torch.Tensor:
        seen.append(code.detach().clone())
        return (weights * (code - 0.1).square()).mean()

    found = minimise(energy, torch.zeros(30_000), iterations=3, history=5)
    assert 1e-3 < float((seen[1] - seen[0]).abs().mean()) < 4e-3
    assert torch.equal(seen[0], torch.zeros(30_000))
    assert any(torch.equal(found.code, each) for each in seen)  # to the bit, whatever the unit


def test_it_stops_at_what_is_enough() -> None:
    told: list[tuple[int, float]] = []
    found = minimise(
        valley, START, iterations=50, history=5, enough=1.0, callback=lambda step, energy: told.append((step, energy))
    )
    assert found.energy < 1.0
    assert found.energy > 1e-3
    assert told[-1][0] < 30


def test_it_stops_when_nothing_improves() -> None:
    found = minimise(lambda code: 1e4 + valley(code), START, iterations=200, history=5, patience=5)
    assert len(found.history) <= 7


def test_nan_does_not_carry_the_best_away() -> None:
    calls = 0

    def treacherous(code: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return valley(code) * (math.nan if calls == 4 else 1)

    found = minimise(treacherous, START, iterations=60, history=5)
    assert found.energy < 1e-3
    assert bool(torch.isfinite(found.code).all())


def test_an_energy_that_is_never_finite_gives_the_start_back() -> None:
    found = minimise(lambda code: bowl(code) * math.nan, torch.ones(3), iterations=10, history=5)
    assert torch.equal(found.code, torch.ones(3))
    assert found.energy == math.inf


def test_interruption_keeps_the_best() -> None:
    def impatient(step: int, _: float) -> None:
        if step == 3:
            raise KeyboardInterrupt

    found = minimise(valley, START, iterations=30, history=5, callback=impatient)
    assert found.interrupted
    assert found.energy < float(valley(START))


def test_the_best_is_kept_where_the_last_is_worse() -> None:
    seen: list[float] = []

    def rough(code: torch.Tensor) -> torch.Tensor:
        energy = bowl(code) + 0.5 * torch.sin(40 * code).mean()
        seen.append(float(energy.detach()))
        return energy

    found = minimise(rough, torch.zeros(4), iterations=15, history=5)
    assert found.energy == pytest.approx(min(seen))
