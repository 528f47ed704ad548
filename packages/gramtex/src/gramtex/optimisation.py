"""L-BFGS that keeps the best it has seen, stops when there is nothing to gain, and survives a bad step."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

_SCALE = 1e3  # the tolerances of L-BFGS are absolute
# Mean size of the first step that is tried. Left to itself, L-BFGS tries one over the number of entries; for an image
# that is so little that every stage began with four evaluations and more in one line.
_FIRST = 2e-3
_RESTARTS = 5


@dataclass(eq=False)
class Descent:
    """A minimisation: where it is best, and how it went."""

    code: Float[Tensor, "..."]
    """The best so far."""
    energy: float = math.inf
    """Its energy."""
    history: list[float] = field(default_factory=list)
    """Best energy after each iteration."""
    evaluations: int = 0
    """How often the energy was computed."""
    interrupted: bool = False
    """Whether Ctrl-C ended it."""


class _Stop(Exception):  # noqa: N818 - no error
    """There is nothing more to gain."""


class _BadStepError(Exception):
    """The energy or its gradient is not finite."""


def minimise(
    energy: Callable[[Tensor], Tensor],
    start: Float[Tensor, "..."],
    *,
    iterations: int,
    history: int,
    enough: float = 0.0,
    patience: int = 20,
    callback: Callable[[int, float], None] | None = None,
) -> Descent:
    """Minimise an energy with L-BFGS and a strong-Wolfe line search.

    After NaN or infinity it starts anew from the best, with its history cleared, five times at most.

    Args:
        energy: Differentiable, of the order of 1 or less.
        start: Where to begin.
        iterations: At most.
        history: Steps to remember.
        enough: Energy at which to stop.
        patience: Iterations that have to improve the energy by 1 % together.
        callback: Is told the iteration and the best energy, after each. ``KeyboardInterrupt`` ends the descent, whether
            it comes from here or from the keyboard.
    """
    descent = Descent(start.detach().clone())
    try:
        for _ in range(_RESTARTS + 1):
            left = iterations - len(descent.history)
            if left <= 0:
                break
            try:
                _run(energy, descent, left, history, enough, patience, callback)
                break
            except _BadStepError:
                continue
    except _Stop:
        pass
    except KeyboardInterrupt:
        descent.interrupted = True
    return descent


def _run(
    energy: Callable[[Tensor], Tensor],
    descent: Descent,
    iterations: int,
    history: int,
    enough: float,
    patience: int,
    callback: Callable[[int, float], None] | None,
) -> None:
    # A power of two: dividing by it and multiplying again changes no bit. Other steps do not depend on it.
    unit = 2.0 ** max(round(math.log2(_FIRST * descent.code.numel())), 0)
    code = (descent.code / unit).requires_grad_()
    optimiser = torch.optim.LBFGS(
        [code], max_iter=iterations, max_eval=2 * iterations, history_size=history, line_search_fn="strong_wolfe",
        tolerance_grad=1e-9, tolerance_change=1e-12,
    )  # fmt: skip
    before = len(descent.history)

    def note(count: int) -> None:
        done = before + count
        if done <= len(descent.history):
            return
        descent.history += [descent.energy] * (done - len(descent.history))
        if callback is not None:
            callback(done, descent.energy)
        past = descent.history[-1 - patience] if len(descent.history) > patience else math.inf
        if descent.energy < enough or descent.energy > 0.99 * past:
            raise _Stop

    def closure() -> float:
        # Within its step, L-BFGS tells the number of the iteration it is at by its state alone.
        note(max(int(optimiser.state[code].get("n_iter", 0)) - 1, 0))
        optimiser.zero_grad()
        value = energy(unit * code)
        descent.evaluations += 1
        (_SCALE * value).backward()  # type: ignore[no-untyped-call]  # torch does not annotate it
        found = float(value.detach())
        if not math.isfinite(found) or code.grad is None or not bool(torch.isfinite(code.grad).all()):
            raise _BadStepError
        if found < descent.energy:
            descent.energy = found
            descent.code.copy_(unit * code.detach())
        return _SCALE * found

    optimiser.step(closure)  # type: ignore[no-untyped-call]  # torch does not annotate it
    note(int(optimiser.state[code]["n_iter"]))
